"""The reader finds in nuScenes' tables what nuscenes-devkit finds there."""

from __future__ import annotations

import numpy as np
import pytest

from lss_bev_ros.dataset import NuScenesReader
from lss_bev_ros.dataset.index import index_scenes
from lss_bev_ros.dataset.split import nuscenes_split
from lss_bev_ros.geometry import CAMERA_NAMES

devkit = pytest.importorskip(
    "nuscenes.nuscenes", reason="nuscenes-devkit, the oracle, is for Python below 3.13"
)


@pytest.fixture(params=["street", "nuscenes_frame"])
def root(request):
    return request.getfixturevalue(request.param)


def test_the_index_is_what_the_devkit_says(root):
    nusc = devkit.NuScenes("v1.0-mini", str(root), verbose=False)
    indices = {index.name: index for index in index_scenes(root, "v1.0-mini")}
    assert list(indices) == [scene["name"] for scene in nusc.scene]
    for scene in nusc.scene:
        index = indices[scene["name"]]
        samples = [record for record in nusc.sample if record["scene_token"] == scene["token"]]
        assert list(index.sample_tokens) == [record["token"] for record in samples]
        assert index.location == nusc.get("log", scene["log_token"])["location"]
        annotations = [(row, token) for row, sample in enumerate(samples) for token in sample["anns"]]
        assert index.box_sample.tolist() == [row for row, _ in annotations]
        for row, (_, token) in enumerate(annotations):
            record = nusc.get("sample_annotation", token)
            with np.errstate(divide="ignore", invalid="ignore"):
                velocity = nusc.box_velocity(token)
            numbers = [*record["translation"], *record["size"], *record["rotation"], *velocity]
            np.testing.assert_array_equal(index.boxes[row], numbers)
            assert index.box_category[row] == record["category_name"]
            assert index.box_instance[row] == record["instance_token"]
            attributes = [nusc.get("attribute", each)["name"] for each in record["attribute_tokens"]]
            assert index.box_attribute[row] == "".join(attributes)
            assert index.box_counts[row].tolist() == [
                int(record["visibility_token"]),
                record["num_lidar_pts"],
                record["num_radar_pts"],
            ]
        tokens = {sample["token"]: row for row, sample in enumerate(samples)}
        wanted = [
            record
            for record in nusc.sample_data
            if record["sample_token"] in tokens and record["channel"].lower() in (*CAMERA_NAMES, "lidar_top")
        ]
        found = sorted(zip(index.files, index.stamps, index.is_key, index.sample, strict=True))
        assert found == sorted(
            (r["filename"], r["timestamp"] * 1000, r["is_key_frame"], tokens[r["sample_token"]])
            for r in wanted
        )
        of_file = {record["filename"]: record for record in wanted}
        for row, file in enumerate(index.files):
            pose = nusc.get("ego_pose", of_file[file]["ego_pose_token"])
            np.testing.assert_array_equal(index.ego[row], [*pose["translation"], *pose["rotation"]])
            assert index.sizes[row].tolist() == [of_file[file]["width"], of_file[file]["height"]]
            calibration = index.calibrations[index.calibration[row]]
            sensor = nusc.get("calibrated_sensor", of_file[file]["calibrated_sensor_token"])
            assert calibration.token == sensor["token"]
            assert list(calibration.translation) == sensor["translation"]
            assert [list(line) for line in calibration.intrinsics] == sensor["camera_intrinsic"]


def test_vehicles_are_those_of_lift_splat_shoot(root):
    for scene in (reader := NuScenesReader(root)).scenes:
        for keyframe in reader.keyframes(scene):
            expected = [box.category.split(".")[0] == "vehicle" for box in keyframe.boxes]
            assert [box.is_vehicle for box in keyframe.boxes] == expected


def test_the_splits_are_the_devkits():
    splits = pytest.importorskip("nuscenes.utils.splits").create_splits_scenes()
    for name in ("train", "val", "test", "mini_train", "mini_val"):
        assert nuscenes_split(name) == set(splits[name])
