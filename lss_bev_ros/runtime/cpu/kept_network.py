"""The folded network on the disk, so that a node that comes back need not make it again.

Reading a checkpoint, checking it and folding it take longer than the first frame. What comes of it depends on
the bytes of the checkpoint, the precision, this code and PyTorch's version alone, which make up the file's
name. It is an `array_file`: a damaged one, or one that another user could have written, is made again. Its
text names the classes of the objects, which are those listed here, and their attributes; nothing else can
come of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ...errors import RuntimeBackendError
from ...geometry import BevGrid
from ...model import LiftSplatShoot, ModelConfig, Widths
from ..cache_folder import cache_folder
from .array_file import ArrayFile, read_arrays, write_arrays
from .convolution import Convolution
from .folded_network import (
    FoldedBevEncoder,
    FoldedBlock,
    FoldedCameraEncoder,
    FoldedResidual,
    FoldedUp,
)
from .kept_name import SUFFIX, kept_name, stem_of_kept
from .sparse_stem import SparseStem
from .upsampled_convolution import UpsampledConvolution
from .winograd import WinogradConvolution

if TYPE_CHECKING:
    from .head_start import HeadStart

_CLASSES = {
    kind.__name__: kind
    for kind in (
        *(BevGrid, ModelConfig, Widths, Convolution, FoldedBevEncoder, FoldedBlock, FoldedCameraEncoder),
        *(FoldedResidual, FoldedUp, SparseStem, UpsampledConvolution, WinogradConvolution),
    )
}
KEPT = 4
"""Networks that are kept; the one unused for longest goes first."""

_TYPES = {str(kind): kind for kind in (torch.float32, torch.bfloat16, torch.int32, torch.int64)}


@dataclass(frozen=True, eq=False)
class FoldedNetwork:
    """A network as it runs on the processor, before its first frame.

    Attributes:
        config: sizes of the network.
        camera_encoder: of images.
        bev_encoder: of the splatted features.
    """

    config: ModelConfig
    camera_encoder: FoldedCameraEncoder
    bev_encoder: FoldedBevEncoder

    @classmethod
    def of(cls, model: LiftSplatShoot, dtype: torch.dtype) -> FoldedNetwork:
        """Fold a network in evaluation mode."""
        with torch.inference_mode():
            return cls(
                model.config,
                FoldedCameraEncoder(model.camencode, model.config, dtype),
                FoldedBevEncoder(model.bevencode, model.config, dtype),
            )


def kept(
    checkpoint: Path,
    dtype: torch.dtype,
    config: ModelConfig,
    make: Callable[[], LiftSplatShoot],
    head_start: HeadStart | None = None,
) -> FoldedNetwork:
    """Fold a checkpoint's network, or read what was made of it before.

    Where the cache cannot be read or written the network is folded all the same.

    Args:
        checkpoint: its file.
        dtype: precision.
        config: sizes that were asked for; the widths are the checkpoint's.
        make: builds the network from the file, and checks it.
        head_start: may have read it already.

    Raises:
        ModelError: from `make`.
    """
    early = None if head_start is None else head_start.take(checkpoint)
    try:
        stem = stem_of_kept(checkpoint) if early is None else early.stem
        path = cache_folder() / kept_name(stem, str(dtype), str(config))
    except (OSError, RuntimeError):  # make says what is wrong with it
        return FoldedNetwork.of(make(), dtype)
    found = _network(early.content, path) if early is not None and early.path == path else read(path)
    if found is None:
        found = FoldedNetwork.of(make(), dtype)
        with contextlib.suppress(RuntimeBackendError, OSError):
            path.unlink(missing_ok=True)  # whose mode a new one would take over
            write(path, found)
            _forget(path.parent)
    return found


def write(path: Path, network: FoldedNetwork) -> None:
    """Write a network that has not run yet, whole or not at all.

    Raises:
        RuntimeBackendError: it cannot be written there.
    """
    arrays: list[np.ndarray] = []
    parts = (network.config, network.camera_encoder, network.bev_encoder)
    said = [_said(part, arrays, {}) for part in parts]
    write_arrays(path, ArrayFile(said, arrays))


def read(path: Path) -> FoldedNetwork | None:
    """Read a network; None where there is none, or what there is is damaged, or of other code or users."""
    return _network(read_arrays(path), path)


def _network(content: ArrayFile | None, path: Path) -> FoldedNetwork | None:
    if content is None:
        return None
    try:
        config, camera_encoder, bev_encoder = (_made(part, content.arrays) for part in content.said)
    except (AttributeError, LookupError, TypeError, ValueError, RuntimeError):
        return None  # whatever is in it, it can be made again
    if not isinstance(config, ModelConfig):
        return None
    with contextlib.suppress(OSError):
        path.touch()
    return FoldedNetwork(config, camera_encoder, bev_encoder)


def _said(value: Any, arrays: list[np.ndarray], seen: dict[int, int]) -> Any:
    """What JSON can say of a value; the tensors' numbers go to the arrays, each once."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, torch.Tensor):
        dense = value.is_contiguous() or (
            value.ndim == 4 and value.is_contiguous(memory_format=torch.channels_last)
        )
        value = value if dense else value.contiguous()
        if value.data_ptr() not in seen or len(arrays[seen[value.data_ptr()]]) != value.nbytes:
            flat = value.as_strided((value.numel(),), (1,)).view(torch.uint8)
            seen[value.data_ptr()] = len(arrays)
            arrays.append(flat.numpy())
        place = seen[value.data_ptr()]
        return {"tensor": place, "dtype": str(value.dtype), "shape": [*value.shape], "stride": value.stride()}
    if isinstance(value, torch.dtype):
        return {"dtype": str(value)}
    if isinstance(value, (list, tuple)):
        return {type(value).__name__: [_said(item, arrays, seen) for item in value]}
    if isinstance(value, dict) and not value:
        return {"dict": {}}  # what is kept between calls
    fields = {name: _said(item, arrays, seen) for name, item in vars(value).items()}
    return {"class": _CLASSES[type(value).__name__].__name__, "fields": fields}


def _made(said: Any, arrays: Sequence[np.ndarray]) -> Any:
    """The value of which something was said."""
    if not isinstance(said, dict):
        return said
    if "tensor" in said:
        array, dtype = arrays[said["tensor"]], _TYPES[said["dtype"]]
        flat = torch.from_numpy(array).view(dtype) if len(array) else torch.empty(0, dtype=dtype)
        size = 1 + sum((n - 1) * step for n, step in zip(said["shape"], said["stride"], strict=True))
        if size > len(flat):
            raise ValueError("a tensor beyond its bytes")
        return flat.as_strided(said["shape"], said["stride"])
    if "class" in said:
        kind = _CLASSES[said["class"]]
        value = kind.__new__(kind)
        vars(value).update({name: _made(item, arrays) for name, item in said["fields"].items()})
        return value
    if "dtype" in said:
        return _TYPES[said["dtype"]]
    if "dict" in said:
        return {}
    if "list" in said:
        return [_made(item, arrays) for item in said["list"]]
    return tuple(_made(item, arrays) for item in said["tuple"])


def _forget(folder: Path) -> None:
    with contextlib.suppress(OSError):
        aged = sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in aged[KEPT:]:
            path.unlink()
