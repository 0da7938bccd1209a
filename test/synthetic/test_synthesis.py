"""A synthetic set is a nuScenes data set to nuscenes-devkit, and the same one every time."""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from lss_bev_ros.errors import DatasetError
from lss_bev_ros.synthetic import synthesize
from lss_bev_ros.synthetic.tables import TABLES

pytest.importorskip("nuscenes", reason="nuscenes-devkit, the oracle, is for Python below 3.13")
import matplotlib
from nuscenes import NuScenes
from nuscenes.utils.geometry_utils import view_points

matplotlib.use("Agg")


@pytest.fixture(scope="module")
def nusc(dataset) -> NuScenes:
    return NuScenes("v1.0-mini", str(dataset), verbose=False)


def digests(root: Path) -> dict[str, str]:
    files = sorted(p for p in root.rglob("*") if p.is_file())
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_all_thirteen_tables_are_there(dataset):
    assert sorted(p.stem for p in (dataset / "v1.0-mini").iterdir()) == sorted(TABLES)
    assert len(TABLES) == 13


def test_the_devkit_lists_and_renders_it(nusc, tmp_path, capsys):
    nusc.list_scenes()
    assert "scene-0001" in capsys.readouterr().out
    sample = nusc.sample[0]
    for channel in ("CAM_FRONT", "LIDAR_TOP"):
        nusc.render_sample_data(
            sample["data"][channel], out_path=str(tmp_path / f"{channel}.png"), verbose=False
        )
        assert (tmp_path / f"{channel}.png").stat().st_size > 10_000
    points, depth, image = nusc.explorer.map_pointcloud_to_image(
        sample["data"]["LIDAR_TOP"], sample["data"]["CAM_BACK"], min_dist=1.0
    )
    assert image.size == (400, 225)
    assert points.shape[1] == len(depth)


def test_every_file_is_where_its_row_says(nusc, dataset):
    rows = nusc.sample_data
    on_disk = {
        str(p.relative_to(dataset))
        for f in ("samples", "sweeps")
        for p in (dataset / f).rglob("*")
        if p.is_file()
    }
    assert {row["filename"] for row in rows} == on_disk
    for row in rows:
        if row["fileformat"] == "jpg":
            image = cv2.imread(str(dataset / row["filename"]))
            assert image.shape == (row["height"], row["width"], 3)
        else:
            assert (dataset / row["filename"]).stat().st_size % 20 == 0
    for record in nusc.map:
        assert (dataset / record["filename"]).is_file()


def test_sensors_fire_as_often_and_when_nuscenes_does(nusc):
    stamps: dict[str, list[int]] = {}
    for row in nusc.sample_data:
        stamps.setdefault(row["channel"], []).append(row["timestamp"])
    assert len(stamps) == 7
    lidar = np.array(sorted(stamps["LIDAR_TOP"]))
    assert (np.diff(lidar) == 50_000).all()
    for channel, times in stamps.items():
        if channel != "LIDAR_TOP":
            assert len(times) == 7, "a keyframe, five sweeps and the next keyframe: 12 Hz"
    for sample in nusc.sample:
        assert sample["timestamp"] == nusc.get("sample_data", sample["data"]["LIDAR_TOP"])["timestamp"]
        for channel, key in sample["data"].items():
            early = sample["timestamp"] - nusc.get("sample_data", key)["timestamp"]
            assert 0 <= early < 45_000, channel


def test_chains_of_rows_are_unbroken(nusc):
    for table in ("sample", "sample_data", "sample_annotation"):
        rows = getattr(nusc, table)
        for row in rows:
            for back, forth in (("prev", "next"), ("next", "prev")):
                if row[back]:
                    assert nusc.get(table, row[back])[forth] == row["token"]
    for instance in nusc.instance:
        token, count = instance["first_annotation_token"], 0
        while token:
            annotation = nusc.get("sample_annotation", token)
            assert annotation["instance_token"] == instance["token"]
            last, token, count = token, annotation["next"], count + 1
        assert last == instance["last_annotation_token"]
        assert count == instance["nbr_annotations"]


def test_boxes_are_annotated_as_nuscenes_does(nusc):
    annotations = nusc.sample_annotation
    assert len(annotations) > 10
    assert {a["visibility_token"] for a in annotations} <= {"1", "2", "3", "4"}
    for annotation in annotations:
        assert min(annotation["size"]) > 0.1
        assert annotation["num_radar_pts"] == 0
        sample = nusc.get("sample", annotation["sample_token"])
        ego = nusc.get("ego_pose", sample["data"]["LIDAR_TOP"])
        assert np.hypot(*(np.array(annotation["translation"]) - ego["translation"])[:2]) < 100
        attributes = [nusc.get("attribute", t)["name"] for t in annotation["attribute_tokens"]]
        if annotation["category_name"].startswith(("vehicle", "human")):
            assert len(attributes) == 1
    for instance in nusc.instance:
        counts = [a["num_lidar_pts"] for a in annotations if a["instance_token"] == instance["token"]]
        assert counts[0] > 0
        assert counts[-1] > 0


