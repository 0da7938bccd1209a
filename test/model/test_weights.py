"""Where weights come from, and one clear line for each way a checkpoint can be wrong."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from lss_bev_ros.errors import ModelError
from lss_bev_ros.geometry import BevGrid
from lss_bev_ros.model import ModelConfig, build_model, describe_weights
from lss_bev_ros.model.lift_splat import LiftSplatShoot
from lss_bev_ros.model.weights import BUILTIN, CONSTANTS, read_checkpoint, seed_state

SEED_0_STEM = [-0.0197997726, -0.0748723149, 0.0412840731]


@pytest.fixture(scope="module")
def state(lss_checkpoint):
    return torch.load(lss_checkpoint, weights_only=True)


def save(tmp_path, content):
    path = tmp_path / "model.pt"
    torch.save(content, path)
    return path


def refused(weights) -> str:
    with pytest.raises(ModelError) as caught:
        build_model(weights)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_checkpoint_loads_strictly(lss_checkpoint, state):
    loaded = build_model(lss_checkpoint).state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in state.items())
    assert describe_weights(lss_checkpoint) == str(lss_checkpoint)


def named(state, prefix):
    return {prefix + name: tensor for name, tensor in state.items()}


WRAPPINGS = {
    "state_dict": lambda s: {"state_dict": s, "epoch": 3},
    "model_state_dict": lambda s: {"model_state_dict": s, "optimizer_state_dict": {"state": {0: {}}}},
    "model": lambda s: {"model": s, "args": {"rate": 1e-3}},
    "numbers of numpy": lambda s: {"state_dict": s, "best_iou": np.float64(0.3), "epoch": np.int64(7)},
    "nested": lambda s: {"checkpoint": {"net": {"weights": s}}},
    "ema": lambda s: {"ema": s, "decay": 0.999},
    "DataParallel": lambda s: named(s, "module."),
    "compiled": lambda s: named(s, "_orig_mod."),
    "compiled DataParallel": lambda s: named(s, "module._orig_mod."),
    "a compiled encoder": lambda s: {
        n.replace("bevencode.", "bevencode._orig_mod."): t for n, t in s.items()
    },
    "Lightning": lambda s: {"state_dict": named(s, "model.") | {"loss.pos_weight": torch.ones(1)}},
    "compiled Lightning": lambda s: {"state_dict": named(s, "net.lss._orig_mod.")},
    "AveragedModel": lambda s: named(s, "module.") | {"n_averaged": torch.tensor(4)},
    "the same twice": lambda s: {"model": s, "state_dict": named(s, "module.")},
    "a part beside it": lambda s: {"best": s, "camera": {k: t for k, t in s.items() if "camencode" in k}},
}


@pytest.mark.parametrize("wrap", WRAPPINGS.values(), ids=WRAPPINGS)
def test_what_training_scripts_wrap_around_a_state_dict_is_taken_off(tmp_path, state, wrap):
    loaded = build_model(save(tmp_path, wrap(state))).state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in state.items())


@pytest.mark.parametrize("name", ["ema", "state_dict_ema", "model_ema.", "average", "swa_model."])
def test_of_a_network_and_its_average_the_average_is_taken(tmp_path, state, name):
    average = dict(state, **{"bevencode.up2.4.bias": torch.tensor([-1.25])})
    content = (
        named(state, "model.") | named(average, name) if name[-1] == "." else {"model": state, name: average}
    )
    loaded = build_model(save(tmp_path, content))
    assert loaded.bevencode.up2[4].bias.item() == -1.25


def test_networks_of_which_none_is_to_be_preferred_are_named(tmp_path, state):
    other = dict(state, **{"bevencode.up2.4.bias": torch.tensor([-1.25])})
    message = refused(save(tmp_path, {"student": state, "teacher": other}))
    assert "several networks (student, teacher)" in message


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_any_floating_point_type_becomes_single_precision(tmp_path, state, dtype):
    cast = {
        name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in state.items()
    }
    model = build_model(save(tmp_path, cast))
    assert model.bevencode.conv1.weight.dtype == torch.float32
    assert torch.equal(model.bevencode.conv1.weight, cast["bevencode.conv1.weight"].float())
    # What follows from the configuration is never rounded.
    assert torch.equal(model.frustum, state["frustum"])


def test_weights_that_single_precision_does_not_hold_are_refused(tmp_path, state):
    large = dict(state, **{"bevencode.conv1.weight": state["bevencode.conv1.weight"].double() * 1e300})
    assert "beyond float32, in bevencode.conv1.weight" in refused(save(tmp_path, large))


def test_whole_numbers_are_no_weights(tmp_path, state):
    name = "bevencode.conv1.weight"
    message = refused(save(tmp_path, dict(state, **{name: state[name].to(torch.int8)})))
    assert f"{name} as int8" in message
    assert "before it is quantised" in message


def test_a_record_that_changed_is_refused(tmp_path, state):
    """torch.load takes it: a changed byte is another number."""
    path = save(tmp_path, state)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert "is not what was written (CRC-32): copy it again" in refused(path)


def test_an_archive_without_checksums_is_taken(tmp_path, state):
    from torch.utils.serialization import config

    with config.patch("save.compute_crc32", False):
        path = save(tmp_path, state)
    assert torch.equal(build_model(path).frustum, state["frustum"])


def test_what_no_prediction_reads_may_be_missing(tmp_path, state):
    head = ("trunk._conv_head.", "trunk._bn1.", "trunk._fc.", "num_batches_tracked")
    less = {name: tensor for name, tensor in state.items() if not any(part in name for part in head)}
    loaded = build_model(save(tmp_path, less)).state_dict()
    assert len(loaded) == len(state) > len(less)
    assert all(torch.equal(loaded[name], tensor) for name, tensor in less.items())


def test_without_its_constants_nothing_says_which_grid_a_checkpoint_is_for(tmp_path, state):
    less = {name: tensor for name, tensor in state.items() if name not in CONSTANTS}
    assert "lacks dx, bx, nx and 1 more, which say what grid" in refused(save(tmp_path, less))


def test_a_network_of_several_classes_is_refused_with_the_row_to_keep(tmp_path, state):
    name = "bevencode.up2.4"
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    several = dict(state, **{f"{name}.weight": torch.cat([weight * k for k in range(4)])})
    several[f"{name}.bias"] = torch.arange(4.0)
    path = save(tmp_path, several)
    message = refused(path)
    assert "4 outputs, not 1" in message
    assert f"state['{name}.weight'][k:k+1]" in message
    for key in (f"{name}.weight", f"{name}.bias"):
        several[key] = several[key][2:3]
    kept = build_model(save(tmp_path, several))
    assert torch.equal(kept.bevencode.up2[4].weight, weight * 2)
    assert kept.bevencode.up2[4].bias.item() == 2.0
    assert bias.shape == (1,)


def test_a_network_of_several_classes_is_run_where_they_are_asked_for(tmp_path):
    config = ModelConfig(outputs=3)
    model = LiftSplatShoot(config)
    assert build_model(save(tmp_path, model.state_dict()), config).bevencode.up2[4].out_channels == 3


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (ModelConfig(grid=BevGrid(-25.0, 25.0, -25.0, 25.0, 0.25)), "cells of 0.25 m from (-25, -25)"),
        (ModelConfig(depth_min=4.0, depth_max=60.0, depth_step=0.5), "112 depths from 4 m every 0.5 m"),
        (ModelConfig(image_height=256, image_width=704), "images of 256 x 704"),
    ],
)
def test_what_a_checkpoint_was_made_for_is_said(tmp_path, config, words):
    message = refused(save(tmp_path, LiftSplatShoot(config).state_dict()))
    assert words in message
    assert "configured for 200 x 200 cells of 0.5 m from (-50, -50), 41 depths from 4 m" in message


def test_another_network_is_said_to_be_one(tmp_path):
    message = refused(save(tmp_path, {"state_dict": {"backbone.conv1.weight": torch.zeros(3)}}))
    assert "of another network, with backbone.conv1.weight" in message


def test_a_seed_gives_the_same_weights_everywhere():
    model = LiftSplatShoot()
    state, again, other = seed_state(model, 0), seed_state(model, 0), seed_state(model, 1)
    name = "camencode.trunk._conv_stem.weight"
    assert all(torch.equal(state[key], again[key]) for key in state)
    assert not torch.equal(state[name], other[name])
    # Drawn once and written down: another machine or numpy must give these numbers.
    np.testing.assert_allclose(state[name][0, 0, 0].numpy(), SEED_0_STEM, rtol=1e-6)


def test_a_seed_is_described_as_untrained():
    assert describe_weights("seed:7") == "seed 7 (untrained)"


@pytest.mark.parametrize("weights", ["seed:", "seed:-1", "seed:x", "seed:1.5"])
def test_a_seed_must_be_a_whole_number(weights):
    assert "seed:0" in refused(weights)


@pytest.mark.parametrize("name", BUILTIN)
def test_builtin_weights_load_strictly_and_say_what_they_are(name):
    model = build_model(name)
    assert all(torch.isfinite(tensor).all() for tensor in model.state_dict().values())
    assert "synthetic" in describe_weights(name)
    assert BUILTIN[name].stat().st_size <= 30_000_000
    assert BUILTIN[name].name in (BUILTIN[name].parent / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_the_pruned_weights_have_few_channels_where_they_cost_time():
    dense, pruned = (build_model(name).config.widths.bev_up for name in BUILTIN)
    assert all(few <= many // 4 for few, many in zip(pruned, dense, strict=True))


def test_a_truncated_safetensors_file_is_named(tmp_path):
    path = tmp_path / "half.safetensors"
    path.write_bytes(BUILTIN["builtin"].read_bytes()[:100_000])
    assert str(path) in refused(path)


def test_a_missing_checkpoint_is_named(tmp_path):
    assert str(tmp_path / "none.pt") in refused(tmp_path / "none.pt")


@pytest.mark.parametrize("content", [b"", b"not a checkpoint at all", b"PK\x03\x04 a torn zip archive"])
def test_a_file_that_is_no_checkpoint_is_named(tmp_path, content):
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    assert str(path) in refused(path)


@pytest.mark.parametrize("share", [0.3, 0.999])
def test_a_truncated_checkpoint_is_named(tmp_path, lss_checkpoint, share):
    path = tmp_path / "model.pt"
    whole = lss_checkpoint.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    assert "truncated" in refused(path)


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    path = save(tmp_path, {"state_dict": Trap()})
    assert "more than tensors (" in refused(path)


class Trap:
    def __reduce__(self):
        return (pytest.fail, ("the checkpoint's code was run",))


@pytest.mark.parametrize("content", [[1, 2], {}, {"epoch": 3}, torch.zeros(3)])
def test_something_else_than_a_state_dict_is_refused(tmp_path, content):
    assert "state_dict" in refused(save(tmp_path, content))


def test_missing_extra_and_misshapen_entries_are_listed(tmp_path, state):
    broken = dict(state)
    for name in list(broken)[-5:]:
        del broken[name]
    broken["head.weight"] = torch.zeros(3)
    broken["camencode.depthnet.bias"] = torch.zeros(7)
    message = refused(save(tmp_path, broken))
    assert "lacks bevencode.up2.2.running_mean" in message
    assert "and 2 more" in message
    assert "unknown head.weight" in message
    assert "camencode.depthnet.bias is (7,), not (105,)" in message


def test_a_checkpoint_of_another_grid_is_refused(tmp_path, state):
    moved = dict(state, bx=state["bx"] + 1)
    assert "bx" in refused(save(tmp_path, moved))


def test_weights_that_are_not_finite_are_refused(tmp_path, state):
    broken = dict(state)
    broken["bevencode.conv1.weight"] = torch.full_like(state["bevencode.conv1.weight"], float("nan"))
    assert "bevencode.conv1.weight" in refused(save(tmp_path, broken))


@pytest.mark.parametrize(
    "wrong",
    [
        {"image_height": 130},
        {"image_width": 0},
        {"depth_min": 0.0},
        {"depth_step": 0.0},
        {"depth_max": 3.0},
        {"channels": 0},
        {"bottom_cut": 1.0},
        {"z_min": 20.0},
    ],
)
def test_an_impossible_configuration_names_the_field(wrong):
    with pytest.raises(ModelError, match=next(iter(wrong)).split("_")[0]):
        ModelConfig(**wrong)


@given(st.binary(max_size=200))
@example(b"root:x:0:0:root:/root:/bin/bash\n")
def test_any_bytes_that_are_no_checkpoint_are_refused_in_one_line(data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.pt")
        path.write_bytes(data)
        with pytest.raises(ModelError, match=r"model\.pt") as caught:
            read_checkpoint(path, None)
    assert "\n" not in str(caught.value)
