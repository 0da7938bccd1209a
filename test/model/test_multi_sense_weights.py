"""What is written is read, with its configuration, and what is no such file is refused in one line."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from lss_bev_ros.errors import ModelError
from lss_bev_ros.geometry import BevGrid
from lss_bev_ros.model import ModelConfig, describe_weights, multi_sense_names
from lss_bev_ros.model.multi_sense import MultiSense
from lss_bev_ros.model.multi_sense_names import (
    BUILTIN,
    SHIPPED,
    SHIPPED_STREET,
    STREET,
    is_multi_sense,
    multi_sense_path,
)
from lss_bev_ros.model.multi_sense_weights import load_multi_sense, read_config, write_multi_sense
from lss_bev_ros.model.senses import SensesConfig

CONFIG = SensesConfig(
    ModelConfig(64, 96, depth_min=2.0, depth_max=10.0, channels=8, grid=BevGrid(-8, 8, -8, 8, 0.5)),
    ("cameras", "memory"),
    ("segmentation", "plan"),
    embedding=16,
)


def test_a_network_comes_back_as_it_was(tmp_path):
    torch.manual_seed(0)
    model = MultiSense(CONFIG)
    model.heads["plan"].templates.normal_()
    path = tmp_path / "multi.safetensors"
    write_multi_sense(model, path, {"licence": "Apache-2.0"})
    back = load_multi_sense(path)
    assert back.config == CONFIG
    assert not back.training
    for name, tensor in back.state_dict().items():
        if name.startswith(("camencode.trunk._conv_head", "camencode.trunk._bn1", "camencode.trunk._fc")):
            continue
        if tensor.is_floating_point() and name not in ("frustum", "dx", "bx"):
            assert torch.equal(tensor, model.state_dict()[name].half().float()), name


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda tensor: (10 * tensor).to(torch.int8), "as int8"),
        (lambda tensor: tensor.to(torch.complex64), "as complex64"),
        (lambda tensor: tensor * 0 + 1e20, "beyond 1e\\+07"),
    ],
)
def test_numbers_that_are_no_weights_are_named(tmp_path, spoil, says):
    state = MultiSense(CONFIG).state_dict()
    name = next(name for name, tensor in state.items() if tensor.ndim == 4 and "trunk._conv_head" not in name)
    path = tmp_path / "spoilt.safetensors"
    kept = {key: value.contiguous() for key, value in state.items()}
    save_file({**kept, name: spoil(state[name])}, path, {"senses": json.dumps(asdict(CONFIG))})
    with pytest.raises(ModelError, match=says) as refusal:
        load_multi_sense(path)
    assert name in str(refusal.value)


def test_the_published_network_is_none(tmp_path):
    from lss_bev_ros.model.weights import BUILTIN

    assert read_config(BUILTIN["builtin"]) is None
    with pytest.raises(ModelError, match="which senses"):
        load_multi_sense(BUILTIN["builtin"])


def test_what_is_no_such_file_is_named(tmp_path):
    with pytest.raises(ModelError, match="no weights at"):
        load_multi_sense(tmp_path / "none.safetensors")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"not one")
    with pytest.raises(ModelError, match="truncated"):
        load_multi_sense(broken)


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("senses", "heads", ["segmentation", "radar"]),
        ("model", "channels", 10**9),
        ("model", "channels", 8.5),
        ("model", "image_height", 32 * 10**9),
        ("model", "depth_max", 1e12),
        ("model", "depth_max", float("inf")),
        ("model", "widths", None),
        ("model", "widths", [1]),
        ("grid", "resolution", -1.0),
        ("grid", "resolution", 1e-4),
    ],
)
def test_a_header_that_makes_no_network_is_told_with_its_file(tmp_path, part, name, value):
    values = asdict(CONFIG)
    {"senses": values, "model": values["model"], "grid": values["model"]["grid"]}[part][name] = value
    path = tmp_path / "header.safetensors"
    save_file({"weight": torch.zeros(1)}, path, {"senses": json.dumps(values)})
    with pytest.raises(ModelError, match=r"header\.safetensors: ") as told:
        load_multi_sense(path)
    assert "\n" not in str(told.value)
    assert "the version" in str(told.value)


def test_a_header_without_end_is_told(tmp_path):
    path = tmp_path / "deep.safetensors"
    save_file({"weight": torch.zeros(1)}, path, {"senses": "[" * 100_000})
    with pytest.raises(ModelError, match=r"deep\.safetensors: .* cannot be read"):
        load_multi_sense(path)


@pytest.mark.parametrize(("name", "where"), [(BUILTIN, "SHIPPED"), (STREET, "SHIPPED_STREET")])
def test_the_name_of_those_that_ship_means_their_file(tmp_path, monkeypatch, name, where):
    there = tmp_path / "shipped.safetensors"
    monkeypatch.setattr(multi_sense_names, where, there)
    with pytest.raises(ModelError, match=rf"{name}: this installation lacks .*shipped.safetensors"):
        multi_sense_path(name)
    there.touch()
    assert multi_sense_path(name) == there
    assert is_multi_sense(name)
    assert "synthetic" in describe_weights(name)


def test_other_names_are_paths():
    assert multi_sense_path("own.safetensors") == Path("own.safetensors")
    assert "untrained" in describe_weights("multi-seed:0")


@pytest.mark.skipif(not SHIPPED.is_file(), reason="an installation may be without them")
@pytest.mark.parametrize(("name", "file"), [(BUILTIN, SHIPPED), (STREET, SHIPPED_STREET)])
def test_what_ships_has_every_sense_and_head(name, file):
    config = load_multi_sense(multi_sense_path(name)).config
    assert (config.senses, config.heads) == (SensesConfig().senses, SensesConfig().heads)
    assert file.stat().st_size <= 30_000_000


@pytest.mark.skipif(not SHIPPED.is_file(), reason="an installation may be without them")
def test_the_street_weights_tell_depths_and_rows_by_the_cameras_calibration():
    model = load_multi_sense(multi_sense_path(STREET)).config.model
    assert (model.focal, model.horizon) == (200.0, 56.0)


def test_the_whole_network_ships_in_thirty_megabytes(tmp_path):
    path = tmp_path / "multi.safetensors"
    write_multi_sense(MultiSense(), path, {})
    assert path.stat().st_size < 30e6
