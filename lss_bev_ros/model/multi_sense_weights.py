"""The multi-sense network on disk: safetensors in half precision, with its configuration in the header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ..errors import LssBevError, ModelError
from ..geometry import BevGrid
from .config import ModelConfig
from .multi_sense import MultiSense
from .multi_sense_names import CONFIG
from .senses import SensesConfig
from .weights import COUNTER, LARGEST, NEVER_RUN, cast, read_tensors, write_weights
from .widths import Widths


def write_multi_sense(
    model: MultiSense, path: Path, facts: Mapping[str, str], error: type[LssBevError] = ModelError
) -> None:
    """Write a network, whole or not at all; `load_multi_sense` reads it.

    Args:
        model: to write; the classification head of its trunk, which never runs, is left out.
        path: file to write, .safetensors.
        facts: text to put into the file's header.
        error: class of what is raised.

    Raises:
        error: it cannot be written there, or does not fit into half precision.
    """
    state = {name: tensor for name, tensor in model.state_dict().items() if not _unread(name)}
    write_weights(state, path, {**facts, CONFIG: json.dumps(asdict(model.config))}, error)


def load_multi_sense(path: Path | str) -> MultiSense:
    """Make the network of a file that `write_multi_sense` wrote, in evaluation mode, float32.

    Raises:
        ModelError: the file is missing, damaged, of another network, or its numbers are no weights.
    """
    config = read_config(Path(path))
    if config is None:
        raise ModelError(
            f"{path} does not say which senses it is for: give weights that `lss-bev train --senses` wrote"
        )
    state = read_tensors(Path(path))
    try:
        model = MultiSense(config)
    except (RuntimeError, ValueError, TypeError, MemoryError) as error:  # sizes that no network has
        raise ModelError(
            f"{path}: no network can be made of the sizes in its header ({_first_line(error)}): copy it "
            f"again, or use the version of lss_bev_ros that wrote it"
        ) from error
    expected = model.state_dict()
    missing = [name for name in expected if name not in state and not _unread(name)]
    differ = [n for n in state if n not in expected or state[n].shape != expected[n].shape]
    if missing or differ:
        raise ModelError(
            f"{path} does not hold what its header says ({', '.join((missing + differ)[:3])}): copy it "
            f"again, or use the version of lss_bev_ros that wrote it"
        )
    for name, tensor in expected.items():
        if name in state:
            expected[name] = cast(Path(path), name, state[name], tensor)
            if not torch.isfinite(expected[name]).all():
                raise ModelError(f"{path} holds NaN or infinity in {name}: take an earlier one")
            if expected[name].numel() and expected[name].abs().max() > LARGEST:
                raise ModelError(
                    f"{path} holds numbers beyond {LARGEST:g} in {name}, which no network has: it is "
                    f"damaged; copy it again, or take an earlier one"
                )
    model.load_state_dict(expected)
    return model.eval().requires_grad_(False)


def read_config(path: Path) -> SensesConfig | None:
    """The configuration in a file's header; None for a file that has none, such as the published network's.

    Raises:
        ModelError: the file is missing or damaged, or its configuration cannot be read.
    """
    if path.suffix != ".safetensors":
        return None
    if not path.is_file():
        raise ModelError(f"no weights at {path}: give the path of a .safetensors file")
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), "pt") as file:
            header = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path} is not a safetensors file, or it is truncated: copy it again") from error
    if CONFIG not in header:
        return None
    try:
        return config_of(json.loads(header[CONFIG]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, LssBevError) as error:
        raise ModelError(
            f"{path}: its header's {CONFIG!r} cannot be read ({error}): use the version that wrote it"
        ) from error


def config_of(values: Mapping[str, Any]) -> SensesConfig:
    """The configuration from what `asdict` made of one, through JSON or not."""
    rest = {name: _tupled(value) for name, value in values.items() if name != "model"}
    return SensesConfig(model=model_config_of(values["model"]), **rest)


def model_config_of(values: Mapping[str, Any]) -> ModelConfig:
    """A published network's configuration, likewise."""
    rest = dict(values)
    widths = Widths(**{name: _tupled(value) for name, value in rest.pop("widths").items()})
    return ModelConfig(grid=BevGrid(**rest.pop("grid")), widths=widths, **rest)


def _tupled(value: Any) -> Any:
    return tuple(_tupled(each) for each in value) if isinstance(value, (list, tuple)) else value


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _unread(name: str) -> bool:
    return name.startswith(NEVER_RUN) or name.endswith(COUNTER)
