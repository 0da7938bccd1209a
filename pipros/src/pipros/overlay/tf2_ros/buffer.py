"""The transform buffer, as tf2_ros.buffer.Buffer."""

from __future__ import annotations

import math
import threading
import time as system_time

from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time

from tf2_ros.exceptions import InvalidArgumentException, TransformException
from tf2_ros.frame_tree import FrameTree
from tf2_ros.rigid_transform import RigidTransform

_DEFAULT_CACHE = Duration(seconds=10.0)


class Buffer:
    """Keeps transforms and answers how one frame lies in another at a time. Safe to use from all threads."""

    def __init__(self, cache_time: Duration | None = None, node: Node | None = None) -> None:
        self._pipros_tree = FrameTree((cache_time or _DEFAULT_CACHE).nanoseconds)
        self._pipros_changed = threading.Condition()

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        """Keep a transform; raises InvalidArgumentException for one that makes no sense."""
        self._pipros_insert(transform, is_static=False)

    def set_transform_static(self, transform: TransformStamped, authority: str) -> None:
        """Keep a transform that holds at every time."""
        self._pipros_insert(transform, is_static=True)

    def lookup_transform(
        self, target_frame: str, source_frame: str, time: Time, timeout: Duration = Duration()
    ) -> TransformStamped:
        """The transform that takes data from the source to the target frame.

        A time of 0 asks for the latest. Waits at most `timeout`; another thread must spin the listener.
        """
        self._pipros_wait(target_frame, source_frame, time, timeout)
        with self._pipros_changed:
            transform, stamp = self._pipros_tree.lookup(
                _bare(target_frame), _bare(source_frame), time.nanoseconds
            )
        return _message(transform, stamp, _bare(target_frame), _bare(source_frame))

    def can_transform(
        self,
        target_frame: str,
        source_frame: str,
        time: Time,
        timeout: Duration = Duration(),
        return_debug_tuple: bool = False,
    ) -> bool | tuple[bool, str]:
        """Whether `lookup_transform` would succeed; with `return_debug_tuple` also why not."""
        reason = self._pipros_wait(target_frame, source_frame, time, timeout)
        return (reason is None, reason or "") if return_debug_tuple else reason is None

    def clear(self) -> None:
        """Forget all but static transforms."""
        with self._pipros_changed:
            self._pipros_tree.clear()

    def _pipros_insert(self, message: TransformStamped, is_static: bool) -> None:
        parent, child = _bare(message.header.frame_id), _bare(message.child_frame_id)
        problem = None
        if not parent or not child:
            problem = "frame_id or child_frame_id is empty"
        elif parent == child:
            problem = "frame_id and child_frame_id are the same"
        translation, rotation = message.transform.translation, message.transform.rotation
        numbers = (
            translation.x,
            translation.y,
            translation.z,
            rotation.x,
            rotation.y,
            rotation.z,
            rotation.w,
        )
        norm = math.hypot(*numbers[3:])
        if problem is None and (not all(map(math.isfinite, numbers)) or abs(norm - 1.0) > 0.01):
            problem = "its numbers are not finite or its quaternion is not of length 1"
        if problem:
            raise InvalidArgumentException(f'Ignoring transform from "{parent}" to "{child}": {problem}')
        transform = RigidTransform(numbers[:3], tuple(each / norm for each in numbers[3:]))
        stamp = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
        with self._pipros_changed:
            self._pipros_tree.insert(parent, child, stamp, transform, is_static)
            self._pipros_changed.notify_all()

    def _pipros_wait(self, target: str, source: str, time: Time, timeout: Duration) -> str | None:
        """Wait until a lookup succeeds; returns None, or after the timeout why it does not."""
        end = system_time.monotonic() + timeout.nanoseconds / 1e9
        with self._pipros_changed:
            while True:
                try:
                    self._pipros_tree.lookup(_bare(target), _bare(source), time.nanoseconds)
                    return None
                except TransformException as error:
                    left = end - system_time.monotonic()
                    if left <= 0:
                        return str(error)
                self._pipros_changed.wait(left)


def _bare(frame: str) -> str:
    return frame.removeprefix("/")  # as tf had it, long ago


def _message(transform: RigidTransform, stamp: int, target: str, source: str) -> TransformStamped:
    message = TransformStamped(child_frame_id=source)
    message.header.frame_id = target
    message.header.stamp = Time(nanoseconds=stamp).to_msg()
    moved, turned = message.transform.translation, message.transform.rotation
    moved.x, moved.y, moved.z = transform.translation
    turned.x, turned.y, turned.z, turned.w = transform.rotation
    return message
