"""What the reader knows of a keyframe besides its recordings: attributes, the way to come, map and voxels."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from lss_bev_ros.dataset import NuScenesReader
from lss_bev_ros.errors import DatasetError


@pytest.fixture
def driving(maker, tmp_path):
    """A maker of roots whose car drives north at 4 m/s from (100, 200), keyframes at the given seconds."""

    def make(times, **changes):
        made = maker.tables()
        made["sample"] = [
            {"token": f"sample{k}", "timestamp": 1_000_000 + round(t * 1e6), "scene_token": "scene"}
            for k, t in enumerate(times)
        ]
        pose = made["ego_pose"][0]
        data = next(r for r in made["sample_data"] if "LIDAR_TOP" in r["filename"])
        made["ego_pose"] = [
            {**pose, "token": f"pose{k}", "translation": [100.0, 200.0 + 4 * t, 0.0]}
            for k, t in enumerate(times)
        ]
        made["sample_data"] = [
            {
                **data,
                "token": f"scan{k}",
                "sample_token": f"sample{k}",
                "ego_pose_token": f"pose{k}",
                "timestamp": sample["timestamp"],
                "is_key_frame": True,
            }
            for k, sample in enumerate(made["sample"])
        ]
        made["sample_annotation"] = []
        return NuScenesReader(maker.write(tmp_path, made | changes))

    return make


def test_the_way_to_come_is_that_of_the_later_poses(driving):
    reader = driving(np.arange(0, 5, 0.5))
    first, *_ = reader.keyframes("scene-0001")
    ahead = 4 * np.arange(0.5, 3.1, 0.5)
    np.testing.assert_allclose(first.future, np.column_stack([ahead, np.zeros(6)]), atol=1e-9)


def test_it_is_unknown_where_the_scene_has_ended(driving):
    frames = list(driving(np.arange(0, 5, 0.5)).keyframes("scene-0001"))
    known = [int(np.isfinite(frame.future).all(1).sum()) for frame in frames]
    assert known == [6, 6, 6, 6, 5, 4, 3, 2, 1, 0]
    assert np.isnan(frames[-1].future).all()


def test_it_is_found_between_poses_but_not_in_a_gap(driving):
    first, *_ = driving([0.0, 0.7, 1.2, 3.0]).keyframes("scene-0001")
    # Nothing was recorded from 1.2 to 3 s: only their ends are known.
    np.testing.assert_allclose(first.future[[0, 1, 5], 0], [2.0, 4.0, 12.0], atol=1e-9)
    assert np.isnan(first.future[2:5]).all()


def test_boxes_have_their_attribute(maker, tmp_path):
    made = maker.tables()
    made["attribute"] = [{"token": "a", "name": "vehicle.moving"}, {"token": "b", "name": "vehicle.parked"}]
    made["sample_annotation"][0]["attribute_tokens"] = ["b"]
    frames = list(NuScenesReader(maker.write(tmp_path, made)).keyframes("scene-0001"))
    assert [box.attribute for frame in frames for box in frame.boxes] == ["vehicle.parked", ""]


@pytest.mark.parametrize("tokens", [[], None, "b", ["unknown"], [7]])
def test_an_attribute_that_nobody_knows_is_none(maker, tmp_path, tokens):
    made = maker.tables()
    made["sample_annotation"][0]["attribute_tokens"] = tokens
    frame, _ = NuScenesReader(maker.write(tmp_path, made)).keyframes("scene-0001")
    assert frame.boxes[0].attribute == ""


def test_missing_truth_is_none_and_a_notice_to_whoever_asked(maker, small_root):
    reader = NuScenesReader(small_root)
    frame, _ = reader.keyframes("scene-0001")
    assert reader.notices == ()
    assert frame.map_raster() is None
    assert frame.map_lines() is None
    assert frame.voxels() is None
    roads, voxels = reader.notices
    assert "log.json names no location" in roads
    assert str(small_root / "gts") in voxels
    assert all("unpack" in notice and "\n" not in notice for notice in reader.notices)
    frame.map_raster()
    assert len(reader.notices) == 2, "it is said once"


def test_a_place_without_a_map_is_named(maker, tmp_path):
    made = maker.tables()
    made["log"][0]["location"] = "singapore-onenorth"
    made["scene"][0]["log_token"] = "log"
    reader = NuScenesReader(maker.write(tmp_path, made))
    frame, _ = reader.keyframes("scene-0001")
    assert frame.map_raster() is None
    assert str(tmp_path / "maps" / "expansion" / "singapore-onenorth.json") in reader.notices[0]


def test_a_damaged_map_is_an_error_and_the_rest_is_not(maker, tmp_path):
    made = maker.tables()
    made["log"][0]["location"] = "here"
    made["scene"][0]["log_token"] = "log"
    root = maker.write(tmp_path, made)
    (root / "maps" / "expansion").mkdir()
    (root / "maps" / "expansion" / "here.json").write_text('{"node": [')
    frame, _ = NuScenesReader(root).keyframes("scene-0001")
    with pytest.raises(DatasetError, match=r"here.json: broken JSON .*; unpack"):
        frame.map_raster()
    assert len(frame.boxes) == 1


@pytest.mark.parametrize("logs", [None, [], [{"token": "log", "location": None}], [{"token": "other"}]])
def test_logs_may_say_nothing(maker, tmp_path, logs):
    made = maker.tables()
    made["scene"][0]["log_token"] = "log"
    made["log"] = logs or []
    root = maker.write(tmp_path, made)
    if logs is None:
        (root / "v1.0-mini" / "log.json").unlink()
    frame, _ = NuScenesReader(root).keyframes("scene-0001")
    assert frame.map_raster() is None


def test_a_keyframe_goes_to_another_process_and_still_finds_its_truth(small_root):
    frame, _ = NuScenesReader(small_root).keyframes("scene-0001")
    there = pickle.loads(pickle.dumps(frame.truth))
    assert there.voxels == frame.truth.voxels
    assert json.dumps(there.missing) == "{}"
