"""The loop learns every answer at once, and a run that was interrupted goes on as if it had not been."""

from __future__ import annotations

import csv

import pytest
import torch

from lss_bev_ros.errors import TrainingError
from lss_bev_ros.model.multi_sense import MultiSense
from lss_bev_ros.model.multi_sense_weights import load_multi_sense
from lss_bev_ros.training.classifier import Classifier
from lss_bev_ros.training.multi_sense.recipe import MultiSenseRecipe
from lss_bev_ros.training.multi_sense.trainer import MultiSenseTrainer

from ..lite0 import lite0_by_chance
from ..test_trainer import assert_same_weights, take_steps
from .fake_pairs import AUGMENTATION, LAYOUT, SENSES, FakePool, FakeSource


def recipe(steps, senses=SENSES, **changes):
    return MultiSenseRecipe(
        steps=steps,
        batch=4,
        warm_up=3,
        precision="fp32",
        average=0.9,
        log_every=0.0,
        augmentation=AUGMENTATION,
        senses=senses,
        **changes,
    )


def trainer(out, steps, resume=False, source=None, capacity=100, **changes):
    torch.manual_seed(0)
    return MultiSenseTrainer(
        recipe(steps, **changes),
        MultiSense(SENSES),
        source or FakeSource(),
        FakePool(capacity),
        FakePool(),
        out,
        LAYOUT,
        resume=resume,
    )


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_every_loss_falls(tmp_path):
    run = trainer(tmp_path, steps=16)
    run.load()
    losses = [{k: v.mean().item() for k, v in run.advance(0.1)[1].items()} for _ in range(16)]
    for name in ("segments", "overlap", "heat", "box", "voxels", "voxel_overlap", "words", "depth"):
        first, last = (sum(loss[name] for loss in part) for part in (losses[:4], losses[-4:]))
        assert last < first, name


def test_every_loss_is_logged_and_every_set_of_senses_scored(tmp_path):
    scores = trainer(tmp_path, steps=1).run()
    log = rows(tmp_path / "train.csv")
    assert [row["step"] for row in log] == ["1"]
    assert {"segments_crossing", "overlap_person", "heat", "box_z", "voxels", "words", "plan", "depth"} < set(
        log[0]
    )
    assert all(float(value) == float(value) for name, value in log[0].items() if name != "gpu_percent")
    assert len(list(tmp_path.glob("validation_*.csv"))) == 5
    assert float(rows(tmp_path / "validation_lidar.csv")[0]["miou"]) == pytest.approx(
        scores["lidar miou"], rel=1e-4
    )
    assert (tmp_path / "last.pt").is_file()


def test_a_resumed_run_continues_exactly(tmp_path):
    straight = take_steps(trainer(tmp_path / "straight", steps=6), 3)
    take_steps(trainer(tmp_path / "parts", steps=6), 1).save()
    rest = trainer(tmp_path / "parts", steps=6, resume=True)
    assert rest.step == 1
    take_steps(rest, 3)
    assert_same_weights(straight, rest)


def test_a_run_starts_as_soon_as_a_small_pool_is_full(tmp_path):
    source = FakeSource()
    source.endless = True
    run = take_steps(trainer(tmp_path, steps=6, source=source, capacity=8), 1)
    assert run.step == 1


def test_what_is_saved_is_the_average(tmp_path):
    run = take_steps(trainer(tmp_path, steps=6), 2)
    run.save()
    saved = load_multi_sense(tmp_path / "average.safetensors")
    assert saved.config == SENSES
    for name, tensor in run.average.state_dict().items():
        if (
            "num_batches" not in name
            and "._fc." not in name
            and "_conv_head" not in name
            and "._bn1." not in name
        ):
            assert torch.allclose(saved.state_dict()[name], tensor, atol=1e-3, rtol=1e-3), name


def test_resuming_what_is_not_there_says_so(tmp_path):
    with pytest.raises(TrainingError, match="no run to resume"):
        trainer(tmp_path, steps=2, resume=True)


def test_the_camera_encoder_learns_more_slowly(tmp_path):
    run = take_steps(trainer(tmp_path, steps=6, camera_rate=0.25), 3)
    rest, camera = (group["lr"] for group in run._optimizer.param_groups)
    assert camera == pytest.approx(0.25 * rest)


def test_what_a_trunk_is_away_from_a_classifier_is_a_loss(tmp_path):
    torch.manual_seed(3)
    model = MultiSense(SENSES)
    teacher = Classifier(lite0_by_chance())
    run = MultiSenseTrainer(
        recipe(10), model, FakeSource(), FakePool(), FakePool(), tmp_path, LAYOUT, classifier=teacher
    )
    run.load()
    stem = model.camencode.trunk._conv_stem.weight.clone()
    assert run.advance(0.5)[1]["photographs"] > 0
    assert not torch.equal(stem, model.camencode.trunk._conv_stem.weight)
    run.save()
    assert not any(
        "classifier" in name for name in load_multi_sense(tmp_path / "average.safetensors").state_dict()
    )
