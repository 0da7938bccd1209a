"""A node of your own around the network: camera images, camera_info and /tf in, a grid out.

    python examples/live_cameras.py cam_front_left cam_front cam_front_right ...

It runs on ROS 2 where that is sourced, and on the stand-in elsewhere. This is the inference node without what
makes that one safe on a car: late, silent and repeating cameras, clocks, diagnostics, a thread of its own.
"""

# ruff: noqa: E402
import sys

from lss_bev_ros import ros2

ros2.prepare()  # before rclpy is imported, so that the stand-in is found where there is no ROS 2

import rclpy
from nav_msgs.msg import OccupancyGrid
from rclpy.node import Node
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, CompressedImage
from tf2_ros import Buffer, TransformException, TransformListener

from lss_bev_ros import messages
from lss_bev_ros.geometry import CAMERA_NAMES, Rig
from lss_bev_ros.nodes.qos import latched_qos, sensor_qos
from lss_bev_ros.runtime import FrameSet, create_engine


class LiveCameras(Node):
    """Keeps the newest image and calibration of every camera; each round of images makes a grid."""

    def __init__(self, cameras: list[str]) -> None:
        super().__init__("live_cameras")
        self.engine = create_engine()
        self.cameras = cameras
        self.images: dict[str, CompressedImage] = {}
        self.infos: dict[str, CameraInfo] = {}
        self.grids = 0
        self.buffer = Buffer()
        self.listener = TransformListener(self.buffer, self)
        self.publisher = self.create_publisher(OccupancyGrid, "bev/occupancy", latched_qos())
        for name in cameras:
            info, image = f"{name}/camera_info", f"{name}/image_raw/compressed"
            self.create_subscription(CameraInfo, info, self.keep(self.infos, name), sensor_qos("best_effort"))
            self.create_subscription(
                CompressedImage, image, self.keep(self.images, name), sensor_qos("best_effort")
            )

    def keep(self, store, name):
        """A callback that keeps the newest message, and makes a grid once every camera has sent one."""

        def callback(message):
            store[name] = message
            if len(self.images) == len(self.infos) == len(self.cameras):
                self.infer()

        return callback

    def rig(self) -> Rig:
        """The cameras as camera_info and /tf tell them."""
        cameras = []
        for name in self.cameras:
            info = self.infos[name]
            transform = self.buffer.lookup_transform("base_link", info.header.frame_id, Time())
            cameras.append(messages.camera_from_info(info, name, messages.pose_from_transform(transform)))
        return Rig(tuple(cameras))

    def infer(self) -> None:
        """Make a grid of the images at hand, and begin a new round."""
        try:
            rig = self.rig()
        except TransformException as error:
            self.get_logger().warning(str(error), throttle_duration_sec=5.0)
            return
        stamp = max(messages.from_stamp(image.header.stamp) for image in self.images.values())
        pictures = {name: messages.picture(image) for name, image in self.images.items()}
        prediction = self.engine.infer(FrameSet(stamp, rig, pictures))
        self.publisher.publish(messages.occupancy_grid(prediction.occupancy, prediction.grid, stamp))
        self.images.clear()
        self.grids += 1
        vehicle = int((prediction.occupancy >= 50).sum())
        self.get_logger().info(f"{vehicle} cells are vehicle, in {prediction.timings['total']:.0f} ms")


def main() -> None:
    """Run until Ctrl-C."""
    rclpy.init()
    node = LiveCameras(sys.argv[1:] or list(CAMERA_NAMES))
    try:
        rclpy.spin(node)
    except KeyboardInterrupt:
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
