"""`lss-bev train` runs the recipe that its options say."""

from __future__ import annotations

from dataclasses import replace

import pytest
from typer.testing import CliRunner

from lss_bev_ros.cli import app
from lss_bev_ros.training import AugmentationConfig, TrainingConfig, training_run
from lss_bev_ros.training.config import LOOKS


@pytest.fixture
def recipe(monkeypatch):
    """The recipe that a command line runs."""
    ran = []

    def train(out, data, config, *_, **__):
        ran.append(config)
        return {"iou": 0.5}

    monkeypatch.setattr(training_run, "train", train)

    def of(*options):
        result = CliRunner().invoke(app, ["train", "runs/one", *options])
        assert result.exit_code == 0, result.output
        assert "iou 0.5" in result.output
        return ran[-1]

    return of


def test_without_options_the_recipe_is_the_default(recipe):
    assert recipe() == TrainingConfig()


def test_options_change_what_they_name(recipe):
    got = recipe(
        "--steps", "7", "--minutes", "2.5", "--batch", "4", "--rate", "1e-3", "--depth-weight", "0",
        "--precision", "fp32", "--seed", "3", "--weights", "builtin", "--lose-camera", "0.1",
        "--overlap-weight", "0", "--settle", "0", "0.3", "--warm-up", "100", "--average", "0.9", "--compile",
    )  # fmt: skip
    assert got == replace(
        TrainingConfig(),
        steps=7,
        seconds=150.0,
        batch=4,
        rate=1e-3,
        depth_weight=0.0,
        precision="fp32",
        seed=3,
        start="builtin",
        augmentation=AugmentationConfig(lose_camera=0.1),
        overlap_weight=0.0,
        settle=(0.0, 0.3),
        warm_up=100,
        average=0.9,
        compile=True,
    )


def test_a_value_out_of_range_is_one_line(recipe):
    result = CliRunner().invoke(app, ["train", "runs/one", "--steps", "0"])
    assert "steps 0 must be at least 1" in str(result.exception)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--focal", "200"), "--focal 200 is for the multi-sense network alone"),
        (("--horizon", "56"), "--horizon 56 is for the multi-sense network alone"),
        (("--lose-lidar", "0.9"), "--lose-lidar 0.9 is for the multi-sense network alone"),
        (("--looks", "odd"), "--looks odd: must be mild or strong"),
    ],
)
def test_options_that_would_do_nothing_are_refused(options, message):
    result = CliRunner().invoke(app, ["train", "runs/one", *options])
    assert result.exit_code != 0
    assert message in f"{result.output} {result.exception}"


def test_strong_looks_are_in_the_recipe(recipe):
    assert recipe("--looks", "strong").augmentation.appearance == LOOKS["strong"]
