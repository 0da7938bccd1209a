"""Where parameters come from: a seed, the package, or a checkpoint file."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ..errors import ModelError
from .bev_encoder import BasicBlock
from .config import ModelConfig
from .efficientnet import MBConvBlock
from .lift_splat import LiftSplatShoot
from .widths import Widths

CONSTANTS = ("dx", "bx", "nx", "frustum")
"""State that follows from the configuration and is no parameter."""

_SHIPPED = Path(__file__).parent / "builtin"
BUILTIN = {
    "builtin": _SHIPPED / "lss_synthetic.safetensors",
    "builtin-pruned": _SHIPPED / "lss_synthetic_pruned.safetensors",
}
"""The weights that ship, by name; `MODEL_CARD.md` beside them says what they are."""

SEED_LOGIT = -3.0
SEED_SPREAD = 1.0
"""Mean and rough spread of the logits of seed weights: an untrained network says "probably nothing"."""

SEED_BEV_VARIANCE = 0.05
"""Rough variance of the BEV stem's output under seed weights, whose input is sparse and small."""

SEED_RESIDUAL = 0.3
"""Scale of the residual branches, which add up, and of the depth logits under seed weights."""

SILU_GAIN = 2.8
"""1 / E[silu(z)^2] for a standard normal z: the variance a layer behind a SiLU must win back."""


def build_model(weights: str | Path = "seed:0", config: ModelConfig | None = None) -> LiftSplatShoot:
    """Make the network in evaluation mode.

    Args:
        weights: `seed:N` (see `seed_state`), `builtin` for those that ship with the package (trained on
            synthetic data, see the model card beside them), `builtin-pruned` for those with fewer channels,
            twice as fast, or the path of a checkpoint (.pt, .pth, .safetensors).
        config: sizes; None for the published ones. The widths of a checkpoint are its own, so that a pruned
            one loads like any other.

    Raises:
        ModelError: the weights cannot be had, or do not fit the configuration.
    """
    spec = str(weights)
    seed = _seed(spec)
    if seed is None:
        model = read_checkpoint(BUILTIN.get(spec, Path(spec)), config)
    else:
        model = LiftSplatShoot(config)
        model.load_state_dict(seed_state(model, seed), strict=True)
    return model.eval().requires_grad_(False)


def describe_weights(weights: str | Path) -> str:
    """Say in a few words which weights those are, for logs and tables."""
    if str(weights) in BUILTIN:
        return f"{weights} (trained on synthetic data)"
    seed = _seed(str(weights))
    return str(weights) if seed is None else f"seed {seed} (untrained)"


def seed_state(model: LiftSplatShoot, seed: int) -> dict[str, torch.Tensor]:
    """Draw every parameter from a seed, the same on every machine.

    Each tensor has its own generator, numpy's PCG64 seeded with [seed, crc32(name)], so that it depends on
    its name and shape alone. Convolutions are normal with a variance of gain / fan in (He et al., "Delving
    Deep into Rectifiers", 2015), the gain by what comes before them, so that a signal keeps its size through
    the network; batch normalisation is the identity, squeeze and excitation lets everything through. The
    last layer is scaled down and biased so that the logits lie about SEED_LOGIT: faint noise, neither
    saturated nor constant.
    """
    damped = {"camencode.depthnet.weight"}
    for name, module in model.named_modules():
        if isinstance(module, BasicBlock):
            damped.add(f"{name}.bn2.weight")
        elif isinstance(module, MBConvBlock) and module.skips:
            damped.add(f"{name}._bn2.weight")
    state = {}
    for name, tensor in model.state_dict().items():
        if name in CONSTANTS or not tensor.is_floating_point():
            state[name] = tensor.clone()
        elif tensor.ndim == 1:
            state[name] = torch.full_like(tensor, float(name.endswith((".running_var", ".weight"))))
        else:
            generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
            deviation = np.sqrt(_gain(name) / np.prod(tensor.shape[1:]))
            drawn = generator.standard_normal(tuple(tensor.shape), dtype=np.float32) * np.float32(deviation)
            state[name] = torch.from_numpy(drawn)
        if name.endswith("_se_expand.bias"):
            state[name].fill_(4.0)
        if name in damped:
            state[name] *= SEED_RESIDUAL
    state["bevencode.bn1.running_var"].fill_(SEED_BEV_VARIANCE)
    state["bevencode.up2.4.weight"] *= SEED_SPREAD
    state["bevencode.up2.4.bias"].fill_(SEED_LOGIT)
    return state


def _gain(name: str) -> float:
    """The variance that the layer's input has lost to the activation before it."""
    if name.endswith(("_depthwise_conv.weight", "_project_conv.weight", "_se_expand.weight")):
        return SILU_GAIN
    if name.endswith(
        ("_conv_stem.weight", "_expand_conv.weight", "_se_reduce.weight", "bevencode.conv1.weight")
    ):
        return 1.0
    return 2.0


