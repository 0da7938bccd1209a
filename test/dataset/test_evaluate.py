"""`lss-bev evaluate` says what it could not read or score, and fails where that was everything."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from lss_bev_ros.cli import app
from lss_bev_ros.geometry import BevGrid
from lss_bev_ros.runtime import Engine
from lss_bev_ros.runtime.frame_set import Prediction
from lss_bev_ros.runtime.image_decoder import decode_image
from lss_bev_ros.synthetic.config import WorldConfig
from lss_bev_ros.synthetic.sensors import mounts

GRID = BevGrid()
MOUNTED = {mount.channel.lower(): mount for mount in mounts(WorldConfig(), np.random.default_rng(0))[0]}


class Certain(Engine):
    """An engine that sees vehicles everywhere, and decodes what it is given."""

    name, weights, reason, grid = "certain", "none", "", GRID

    def infer(self, frame_set):
        for name, image in frame_set.images.items():
            decode_image(frame_set.rig[name], image)
        logits = np.full(GRID.shape, 5.0, np.float32)
        return Prediction(frame_set.stamp, GRID, logits, np.ones(GRID.shape, bool))

    def close(self):
        pass


def picture(suffix=".jpg"):
    return cv2.imencode(suffix, np.full((90, 160, 3), 120, np.uint8))[1].tobytes()


@pytest.fixture
def evaluate(tmp_path, maker, monkeypatch):
    """Run `lss-bev evaluate` on a changed data set; returns exit code, text and report."""
    monkeypatch.setattr("lss_bev_ros.runtime.create_engine", lambda *_: Certain())
    monkeypatch.setenv("COLUMNS", "200")

    def run(change=lambda made: None, images=None, scans=True, options=()):
        made = maker.tables()
        for record in made["sample_data"]:
            record["width"], record["height"] = (160, 90) if record["width"] else (0, 0)
        channels = {sensor["token"]: sensor["channel"].lower() for sensor in made["sensor"]}
        for record in made["calibrated_sensor"]:
            if (mount := MOUNTED.get(channels[record["sensor_token"]])) and record["camera_intrinsic"]:
                # The pictures here are a tenth of the size.
                record["camera_intrinsic"] = (np.diag([0.1, 0.1, 1.0]) @ mount.intrinsics).tolist()
                record["translation"] = mount.pose.translation.tolist()
                record["rotation"] = mount.pose.quaternion.tolist()
        change(made)
        root = maker.write(tmp_path / "root", made)
        for path in root.rglob("*.jpg"):
            path.write_bytes(picture() if images is None else images)
        for path in root.rglob("*.pcd.bin"):
            angle = np.linspace(-np.pi, np.pi, 3000)
            wall = np.column_stack([20 * np.cos(angle), 20 * np.sin(angle), 0 * angle, 0 * angle, 0 * angle])
            path.write_bytes(wall.astype("<f4").tobytes() if scans else b"x")
        report = tmp_path / "report.json"
        result = CliRunner().invoke(app, ["evaluate", str(root), "-o", str(report), *options])
        text = result.output + (str(result.exception) if result.exception else "")
        return result.exit_code, text, json.loads(report.read_text()) if report.exists() else None

    return run


def unannotated(made):
    made["sample_annotation"] = []


def test_sound_data_is_scored(evaluate):
    code, text, report = evaluate()
    assert code == 0, text
    assert report["frames"]["with_annotations"] == 2
    assert report["metrics"]["running"]["recall"] == 1.0
    assert "unreadable" not in text
    assert "note" not in text


def test_without_annotations_lidar_is_what_is_left(evaluate, tmp_path):
    code, text, report = evaluate(unannotated, options=["--study", str(tmp_path / "study")])
    assert code == 0, text
    assert report["metrics"]["running"]["iou"] is None
    assert report["metrics"]["running"]["lidar_observed"] is not None
    assert report["passed"] is None
    assert "2 of 2 frames are not scored against annotated vehicles" in text
    assert not {"pass", "fail"} & set(text.split())


def test_without_anything_to_score_against_it_fails(evaluate):
    code, text, report = evaluate(unannotated, scans=False)
    assert code == 1
    assert "neither annotated vehicles nor LiDAR" in text
    assert all(value is None for value in report["metrics"]["running"].values())


def test_unreadable_images_are_named_and_end_it(evaluate):
    code, text, report = evaluate(images=b"GIF89a")
    assert code == 1
    assert "12 files could not be read" in text
    assert text.count("unreadable  ") == 5
    assert "no keyframe could be read" in text
    assert report["data"]["damaged_files"] == 12


def test_a_single_unreadable_image_is_named(evaluate):
    def lost(made):
        made["sample_data"][0]["filename"] = "samples/elsewhere.jpeg"

    code, text, _ = evaluate(lost)
    # The maker writes a file of points where the suffix is not .jpg.
    assert code == 0
    assert "unreadable" in text
    assert "elsewhere.jpeg" in text
    assert "1 file could not be read" in text


def test_categories_that_are_no_vehicles_are_said(evaluate):
    def gadgets(made):
        made["category"][0]["name"] = "gadget"

    code, text, report = evaluate(gadgets)
    assert code == 0
    assert "no category is a vehicle" in text
    assert report["metrics"]["running"]["precision"] is None
    code, text, report = evaluate(gadgets, options=["--vehicle-categories", "gadget,other"])
    assert report["metrics"]["running"]["recall"] == 1.0


def test_calibrations_that_cannot_be_right_are_named(evaluate):
    def change(made):
        for record in made["calibrated_sensor"]:
            w, x, y, z = record["rotation"]
            record["rotation"] = [x, y, z, w]  # as other tools order a quaternion

    assert "note        scene-0001: cam_" in evaluate(change)[1]
    assert "scene-0001: cam_" not in evaluate()[1]


def test_robustness_is_told_beside_the_scores(evaluate):
    code, text, report = evaluate(options=["--robustness", "--limit", "1"])
    assert code == 0, text
    rows = {row["name"]: row for row in report["robustness"]["rows"]}
    assert rows["clean"]["metrics"]["recall"] == 1.0
    assert rows["fog strong"]["relative"]["recall"] == 1.0  # it says yes everywhere, whatever it sees
    assert "turned cameras 5 deg" in text


def test_what_cannot_be_spoiled_costs_no_other_score(evaluate):
    code, text, report = evaluate(unannotated, options=["--robustness"])
    assert code == 1
    assert "no annotated keyframe could be read with all its sensors, so nothing can be spoiled" in text
    assert report["frames"]["with_lidar"] == 2
    assert "robustness" not in report


def drawn(text, folder):
    """The lines of the pictures, and the pictures."""
    lines = [line for line in text.splitlines() if line.startswith(str(folder))]
    return lines, {path.name: cv2.imread(str(path)) for path in sorted(folder.iterdir())}


def test_each_keyframe_has_a_picture_and_its_scores(evaluate, tmp_path):
    folder = tmp_path / "pictures"
    code, text, report = evaluate(options=["--pictures", str(folder)])
    assert code == 0, text
    lines, pictures = drawn(text, folder)
    assert list(pictures) == ["scene-0001_1000000000.jpg", "scene-0001_1500000000.jpg"]
    assert len({picture.shape for picture in pictures.values()}) == 1
    for name, line in zip(pictures, lines, strict=True):
        path, _, scores = line.partition(": ")
        assert path == str(folder / name)
        words = scores.split()
        told = dict(zip(words[::2], words[1::2], strict=True))
        # It says yes everywhere; its one vehicle is 20 m ahead.
        assert told["recall"] == "1.000"
        assert told["iou"] == f"{report['metrics']['running']['iou']:.3f}"
        assert told["iou_0_10"] == "0.000"
        assert told["lidar_recall"] in ("-", "1.000")


def test_pictures_of_another_car_without_annotations_have_the_scores_of_its_lidar(evaluate, tmp_path):
    def other(made):
        unannotated(made)
        made["scene"][0]["name"] = "../2024-01-01 17:00"
        for sensor in made["sensor"]:
            sensor["channel"] = sensor["channel"].replace("CAM_BACK_LEFT", "CAM_ROOF")

    folder = tmp_path / "pictures"
    code, text, _ = evaluate(other, options=["--pictures", str(folder), "--limit", "1"])
    assert code == 0, text
    (line,), pictures = drawn(text, folder)
    assert list(pictures) == [".._2024-01-01_17_00_1000000000.jpg"]
    assert line.startswith(str(folder / ".._2024-01-01_17_00_1000000000.jpg"))
    assert "lidar_support 0." in line
    assert "iou" not in line