def test_lidar_points_in_boxes_are_counted(nusc, dataset):
    sample = nusc.sample[0]
    path, boxes, _ = nusc.get_sample_data(sample["data"]["LIDAR_TOP"])
    points = np.fromfile(path, np.float32).reshape(-1, 5)[:, :3]
    for box in boxes:
        local = (points - box.center) @ box.rotation_matrix
        inside = (np.abs(local) <= np.array(box.wlh)[[1, 0, 2]] / 2).all(1).sum()
        assert abs(inside - nusc.get("sample_annotation", box.token)["num_lidar_pts"]) <= 1 + 0.02 * inside


def test_velocities_match_the_attributes(nusc):
    checked = 0
    for annotation in nusc.sample_annotation:
        velocity = nusc.box_velocity(annotation["token"])
        if np.isnan(velocity).any():
            continue
        speed = float(np.linalg.norm(velocity[:2]))
        attributes = [nusc.get("attribute", t)["name"] for t in annotation["attribute_tokens"]]
        if attributes == ["vehicle.parked"]:
            assert speed < 1e-6
        assert speed < 20
        checked += 1
    assert checked > 10


def test_get_boxes_interpolates_between_keyframes(nusc):
    token = nusc.sample[0]["data"]["CAM_FRONT"]
    sweep = nusc.get("sample_data", token)["next"]
    assert len(nusc.get_boxes(sweep)) > 5


def test_the_first_box_in_a_picture_projects_into_it(nusc):
    sample = nusc.sample[0]
    shown = 0
    for channel in sample["data"]:
        if channel.startswith("CAM"):
            _, boxes, intrinsic = nusc.get_sample_data(sample["data"][channel])
            for box in boxes:
                corners = view_points(box.corners(), intrinsic, normalize=True)[:2]
                shown += int((corners.min(1) < [400, 225]).all() and (corners.max(1) > 0).all())
    assert shown > 3


def test_the_ego_car_stays_on_the_ground_and_on_the_road(nusc):
    mask = nusc.map[0]["mask"]
    for pose in nusc.ego_pose:
        assert pose["translation"][2] == 0.0
        assert mask.is_on_mask(pose["translation"][0], pose["translation"][1])
    poses = sorted(nusc.ego_pose, key=lambda p: p["timestamp"])
    for a, b in pairwise(poses):
        step = np.linalg.norm(np.subtract(b["translation"], a["translation"]))
        assert step <= 16.0 * max(b["timestamp"] - a["timestamp"], 1) * 1e-6 + 1e-6


def test_the_same_seed_gives_the_same_bytes_whatever_the_workers_and_the_number_of_scenes(tmp_path):
    small = {"seconds": 0.5, "seed": 5, "image_scale": 0.08}
    one = digests(synthesize(tmp_path / "one", 1, workers=1, **small))
    told = []
    two = digests(
        synthesize(tmp_path / "two", 2, workers=4, processes=2, progress=lambda *d: told.append(d), **small)
    )
    assert told[-1] == (14, 14), "files of both scenes, each recorded by a process of its own"
    of_scene = ("samples", "maps/s", "maps/expansion")
    recorded = {name: digest for name, digest in one.items() if name.startswith(of_scene)}
    assert len(recorded) == 9
    assert recorded.items() <= two.items()
    assert json.loads((tmp_path / "two" / "v1.0-mini" / "scene.json").read_text())[1]["name"] == "scene-0002"
    again = digests(synthesize(tmp_path / "two", 1, **small))
    assert again == one, "and an earlier synthetic set is replaced"


@pytest.mark.parametrize("processes", [1, 2])
def test_an_interrupted_synthesis_leaves_nothing_behind(tmp_path, processes):
    def stop(done: int, total: int) -> None:
        if done >= 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synthesize(tmp_path / "set", processes, 0.5, 5, image_scale=0.08, progress=stop, processes=processes)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_other_things_in_it_is_refused(tmp_path):
    (tmp_path / "precious.txt").write_text("keep me")
    with pytest.raises(DatasetError, match="not empty"):
        synthesize(tmp_path, 1, 0.5)
    assert [p.name for p in tmp_path.iterdir()] == ["precious.txt"]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"scenes": 0}, "scenes"),
        ({"seconds": 0.1}, "seconds"),
        ({"seconds": float("nan")}, "seconds"),
        ({"seed": -1}, "seed"),
        ({"workers": 0}, "workers"),
        ({"processes": 0}, "processes"),
        ({"version": "../x"}, "version"),
        ({"image_scale": 2.0}, "image_scale"),
        ({"truth": "some"}, "truth"),
    ],
)
def test_a_wrong_argument_gives_one_clear_line(tmp_path, arguments, word):
    with pytest.raises(DatasetError, match=word) as caught:
        synthesize(tmp_path / "set", **arguments)
    assert "\n" not in str(caught.value)


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="is a file"):
        synthesize(tmp_path / "file", 1, 0.5)


def test_every_scene_has_a_map_of_its_own(nusc, dataset):
    for scene in nusc.scene:
        location = nusc.get("log", scene["log_token"])["location"]
        assert location == scene["name"].replace("scene", "synthetic")
        assert (dataset / "maps" / "expansion" / f"{location}.json").is_file()


def test_only_the_truth_that_was_asked_for_is_written(tmp_path):
    root = synthesize(tmp_path / "set", 1, 0.5, seed=5, image_scale=0.08, truth="boxes")
    assert [p.name for p in (root / "maps").iterdir()] == ["s001-2020-06-01-00-00-00+0000.png"]
    assert not (root / "gts").exists()
