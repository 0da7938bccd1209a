"""What every node executable does around its node."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

from ..errors import LssBevError

N = TypeVar("N", bound=Node)


def run(kind: Callable[[], N], args: list[str] | None = None) -> int:
    """Run one node until it is interrupted or shuts rclpy down itself.

    A node may have `close()`, called once on the way out, to stop its thread and save what it has, and
    `exit_code`, the process's exit status.

    Args:
        kind: makes the node; an LssBevError that it raises is printed as one line.
        args: command line, sys.argv when None.

    Returns:
        0, the node's `exit_code`, or 1 where the node could not start.
    """
    rclpy.init(args=args)
    node: N | None = None
    try:
        node = kind()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except LssBevError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    finally:
        if node is not None:
            getattr(node, "close", lambda: None)()
            node.destroy_node()
        rclpy.try_shutdown()
    return getattr(node, "exit_code", 0)
