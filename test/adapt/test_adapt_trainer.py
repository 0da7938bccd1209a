"""Cameras learn what LiDAR tells them, held-out minutes choose the weights, and a run can be resumed."""

from __future__ import annotations

import copy
import csv

import pytest
import torch

from lss_bev_ros.adapt.judging import SCORE
from lss_bev_ros.adapt.passages import PassagePool
from lss_bev_ros.adapt.recipe import AdaptRecipe
from lss_bev_ros.adapt.trainer import BEST, AdaptTrainer
from lss_bev_ros.model.multi_sense import MultiSense
from lss_bev_ros.model.multi_sense_weights import load_multi_sense
from lss_bev_ros.model.senses import SEGMENTS

from ..small_senses import SMALL
from ..training.multi_sense.fake_pairs import POINTS
from ..training.test_trainer import assert_same_weights
from .passage_of_chance import AHEAD, AUGMENTATION, LAYOUT, passages

VEHICLE = SEGMENTS.index("vehicle")


class FewPassages:
    """Four to judge by, eight to learn from."""

    endless = False
    validation_samples = 4
    next_world = 0

    def __init__(self, every: int = 2) -> None:
        self._blocks = [("val", passages(4, 1, every)), ("train", passages(8, 2, every))]

    def take(self, wait):
        return self._blocks.pop(0) if self._blocks else None


def recipe(steps: int, **changes) -> AdaptRecipe:
    given = {"rate": 3e-3, "batch": 4, "warm_up": 2, "average": 0.8, "statistics": 2, "validate_every": 0.0}
    given |= {
        "precision": "fp32",
        "log_every": 0.0,
        "augmentation": AUGMENTATION,
        "senses": SMALL,
        "seconds": 0.0,
    }
    return AdaptRecipe(steps=steps, **{**given, **changes})


def trainer(out, steps: int, resume: bool = False, every: int = 2, **changes) -> AdaptTrainer:
    torch.manual_seed(0)
    pools = [PassagePool(20, LAYOUT, POINTS, torch.device("cpu")) for _ in range(2)]
    return AdaptTrainer(
        recipe(steps, **changes), MultiSense(SMALL), FewPassages(every), *pools, out, LAYOUT, resume=resume
    )


@pytest.fixture(autouse=True)
def _knowing_teacher(monkeypatch):
    """A LiDAR network that is sure of a car wherever there is a heap of returns."""
    from lss_bev_ros.adapt.teaching import LidarTeacher

    ask = LidarTeacher.__call__

    def answer(self, batch):
        said = ask(self, batch)
        logits = torch.full_like(said["segmentation"], -4.0)
        heap = (batch.evidence[:, AHEAD[0], AHEAD[1]] > 0).all(-1).all(-1)
        logits[heap, VEHICLE, AHEAD[0], AHEAD[1]] = 4.0
        return said | {"segmentation": logits}

    monkeypatch.setattr(LidarTeacher, "__call__", answer)


def test_cameras_learn_what_the_lidar_tells(tmp_path):
    # With a car in every passage, so that its place is enough to know whatever the processor's roundings are.
    run = trainer(tmp_path, steps=40, every=1, consistency=0.0, rate=2e-3)
    before = copy.deepcopy(run.model.lidarencode.state_dict())
    run.run()
    assert run.best[SCORE] > run.before[SCORE] + 0.1, run.history
    for name, value in run.model.lidarencode.state_dict().items():
        assert torch.equal(before[name], value), name
    best = load_multi_sense(tmp_path / BEST)
    # In half precision, as they will be used.
    assert run.scores_of(best)[SCORE] == pytest.approx(run.best[SCORE], abs=0.05)
    with (tmp_path / "held_out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(run.history)
    assert max(float(row[SCORE]) for row in rows) == pytest.approx(run.best[SCORE], abs=1e-4)


def test_every_answer_is_taught_and_finite(tmp_path):
    run = trainer(tmp_path, steps=3)
    run.load()
    _, losses, gradient, _ = run.advance(0.5)
    assert set(losses) >= {
        "segments",
        "overlap",
        "agree",
        "heat",
        "box_numbers",
        "voxels",
        "words",
        "plan",
        "depth",
    }
    assert all(loss.isfinite().all() for loss in losses.values())
    assert gradient.isfinite()


def test_statistics_of_the_cameras_settle_first_and_no_weight_moves(tmp_path):
    run = trainer(tmp_path, steps=3)
    before = copy.deepcopy(run.model.state_dict())
    run._begin()
    moved = {name for name, value in run.model.state_dict().items() if not torch.equal(before[name], value)}
    assert moved
    assert all("running" in name or "num_batches" in name for name in moved)
    assert all(name.startswith("camencode.") for name in moved)
    average = run.average.state_dict()
    for name in moved:
        if "running" in name:
            assert torch.equal(average[name], run.model.state_dict()[name])


def test_a_run_goes_on_as_if_it_had_not_been_interrupted(tmp_path):
    def steps(run: AdaptTrainer, count: int) -> AdaptTrainer:
        run._begin()
        for _ in range(count):
            run.advance(0.5)
        return run

    whole = steps(trainer(tmp_path / "whole", steps=9, consistency=0.0), 3)
    steps(trainer(tmp_path / "part", steps=9, consistency=0.0), 1).save()
    again = trainer(tmp_path / "part", steps=9, resume=True, consistency=0.0)
    assert again.step == 1
    assert again.before == pytest.approx(whole.before, nan_ok=True)
    assert_same_weights(steps(again, 2), whole)


def test_it_ends_when_nothing_gets_better(tmp_path, monkeypatch):
    monkeypatch.setattr("lss_bev_ros.adapt.trainer.is_better", lambda after, before, gain: False)
    run = trainer(tmp_path, steps=1000, rate=1e-12, patience=1, statistics=0, consistency=0.0)
    run.run()
    assert run.step < 200
    assert run.best == pytest.approx(run.before, nan_ok=True)
    assert not (tmp_path / BEST).exists()


def test_without_consistency_nothing_is_asked_of_the_average(tmp_path):
    run = trainer(tmp_path, steps=2, consistency=0.0)
    run.load()
    assert "agree" not in run.advance(0.0)[1]
