"""A node for the interoperation matrix: run by the stand-in's Python or by a real ROS 2's, it knows neither.

    python peer.py NAME OTHER

Publishes, serves and looks for the node OTHER, and prints a line of JSON for each thing when it first works:
`{"event": ..., "time": seconds since the epoch, ...}`. Commands come as lines of JSON on the standard input:

    {"do": "send", "topic": "quick", "size": N, "count": N, "hertz": F, "topics": N}   publish pictures
    {"do": "report"}                                     say how many pictures came on each topic
    {"do": "call"}                                       call OTHER's services, say what came of it
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time

import rclpy
from nav_msgs.msg import OccupancyGrid
from rcl_interfaces.srv import GetParameters, ListParameters
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import String
from std_srvs.srv import Trigger

CAMERAS = 6
_LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
_RELIABILITY = {"sure": ReliabilityPolicy.RELIABLE, "quick": ReliabilityPolicy.BEST_EFFORT}


class Peer:
    """The node and what it has seen of the other."""

    def __init__(self, name: str, other: str) -> None:
        self.node = rclpy.create_node(name)
        self.other, self.seen, self.lock = other, set(), threading.Lock()
        self.counts: dict[str, int] = {}
        self.node.declare_parameter("rate", 2.5)
        node = self.node
        self.text = node.create_publisher(String, f"/{name}/text", 10)
        # Sequences of messages, of strings and of numbers, and fixed arrays.
        self.info = node.create_publisher(CameraInfo, f"/{name}/info", 10)
        latched = node.create_publisher(OccupancyGrid, f"/{name}/latched", _LATCHED)
        grid = OccupancyGrid(data=[1, 2, 3, 4])
        grid.info.width = grid.info.height = 2
        latched.publish(grid)
        self.latched = latched
        node.create_timer(0.05, self.tick)
        node.create_service(Trigger, f"/{name}/trigger", self.trigger)
        node.create_subscription(String, f"/{other}/text", lambda m: self.note("text", says=m.data), 10)
        node.create_subscription(CameraInfo, f"/{other}/info", lambda m: self.note("info", d=list(m.d)), 10)
        node.create_subscription(
            OccupancyGrid, f"/{other}/latched", lambda m: self.note("latched", data=list(m.data)), _LATCHED
        )
        self.images = {}
        for kind, reliability in _RELIABILITY.items():
            profile = QoSProfile(depth=10, reliability=reliability)
            for index in range(CAMERAS):
                key = f"{kind}{index}"
                self.images[key] = node.create_publisher(Image, f"/{name}/{key}", profile)
                node.create_subscription(Image, f"/{other}/{key}", self.counter(key), profile)
        self.calls = {
            "trigger": (node.create_client(Trigger, f"/{other}/trigger"), Trigger.Request()),
            "list": (
                node.create_client(ListParameters, f"/{other}/list_parameters"),
                ListParameters.Request(),
            ),
            "get": (
                node.create_client(GetParameters, f"/{other}/get_parameters"),
                GetParameters.Request(names=["rate"]),
            ),
        }

    def tick(self) -> None:
        self.text.publish(String(data=f"from {self.node.get_name()}"))
        self.info.publish(CameraInfo(distortion_model="plumb_bob", d=[0.1, 0.2]))
        if "node" not in self.seen and self.other in self.node.get_node_names():
            self.note("node")
        if "service" not in self.seen and self.calls["trigger"][0].service_is_ready():
            self.note("service")

    def note(self, event: str, **more: object) -> None:
        with self.lock:
            is_new = event not in self.seen
            self.seen.add(event)
        if is_new:
            say(event, **more)

    def trigger(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success, response.message = True, self.node.get_name()
        return response

    def counter(self, key: str) -> object:
        def count(message: Image) -> None:
            self.counts[key] = self.counts.get(key, 0) + 1

        return count

    def obey(self) -> None:
        for line in sys.stdin:
            command = json.loads(line)
            getattr(self, command.pop("do"))(**command)

    def send(self, topic: str, size: int, count: int, hertz: float, topics: int) -> None:
        image = Image(encoding="mono8", height=1, width=size, step=size)
        image.data.frombytes(bytes(size))
        begin, late = time.monotonic(), 0.0
        for i in range(count):
            for index in range(topics):
                self.images[f"{topic}{index}"].publish(image)
            ahead = begin + (i + 1) / hertz - time.monotonic()
            late = max(late, -ahead)
            time.sleep(max(0.0, ahead))
        say("sent", late=round(late, 3))

    def report(self) -> None:
        say("counts", counts=self.counts)
        self.counts = {}

    def call(self, timeout: float = 3.0) -> None:
        for name, (client, request) in self.calls.items():
            begin = time.monotonic()
            answer: object = None
            ready = client.wait_for_service(timeout_sec=timeout)
            waited = time.monotonic() - begin
            begin = time.monotonic()
            if ready:
                try:
                    future = client.call_async(request)
                    while not future.done() and time.monotonic() < begin + timeout:
                        time.sleep(0.005)
                    answer = str(future.result()) if future.done() else None
                except Exception as error:
                    answer = f"refused: {error}"
            say(f"call {name}", ready=ready, waited=waited, took=time.monotonic() - begin, answer=answer)


def say(event: str, **more: object) -> None:
    print(json.dumps({"event": event, "time": time.time(), **more}), flush=True)


def main() -> None:
    rclpy.init(args=[])
    peer = Peer(sys.argv[1], sys.argv[2])
    threading.Thread(target=peer.obey, daemon=True).start()
    say("ready")
    executor = SingleThreadedExecutor()
    executor.add_node(peer.node)
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        executor.spin()


if __name__ == "__main__":
    main()
