"""From a drive to weights, or to a reason why not; never to worse ones in silence."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from lss_bev_ros.adapt import adaptation, checks
from lss_bev_ros.adapt.checks import check_calibration, check_drive, check_network
from lss_bev_ros.adapt.holdout import split_drive
from lss_bev_ros.adapt.passages import Drive, PassageMaker, read_drive
from lss_bev_ros.adapt.recipe import AdaptRecipe
from lss_bev_ros.commands.adapt import NOT_BETTER
from lss_bev_ros.dataset import NuScenesReader
from lss_bev_ros.doctor import ERROR
from lss_bev_ros.doctor.examination import examine_calibration
from lss_bev_ros.errors import LssBevError, ModelError, TrainingError
from lss_bev_ros.model.multi_sense import MultiSense
from lss_bev_ros.model.multi_sense_weights import load_multi_sense, write_multi_sense
from lss_bev_ros.model.senses import SensesConfig
from lss_bev_ros.training.config import SampleLayout
from lss_bev_ros.training.sample import NO_DEPTH

from ..small_senses import SMALL
from .fake_drive import write_drive


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    write_multi_sense(MultiSense(SMALL).eval(), path, {})
    return path


@pytest.fixture(scope="module")
def drive(fake_drive):
    return read_drive(NuScenesReader(fake_drive), SMALL.model.grid)


def same(one, other) -> bool:
    first, second = (load_file(path) for path in (one, other))
    return all(torch.equal(value, second[name]) for name, value in first.items())


@pytest.fixture
def _short_is_enough(monkeypatch):
    """Two minutes take long to read."""
    monkeypatch.setattr(checks, "LEAST_SECONDS", 20.0)
    monkeypatch.setattr(checks, "_LEAST_METRES", 100.0)
    monkeypatch.setattr(adaptation, "check_calibration", lambda reader: [])


def run(fake_drive, weights, out, *more) -> object:
    from lss_bev_ros.cli import app

    options = ["--steps", "2", "--batch", "2", "--device", "cpu", "--scale", "0.05", "--workers", "1"]
    arguments = ["adapt", str(fake_drive), "--weights", str(weights), "--out", str(out), *options, *more]
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


@pytest.mark.usefixtures("_short_is_enough")
def test_weights_that_are_not_better_are_the_old_ones_and_it_is_said(
    fake_drive, weights, tmp_path, monkeypatch
):
    monkeypatch.setattr(adaptation, "why_not", lambda after, before, gain: "the LiDAR supports less")
    out = tmp_path / "new.safetensors"
    made = run(fake_drive, weights, out, "--report", str(tmp_path / "report.json"))
    assert made.exit_code == NOT_BETTER, made.output
    assert "the old weights, unchanged" in made.output
    # Weights of chance see nothing that others could be judged by.
    assert "in the held-out minutes the LiDAR is sure of no vehicle" in " ".join(made.output.split())
    assert "nan" not in made.output.split("held-out minutes, cameras")[-1]
    assert same(weights, out)
    told = json.loads((tmp_path / "report.json").read_text())
    assert told["taken"] is False
    assert told["reason"]
    assert told["drive"]["keyframes"] == 48
    assert set(told["before"]) == set(told["after"])
    assert told == json.loads((tmp_path / "new.run" / "adapt.json").read_text())


@pytest.mark.usefixtures("_short_is_enough")
def test_weights_that_are_better_are_written(fake_drive, weights, tmp_path, monkeypatch):
    from lss_bev_ros.adapt import trainer

    monkeypatch.setattr(trainer, "is_better", lambda after, before, gain: True)
    monkeypatch.setattr(adaptation, "why_not", lambda after, before, gain: "")
    out = tmp_path / "new.safetensors"
    made = run(fake_drive, weights, out)
    assert made.exit_code == 0, made.output
    assert "new weights" in made.output
    assert not same(weights, out)
    assert load_multi_sense(out).config == SMALL


def test_a_drive_is_read_as_pairs(fake_drive, drive):
    assert drive.seconds == pytest.approx(23.5)
    assert drive.metres == pytest.approx(6.0 * 23.5)
    layout = SampleLayout(6, 54, 96, 0.06, 4, SMALL.model.grid)
    maker = PassageMaker(drive, layout, 1.2, drive.most)
    (block,) = maker.blocks([0, 5])
    assert block.motion[0].isnan().all()
    assert block.motion[1].tolist() == pytest.approx([3.0, 0.0, 0.0, 0.5], abs=1e-4)
    assert block.present.all()
    assert block.images.shape == (2, 2, 6, 54, 96, 3)
    assert np.allclose(block.future[1], [[3.0 * k, 0.0] for k in range(1, 7)], atol=1e-3)
    assert (block.depth[1, 1] != NO_DEPTH).any()
    assert (block.evidence[1] > 0).any()
    first, second = (drive.returns[k].astype(np.float32) for k in (4, 5))
    assert np.allclose(block.points[1, 0][: len(first)].float(), first, atol=1e-2)
    assert np.allclose(block.points[1, 1][: len(second)].float(), second, atol=1e-2)


def test_what_is_held_out_is_never_near_what_is_learned_from(drive):
    recipe = AdaptRecipe(apart=0.8)
    train, held = split_drive(drive, recipe)
    assert not set(train) & set(held)
    stamps = np.array([frame.stamp for frame in drive.keyframes]) / 1e9
    assert np.abs(stamps[train][:, None] - stamps[held]).min() >= recipe.apart
    assert 0.1 < len(held) / len(drive) < 0.35
    assert len(train) > 0.4 * len(drive)


def test_a_drive_that_cannot_teach_is_refused_in_one_line(drive, tmp_path, monkeypatch):
    with pytest.raises(
        TrainingError, match=r"mine: 24 s of driving, at least 120 are needed: record a longer"
    ):
        check_drive(drive, "mine")
    monkeypatch.setattr(checks, "LEAST_SECONDS", 24.0)
    monkeypatch.setattr(checks, "_LEAST_METRES", 100.0)
    check_drive(drive, "mine")  # its last keyframe is half a second before the end of the 24th
    monkeypatch.undo()
    monkeypatch.setattr(checks, "LEAST_SECONDS", 3.0)
    still = write_drive(tmp_path / "still", 4.0, speed=0.0)
    with pytest.raises(TrainingError, match=r"the car stands in 100 % of it and drives 0 m; at least 200 m"):
        check_drive(read_drive(NuScenesReader(still), SMALL.model.grid), still)
    monkeypatch.setattr(checks, "LEAST_SECONDS", 8.0)
    few = Drive(drive.keyframes[::4], drive.scans[::4], drive.returns[::4])
    with pytest.raises(
        TrainingError, match=r"in 22 s there are 12 keyframes with a scan, mostly more than 1.2 s"
    ):
        check_drive(few, "mine")
    blind = write_drive(tmp_path / "blind", 4.0, lidar=False)
    with pytest.raises(TrainingError, match=r"no keyframe has a LiDAR scan.*import a bag that has one"):
        read_drive(NuScenesReader(blind), SMALL.model.grid)


def test_a_refusal_writes_nothing(fake_drive, weights, tmp_path):
    with pytest.raises(LssBevError, match="24 s of driving"):
        run(fake_drive, weights, tmp_path / "out.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_calibration_is_refused_and_a_right_one_is_not(fake_drive, tmp_path):
    recorded = checks.recording_of(NuScenesReader(fake_drive), 3)
    assert len(recorded.cameras) == 6
    assert len(recorded.lidars[0].clouds) == 3
    assert not [each for each in examine_calibration(recorded).problems if each.level == ERROR]
    root = write_drive(tmp_path / "drive", seconds=4.0, turned=np.pi)
    with pytest.raises(TrainingError, match=r"calibration is wrong.*cam_front.*upside down|cam_front"):
        check_calibration(NuScenesReader(root))


def test_a_network_without_both_senses_is_refused():
    for senses in (("cameras",), ("lidar",)):
        with pytest.raises(ModelError, match=r"have no (lidar|cameras): the LiDAR teaches the cameras"):
            check_network(MultiSense(SensesConfig(SMALL.model, senses, heights=4)), "mine")


@pytest.mark.usefixtures("_short_is_enough")
def test_a_bag_is_imported_first(weights, tmp_path, fake_drive):
    from lss_bev_ros.bags.convert import convert

    shutil.copytree(fake_drive, tmp_path / "root")
    (bag,) = convert(NuScenesReader(tmp_path / "root"), tmp_path / "bags").bags
    made = run(bag, weights, tmp_path / "out.safetensors")
    assert made.exit_code in (0, NOT_BETTER), made.output
    assert "not annotated" in made.output
    assert (tmp_path / "out.run" / "drive" / "import.json").is_file()
    told = json.loads((tmp_path / "out.run" / "adapt.json").read_text())
    assert told["drive"]["keyframes"] == 48
