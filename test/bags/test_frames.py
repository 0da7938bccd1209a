"""A bag's picture shows one car, with its sensors where all the transforms of the bag put them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lss_bev_ros.dataset import NuScenesReader
from lss_bev_ros.errors import RosError
from lss_bev_ros.geometry import CAMERA_NAMES, BevGrid, Pose
from pipros import activate

activate()

from rclpy.serialization import deserialize_message, serialize_message  # noqa: E402
from rosidl_runtime_py.utilities import get_message  # noqa: E402

from lss_bev_ros import messages  # noqa: E402
from lss_bev_ros.bags.convert import convert  # noqa: E402
from lss_bev_ros.bags.frames import film_frames  # noqa: E402
from lss_bev_ros.visualization.film import FilmFrame  # noqa: E402
from pipros.bag import Bag, BagStorage  # noqa: E402

GRID = BevGrid()
ROOF = Pose.from_yaw(1.2, (0.5, 0.1, 1.2))
Change = Callable[[str, Any], list[tuple[str, Any]]]


@pytest.fixture(scope="module")
def plain(street, tmp_path_factory) -> Path:
    (bag,) = convert(NuScenesReader(street), tmp_path_factory.mktemp("car") / "bags").bags
    return bag


def changed(source: Path, target: Path, change: Change) -> Path:
    """A bag with messages put in the place of others: of a topic and a message, what is written instead."""
    storage = BagStorage(target)
    topics: dict[str, Any] = {}
    with Bag(source) as bag:
        types = {topic.name: topic.type for topic in bag.topics}
        for topic, stamp, data in bag.messages():
            for name, message in change(topic, deserialize_message(data, get_message(types[topic]))):
                if name not in topics:
                    kind = type(message)
                    topics[name] = storage.add_topic(
                        name, f"{kind.__module__.replace('.', '/')}/{kind.__name__}"
                    )
                storage.write(topics[name], stamp, serialize_message(message))
    storage.close()
    return target


def frames(path: Path, warn: Callable[[str], None] = print, **options: object) -> list[FilmFrame]:
    def predict(stamp, rig, images):
        return np.zeros(GRID.shape, np.int8), GRID

    return list(film_frames(path, options.pop("predict", predict), warn=warn, **options)[1])


def on_roof(message: Any) -> Any:
    """The same mounting, told by way of a roof; one camera is told the other way round."""
    stamp = messages.from_stamp(message.transforms[0].header.stamp)
    told = [messages.transform(ROOF, "/base_link", "roof", stamp)]
    for transform in message.transforms:
        pose = ROOF.inverse() @ messages.pose_from_transform(transform)
        told.append(messages.transform(pose, "roof", transform.child_frame_id, stamp))
    return type(message)(transforms=told)


def slashed(topic: str, message: Any) -> list[tuple[str, Any]]:
    if topic.endswith(("camera_info", "points")):
        message.header.frame_id = f"/{message.header.frame_id}"
    return [(topic, message)]


@pytest.mark.parametrize(
    "change",
    [
        lambda topic, message: [(topic, on_roof(message) if topic == "/tf_static" else message)],
        lambda topic, message: [("/tf" if topic == "/tf_static" else topic, message)],
        slashed,
    ],
    ids=["chain", "moving mounts", "leading slashes"],
)
def test_sensors_are_placed_by_all_transforms(plain, tmp_path, change):
    said: list[str] = []
    expected, got = frames(plain), frames(changed(plain, tmp_path / "bag", change), said.append)
    assert not said
    assert len(got) == len(expected) > 1
    for one, other in zip(got, expected, strict=True):
        assert one.rig.names == other.rig.names == CAMERA_NAMES
        for mine, theirs in zip(one.rig.cameras, other.rig.cameras, strict=True):
            np.testing.assert_allclose(mine.pose.matrix, theirs.pose.matrix, atol=1e-6)
        np.testing.assert_allclose(one.points, other.points, atol=1e-4)
        np.testing.assert_allclose(one.lidar_origin, other.lidar_origin, atol=1e-6)


def test_the_lens_of_camera_info_counts(plain, tmp_path):
    def bend(topic, message):
        if topic.endswith("camera_info"):
            message.distortion_model, message.d = "plumb_bob", [-0.2, 0.05, 0.0, 0.0, 0.0]
        return [(topic, message)]

    frame = frames(changed(plain, tmp_path / "bag", bend))[0]
    assert not any(camera.lens.is_pinhole for camera in frame.rig.cameras)


def test_what_cannot_be_placed_is_said_once(plain, tmp_path):
    def lose(topic, message):
        if topic == "/tf_static":
            lost = ("cam_back", "lidar_top")
            message.transforms = [each for each in message.transforms if each.child_frame_id not in lost]
        return [] if topic == "/cam_front/camera_info" else [(topic, message)]

    said: list[str] = []
    got = frames(changed(plain, tmp_path / "bag", lose), said.append)
    assert all(set(CAMERA_NAMES) - set(frame.rig.names) == {"cam_back", "cam_front"} for frame in got)
    assert all(frame.points is None for frame in got)
    assert sorted(said) == [
        "cam_back is not placed: no transform from 'cam_back' to 'base_link': no transform names a frame "
        "'cam_back'",
        "cam_front is not placed: the bag has no camera_info for it",
        "the LiDAR is not placed: no transform from 'lidar_top' to 'base_link': no transform names a frame "
        "'lidar_top'",
    ]


def test_a_scan_that_cannot_be_read_costs_no_frame(plain, tmp_path):
    def cut(topic, message):
        if topic.endswith("points"):
            message.data = message.data[: len(message.data) // 2]
        return [(topic, message)]

    said: list[str] = []
    got = frames(changed(plain, tmp_path / "bag", cut), said.append)
    assert len(got) == len(frames(plain))
    assert all(frame.points is None for frame in got)
    assert said
    assert all(line.startswith("left out: lidar_top: ") for line in said)


def test_without_any_placed_camera_there_is_no_picture(plain, tmp_path):
    bag = changed(plain, tmp_path / "bag", lambda topic, m: [] if topic == "/tf_static" else [(topic, m)])
    with pytest.raises(RosError, match=r"no camera can be placed on the car, .* no transform names a frame"):
        frames(bag)


def test_a_message_that_cannot_be_decoded_costs_itself(plain, tmp_path):
    storage = BagStorage(tmp_path / "bag")
    seen = set()
    with Bag(plain) as bag:
        topics = {topic.name: storage.add_topic(topic.name, topic.type) for topic in bag.topics}
        for topic, stamp, data in bag.messages():
            spoilt = topic in ("/cam_front/camera_info", "/tf") and topic not in seen
            storage.write(topics[topic], stamp, data[:9] if spoilt else data)
            seen.add(topic)
    storage.close()
    said: list[str] = []
    assert all(frame.rig.names == CAMERA_NAMES for frame in frames(tmp_path / "bag", said.append))
    assert [line.partition(" at ")[0] for line in said] == [
        "a message of /tf",
        "a message of /cam_front/camera_info",
    ]


def test_grids_in_a_frame_of_their_own_have_the_cameras_in_it(plain, tmp_path):
    """A grid over base_footprint, half a metre below base_link; and a car whose frame has another name."""

    def lower(topic, message):
        if topic == "/ground_truth/occupancy":
            message.header.frame_id = "base_footprint"
            return [(topic, message), ("/bev/occupancy", message)]
        if topic == "/tf_static":
            below = Pose(np.eye(3), np.array([0.0, 0.0, 0.5]))
            message.transforms.append(messages.transform(below, "base_footprint", "base_link", 0))
        return [(topic, message)]

    bag = changed(plain, tmp_path / "bag", lower)
    of_link, of_grid = frames(bag)[0], frames(bag, predict=None)[0]
    asked = frames(bag, base_frame="base_footprint")[0]
    for over, under, same in zip(of_link.rig.cameras, of_grid.rig.cameras, asked.rig.cameras, strict=True):
        np.testing.assert_allclose(under.pose.translation - over.pose.translation, [0, 0, 0.5], atol=1e-6)
        np.testing.assert_allclose(under.pose.matrix, same.pose.matrix)


def test_a_picture_is_of_one_car(plain, tmp_path):
    """Two cars; the first alone has grids."""

    def double(topic, message):
        if topic in ("/tf", "/tf_static"):
            return [(topic, message)]
        first, second = [(f"/robot1{topic}", message)], [(f"/robot2{topic}", message)]
        if topic == "/ground_truth/occupancy":
            return [*first, ("/robot1/bev/occupancy", message)]
        return first + (second if topic.startswith("/cam_") else [])

    bag = changed(plain, tmp_path / "bag", double)
    with pytest.raises(RosError, match="several cars; choose one with --namespace: /robot1, /robot2"):
        frames(bag)
    assert all(frame.truth is not None for frame in frames(bag, namespace="robot1"))
    for frame in frames(bag, namespace="/robot2/"):
        assert (frame.truth, frame.points) == (None, None)
    assert frames(bag, predict=None)[0].truth is not None
    with pytest.raises(RosError, match="in namespace /robot3; it has /robot1, /robot2"):
        frames(bag, namespace="/robot3")
