"""The time of a bag being played: its rate, pauses and single steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile

from pipros.topic.offers import message_class
from pipros.topic.session import Session

CLOCK_TOPIC = "/clock"

# Below that, sleeping is more exact than waiting for services as well.
_SHORT = 0.002
_TICK = 0.05


class Playback:
    """Where in the bag it is, and when the next message is due.

    Args:
        session: Served while it waits.
        rate: Speed, 1 for that of the recording.
        paused: Whether it waits for a resume or a step before the first message.
        clock: Publishes the bag's time; None for no clock.
    """

    def __init__(self, session: Session, rate: float, paused: bool, clock: BagClock | None) -> None:
        self._session, self._clock = session, clock
        self._rate, self._paused = rate, paused
        self._steps = 0
        self._position, self._since = 0.0, time.monotonic()

    @property
    def paused(self) -> bool:
        """Whether it is paused."""
        return self._paused

    @property
    def rate(self) -> float:
        """Its speed."""
        return self._rate

    def begin(self, stamp: int) -> None:
        """Go to a place in the bag, nanoseconds since 1970."""
        self._position, self._since = float(stamp), time.monotonic()

    def wait(self, stamp: int) -> bool:
        """Wait until a stamp is due, through any pause; False where the session ends before."""
        while not self._session.stopped:
            now = time.monotonic()
            if self._paused:
                self._tell(now)
                if self._steps:
                    self._steps -= 1
                    self.begin(stamp)
                    return True
                self._session.spin(lambda: not self._paused or self._steps > 0, timeout=self._tick())
                continue
            left = (stamp - self._at(now)) / 1e9 / self._rate
            self._tell(now, stamp)
            if left <= 0:
                return True
            if left < _SHORT:
                time.sleep(left)
            else:
                self._session.spin(lambda: self._paused, timeout=min(left - _SHORT / 2, self._tick()))
        return False

    def pause(self) -> None:
        """Stop before the next message."""
        self._anchor()
        self._paused = True

    def resume(self) -> None:
        """Go on."""
        self._anchor()
        self._paused = False

    def toggle(self) -> None:
        """Stop or go on."""
        (self.resume if self._paused else self.pause)()

    def step(self) -> bool:
        """Play one message while paused; whether it is paused."""
        self._steps += self._paused
        return self._paused

    def set_rate(self, rate: float) -> bool:
        """Change the speed; whether it is one."""
        if not rate > 0:
            return False
        self._anchor()
        self._rate = rate
        return True

    def _at(self, now: float) -> float:
        return self._position + (0.0 if self._paused else (now - self._since) * self._rate * 1e9)

    def _anchor(self) -> None:
        now = time.monotonic()
        self._position, self._since = self._at(now), now

    def _tick(self) -> float:
        return _TICK if self._clock is None else min(_TICK, self._clock.period)

    def _tell(self, now: float, until: float | None = None) -> None:
        if self._clock is not None:
            position = self._at(now)
            self._clock.tell(position if until is None else min(position, until), now)


class BagClock:
    """Publishes the bag's time `frequency` times a second."""

    def __init__(self, node: Node, frequency: float) -> None:
        self._kind = message_class("rosgraph_msgs/msg/Clock")
        self._publisher = node.create_publisher(self._kind, CLOCK_TOPIC, QoSProfile(depth=10))
        self.period = 1.0 / frequency
        self._next = 0.0

    def tell(self, stamp: float, now: float) -> None:
        """Publish a stamp (ns) unless the last one was published less than a period ago."""
        if now >= self._next:
            self._next = now + self.period
            message = self._kind()
            message.clock.sec, message.clock.nanosec = divmod(int(stamp), 10**9)
            self._publisher.publish(message)


def offer_services(node: Node, playback: Playback) -> list[object]:
    """The player's services that `ros2 bag play` has and that make sense here; keep what is returned.

    Empty where ROS 2 is there without rosbag2_interfaces; that is told.
    """
    try:
        from rosbag2_interfaces import srv
    except ImportError:
        node.get_logger().warning("no services to pause and resume: ROS 2 has no rosbag2_interfaces here")
        return []

    def offer(kind: type, name: str, do: Callable[[Any], object], answer: str = "") -> object:
        """Do something at a request; its result is the field `answer` of the response."""

        def respond(request: Any, response: Any) -> Any:
            result = do(request)
            if answer:
                setattr(response, answer, result)
            return response

        return node.create_service(kind, f"~/{name}", respond)

    return [
        offer(srv.Pause, "pause", lambda _: playback.pause()),
        offer(srv.Resume, "resume", lambda _: playback.resume()),
        offer(srv.TogglePaused, "toggle_paused", lambda _: playback.toggle()),
        offer(srv.IsPaused, "is_paused", lambda _: playback.paused, "paused"),
        offer(srv.PlayNext, "play_next", lambda _: playback.step(), "success"),
        offer(srv.GetRate, "get_rate", lambda _: playback.rate, "rate"),
        offer(srv.SetRate, "set_rate", lambda request: playback.set_rate(request.rate), "success"),
    ]
