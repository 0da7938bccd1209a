"""Where parameters come from: a seed, the package, or a checkpoint file."""

from __future__ import annotations

import itertools
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import files
from ..errors import LssBevError, ModelError
from ..shipped_weights import SHIPPED
from .bev_encoder import BasicBlock
from .config import DOWNSAMPLE, ModelConfig
from .efficientnet import MBConvBlock
from .frustum import create_frustum
from .lift_splat import LiftSplatShoot
from .multi_sense_names import NAMES as MULTI_SENSE
from .multi_sense_names import SEED, refuse_multi_sense
from .seal import check_seal, check_sums, sealed
from .widths import Widths

CONSTANTS = ("dx", "bx", "nx", "frustum")
"""State that follows from the configuration and is no parameter."""

NEVER_RUN = ("camencode.trunk._conv_head.", "camencode.trunk._bn1.", "camencode.trunk._fc.")
"""Names of the classification head, which official checkpoints carry and no prediction reads."""

COUNTER = ".num_batches_tracked"
_LAST = "bevencode.up2.4.weight"
"""The convolution that makes the outputs."""

_ENCODERS = re.compile(r"(?:^|(?<=\.))(?:camencode|bevencode)\.")
_WRAPPERS = ("module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
"""What DataParallel, torch.compile, FSDP and activation checkpointing put into names."""

_AVERAGE = re.compile(r"(?:^|[._])(?:ema|average|averaged|avg|swa)(?:$|[._])", re.IGNORECASE)

BUILTIN = SHIPPED
"""The weights that ship, by name."""

SEED_LOGIT = -3.0
SEED_SPREAD = 1.0
"""Mean and rough spread of the logits of seed weights: an untrained network says "probably nothing"."""

SEED_BEV_VARIANCE = 0.05
"""Rough variance of the BEV stem's output under seed weights, whose input is sparse and small."""

SEED_RESIDUAL = 0.3
"""Scale of the residual branches, which add up, and of the depth logits under seed weights."""

LARGEST = 1e7
"""Of a weight or a running variance: a bit that flips in an exponent makes numbers up to 1e38."""

SILU_GAIN = 2.8
"""1 / E[silu(z)^2] for a standard normal z: the variance a layer behind a SiLU must win back."""


def build_model(
    weights: str | Path = "seed:0", config: ModelConfig | None = None, resized: bool = False
) -> LiftSplatShoot:
    """Make the network in evaluation mode.

    Args:
        weights: `seed:N` (see `seed_state`), `builtin` for those that ship with the package (trained on
            synthetic data, see the model card beside them), `builtin-pruned` for those with fewer channels,
            twice as fast, or the path of a checkpoint (.pt, .pth, .safetensors).
        config: sizes; None for the published ones. The widths of a checkpoint are its own, so that a pruned
            one loads like any other.
        resized: whether the input may be of another size than the weights were trained with.

    Raises:
        ModelError: the weights cannot be had, do not fit the configuration, or are a multi-sense network's.
    """
    spec = str(weights)
    refuse_multi_sense(spec)
    seed = _seed(spec)
    if seed is None:
        model = read_checkpoint(BUILTIN.get(spec, Path(spec)), config, resized)
    else:
        model = LiftSplatShoot(config)
        model.load_state_dict(seed_state(model, seed), strict=True)
    return model.eval().requires_grad_(False)


def describe_weights(weights: str | Path) -> str:
    """Say in a few words which weights those are, for logs and tables."""
    spec = str(weights)
    if spec in BUILTIN or spec in MULTI_SENSE:
        return f"{spec} (trained on synthetic data)"
    if spec.startswith(SEED):
        return f"{spec} (untrained)"
    seed = _seed(spec)
    return spec if seed is None else f"seed {seed} (untrained)"


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


def read_checkpoint(path: Path, config: ModelConfig | None = None, resized: bool = False) -> LiftSplatShoot:
    """Make the network of a state dict, without running any code that the file may hold.

    The state dict may lie in whatever a training script puts around it (`{"state_dict": ...}`, `model`,
    `ema`, ...), at any depth, its names may carry what DataParallel, torch.compile, FSDP or a Lightning
    module put into them, and its numbers may be of any floating-point type. Of a network beside its moving
    average the average is taken. What never changes a prediction may be missing: the classification head,
    which never runs, and the counters of batch normalisation.

    Args:
        path: of the file.
        config: sizes; its widths give way to the file's.
        resized: see `build_model`.

    Raises:
        ModelError: the file is missing, damaged or no checkpoint, or its names or shapes are not the model's.
    """
    config = config or ModelConfig()
    state = _state_dict(path, _load(path))
    absent = [name for name in CONSTANTS if name not in state]
    if not absent:
        if resized:
            state = _resized(state, config)
        _check_sizes(path, state, config)
    model = LiftSplatShoot(replace(config, widths=Widths.of_state(state)))
    expected = model.state_dict()
    missing = [name for name in expected if name not in state and name not in CONSTANTS]
    if all(name.startswith(NEVER_RUN) or name.endswith(COUNTER) for name in missing):
        missing = []
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
            f"has {_some(shaped)} of another shape ({first} is {tuple(state[first].shape)}, "
            f"not {tuple(expected[first].shape)})"
        )
    if problems:
        raise ModelError(
            f"checkpoint {path} {'; '.join(problems)}: it is not of this Lift-Splat-Shoot configuration; "
            f"use an official checkpoint or one that `lss-bev train` wrote"
        )
    if absent:
        raise ModelError(
            f"checkpoint {path} lacks {_some(absent)}, which say what grid and depth range it was made for: "
            f"save it with all that model.state_dict() holds"
        )
    fitted = {n: cast(path, n, state[n], t) if n in state else _unused(n, t) for n, t in expected.items()}
    broken = [name for name, tensor in fitted.items() if not torch.isfinite(tensor).all()]
    if broken:
        raise ModelError(
            f"checkpoint {path} holds NaN or infinity, or numbers beyond float32, in {_some(broken)}: "
            f"take an earlier one"
        )
    huge = [name for name, tensor in fitted.items() if tensor.abs().max() > LARGEST]
    if huge:
        raise ModelError(
            f"checkpoint {path} holds numbers beyond {LARGEST:g} in {_some(huge)}, which no network has: "
            f"it is damaged; copy it again, or take an earlier one"
        )
    model.load_state_dict(fitted | {name: expected[name] for name in CONSTANTS}, strict=True)
    return model


