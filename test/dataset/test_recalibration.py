"""Sensors that were calibrated anew within a scene: each shot has its own calibration, wherever it goes."""

from __future__ import annotations

import copy
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message
from rosidl_runtime_py.utilities import get_message

from lss_bev_ros import messages, topics
from lss_bev_ros.bags.convert import convert
from lss_bev_ros.bags.frames import film_frames
from lss_bev_ros.dataset import CameraShot, LidarScan, NuScenesReader
from lss_bev_ros.dataset.timeline import Event, Mounting, mounted_at, timeline, with_mountings
from lss_bev_ros.geometry import BevGrid, Camera, Pose
from lss_bev_ros.training.config import SampleLayout
from lss_bev_ros.training.sample import pack_calibration
from lss_bev_ros.training.source import keyframe_sample
from pipros.bag import Bag

CHANGED = {"translation": [1.2, 0.1, 1.6], "rotation": [0.5**0.5, 0.0, 0.0, 0.5**0.5]}


def recalibrated(made, channels, change, at="sample1"):
    """Give the keyframe shots of some channels in one sample a calibration of their own."""
    for record in made["sample_data"]:
        channel = record["calibrated_sensor_token"].removeprefix("c_")
        if record["sample_token"] == at and record["is_key_frame"] and channel in channels:
            old = next(c for c in made["calibrated_sensor"] if c["token"] == f"c_{channel}")
            made["calibrated_sensor"].append({**copy.deepcopy(old), **change, "token": f"new_{channel}"})
            record["calibrated_sensor_token"] = f"new_{channel}"
    return made


@pytest.fixture
def reader(tmp_path, maker):
    made = recalibrated(maker.tables(), ("CAM_FRONT", "LIDAR_TOP"), CHANGED)
    return NuScenesReader(maker.write(tmp_path / "root", made))


def test_each_keyframe_has_the_calibration_of_its_own_shots(reader):
    first, second = reader.keyframes("scene-0001")
    for keyframe in (first, second):
        for name, shot in keyframe.cameras.items():
            assert keyframe.rig[name] is shot.camera
    assert first.rig["cam_front"].pose.translation.tolist() == [1.0, 0.0, 1.5]
    assert second.rig["cam_front"].pose.translation.tolist() == CHANGED["translation"]
    assert first.rig["cam_back"] is second.rig["cam_back"]
    assert second.lidar.pose.translation.tolist() == CHANGED["translation"]
    assert first.rig.fingerprint != second.rig.fingerprint


def test_equal_calibrations_are_the_identical_rig_whatever_their_tokens(tmp_path, maker):
    made = recalibrated(maker.tables(), ("CAM_FRONT",), {})
    first, second = NuScenesReader(maker.write(tmp_path, made)).keyframes("scene-0001")
    assert first.rig is second.rig


def test_a_camera_without_a_shot_is_as_it_was_nearest_in_time(tmp_path, maker):
    made = recalibrated(maker.tables(), ("CAM_FRONT",), CHANGED)
    made["sample_data"] = [r for r in made["sample_data"] if r["token"] != "CAM_FRONT500000"]
    _, second = NuScenesReader(maker.write(tmp_path, made)).keyframes("scene-0001")
    assert "cam_front" not in second.cameras
    assert second.rig["cam_front"].pose.translation.tolist() == [1.0, 0.0, 1.5]


def test_intrinsics_of_one_shot(tmp_path, maker):
    half = {"camera_intrinsic": [[500.0, 0, 400], [0, 500.0, 225], [0, 0, 1]]}
    made = recalibrated(maker.tables(), ("CAM_BACK",), half, "sample0")
    first, second = NuScenesReader(maker.write(tmp_path, made)).keyframes("scene-0001")
    assert first.rig["cam_back"].intrinsics[0, 0] == 500
    assert second.rig["cam_back"].intrinsics[0, 0] == 1000


def test_training_takes_the_calibration_of_the_shot(reader, monkeypatch):
    monkeypatch.setattr(
        "lss_bev_ros.runtime.image_decoder.decode_image",
        lambda camera, _: np.zeros((camera.height, camera.width, 3), np.uint8),
    )
    for keyframe in reader.keyframes("scene-0001"):
        sample = keyframe_sample(keyframe, SampleLayout())
        np.testing.assert_array_equal(sample.calibration, pack_calibration(keyframe.rig))


# -- on topics ---------------------------------------------------------------------------------------


def sensors_of(events):
    return [event for event in events if isinstance(event.item, (CameraShot, LidarScan))]


def test_a_bag_never_pairs_an_image_with_another_mounting(reader, tmp_path):
    (bag,) = convert(reader, tmp_path / "bags").bags
    mounted, infos, seen = {}, {}, 0
    shots = {(s.name, s.stamp): s for s in reader.shots("scene-0001", True)}
    with Bag(bag) as read:
        types = {topic.name: get_message(topic.type) for topic in read.topics}
        statics = [stamp for topic, stamp, _ in read.messages() if topic == "/tf_static"]
        for topic, stamp, data in read.messages():
            message = deserialize_message(data, types[topic])
            if topic == "/tf_static":
                # Late subscribers get one message, so each has to hold every sensor.
                mounted = {t.child_frame_id: messages.pose_from_transform(t) for t in message.transforms}
                assert mounted.keys() == {shot.name for shot in shots.values()}
            elif topic.endswith("camera_info"):
                infos[message.header.frame_id] = message
            elif topic.endswith(("compressed", "points")):
                shot = shots[message.header.frame_id, stamp]
                pose = mounted_at(shot)
                np.testing.assert_allclose(mounted[shot.name].matrix, pose.matrix, atol=1e-9)
                if isinstance(shot, CameraShot):
                    assert infos[shot.name].header.stamp == message.header.stamp
                    np.testing.assert_array_equal(infos[shot.name].k, shot.camera.intrinsics.ravel())
                seen += 1
    assert seen == len(shots)
    # Once at the start, and once for the two sensors that changed together.
    assert len(statics) == 2


