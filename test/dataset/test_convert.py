"""A converted bag holds what a replay publishes, whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message
from rosbags.interfaces import QosDurability, QosReliability
from rosbags.rosbag2 import Reader
from rosidl_runtime_py.utilities import get_message

from lss_bev_ros import messages, topics
from lss_bev_ros.bags.convert import convert
from lss_bev_ros.dataset import CameraShot, Keyframe, NuScenesReader
from lss_bev_ros.dataset.timeline import timeline
from lss_bev_ros.errors import DatasetError, RosError
from lss_bev_ros.geometry import CAMERA_NAMES, BevGrid, vehicle_raster
from pipros.bag import Bag, StorageOptions


@pytest.fixture(scope="module")
def reader(small_root) -> NuScenesReader:
    return NuScenesReader(small_root)


def held(path: Path) -> dict[str, list[tuple[int, object]]]:
    """Topic to stamps and messages of a bag."""
    with Bag(path) as bag:
        types = {topic.name: get_message(topic.type) for topic in bag.topics}
        found: dict[str, list[tuple[int, object]]] = {name: [] for name in types}
        for topic, stamp, data in bag.messages():
            found[topic].append((stamp, deserialize_message(data, types[topic])))
    return found


def test_every_recording_is_there_with_its_time(reader, tmp_path):
    made = convert(reader, tmp_path / "bags")
    assert made.bags == [tmp_path / "bags" / "scene-0001"]
    assert not made.left_out
    found = held(made.bags[0])
    assert set(found) == {f"/{topic.name.removeprefix('/')}" for topic in topics.all_topics()}
    assert sum(map(len, found.values())) == made.messages
    shots = reader.shots("scene-0001", sweeps=True)
    for name in CAMERA_NAMES:
        of_camera = [shot for shot in shots if isinstance(shot, CameraShot) and shot.name == name]
        images, infos = found[f"/{name}/image_raw/compressed"], found[f"/{name}/camera_info"]
        assert [stamp for stamp, _ in images] == [shot.stamp for shot in of_camera]
        assert [bytes(image.data) for _, image in images] == [shot.path.read_bytes() for shot in of_camera]
        for (stamp, image), (_, info) in zip(images, infos, strict=True):
            assert messages.from_stamp(image.header.stamp) == messages.from_stamp(info.header.stamp) == stamp
            assert image.header.frame_id == name
    assert len(found["/cam_front/image_raw/compressed"]) == 3, "two keyframes and the sweep between"
    assert len(found["/lidar_top/points"]) == 3
    for keyframe, (stamp, grid) in zip(
        reader.keyframes("scene-0001"), found["/ground_truth/occupancy"], strict=True
    ):
        assert stamp == keyframe.stamp
        cells, over = messages.cells_from_grid(grid)
        np.testing.assert_array_equal(cells, vehicle_raster(keyframe.boxes, over) * 100)
    ((_, mounted),) = found["/tf_static"]
    assert {transform.child_frame_id for transform in mounted.transforms} == {*CAMERA_NAMES, "lidar_top"}


def test_it_is_what_the_replay_publishes_in_its_order(reader, tmp_path):
    (bag,) = convert(reader, tmp_path / "bags").bags
    events = timeline(reader.shots("scene-0001", True), reader.keyframes("scene-0001"))
    expected = []
    for event in events:
        made = topics.recording(event.item, event.item.stamp, BevGrid())
        expected += [(f"/{topic}", event.item.stamp, serialize_message(message)) for topic, message in made]
        assert isinstance(event.item, Keyframe) == (len(made) == 2 and made[0][0].startswith("ground_truth"))
    with Bag(bag) as read:
        read_topics = [topic.name for topic in read.topics if not topic.name.startswith("/tf")]
        assert list(read.messages(read_topics)) == expected


def test_what_must_not_be_missed_is_latched(reader, tmp_path):
    (bag,) = convert(reader, tmp_path / "bags").bags
    with Reader(bag) as read:
        offers = {connection.topic: connection.ext.offered_qos_profiles for connection in read.connections}
    for topic in topics.all_topics():
        (offer,) = offers[f"/{topic.name.removeprefix('/')}"]
        assert offer.reliability == QosReliability.RELIABLE
        durability = QosDurability.TRANSIENT_LOCAL if topic.latched else QosDurability.VOLATILE
        assert offer.durability == durability
    assert any(topic.latched for topic in topics.all_topics())


def test_scenes_in_one_bag_follow_each_other(maker, tmp_path):
    tables = maker.tables()
    day = 86_400_000_000
    tables["scene"].append({"token": "scene2", "name": "scene-0002"})
    for table in ("sample", "sample_data", "ego_pose"):
        for record in list(tables[table]):
            later = {**record, "token": f"{record['token']}_2"}
            for key in ("sample_token", "ego_pose_token"):
                if key in record:
                    later[key] = f"{record[key]}_2"
            if "timestamp" in record:
                later["timestamp"] = record["timestamp"] + day
            if table == "sample":
                later["scene_token"] = "scene2"
            tables[table].append(later)
    reader = NuScenesReader(maker.write(tmp_path / "root", tables))
    made = convert(reader, tmp_path / "one", one_bag=True)
    assert made.bags == [tmp_path / "one"]
    stamps = [stamp for stamp, _ in held(tmp_path / "one")["/lidar_top/points"]]
    assert len(stamps) == 6
    assert stamps == sorted(stamps)
    assert stamps[-1] - stamps[0] < 3e9, "a day between two scenes is not played"
    for stamp, image in held(tmp_path / "one")["/cam_front/image_raw/compressed"]:
        assert messages.from_stamp(image.header.stamp) == stamp
    assert [bag.name for bag in convert(reader, tmp_path / "two").bags] == ["scene-0001", "scene-0002"]


@pytest.mark.parametrize("options", [StorageOptions("chunk"), StorageOptions(max_size=40_000)])
def test_compressed_and_split_it_holds_the_same(reader, tmp_path, options):
    (plain,) = convert(reader, tmp_path / "plain").bags
    (other,) = convert(reader, tmp_path / "other", options=options).bags
    with Bag(plain) as one, Bag(other) as two:
        assert list(one.messages()) == list(two.messages())


def test_a_damaged_file_is_left_out_and_named(maker, tmp_path):
    root = maker.write(tmp_path / "root", maker.tables())
    victim = next((root / "samples" / "CAM_BACK").iterdir())
    victim.write_bytes(b"no JPEG")
    made = convert(NuScenesReader(root), tmp_path / "bags")
    (line,) = made.left_out
    assert victim.name in line
    assert len(held(made.bags[0])["/cam_back/image_raw/compressed"]) == 1


def test_sweeps_that_are_not_there_are_told_at_once(maker, tmp_path):
    tables = maker.tables()
    root = maker.write(tmp_path / "root", tables)
    for file in (root / "sweeps").rglob("*.*"):
        file.unlink()
    reader = NuScenesReader(root)
    with pytest.raises(DatasetError, match=r"name 2 sweeps, but the files are missing.*--no-sweeps"):
        convert(reader, tmp_path / "bags")
    assert not (tmp_path / "bags").exists()
    assert convert(reader, tmp_path / "bags", sweeps=False).left_out == []
    tables["sample_data"] = [record for record in tables["sample_data"] if record["is_key_frame"]]
    without = NuScenesReader(maker.write(tmp_path / "without", tables))
    with pytest.raises(DatasetError, match="has no sweeps, keyframes only"):
        convert(without, tmp_path / "more", sweeps=True)
    assert convert(without, tmp_path / "more").messages


def test_nothing_half_written_stays(reader, tmp_path):
    def stop(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(reader, tmp_path / "bags", progress=stop)
    assert list((tmp_path / "bags").iterdir()) == []


def test_a_bag_that_is_there_is_left_alone(reader, tmp_path):
    convert(reader, tmp_path / "bags")
    with pytest.raises(RosError, match="already exists; convert to another folder"):
        convert(reader, tmp_path / "bags")


def test_on_the_command_line_errors_are_one_line(small_root, tmp_path):
    (tmp_path / "file").write_text("in the way")
    for arguments, told in {
        ("/nowhere", tmp_path / "a"): "no such folder",
        (small_root, tmp_path / "file" / "a"): "file is a file, no folder; choose another place",
    }.items():
        result = subprocess.run(
            [sys.executable, "-m", "lss_bev_ros.cli", "convert", *map(str, arguments)],
            capture_output=True,
            text=True,
        )
        assert result.returncode == 1
        (line,) = result.stderr.strip().splitlines()
        assert line.startswith("error: ")
        assert told in line


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        *(("scene-0061", True), ("Straße 7", True)),
        *(
            ("/tmp/a", False),
            ("../a", False),
            ("..", False),
            ("a\\b", False),
            ("a\0b", False),
            ("\ud800", False),
        ),
    ],
)
def test_a_bag_is_written_within_the_folder_whatever_its_scene_is_called(name, fits):
    from lss_bev_ros.bags.convert import _names_a_folder

    assert _names_a_folder(name) is fits
