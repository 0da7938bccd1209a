"""The demonstration's picture of every answer, read from the bag that it leaves."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lss_bev_ros.answers.boxes import Detections
from lss_bev_ros.answers.lanes import TracedLine
from lss_bev_ros.answers.voxels import OccupiedVoxels
from lss_bev_ros.geometry import BevGrid

from .test_frames import changed, plain  # noqa: F401

# After the messages' package is there.
from lss_bev_ros import messages  # isort: skip
from lss_bev_ros.demo.picture import answers_from_bag  # isort: skip
from lss_bev_ros.messages.objects import label_info, object_markers  # isort: skip
from lss_bev_ros.messages.paths import lane_markers, path  # isort: skip
from lss_bev_ros.messages.voxels import voxel_cloud  # isort: skip
from lss_bev_ros.visualization.layers import PROMPT  # isort: skip

CAR = Detections(
    np.array([0]),
    np.array([0.9], np.float32),
    np.array([[12.0, 3, 0.8]], np.float32),
    np.array([[4.0, 2, 1.6]], np.float32),
    np.zeros(1, np.float32),
    np.array([[5.0, 0]], np.float32),
)


def answered(topic, message):
    """Answers beside the annotated grid of each keyframe."""
    if topic != "/ground_truth/occupancy":
        return [(topic, message)]
    stamp = messages.from_stamp(message.header.stamp)
    layer = np.zeros((200, 200), np.int8)
    layer[130:150, 80:120] = 100
    grid = messages.occupancy_grid(layer, BevGrid(), stamp)
    cells = np.argwhere(np.ones((20, 20, 1), bool)).astype(np.int16)
    voxels = OccupiedVoxels(cells, np.full(400, 11, np.uint8), (cells * [0.5, 0.5, 0.4]).astype(np.float32))
    lane = TracedLine(np.array([[5.0, -2.0], [40.0, -2.0]]), 0.9)
    return [
        (topic, message),
        ("/bev/occupancy", messages.occupancy_grid(layer * 0, BevGrid(), stamp)),
        ("/bev/prompts/label_info", label_info(["zebra crossing"], 0, "base_link")),
        ("/bev/prompts/prompt_0", grid),
        ("/bev/drivable", grid),
        ("/bev/objects/markers", object_markers(CAR, stamp)),
        ("/bev/lanes", lane_markers({"lane_boundary": [lane]}, stamp)),
        ("/bev/plan", path(np.array([[4.0, 0], [8, 0]]), stamp, step=0.5)),
        ("/bev/voxels", voxel_cloud(voxels, stamp)),
    ]


@pytest.fixture
def stamps(plain):  # noqa: F811
    from nav_msgs.msg import OccupancyGrid
    from rclpy.serialization import deserialize_message

    from pipros.bag import Bag

    with Bag(plain) as bag:
        grids = [data for topic, _, data in bag.messages() if topic == "/ground_truth/occupancy"]
    return [messages.from_stamp(deserialize_message(data, OccupancyGrid).header.stamp) for data in grids]


def test_every_answer_of_the_bag_is_drawn(plain, stamps, tmp_path):  # noqa: F811
    bag = changed(plain, tmp_path / "bag", answered)
    report = {"per_frame": [{"stamp": stamp} for stamp in stamps]}
    assert answers_from_bag(bag, report, tmp_path / "answers.png", "some")
    picture = cv2.imread(str(tmp_path / "answers.png"))[..., ::-1].astype(int)
    height, width, _ = picture.shape
    assert width == 1920
    below = picture[height - 640 :]
    assert (np.abs(below[:, 640:1280] - PROMPT) < 12).all(axis=2).sum() > 5000
    assert len(np.unique(below[:, 1290:].reshape(-1, 3), axis=0)) > 5
    cameras = picture[: height - 680]
    assert (np.abs(cameras - (64, 224, 190)) < 40).all(axis=2).any()  # the car


def test_without_a_multi_sense_network_there_is_no_such_picture(plain, stamps, tmp_path):  # noqa: F811
    assert not answers_from_bag(plain, {"per_frame": [{"stamp": stamps[0]}]}, tmp_path / "a.png", "")
    assert not answers_from_bag(plain, {"per_frame": []}, tmp_path / "a.png", "")
    assert not (tmp_path / "a.png").exists()
