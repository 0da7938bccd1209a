"""A car's cameras for a benchmark: frames from a file, at an exact rate, stamped as they are published.

The replay node keeps a data set's own times; here the rate is what is varied. Run as a process:
`python -m lss_bev_ros.benchmark.camera_source FRAMES.npz HZ`.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage
from tf2_ros import StaticTransformBroadcaster

from .. import messages
from ..evaluation.frames import BenchmarkFrames
from .saved_frames import load_frames

FRAME_COUNTER = "camera_source/frame"
"""Topic of one small message a frame, with the frame's stamp, so that a listener knows what was sent."""

_QOS = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)


class CameraSource(Node):
    """Publishes `<camera>/image_raw/compressed`, `<camera>/camera_info` and the cameras' transforms.

    Args:
        frames: gone round for ever.
    """

    def __init__(self, frames: BenchmarkFrames) -> None:
        super().__init__("camera_source")
        self._frames = frames.sets
        self._counter = self.create_publisher(CameraInfo, FRAME_COUNTER, _QOS)
        names = frames.sets[0].rig.names
        self._images = {
            name: self.create_publisher(CompressedImage, f"{name}/image_raw/compressed", _QOS)
            for name in names
        }
        self._infos = {name: self.create_publisher(CameraInfo, f"{name}/camera_info", _QOS) for name in names}
        self._tf = StaticTransformBroadcaster(self)
        rig = frames.sets[0].rig
        self._tf.sendTransform(
            [
                messages.transform(camera.pose, "base_link", camera.name, time.time_ns())
                for camera in rig.cameras
            ]
        )

    @property
    def listened_to(self) -> bool:
        """Whether somebody subscribes to every camera and to the counter."""
        publishers = (*self._images.values(), *self._infos.values(), self._counter)
        return all(publisher.get_subscription_count() > 0 for publisher in publishers)

    def publish(self, number: int) -> None:
        """Publish all cameras of a frame with the present time as their stamp."""
        frame = self._frames[number % len(self._frames)]
        # One calibration for all frames: here a changed one would be measured along.
        rig = self._frames[0].rig
        stamp = time.time_ns()
        self._counter.publish(messages.camera_info(rig.cameras[0], stamp))
        for camera in rig.cameras:
            if isinstance(jpeg := frame.images.get(camera.name), bytes):
                image = messages.compressed_image(jpeg, stamp, camera.name)
                self._infos[camera.name].publish(messages.camera_info(camera, stamp))
                self._images[camera.name].publish(image)


def main(path: str, hz: str) -> None:
    """Publish until interrupted."""
    rclpy.init()
    source = CameraSource(load_frames(Path(path)))
    try:
        while not source.listened_to:
            rclpy.spin_once(source, timeout_sec=0.1)
        period, started, number = 1.0 / float(hz), time.monotonic(), 0
        while rclpy.ok():
            source.publish(number)
            number += 1
            time.sleep(max(0.0, started + number * period - time.monotonic()))
    except KeyboardInterrupt:
        pass
    finally:
        source.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
