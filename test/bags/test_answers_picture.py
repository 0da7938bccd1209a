"""The demonstration's picture of every answer, read from the bag that it leaves."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lss_bev_ros.answers.boxes import Detections
from lss_bev_ros.answers.lanes import TracedLine
from lss_bev_ros.answers.voxels import OccupiedVoxels
from lss_bev_ros.dataset import NuScenesReader
from lss_bev_ros.geometry import BevGrid

from .test_frames import changed, frames, plain  # noqa: F401

# After the messages' package is there.
from lss_bev_ros import messages  # isort: skip
from lss_bev_ros.demo.picture import answers_from_bag  # isort: skip
from lss_bev_ros.messages.objects import label_info, object_markers  # isort: skip
from lss_bev_ros.messages.paths import lane_markers, path  # isort: skip
from lss_bev_ros.messages.voxels import voxel_cloud  # isort: skip
from lss_bev_ros.visualization.film import FilmPainter  # isort: skip
from lss_bev_ros.visualization.layers import PROMPT  # isort: skip
from lss_bev_ros.visualization.moment import ShownMoment  # isort: skip

CAR = Detections(
    np.array([0]),
    np.array([0.9], np.float32),
    np.array([[12.0, 3, 0.8]], np.float32),
    np.array([[4.0, 2, 1.6]], np.float32),
    np.zeros(1, np.float32),
    np.array([[5.0, 0]], np.float32),
)


COST = np.repeat(np.arange(200, dtype=np.int8)[:, None] // 2, 200, axis=1)


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
        ("/bev/cost", messages.occupancy_grid(COST, BevGrid(), stamp)),
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
    below = picture[height - 480 :]
    assert len(np.unique(below[:, 490:950].reshape(-1, 3), axis=0)) > 50  # the cost rises along the grid
    assert (np.abs(below[:, 970:1430] - PROMPT) < 12).all(axis=2).sum() > 2500
    assert len(np.unique(below[:, 1440:].reshape(-1, 3), axis=0)) > 5
    cameras = picture[: height - 530]
    assert (np.abs(cameras - (64, 224, 190)) < 40).all(axis=2).any()  # the car


def test_a_film_of_the_bag_shows_them_too(plain, tmp_path):  # noqa: F811
    shown = [frame.moment for frame in frames(changed(plain, tmp_path / "bag", answered), predict=None)]
    assert len(shown) > 1
    for moment in shown:
        assert list(moment.prompts) == ["zebra crossing"]
        assert {"vehicle", "drivable"} <= set(moment.layers)
        assert [box.category for box in moment.objects] == ["car"]
        assert np.array_equal(moment.cost, COST)
        assert len(moment.plan) == 2
        assert moment.rig.names == tuple(moment.images)
    sizes = {FilmPainter(640).paint(each).shape for each in frames(tmp_path / "bag", predict=None)}
    ((height, width, _),) = sizes
    assert (height % 2, width) == (0, 640)


def test_a_network_is_asked_with_all_that_a_bag_tells_of_an_instant(plain, street):  # noqa: F811
    seen = []

    def answer(instant):
        seen.append(instant)
        return ShownMoment(BevGrid(), instant.rig, instant.images)

    assert all(frame.moment is not None for frame in frames(plain, predict=None, answer=answer))
    keyframes = list(NuScenesReader(street).keyframes("scene-0001"))
    assert len(seen) == len(keyframes)
    for instant, keyframe in zip(seen, keyframes, strict=True):
        assert instant.rig.names == tuple(instant.images)
        np.testing.assert_allclose(instant.ego.matrix, keyframe.ego.matrix, atol=1e-4)
        where = keyframe.lidar.pose.apply(keyframe.lidar.points()[:, :3])
        np.testing.assert_allclose(instant.returns[:, :3], where, atol=1e-3)
        assert 0 <= np.nanmin(instant.returns[:, 3]) <= np.nanmax(instant.returns[:, 3]) <= 1


def test_without_a_multi_sense_network_there_is_no_such_picture(plain, stamps, tmp_path):  # noqa: F811
    assert not answers_from_bag(plain, {"per_frame": [{"stamp": stamps[0]}]}, tmp_path / "a.png", "")
    assert not answers_from_bag(plain, {"per_frame": []}, tmp_path / "a.png", "")
    assert not (tmp_path / "a.png").exists()
