"""Channels leave the multi-sense network's encoders; its heads are told, fitted and scored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from lss_bev_ros.deploy.prune import PruneOptions, pruning
from lss_bev_ros.deploy.prune.channels import axes_of, narrow
from lss_bev_ros.deploy.prune.comparison import Speed
from lss_bev_ros.deploy.prune.example import Example
from lss_bev_ros.deploy.prune.importance import channel_importance
from lss_bev_ros.deploy.prune.latency import LatencyTable, MeasuredPart
from lss_bev_ros.deploy.prune.reconstruction import reconstruct
from lss_bev_ros.deploy.prune.running import answers
from lss_bev_ros.deploy.prune.table import prune_table
from lss_bev_ros.errors import DeployError
from lss_bev_ros.model import layers
from lss_bev_ros.model.multi_sense import MultiSense
from lss_bev_ros.model.multi_sense_weights import load_multi_sense, write_multi_sense
from lss_bev_ros.model.senses import HEADS
from lss_bev_ros.runtime.multi_sense.weights import untrained

from ..small_senses import SMALL

LIDAR = replace(SMALL, senses=("lidar", "memory"))
BEV = (
    [f"bev.{i}" for i in range(3)] + [f"bev_inner.{i}" for i in range(6)] + [f"bev_up.{i}" for i in range(3)]
)


@pytest.fixture(scope="module")
def model():
    return untrained(1, LIDAR)


@pytest.fixture(scope="module")
def examples():
    draw = np.random.default_rng(0)
    nothing = torch.zeros(0)
    return [
        Example(
            nothing,
            nothing,
            nothing,
            torch.from_numpy(
                np.column_stack([draw.uniform(-15, 15, (900, 2)), draw.random((900, 3))]).astype(np.float32)
            ),
        )
        for _ in range(2)
    ]


def spread_error(network, whole, example):
    """How far all answers are off, over their spread."""
    with torch.no_grad():
        ours, theirs = answers(network, example), answers(whole, example)
    return sum(float((ours[n] - theirs[n]).square().mean().sqrt() / theirs[n].std()) for n in theirs)


def test_every_convolution_that_runs_is_a_layer_with_its_normalisation():
    whole = MultiSense(SMALL)
    names = {name for name, module in whole.named_modules() if isinstance(module, torch.nn.Conv2d)}
    listed = list(layers(whole))
    assert {layer.name for layer in listed} == {name for name in names if "_conv_head" not in name}
    modules = dict(whole.named_modules())
    assert all(layer.norm in modules for layer in listed if layer.norm)


def test_what_heads_read_is_narrowed_with_what_writes_it(model, examples):
    kept = {"bev_up.2": torch.arange(0, 128, 2), "bev_inner.3": torch.arange(30)}
    smaller = narrow(model, kept)
    assert smaller.config.model.widths.named()["bev_up.2"] == 64
    assert smaller.heads["occupancy"].conv.in_channels == 64
    assert axes_of(model)["heads.plan.conv.weight"][1] == ("bev_up.2",)
    assert set(answers(smaller, examples[0])) == set(HEADS)


def test_channels_are_scored_by_all_answers_and_fitted_to_them(model, examples):
    scores = channel_importance(model, examples)
    assert set(BEV) <= set(scores)
    worst = {"bev_inner.1": scores["bev_inner.1"].argsort()[:24].sort().values}
    best = {"bev_inner.1": scores["bev_inner.1"].argsort()[-24:].sort().values}
    kept_best, kept_worst = narrow(model, best), narrow(model, worst)
    before = spread_error(kept_best, model, examples[0])
    assert before < spread_error(kept_worst, model, examples[0])
    reconstruct(model, kept_best, best, examples)
    assert spread_error(kept_best, model, examples[0]) < before


def test_a_pruned_network_is_saved_and_loaded_again(model, examples, tmp_path, monkeypatch):
    monkeypatch.setattr(pruning, "compare_speed", lambda *_, **__: Speed(10.0, 5.0, 2.0))
    widths = {name: model.config.model.widths.named()[name] for name in BEV}
    parts = tuple(
        MeasuredPart(name, (name,), ((8, width),), np.array([8.0, width])) for name, width in widths.items()
    )
    table = LatencyTable("paper", parts, fixed=100.0)
    pruned = pruning.shrink(model, examples, table, PruneOptions(speedup=1.3))
    assert pruned.report["table_ms"][0] / pruned.report["table_ms"][1] >= 1.3
    path = tmp_path / "pruned.safetensors"
    write_multi_sense(pruned.model, path, {})
    again = load_multi_sense(path)
    assert again.config == pruned.model.config
    assert spread_error(again, pruned.model, examples[0]) < 0.1
    pruned.report["scores"] = {"layers.iou_vehicle": [0.5, 0.4]}
    assert prune_table(pruned).row_count == len(parts) + 4


def test_a_speedup_beyond_what_heads_leave_is_refused(model, examples):
    table = LatencyTable(
        "paper", (MeasuredPart("bev.0", ("bev.0",), ((8, 64),), np.array([1.0, 8.0])),), 100.0
    )
    with pytest.raises(DeployError, match="cannot be reached"):
        pruning.shrink(model, examples, table, PruneOptions(speedup=1.5))