def read_checkpoint(path: Path, config: ModelConfig | None = None) -> LiftSplatShoot:
    """Make the network of a state dict, strictly, without running any code that the file may hold.

    A state dict inside {"state_dict": ...} and names that begin with "module." (DataParallel) are accepted,
    as are half-precision tensors.

    Args:
        path: of the file.
        config: sizes; its widths give way to the file's.

    Raises:
        ModelError: the file is missing, damaged or no checkpoint, or its names or shapes are not the model's.
    """
    state = _unwrap(path, _load(path))
    model = LiftSplatShoot(replace(config or ModelConfig(), widths=Widths.of_state(state)))
    expected = model.state_dict()
    missing = [name for name in expected if name not in state]
    extra = [name for name in state if name not in expected]
    shaped = [n for n, t in expected.items() if n in state and state[n].shape != t.shape]
    problems = []
    if missing:
        problems.append(f"lacks {_some(missing)}")
    if extra:
        problems.append(f"has unknown {_some(extra)}")
    if shaped:
        first = shaped[0]
        problems.append(
            f"{_some(shaped)} of another shape ({first} is {tuple(state[first].shape)}, "
            f"not {tuple(expected[first].shape)})"
        )
    if problems:
        raise ModelError(
            f"checkpoint {path} {'; '.join(problems)}: it is not of this Lift-Splat-Shoot configuration; "
            f"use an official checkpoint or one that `lss-bev train` wrote"
        )
    constants = {name: expected[name] for name in CONSTANTS}
    moved = [
        name
        for name, constant in constants.items()
        if not torch.allclose(state[name].double(), constant.double(), rtol=1e-3, atol=1e-3)
    ]
    if moved:
        raise ModelError(
            f"checkpoint {path} was made for another grid, image size or depth range "
            f"({', '.join(moved)} differ): configure the model as it was trained"
        )
    broken = [n for n in expected if not torch.isfinite(state[n]).all()]
    if broken:
        raise ModelError(f"checkpoint {path} holds NaN or infinity in {_some(broken)}: take an earlier one")
    fitted = {name: state[name].to(tensor.dtype) for name, tensor in expected.items()}
    model.load_state_dict(fitted | constants, strict=True)
    return model


def _load(path: Path) -> object:
    """Unpickle tensors and nothing else."""
    if not path.is_file():
        raise ModelError(f"no checkpoint at {path}: give the path of a .pt or .pth state dict, or 'seed:0'")
    if path.suffix == ".safetensors":
        return _load_safetensors(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ModelError(f"cannot read checkpoint {path}: {error.strerror or error}") from error
    except Exception as error:  # the unpickler raises whatever the bytes lead it to
        if "weights_only" in str(error) and zipfile.is_zipfile(path):
            raise ModelError(
                f"checkpoint {path} holds more than tensors and is not unpickled, for safety: "
                f"save it again as torch.save(model.state_dict(), path)"
            ) from error
        raise ModelError(
            f"{path} is no PyTorch checkpoint, or it is truncated: download or copy it again"
        ) from error


def _load_safetensors(path: Path) -> object:
    """Read a file that can hold nothing but tensors."""
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError as error:
        raise ModelError(f"{path} needs the package safetensors: pip install safetensors") from error
    try:
        return load_file(str(path))
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path} is no safetensors file, or it is truncated: copy it again") from error


def _unwrap(path: Path, content: object) -> dict[str, torch.Tensor]:
    """Take the state dict out of what a training script may have put around it."""
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not content:
        raise ModelError(
            f"checkpoint {path} holds no state dict: save it as torch.save(model.state_dict(), path)"
        )
    wrong = [str(name) for name, value in content.items() if not isinstance(value, torch.Tensor)]
    if wrong:
        raise ModelError(
            f"checkpoint {path} has entries that are no tensors ({_some(wrong)}): "
            f"save it as torch.save(model.state_dict(), path)"
        )
    names = [str(name) for name in content]
    prefix = "module." if all(name.startswith("module.") for name in names) else ""
    return {name[len(prefix) :]: content[key] for name, key in zip(names, content, strict=True)}


def _seed(spec: str) -> int | None:
    """The N of `seed:N`, or None for any other specification."""
    if not spec.startswith("seed:"):
        return None
    if not re.fullmatch(r"seed:\d{1,18}", spec):
        raise ModelError(f"weights {spec!r} must be 'seed:' and a whole number from 0, such as 'seed:0'")
    return int(spec[len("seed:") :])


def _some(names: list[str]) -> str:
    """The first few of many names."""
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
