"""Pruning takes whole channels out, those that matter least for the time that they take."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from lss_bev_ros.deploy.prune import PruneOptions, preset, prune, prune_table, pruning, reconstruction
from lss_bev_ros.deploy.prune.allocation import FLOOR, allocate
from lss_bev_ros.deploy.prune.channels import axes, narrow
from lss_bev_ros.deploy.prune.comparison import Speed
from lss_bev_ros.deploy.prune.example import Example
from lss_bev_ros.deploy.prune.examples import read_examples
from lss_bev_ros.deploy.prune.importance import channel_importance, writers
from lss_bev_ros.deploy.prune.latency import LatencyTable, MeasuredPart, measure_latency
from lss_bev_ros.deploy.prune.parts import network_parts
from lss_bev_ros.deploy.prune.pruning import Pruned, shrink
from lss_bev_ros.deploy.prune.reconstruction import reconstruct
from lss_bev_ros.errors import DeployError
from lss_bev_ros.geometry import BevGrid
from lss_bev_ros.model import LiftSplatShoot, ModelConfig, Widths, build_model
from lss_bev_ros.model.weights import write_weights

SMALL = Widths().with_named({name: max(4, width // 16) for name, width in Widths().named().items()})
CONFIG = ModelConfig(
    image_height=64, image_width=96, depth_min=2, depth_max=10, channels=8, grid=BevGrid(-8, 8, -8, 8, 0.5),
    widths=SMALL,
)  # fmt: skip
SHRINKING = sorted(writers())


@pytest.fixture(scope="module")
def model():
    """A small network whose normalisations all do something."""
    torch.manual_seed(0)
    made = LiftSplatShoot(CONFIG).eval().requires_grad_(False)
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.uniform_(0.5, 1.5)
            module.bias.uniform_(-0.3, 0.3)
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    return made


@pytest.fixture(scope="module")
def examples():
    torch.manual_seed(1)
    cells = torch.randint(-1, 32 * 32, (2, 8, 4, 6))
    return [Example(torch.randn(2, 3, 64, 96), cells, torch.rand(32, 32) < 0.1) for _ in range(2)]


def logits(network, example):
    depth, features = network.camencode(example.images)
    bev = network.voxel_pooling(depth, features, example.cells[None])
    return network.bevencode(bev)


def silenced(model, gone):
    """The whole network with some channels written as zeros."""
    quiet = LiftSplatShoot(model.config)
    quiet.load_state_dict(model.state_dict())
    quiet.eval().requires_grad_(False)
    for name, module in quiet.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            (width,) = axes()[f"{name}.weight"][0]
            if width in gone:
                module.weight[gone[width]] = 0.0
                module.bias[gone[width]] = 0.0
    return quiet


@settings(max_examples=8, deadline=None)
@given(st.data())
def test_a_narrowed_network_is_the_whole_one_without_the_channels(model, examples, data):
    widths = model.config.widths.named()
    chosen = data.draw(st.lists(st.sampled_from(SHRINKING), min_size=1, max_size=6, unique=True))
    kept, gone = {}, {}
    for name in chosen:
        stays = data.draw(st.sets(st.integers(0, widths[name] - 1), min_size=1))
        kept[name] = torch.tensor(sorted(stays))
        gone[name] = torch.tensor(sorted(set(range(widths[name])) - stays), dtype=torch.int64)
    small = narrow(model, kept)
    assert small.config.widths.named() == widths | {name: len(c) for name, c in kept.items()}
    torch.testing.assert_close(
        logits(small, examples[0]), logits(silenced(model, gone), examples[0]), atol=1e-4, rtol=1e-3
    )


def test_the_dependencies_are_those_that_torch_pruning_finds():
    pruning = pytest.importorskip("torch_pruning", reason="an independent opinion, where it is installed")
    model = LiftSplatShoot(CONFIG).eval()
    names = {module: name for name, module in model.named_modules()}
    ours = {}
    for name, shape in axes().items():
        if ".trunk._conv_head" in name or ".trunk._bn1" in name or ".trunk._fc" in name:
            continue
        for axis in shape:
            for width in axis:
                ours.setdefault(width, set()).add(name.rpartition(".")[0])
    inputs = {"camencode": torch.randn(1, 3, 64, 96), "bevencode": torch.randn(1, 8, 32, 32)}
    for part, example in inputs.items():
        graph = pruning.DependencyGraph().build_dependency(getattr(model, part), example_inputs=example)
        for group in graph.get_all_groups(root_module_types=[torch.nn.Conv2d]):
            root = names[group[0].dep.target.module]
            width = axes()[f"{root}.weight"][0]
            if width:
                theirs = {names[d.target.module] for d, _ in group if d.target.module in names}
                assert theirs == ours[width[0]]


def test_an_unknown_width_or_channel_is_named(model):
    with pytest.raises(DeployError, match=r"bev\.7"):
        narrow(model, {"bev.7": torch.arange(3)})
    with pytest.raises(DeployError, match=r"bev\.0"):
        narrow(model, {"bev.0": torch.tensor([0, 400])})


def test_a_channel_that_writes_nothing_is_worth_nothing(model, examples):
    gone = {name: torch.tensor([1]) for name in SHRINKING}
    scores = channel_importance(silenced(model, gone), examples)
    assert set(scores) == set(SHRINKING)
    for name, score in scores.items():
        assert score.shape == (SMALL.named()[name],)
        assert score.min() >= 0
        assert score[1] == 0
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_every_parameter_that_runs_is_in_one_part():
    parts = network_parts(CONFIG)
    model = LiftSplatShoot(CONFIG)
    head = ("_conv_head", "trunk._bn1", "_fc")
    running = sum(p.numel() for n, p in model.named_parameters() if not any(h in n for h in head))
    counted = sum(p.numel() for part in parts for p in part.make(SMALL).parameters())
    assert counted == running


def linear_table(full):
    """A device on which a part takes as long as the product of its two widths."""
    names = sorted(full)
    parts = []
    for a, b in itertools.pairwise(names):
        levels = tuple((max(1, full[n] // 4), full[n]) for n in (a, b))
        parts.append(MeasuredPart(f"{a} {b}", (a, b), levels, np.outer(*levels).astype(float)))
    return LatencyTable("paper", tuple(parts))


@given(st.integers(1, 64), st.integers(1, 64))
def test_between_measurements_latency_is_linear_in_each_width(a, b):
    table = linear_table({"x": 64, "y": 64})
    assert table.total({"x": a, "y": b}) == pytest.approx(a * b)


@given(st.floats(1.0, 6.0), st.integers(0, 99), st.sampled_from([1, 4, 8]))
def test_the_speedup_is_met_with_the_most_important_channels(speedup, seed, multiple):
    rng = np.random.default_rng(seed)
    importance = {name: torch.from_numpy(rng.random(48) ** 4) for name in ("a", "b", "c")}
    table = linear_table(dict.fromkeys(importance, 48))
    kept = allocate(importance, table, speedup, multiple)
    named = {name: len(kept.get(name, torch.arange(48))) for name in importance}
    full = table.total(dict.fromkeys(importance, 48))
    assert full / table.total(named) >= speedup * (1 - 1e-9)
    for name, channels in kept.items():
        assert len(channels) % multiple == 0
        assert len(channels) >= FLOOR * 48
        assert bool((channels.diff() > 0).all())
        out = np.setdiff1d(np.arange(48), channels.numpy())
        assert importance[name][channels].min() >= importance[name][out].max()


def test_a_speedup_that_cannot_be_had_says_what_can():
    importance = {name: torch.ones(48) for name in ("a", "b")}
    with pytest.raises(DeployError, match=r"speedup of 90 cannot be reached.* 9\.00 times faster"):
        allocate(importance, linear_table({"a": 48, "b": 48}), 90)


@pytest.mark.parametrize(
    "wrong",
    [{"speedup": 0.5}, {"precision": "int3"}, {"multiple": 0}, {"frames": 0}, {"speedup": float("nan")}],
)
def test_impossible_options_name_the_field(wrong):
    with pytest.raises(DeployError, match=next(iter(wrong))):
        PruneOptions(**wrong)


def test_a_device_that_is_not_there_is_named():
    with pytest.raises(DeployError, match="toaster"):
        measure_latency(CONFIG, "toaster")
    if not torch.cuda.is_available():
        with pytest.raises(DeployError, match="cuda"):
            measure_latency(CONFIG, "cuda")


def test_data_without_frames_is_refused(tmp_path):
    with pytest.raises(DeployError, match="frames 0"):
        read_examples(tmp_path, 0, CONFIG)


def test_a_network_is_pruned_saved_and_built_again(model, examples, tmp_path, monkeypatch):
    monkeypatch.setattr("lss_bev_ros.deploy.prune.latency.BUDGET", 0.0)
    steps = []
    table = measure_latency(CONFIG, multiple=2, progress=lambda done, total: steps.append((done, total)))
    assert steps[-1][0] == steps[-1][1]
    # Of so small a network the engine's own work is most, so that only the table is asked.
    monkeypatch.setattr("lss_bev_ros.deploy.prune.pruning.ATTEMPTS", 1)
    pruned = shrink(model, examples, table, PruneOptions(speedup=1.02, multiple=2))
    before, after = pruned.report["parameters"]
    assert after < before
    assert pruned.model.config.widths.head == (min(8, SMALL.head[0]),)
    path = tmp_path / "new" / "pruned.safetensors"
    write_weights(pruned.model.state_dict(), path, {"licence": "Apache-2.0"}, DeployError)
    again = build_model(path, CONFIG)
    assert again.config == pruned.model.config
    torch.testing.assert_close(
        logits(again, examples[0]), logits(pruned.model, examples[0]), atol=0.05, rtol=0.05
    )


def measured(monkeypatch, *speedups):
    """The whole network is so many times faster, attempt by attempt."""
    left = iter(speedups)
    monkeypatch.setattr(pruning, "compare_speed", lambda *_, **__: Speed(10.0, 5.0, next(left)))
    monkeypatch.setattr(pruning, "reconstruct", lambda *_: None)
    goals = []

    def allocated(importance, table, speedup, multiple):
        goals.append(speedup)
        return allocate(importance, table, speedup, multiple)

    monkeypatch.setattr(pruning, "allocate", allocated)
    return goals


def pruned_for(model, examples, speedup):
    widths = {name: model.config.widths.named()[name] for name in SHRINKING}
    return shrink(model, examples, linear_table(widths), PruneOptions(speedup=speedup, multiple=1))


def test_the_first_network_that_is_fast_enough_is_kept(model, examples, monkeypatch):
    goals = measured(monkeypatch, 1.4, 1.6)
    pruned = pruned_for(model, examples, 1.5)
    assert pruned.speed.speedup == 1.6
    assert pruned.missed == ""
    assert pruned.report["goal_met"] is True
    assert goals[1:] == pytest.approx([1.5, 1.5 * 1.02 * 1.5 / 1.4])


def test_a_missed_goal_keeps_the_fastest_network_and_says_so(model, examples, monkeypatch):
    measured(monkeypatch, 1.2, 1.45, 1.3, 1.1)
    pruned = pruned_for(model, examples, 1.5)
    assert pruned.speed.speedup == 1.45
    assert "missed: the network is 1.45 times faster, not 1.5" in pruned.missed
    assert "\n" not in pruned.missed
    assert pruned.report["goal_met"] is False
    assert pruned.report["measured"]["speedup"] == 1.45


def test_an_attempt_that_asks_for_too_much_does_not_lose_the_ones_before(model, examples, monkeypatch):
    # The table cannot give 1.5 * 1.02 * 1.5 / 0.1.
    measured(monkeypatch, 0.1)
    pruned = pruned_for(model, examples, 1.5)
    assert pruned.speed.speedup == 0.1
    assert pruned.missed


def test_what_another_device_takes_for_the_whole_network_steers_the_next_cut(model, examples, monkeypatch):
    """Its layers say 10 ms, and each network that was cut is measured there again."""
    goals = measured(monkeypatch)
    widths = {name: model.config.widths.named()[name] for name in SHRINKING}
    table = replace(linear_table(widths), elsewhere=True)
    whole = table.total(widths)
    took, asked = iter((whole / 1.4, whole / 1.6)), []

    def there(network):
        asked.append(network)
        return next(took)

    options = PruneOptions(speedup=1.5, multiple=1)
    pruned = shrink(model, examples, table, options, measure=there)
    assert pruned.speed == Speed(whole, whole / 1.6, pytest.approx(1.6))
    assert pruned.missed == ""
    assert asked[-1] is pruned.model
    assert goals[1:] == pytest.approx([1.5, 1.5 * 1.02 * 1.5 / 1.4])
    # Without a device to ask, its layers are believed.
    believed = shrink(model, examples, table, options)
    assert believed.speed.after == table.total(believed.model.config.widths.named())


@pytest.mark.parametrize(("speedup", "code"), [(1.9, 1), (2.0, 0)])
def test_the_command_ends_with_1_where_the_goal_is_missed(model, tmp_path, monkeypatch, speedup, code):
    import lss_bev_ros.deploy.prune as library
    from lss_bev_ros.cli import app

    widths = model.config.widths.named()
    report = {"parameters": [2, 1], "device": "cpu", "parts": [], "table_ms": [2.0, 1.0], "weights": "seed:0"}
    made = Pruned(model, linear_table(widths), Speed(10.0, 5.0, speedup), 2.0, report)
    monkeypatch.setattr(library, "prune", lambda *_: made)
    out = tmp_path / "pruned.safetensors"
    result = CliRunner().invoke(app, ["prune", str(out), "--dataroot", str(tmp_path), "--minutes", "0"])
    assert result.exit_code == code, result.output
    assert ("goal is missed" in result.output) == bool(code)
    assert out.is_file()


@pytest.fixture
def small_preset(monkeypatch):
    """One for the small network: half of every width."""
    half = SMALL.with_named({name: max(2, width // 2) for name, width in SMALL.named().items()})
    monkeypatch.setitem(preset.PRESETS, "half", half)
    return half.named()


def test_a_preset_has_the_most_important_channels_of_its_widths(model, examples, small_preset):
    scores = channel_importance(model, examples)
    kept = preset.preset_channels(scores, "half")
    assert set(kept) == {name for name in SHRINKING if small_preset[name] < SMALL.named()[name]}
    for name, channels in kept.items():
        assert len(channels) == small_preset[name]
        out = np.setdiff1d(np.arange(len(scores[name])), channels.numpy())
        assert scores[name][channels].min() >= scores[name][out].max()


def test_a_preset_is_cut_without_measuring_parts_and_is_as_fast_as_it_is(
    model, examples, small_preset, monkeypatch
):
    def never(*_, **__):
        raise AssertionError("nothing is to be measured but the whole network")

    monkeypatch.setattr(pruning, "measure_latency", never)
    monkeypatch.setattr(pruning, "allocate", never)
    monkeypatch.setattr(pruning, "build_model", lambda _: model)
    monkeypatch.setattr(pruning, "describe_weights", str)
    monkeypatch.setattr(pruning, "read_examples", lambda *_: examples)
    monkeypatch.setattr(pruning, "compare_speed", lambda *_, **__: Speed(10.0, 9.0, 0.9))
    pruned = prune("seed:0", Path("data"), PruneOptions(preset="half"))
    found = pruned.model.config.widths.named()
    assert {name: found[name] for name in SHRINKING} == {name: small_preset[name] for name in SHRINKING}
    assert pruned.missed == ""
    assert pruned.report["goal_met"] is True
    assert "whole network" in drawn(prune_table(pruned))


def drawn(table):
    console = Console(record=True, width=120)
    console.print(table)
    return console.export_text()


def test_the_presets_are_networks_each_smaller_than_the_one_before():
    sizes = [sum(map(np.prod, shapes(preset.PRESETS[name]))) for name in ("x2", "x3", "x4")]
    assert sizes == sorted(sizes, reverse=True)
    shipped, named = build_model("builtin-pruned").config.widths.named(), preset.PRESETS["x2"].named()
    assert all(shipped[name] == named[name] for name in named if name not in preset.HEAD)


def shapes(widths):
    with torch.device("meta"):
        state = LiftSplatShoot(ModelConfig(widths=widths)).state_dict()
    return [value.shape for name, value in state.items() if not any(p in name for p in ("_fc", "_conv_head"))]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--preset", "x9"], "no preset is called 'x9': use x2, x3, x4"),
        (["--preset", "x3", "--speedup", "2"], "--preset says all widths: leave --speedup"),
        (["--preset", "x3", "--target", "5ms"], "--preset says all widths"),
        (["--preset", "x3", "--weights", "builtin-multi", "--minutes", "0"], "preset x3 is of the published"),
        (
            ["--preset", "x3", "--weights", "builtin-pruned", "--minutes", "0"],
            r"preset x3 has 88 channels in hidden\.0, and these weights only 72: cut wider weights",
        ),
    ],
)
def test_presets_that_cannot_be_are_one_line(words, said, tmp_path, monkeypatch):
    from lss_bev_ros.cli import app

    monkeypatch.setattr(pruning, "read_examples", lambda *_: [])
    out = tmp_path / "pruned.safetensors"
    result = CliRunner().invoke(app, ["prune", str(out), "--dataroot", str(tmp_path), *words])
    assert isinstance(result.exception, DeployError)
    assert re.search(said, str(result.exception))
    assert "\n" not in str(result.exception)
    assert not list(tmp_path.iterdir())


def test_what_is_left_takes_over_the_work_of_what_was_taken_out(model, examples):
    # Copies of channels in the place of others: taking the copies out can be made good for exactly.
    doubled = LiftSplatShoot(model.config)
    doubled.load_state_dict(model.state_dict())
    doubled.eval().requires_grad_(False)
    first, norm = doubled.bevencode.layer1[0].conv1, doubled.bevencode.layer1[0].bn1
    for tensor in (first.weight, norm.weight, norm.bias, norm.running_mean, norm.running_var):
        tensor[2] = tensor[1]
    kept = {"bev_inner.0": torch.tensor([0, 1, 3])}
    small = narrow(doubled, kept)
    before = (logits(small, examples[0]) - logits(doubled, examples[0])).abs().mean()
    reconstruct(doubled, small, kept, examples)
    after = (logits(small, examples[0]) - logits(doubled, examples[0])).abs().mean()
    assert after < 0.1 * before


def test_a_round_that_leads_away_from_the_old_answers_is_taken_back(model, examples, monkeypatch):
    """All layers change at once, which can blow up where little is left: here the second round does."""
    kept = {"bev_inner.0": torch.tensor([0, 1, 3]), "bev_up.0": torch.arange(8)}
    once = narrow(model, kept)
    reconstruct(model, once, kept, examples, rounds=1)
    fit, calls = reconstruction._fit, []

    def worse(before, after, name, sums):
        fit(before, after, name, sums)
        calls.append(name)
        if len(calls) > len(set(calls)):
            after.get_submodule(name).weight.mul_(30.0)

    monkeypatch.setattr(reconstruction, "_fit", worse)
    twice = narrow(model, kept)
    reconstruct(model, twice, kept, examples, rounds=2)
    assert len(calls) == 2 * len(set(calls))
    for name, tensor in once.state_dict().items():
        assert torch.equal(tensor, twice.state_dict()[name]), name


def test_weights_that_cannot_be_written_leave_nothing(model, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DeployError, match="cannot write"):
        write_weights(model.state_dict(), tmp_path / "file" / "pruned.safetensors", {}, DeployError)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_command_says_a_wrong_speedup_in_one_line():
    from lss_bev_ros.cli import app

    result = CliRunner().invoke(app, ["prune", "--speedup", "0.2"])
    assert isinstance(result.exception, DeployError)
    assert "\n" not in str(result.exception)
