"""The loop learns, and a run that was interrupted goes on as if it had not been."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import torch
from torch import nn

from lss_bev_ros.errors import TrainingError
from lss_bev_ros.geometry import BevGrid
from lss_bev_ros.model import LiftSplatShoot, ModelConfig
from lss_bev_ros.training import AugmentationConfig, Trainer, TrainingConfig
from lss_bev_ros.training.config import SampleLayout
from lss_bev_ros.training.sample import Sample
from lss_bev_ros.training.source import Source

MODEL = ModelConfig(
    image_height=64,
    image_width=96,
    depth_min=2.0,
    depth_max=10.0,
    channels=8,
    grid=BevGrid(-8, 8, -8, 8, 0.5),
)
LAYOUT = SampleLayout(cameras=2, height=72, width=128, scale=0.08, grid=MODEL.grid)
AUGMENTATION = AugmentationConfig(resize=(0.075, 0.08), bottom=(0.0, 0.1))


class FewSamples(Source):
    """Two cameras, forward and back; a bright picture means a vehicle before that camera."""

    endless = False
    validation_samples = 2

    def __init__(self):
        rng = np.random.default_rng(0)
        self._samples = [("val" if k < 2 else "train", self._sample(rng, k)) for k in range(10)]

    def take(self, wait):
        return self._samples.pop(0) if self._samples else None

    @staticmethod
    def _sample(rng, k):
        images = rng.integers(0, 60, (2, 72, 128, 3)).astype(np.uint8)
        raster = np.zeros(MODEL.grid.shape, np.uint8)
        for camera, rows in ((0, slice(22, 28)), (1, slice(4, 10))):
            if (k >> camera) & 1:
                images[camera] += 150
                raster[rows, 12:20] = 128 + 5
        forward = np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]], np.float32)
        back = np.diag([-1, -1, 1]).astype(np.float32) @ forward
        lens = np.array([[800, 0, 800], [0, 800, 450], [0, 0, 1]], np.float32)
        rows = [np.concatenate([r.ravel(), [0, 0, 1.5], lens.ravel()]) for r in (forward, back)]
        depth = np.full((2, 18, 32), 20, np.uint8)
        return Sample(images, depth, raster, np.array(rows, np.float32), np.ones(2, bool))


def trainer(out, steps, resume=False, data=None, memory=1e8, message=None):
    config = TrainingConfig(
        steps=steps,
        batch=4,
        warm_up=5,
        precision="fp32",
        average=0.9,
        log_every=0.0,
        augmentation=AUGMENTATION,
    )
    data = data or FewSamples()
    return Trainer(config, data, out, MODEL, LAYOUT, memory=memory, resume=resume, message=message)


def take_steps(run, until, steps=6):
    """Steps without logs and validation, as `run` takes them."""
    run.load()
    while run.step < until:
        run.advance(run.step / steps)
    return run


def assert_same_weights(run, other):
    for one, two in ((run.model, other.model), (run.average, other.average)):
        for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True):
            assert torch.equal(a, b)


def test_the_loss_falls(tmp_path):
    scores = trainer(tmp_path, steps=30).run()
    with (tmp_path / "train.csv").open() as file:
        loss = {int(row["step"]): float(row["loss"]) for row in csv.DictReader(file)}
    assert loss[30] < 0.8 * loss[10]
    assert 0 <= scores["iou"] <= 1
    assert (tmp_path / "average.pt").is_file()
    assert (tmp_path / "validation.csv").read_text().count("\n") >= 2


def test_a_resumed_run_continues_exactly(tmp_path):
    straight = take_steps(trainer(tmp_path / "straight", steps=6), 6)
    take_steps(trainer(tmp_path / "parts", steps=6), 3).save()
    rest = trainer(tmp_path / "parts", steps=6, resume=True)
    assert rest.step == 3
    take_steps(rest, 6)
    assert_same_weights(straight, rest)


def test_resuming_what_is_not_there_says_so(tmp_path):
    with pytest.raises(TrainingError, match="no run to resume"):
        trainer(tmp_path, steps=2, resume=True)


@pytest.mark.parametrize(
    ("field", "value"), [("batch", 0), ("rate", 0.0), ("precision", "fp8"), ("seconds", -1.0)]
)
def test_an_impossible_recipe_names_the_field(field, value):
    with pytest.raises(TrainingError, match=field):
        TrainingConfig(**{field: value})


def narrower(model):
    """The model with half the channels behind its upsampling, as pruning leaves it."""
    up2 = model.bevencode.up2
    up2[1], up2[2] = nn.Conv2d(256, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64)
    up2[4] = nn.Conv2d(64, MODEL.outputs, 1)
    return model


def test_a_network_of_other_widths_is_trained_too(tmp_path):
    model = narrower(LiftSplatShoot(MODEL))
    config = TrainingConfig(steps=2, batch=4, precision="fp32", augmentation=AUGMENTATION)
    run = Trainer(config, FewSamples(), tmp_path, layout=LAYOUT, memory=1e8, model=model)
    run.run()
    assert run.average.bevencode.up2[1].weight.shape[0] == 64
    assert (tmp_path / "average.pt").is_file()


def test_a_paused_run_can_be_resumed(tmp_path, monkeypatch):
    monkeypatch.setattr("lss_bev_ros.training.run_loop.SHARED_EVERY", 2)
    trainer(tmp_path, steps=8).run(pause=1e-9)
    rest = trainer(tmp_path, steps=8, resume=True)
    assert 0 < rest.step < 8
    assert (tmp_path / "validation_counts.npy").is_file()