def write_weights(
    state: Mapping[str, torch.Tensor],
    path: Path,
    facts: dict[str, str],
    error: type[LssBevError] = ModelError,
) -> None:
    """Write a network as safetensors in half precision, whole or not at all; `build_model` reads it.

    Args:
        state: of the model.
        path: file to write.
        facts: text to put into the file's header.
        error: class of what is raised.

    Raises:
        error: it cannot be written there, or does not fit into half precision.
    """
    from safetensors.torch import save

    packed = {}
    for name, tensor in state.items():
        half = tensor.is_floating_point() and name not in CONSTANTS
        # From the GPU where the network is trained: the checksum reads bytes.
        packed[name] = (tensor.half() if half else tensor).detach().cpu().contiguous()
        if not torch.isfinite(packed[name]).all():
            raise error(f"{name} does not fit into half precision: the training has diverged; start again")
    files.write(path, save(packed, metadata=sealed(packed, facts)), error)


def cast(path: Path, name: str, tensor: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """A tensor of a file in the network's own precision.

    Raises:
        ModelError: it holds whole or complex numbers where the network has weights.
    """
    if like.is_floating_point() and not tensor.is_floating_point():
        raise ModelError(
            f"checkpoint {path} has {name} as {str(tensor.dtype).removeprefix('torch.')}, which are no "
            f"weights that can be run: save it before it is quantised"
        )
    return tensor.to(like.dtype)


def _unused(name: str, like: torch.Tensor) -> torch.Tensor:
    """What stands for a tensor that no prediction depends on."""
    return torch.ones_like(like) if name.endswith("running_var") else torch.zeros_like(like)


def _resized(state: dict[str, torch.Tensor], config: ModelConfig) -> dict[str, torch.Tensor]:
    """The same weights for images of another size, of which a convolution knows nothing; its own depths."""
    own = state["frustum"]
    if own.ndim != 4 or own.shape[0] != config.depth_bins:
        return state
    frustum = create_frustum(config)
    frustum[..., 2] = own[:, :1, :1, 2]
    return {**state, "frustum": frustum}


def _check_sizes(path: Path, state: Mapping[str, torch.Tensor], config: ModelConfig) -> None:
    """Say in the user's words what the network was made for, where that is something else.

    Raises:
        ModelError: it is for another grid, image size, depth range or number of outputs.
    """
    shell = LiftSplatShoot.constants(config)
    differ = []
    for name, constant in shell.items():
        given = state[name]
        # Half the distance of two neighbours: what rounding to the file's precision may have changed.
        close = max(1e-3, torch.finfo(given.dtype).eps) if given.is_floating_point() else 1e-3
        if given.shape != constant.shape or not torch.allclose(
            given.double(), constant.double(), rtol=close, atol=1e-3
        ):
            differ.append(name)
    if differ:
        raise ModelError(
            f"checkpoint {path} was made for another grid, image size or depth range "
            f"({', '.join(differ)} differ): it is for {_made_for(state)}, and the network is configured for "
            f"{_made_for(shell)}; configure it as it was trained, or use another checkpoint"
        )
    last = state.get(_LAST)
    if last is not None and last.ndim == 4 and last.shape[0] > config.outputs:
        row = "k:k+1"
        raise ModelError(
            f"checkpoint {path} has {last.shape[0]} outputs, not {config.outputs}, and does not say which of "
            f"them are vehicles: keep the row k that is, state['{_LAST}'] = state['{_LAST}'][{row}] and the "
            f"same of '{_LAST.removesuffix('weight')}bias', and save that"
        )


def _made_for(constants: Mapping[str, torch.Tensor]) -> str:
    """Grid, depth range and input size by the constants of a state dict."""
    try:
        size, centre, count = ([float(v) for v in constants[name].flatten()] for name in ("dx", "bx", "nx"))
        frustum = constants["frustum"].double()
        bins, rows, columns, _ = frustum.shape
        depth = frustum[:, 0, 0, 2]
        step = float(depth[1] - depth[0]) if bins > 1 else 0.0
        low = [centre[axis] - size[axis] / 2 for axis in range(2)]
        grid = f"{count[0]:.0f} x {count[1]:.0f} cells of {size[0]:g} m from ({low[0]:g}, {low[1]:g})"
        image = f"images of {rows * DOWNSAMPLE} x {columns * DOWNSAMPLE}"
        return f"{grid}, {bins} depths from {float(depth[0]):g} m every {step:g} m, {image}"
    except (ValueError, IndexError, RuntimeError):
        return "sizes that cannot be read"


def _load(path: Path) -> object:
    """Unpickle tensors and nothing else."""
    if not path.is_file():
        raise ModelError(f"no checkpoint at {path}: give the path of a .pt or .pth state dict, or 'seed:0'")
    if path.suffix == ".safetensors":
        return read_tensors(path)
    try:
        _check_records(path)
        with _numbers_allowed():
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ModelError(f"cannot read checkpoint {path}: {error.strerror or error}") from error
    except ModelError:
        raise
    except Exception as error:  # the unpickler raises whatever the bytes lead it to
        if "weights_only" in str(error) and zipfile.is_zipfile(path):
            named = re.search(r"GLOBAL ([\w.]+)", str(error))
            raise ModelError(
                f"checkpoint {path} holds more than tensors{f' ({named[1]})' if named else ''} and is not "
                f"unpickled, for safety: save it again as torch.save(model.state_dict(), path)"
            ) from error
        raise ModelError(
            f"{path} is not a PyTorch checkpoint, or it is truncated: download or copy it again"
        ) from error


def _check_records(path: Path) -> None:
    """Compare a checkpoint's records with the checksums of its archive, which torch.load does not.

    PyTorch can leave them out (`torch.serialization.config.save.compute_crc32`), so that an archive in which
    none is right has none.

    Raises:
        ModelError: some are right and some are not.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        good, bad = 0, []
        for record in archive.infolist():
            try:
                with archive.open(record) as content:
                    while content.read(1 << 20):
                        pass
                good += record.file_size > 0
            except zipfile.BadZipFile:
                bad.append(record.filename)
    if good and bad:
        raise ModelError(
            f"checkpoint {path} is damaged: {_some(bad)} in it is not what was written (CRC-32): copy it "
            f"again"
        )


def _numbers_allowed() -> AbstractContextManager[None]:
    """Let numpy's scalars through, which scripts keep beside the weights (the best IoU): they run no code."""
    version = tuple(int(part) for part in torch.__version__.split(".")[:2])
    if version < (2, 6):
        return nullcontext()  # It knows no names but an object's own, which differ between numpy 1 and 2.
    scalar = np.float64(0).__reduce__()[0]
    names = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
    kinds = {type(np.dtype(code)) for code in "?bBhHiIlLqQefd"}
    allowed: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [np.dtype, *kinds]
    allowed += [(scalar, name) for name in names if callable(scalar)]
    return torch.serialization.safe_globals(allowed)


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read a .safetensors file, which can hold nothing but tensors, and check it against its checksums.

    Raises:
        ModelError: it cannot be read, or is not what was written.
    """
    try:
        from safetensors import SafetensorError, safe_open
        from safetensors.torch import load_file
    except ImportError as error:
        raise ModelError(f"{path} needs the package safetensors: pip install safetensors") from error
    try:
        with safe_open(str(path), "pt") as file:
            facts = file.metadata() or {}
        state: dict[str, torch.Tensor] = load_file(str(path))
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path} is not a safetensors file, or it is truncated: copy it again") from error
    check_sums(path)
    check_seal(path, state, facts)
    return state


def _state_dict(path: Path, content: object) -> dict[str, torch.Tensor]:
    """Take the network out of what a training script may have put around it."""
    found = list(_networks(content, ""))
    if not found:
        if any(True for _ in _tensors(content)):
            some = [name for name, _ in itertools.islice(_tensors(content), 4)]
            raise ModelError(
                f"checkpoint {path} is of another network, with {_some(some)}: use an official "
                f"Lift-Splat-Shoot checkpoint or one that `lss-bev train` wrote"
            )
        raise ModelError(
            f"checkpoint {path} holds no state dict: save it as torch.save(model.state_dict(), path)"
        )
    # A part of the network alone, such as the averages of what was trained, does not make one.
    most = max(_needed(state) for _, state in found)
    whole = [(where, state) for where, state in found if _needed(state) == most]
    averaged = [(where, state) for where, state in whole if _AVERAGE.search(where)]
    (where, state), *others = averaged or whole
    different = [other for other, beside in others if not _same(state, beside)]
    if different:
        raise ModelError(
            f"checkpoint {path} contains several networks ({_some([where or 'the outermost', *different])}): "
            f"save the state dict of the one to run alone"
        )
    tensors = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
    if wrong := [name for name in state if name not in tensors]:
        raise ModelError(
            f"checkpoint {path} has entries that are not tensors ({_some(wrong)}): "
            f"save it as torch.save(model.state_dict(), path)"
        )
    return tensors


def _networks(content: object, where: str, depth: int = 0) -> Iterator[tuple[str, dict[str, object]]]:
    """Every state dict of a network of ours inside of something, and where it is.

    What a Lightning module or an average keeps beside the network, a loss's buffers say, is left out.
    """
    if not isinstance(content, Mapping) or depth > 4:
        return
    plain = {_plain(str(name)): value for name, value in content.items()}
    prefixes: dict[str, None] = {}
    for name in plain:
        mark = _ENCODERS.search(name)
        if mark:
            prefixes[name[: mark.start()]] = None
    plain = {name: value for name, value in plain.items() if not isinstance(value, Mapping)}
    for prefix in prefixes:
        inner = {name[len(prefix) :]: value for name, value in plain.items() if name.startswith(prefix)}
        if not prefix:
            inner = {n: v for n, v in inner.items() if n != "n_averaged" and not _is_beside(n, prefixes)}
        if any(isinstance(value, torch.Tensor) for value in inner.values()):
            yield f"{where}.{prefix}".strip("."), inner
    for name, value in content.items():
        yield from _networks(value, f"{where}.{name}".strip("."), depth + 1)


def _needed(state: Mapping[str, object]) -> int:
    """How many entries predictions depend on."""
    return sum(not name.startswith(NEVER_RUN) and not name.endswith(COUNTER) for name in state)


def _is_beside(name: str, prefixes: Mapping[str, None]) -> bool:
    return any(prefix and name.startswith(prefix) for prefix in prefixes)


def _plain(name: str) -> str:
    """A parameter's name without what wrappers of modules put into it, wherever they did."""
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS)


def _tensors(content: object, depth: int = 0) -> Iterator[tuple[str, torch.Tensor]]:
    """Every named tensor inside of something."""
    if isinstance(content, Mapping) and depth <= 4:
        for name, value in content.items():
            if isinstance(value, torch.Tensor):
                yield str(name), value
            else:
                yield from _tensors(value, depth + 1)


def _same(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    """Whether two state dicts are of equal content."""
    if set(one) != set(other):
        return False
    pairs = ((one[name], other[name]) for name in one)
    return all(isinstance(b, torch.Tensor) and torch.equal(a, b) for a, b in pairs if torch.is_tensor(a))


def _seed(spec: str) -> int | None:
    """The N of `seed:N`, or None for any other specification."""
    if not spec.startswith("seed:"):
        return None
    if not re.fullmatch(r"seed:\d{1,18}", spec):
        raise ModelError(
            f"weights {spec!r} must be 'seed:' and a whole number of at most 18 digits, such as 'seed:0'"
        )
    return int(spec[len("seed:") :])


def _some(names: list[str]) -> str:
    """The first few of many names."""
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
