"""The loop learns every answer at once, and a run that was interrupted goes on as if it had not been."""

from __future__ import annotations

import csv

import pytest
import torch

from lss_bev_ros.errors import TrainingError
from lss_bev_ros.model.multi_sense import MultiSense
from lss_bev_ros.model.multi_sense_weights import load_multi_sense
from lss_bev_ros.training.multi_sense.recipe import MultiSenseRecipe
from lss_bev_ros.training.multi_sense.trainer import MultiSenseTrainer

from .fake_pairs import AUGMENTATION, LAYOUT, SENSES, FakePool, FakeSource


def trainer(out, steps, resume=False, senses=SENSES, **changes):
    config = MultiSenseRecipe(
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
    torch.manual_seed(0)
    model = MultiSense(senses)
    return MultiSenseTrainer(config, model, FakeSource(), FakePool(), FakePool(), out, LAYOUT, resume=resume)


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_every_loss_falls_and_is_logged(tmp_path):
    trainer(tmp_path, steps=30).run()
    log = rows(tmp_path / "train.csv")
    assert len(log) >= 3
    for name in ("segments_vehicle", "overlap_drivable", "heat", "voxels", "voxel_overlap", "words"):
        assert float(log[-1][name]) < 0.85 * float(log[0][name]), name
    assert all(float(value) == float(value) for name, value in log[-1].items() if name != "gpu_percent")
    modes = sorted(path.name for path in tmp_path.glob("validation_*.csv"))
    assert len(modes) == 5
    assert float(rows(tmp_path / "validation_all.csv")[-1]["iou_drivable"]) > 0.3


def take_steps(run, until, steps=6):
    run.load()
    while run.step < until:
        run.advance(run.step / steps)
    return run


def test_a_resumed_run_continues_exactly(tmp_path):
    straight = take_steps(trainer(tmp_path / "straight", steps=6), 6)
    take_steps(trainer(tmp_path / "parts", steps=6), 3).save()
    rest = trainer(tmp_path / "parts", steps=6, resume=True)
    assert rest.step == 3
    take_steps(rest, 6)
    for one, other in ((straight.model, rest.model), (straight.average, rest.average)):
        for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True):
            assert torch.equal(a, b)


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