def test_the_newest_mounting_is_that_of_the_last_shots(reader):
    events = timeline(reader.shots("scene-0001", True), reader.keyframes("scene-0001"))
    transforms = topics.mounting(events, 0).transforms
    poses = {t.child_frame_id: messages.pose_from_transform(t) for t in transforms}
    last = {event.item.name: mounted_at(event.item) for event in sensors_of(events)}
    assert poses.keys() == last.keys()
    for name, pose in last.items():
        np.testing.assert_allclose(poses[name].matrix, pose.matrix, atol=1e-9)


mountings = st.lists(st.lists(st.none() | st.integers(0, 2), min_size=3, max_size=3), min_size=1, max_size=6)
"""Turn by turn where each of three cameras sits; None is a lost image."""


@given(kinds=mountings, rate=st.sampled_from([0.25, 1.0, 4.0]), start=st.sampled_from([0, 3_000_000_000]))
def test_mountings_come_between_the_old_shot_and_the_new(kinds, rate, start):
    poses = [Pose.from_yaw(0.1 * n, (float(n), 0, 1)) for n in range(3)]
    shots = []
    for turn, of_turn in enumerate(kinds):
        for n, kind in enumerate(of_turn):
            if kind is None:
                continue
            camera = Camera(f"cam_{n}", np.diag([100.0, 100, 1]), 64, 48, poses[kind])
            stamp = 10**18 + turn * 500_000_000 + n * 8_000_000
            shots.append(CameraShot(f"cam_{n}", stamp, Path("x"), camera, Pose.identity(), True))
    plain = timeline(shots, (), rate, start)
    events = with_mountings(plain, rate)
    assert [event for event in events if not isinstance(event.item, Mounting)] == plain
    assert [event.due for event in events] == sorted(event.due for event in events)
    assert all(event.due >= 0 for event in events)
    current: dict[str, Pose] = {}
    newest: dict[str, Event] = {}
    for event in events:
        if not isinstance(event.item, Mounting):
            assert current[event.item.name] is mounted_at(event.item)
            newest[event.item.name] = event
            continue
        assert not event.ends_step
        for name, pose in event.item.poses.items():
            if name in newest and current[name] is not pose:
                assert event.due > newest[name].due
        current = dict(event.item.poses)
    columns = [[kind for kind in column if kind is not None] for column in zip(*kinds, strict=True)]
    changes = sum(a != b for column in columns for a, b in pairwise(column))
    told = sum(isinstance(event.item, Mounting) for event in events)
    assert told == 0 if not plain else 1 + (changes > 0) <= told <= 1 + changes


def test_what_changes_in_one_turn_is_told_once():
    poses = [Pose.identity(), Pose.from_yaw(0.3)]
    shots = [
        CameraShot(
            f"cam_{n}",
            turn * 83_000_000 + n * 7_000_000,
            Path("x"),
            Camera(f"cam_{n}", np.diag([100.0, 100, 1]), 64, 48, poses[turn > 1]),
            Pose.identity(),
            True,
        )
        for turn in range(4)
        for n in range(6)
    ]
    events = with_mountings(timeline(shots, ()))
    changes = [event for event in events if isinstance(event.item, Mounting)]
    assert len(changes) == 2
    assert 83e6 + 35e6 < changes[1].due < 2 * 83e6


def test_nothing_recorded_needs_no_mounting():
    assert with_mountings([]) == []


def test_pictures_of_a_bag_have_the_calibration_of_their_images(street, tmp_path):
    root = tmp_path / "root"
    (root / "v1.0-mini").mkdir(parents=True)
    (root / "samples").symlink_to(street / "samples")
    tables = {path.stem: json.loads(path.read_text()) for path in (street / "v1.0-mini").glob("*.json")}
    tables["sample_data"] = [record for record in tables["sample_data"] if record["is_key_frame"]]
    last = max(tables["sample"], key=lambda sample: sample["timestamp"])["token"]
    for record in tables["sample_data"]:
        if record["sample_token"] == last:
            old = next(
                c for c in tables["calibrated_sensor"] if c["token"] == record["calibrated_sensor_token"]
            )
            place = [value + 0.5 for value in old["translation"]]
            tables["calibrated_sensor"].append({**old, "token": f"new{old['token']}", "translation": place})
            record["calibrated_sensor_token"] = f"new{old['token']}"
    for name, records in tables.items():
        (root / "v1.0-mini" / f"{name}.json").write_text(json.dumps(records))
    reader = NuScenesReader(root)
    (bag,) = convert(reader, tmp_path / "bags").bags
    _, frames = film_frames(bag, lambda *_: (np.zeros((200, 200), np.int8), BevGrid()))
    drawn = list(frames)
    expected = list(reader.keyframes("scene-0001"))
    assert len(drawn) == len(expected) > 1
    for frame, keyframe in zip(drawn, expected, strict=True):
        for camera in keyframe.rig.cameras:
            np.testing.assert_allclose(frame.rig[camera.name].pose.matrix, camera.pose.matrix, atol=1e-6)
        np.testing.assert_allclose(frame.lidar_origin, keyframe.lidar.pose.translation, atol=1e-6)
