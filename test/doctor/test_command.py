"""`lss-bev doctor` on bags."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from lss_bev_ros.bags.convert import convert
from lss_bev_ros.bags.recordings import of_bag
from lss_bev_ros.cli import app
from lss_bev_ros.dataset import NuScenesReader


@pytest.fixture(scope="module")
def bag(street, tmp_path_factory):
    """A bag of the synthetic street."""
    return convert(NuScenesReader(street, ""), tmp_path_factory.mktemp("bags") / "street", one_bag=True).bags[
        0
    ]


def doctor(*arguments):
    return CliRunner().invoke(app, ["doctor", *map(str, arguments)])


def test_a_good_bag_has_no_problem_and_pictures(bag, tmp_path):
    told = doctor("--bag", bag, "-o", tmp_path / "pictures")
    assert told.exit_code == 0, told.output
    assert "no problem found" in told.output
    for line in ("/cam_front/image_raw/compressed", "1600x900", "lidar_top", "base_link"):
        assert line in told.output
    names = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert {"coverage.png", "lidar_cam_front.jpg", "lidar_cam_back_right.jpg"} <= names
    assert len(names) == 7
    coverage = cv2.imread(str(tmp_path / "pictures" / "coverage.png"))
    assert len(np.unique(coverage.reshape(-1, 3), axis=0)) > 6  # a colour a camera


def test_the_same_as_data(bag):
    told = doctor("--bag", bag, "--json")
    data = json.loads(told.output)
    assert data["problems"] == []
    front = next(camera for camera in data["cameras"] if camera["name"] == "cam_front")
    assert front["size"] == [1600, 900]
    assert front["sees"] > 0.1
    assert abs(front["yaw"]) < 2.0
    assert abs(data["lidars"][0]["road_height"]) < 0.2


def test_errors_end_with_exit_code_1(bag):
    told = doctor("--bag", bag, "--cameras", "cam_front,cam_roof", "--json")
    assert told.exit_code == 1
    (problem,) = json.loads(told.output)["problems"]
    assert (problem["code"], problem["subject"]) == ("topics.missing", ["cam_roof"])


def test_warnings_end_with_exit_code_0(bag):
    told = doctor("--bag", bag, "--slop", "0.001", "--json")
    data = json.loads(told.output)
    assert told.exit_code == 0
    assert [problem["code"] for problem in data["problems"]] == ["clock.spread"]


def test_parameters_are_those_of_the_node(bag):
    told = doctor("--bag", bag, "--image-transport", "raw", "--base-frame", "car", "--json")
    problems = {problem["code"]: problem for problem in json.loads(told.output)["problems"]}
    assert problems["topics.transport"]["remedy"] == "set image_transport to compressed"
    assert problems["tf.no-base"]["remedy"] == "set base_frame to base_link"


def test_no_bag_is_one_line():
    told = doctor("--bag", "nowhere")
    assert told.exit_code == 1
    assert "no bag at nowhere" in str(told.exception)


def test_a_real_keyframe_has_no_problem(nuscenes_frame, tmp_path):
    made = convert(NuScenesReader(nuscenes_frame, ""), tmp_path / "bag", one_bag=True)
    told = doctor("--bag", made.bags[0])
    assert told.exit_code == 0, told.output
    assert "no problem found" in told.output


def test_pictures_are_whole_only_where_they_are_drawn(bag):
    assert of_bag(bag).cameras[0].picture is None
    assert of_bag(bag, whole=True).cameras[0].picture.shape == (900, 1600, 3)
