"""What every node executable does around its node."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from typing import TypeVar

import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

from ..errors import LssBevError
from .exit_code import FAILURE, MISTAKE
from .receiver import one_line
from .service_manager import ServiceManager

N = TypeVar("N", bound=Node)

# At a signal rclpy wakes its executor first and shuts down after that. An executor back at its wait in
# between sleeps on (seen in 7.1.6 and 9.1.2, at up to one SIGTERM in ten), so a node looks again this often.
_LOOK_FOR_SHUTDOWN = 0.5  # seconds

_MOST_STUMBLES, _STUMBLING = 100, 10.0
"""Errors of callbacks within so many seconds that a node survives; more are not of chance."""


def run(kind: Callable[[], N], args: list[str] | None = None, manager: ServiceManager | None = None) -> int:
    """Run one node until it is interrupted or shuts rclpy down itself.

    The first SIGINT counts; later ones, of a hasty user or of a launch that passes on what the whole terminal
    got, are ignored from then on, so that nothing is lost on the way out. SIGTERM and SIGKILL still work.

    A node may have `close()`, called once on the way out, to stop its thread and save what it has,
    `exit_code`, the process's exit status, and `is_alive()`, whether the service manager may let it be.

    Args:
        kind: makes the node; an LssBevError that it raises is printed as one line.
        args: command line, sys.argv when None.
        manager: told when the node serves and that it lives.

    Returns:
        0, the node's `exit_code`, `MISTAKE` where the node could not start, or `FAILURE` where it failed,
        with the traceback on stderr.
    """
    node: N | None = None
    started = False
    interrupt = _Interrupt()
    signal.signal(signal.SIGINT, interrupt)  # before rclpy's handler, which calls this one
    try:
        rclpy.init(args=args)
        started = True
        executor = SingleThreadedExecutor()  # first, since the node may end rclpy at once
        node = kind()
        executor.add_node(node)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(_LOOK_FOR_SHUTDOWN, lambda: None, clock=steady)
        if manager is not None:
            _tell(manager, node)
        _spin(executor, node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except Exception as error:
        # What was under way when SIGTERM ended rclpy may fail, rclpy's own executor as it begins to wait too.
        if isinstance(error, LssBevError) or not started or rclpy.ok():
            line = _explanation(error)
            if line is None:
                if isinstance(error, ImportError):  # told in one line at exit
                    raise
                traceback.print_exc()
                return FAILURE
            print(f"error: {line}", file=sys.stderr, flush=True)
            return MISTAKE
    finally:
        interrupt.wanted = False
        if node is not None:
            getattr(node, "close", lambda: None)()
            node.destroy_node()
        rclpy.try_shutdown()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the interpreter would give back the system's handler
    return getattr(node, "exit_code", 0)


def _tell(manager: ServiceManager, node: Node) -> None:
    """Tell that the node serves, and from then on that it lives: its executor runs, and it says so itself."""
    manager.ready()
    if manager.period is not None:
        is_alive: Callable[[], bool] = getattr(node, "is_alive", lambda: True)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(manager.period, lambda: manager.alive() if is_alive() else None, clock=steady)


class Stumbles:
    """How many errors nobody foresaw are survived: one message's are, those of every message are not."""

    def __init__(self, most: int, seconds: float = math.inf) -> None:
        """Survive `most` errors within some seconds, or in a row where work that goes well is told of."""
        self._seconds = seconds
        self._times: deque[float] = deque(maxlen=most)

    def survives(self) -> bool:
        """Note an error; whether the work is to go on."""
        now = time.monotonic()
        full = len(self._times) == self._times.maxlen and now - self._times[0] <= self._seconds
        self._times.append(now)
        return not full

    def passed(self) -> None:
        """Note that something went well."""
        self._times.clear()


@contextlib.contextmanager
def guard(node: Node, report: Callable[[str], None], stumbles: Stumbles | None = None) -> Iterator[None]:
    """Around work on a thread of a node's own, where no caller could see an error.

    What the user can mend is reported and the thread goes on. Anything else is our mistake: it ends the node
    with `exit_code` FAILURE and is raised, except after the end, when a message on its way cannot arrive.

    Args:
        node: whose thread it is.
        report: takes the one line of an LssBevError.
        stumbles: where the work is on one message after the other, which mistakes are only reported too.
    """
    try:
        yield
    except LssBevError as error:
        report(str(error))
    except Exception as error:
        if not rclpy.ok():
            return
        if stumbles is not None and stumbles.survives():
            report(one_line(error))
            return
        node.exit_code = FAILURE
        rclpy.try_shutdown()
        raise
    else:
        if stumbles is not None:
            stumbles.passed()


def _spin(executor: SingleThreadedExecutor, node: Node) -> None:
    """Run callbacks until the end; what one raises that no message brought, such as a timer's, is told."""
    stumbles = Stumbles(_MOST_STUMBLES, _STUMBLING)
    while True:
        try:
            executor.spin()
            return
        except (LssBevError, ExternalShutdownException):
            raise
        except Exception as error:
            if not rclpy.ok() or not stumbles.survives():
                raise
            node.get_logger().error(f"unexpected, and survived: {one_line(error)}", throttle_duration_sec=5.0)


class _Interrupt:
    """Raises KeyboardInterrupt for the first SIGINT only, and only while it is wanted."""

    wanted = True

    def __call__(self, _number: int, _frame: object) -> None:
        if self.wanted:
            self.wanted = False
            raise KeyboardInterrupt


def _explanation(error: Exception) -> str | None:
    """One line for an error that the user can mend, None for one of ours."""
    if isinstance(error, LssBevError):
        return str(error)
    if not type(error).__module__.startswith(("rclpy", "_rclpy")):
        return None
    reason = " ".join(str(error).split()) or type(error).__name__
    if "creating node" in reason or "create domain" in reason:
        domain = os.environ.get("ROS_DOMAIN_ID", "0")
        return f"cannot join ROS domain {domain} ({reason}); choose a ROS_DOMAIN_ID from 0 to 232"
    return reason
