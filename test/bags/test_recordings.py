"""The doctor on live topics."""

from __future__ import annotations

import threading
import time

import numpy as np
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

from lss_bev_ros import messages
from lss_bev_ros.bags.recordings import of_topics
from lss_bev_ros.doctor import examine
from lss_bev_ros.geometry import Camera, Pose

POSE = Pose(np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]), np.array([1.5, 0.0, 1.5]))
CAMERA = Camera("cam_front", np.array([[80.0, 0, 64], [0, 80, 36], [0, 0, 1]]), 128, 72, POSE)


def test_topics_are_heard_with_what_their_publishers_offer(ros):
    best_effort = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    draw = np.random.default_rng(0)
    node = Node("car")
    try:
        images = node.create_publisher(Image, "cam_front/image_raw", best_effort)
        infos = node.create_publisher(CameraInfo, "cam_front/camera_info", 10)
        static = node.create_publisher(TFMessage, "/tf_static", latched)
        static.publish(TFMessage(transforms=[messages.transform(POSE, "base_link", "cam_front", 0)]))
        done = threading.Event()

        def drive():
            while not done.wait(0.1):
                stamp = time.time_ns()
                picture = draw.integers(0, 255, (72, 128, 3), dtype=np.uint8)
                images.publish(messages.image(picture, stamp, "cam_front"))
                infos.publish(messages.camera_info(CAMERA, stamp))

        thread = threading.Thread(target=drive)
        thread.start()
        try:
            recording = of_topics(3.0, expected=("cam_front",), transport="raw", reliability="reliable")
        finally:
            done.set()
            thread.join()
    finally:
        node.destroy_node()
    (record,) = recording.cameras
    assert recording.live
    assert recording.topics["/cam_front/image_raw"].count > 5
    assert record.mounted
    np.testing.assert_allclose(record.camera.pose.translation, [1.5, 0.0, 1.5])
    assert record.shots[0].form == "rgb8"
    codes = {problem.code for problem in examine(recording).problems}
    assert "qos.reliability" in codes
    assert "qos.tf-static" not in codes
