"""The folded network on the disk, so that a node that comes back need not make it again.

Reading a checkpoint, checking it and folding it take longer than the first frame. What comes of it depends on
the bytes of the checkpoint, the precision, this code and PyTorch's version alone, which make up the file's
name. The file begins with the SHA-256 of what follows: a damaged one is made again. It is unpickled with
`weights_only`, so that it holds nothing but tensors and the few classes named here.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from ... import files, model
from ...errors import RuntimeBackendError
from ...geometry import BevGrid
from ...model import LiftSplatShoot, ModelConfig, Widths
from ..cache_folder import cache_folder
from .convolution import Convolution
from .folded_network import (
    FoldedBevEncoder,
    FoldedBlock,
    FoldedCameraEncoder,
    FoldedResidual,
    FoldedUp,
)
from .sparse_stem import SparseStem
from .upsampled_convolution import UpsampledConvolution
from .winograd import WinogradConvolution

SUFFIX = ".folded"
KEPT = 4
"""Networks that are kept; the one unused for longest goes first."""

_DIGEST = hashlib.sha256().digest_size
_CLASSES = (
    *(BevGrid, ModelConfig, Widths, Convolution, FoldedBevEncoder, FoldedBlock, FoldedCameraEncoder),
    *(FoldedResidual, FoldedUp, SparseStem, UpsampledConvolution, WinogradConvolution),
)


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
    checkpoint: Path, dtype: torch.dtype, config: ModelConfig, make: Callable[[], LiftSplatShoot]
) -> FoldedNetwork:
    """Fold a checkpoint's network, or read what was made of it before.

    Where the cache cannot be read or written the network is folded all the same.

    Args:
        checkpoint: its file.
        dtype: precision.
        config: sizes that were asked for; the widths are the checkpoint's.
        make: builds the network from the file, and checks it.

    Raises:
        ModelError: from `make`.
    """
    try:
        identity = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
        path = cache_folder() / f"{_key(identity, dtype, config)}{SUFFIX}"
    except (OSError, RuntimeError):  # make says what is wrong with it
        return FoldedNetwork.of(make(), dtype)
    found = read(path)
    if found is None:
        found = FoldedNetwork.of(make(), dtype)
        with contextlib.suppress(RuntimeBackendError):
            write(path, found)
            _forget(path.parent)
    return found


def write(path: Path, network: FoldedNetwork) -> None:
    """Write a network, whole or not at all.

    Raises:
        RuntimeBackendError: it cannot be written there.
    """
    content = io.BytesIO()
    torch.save((network.config, network.camera_encoder, network.bev_encoder), content)
    data = content.getvalue()
    files.write(path, hashlib.sha256(data).digest() + data, RuntimeBackendError)


def read(path: Path) -> FoldedNetwork | None:
    """Read a network; None where there is none, or what there is is damaged or of other code."""
    try:
        data = path.read_bytes()
        if hashlib.sha256(memoryview(data)[_DIGEST:]).digest() != data[:_DIGEST]:
            return None
        content = io.BytesIO(memoryview(data)[_DIGEST:])
        with torch.serialization.safe_globals(list(_CLASSES)):
            network = FoldedNetwork(*torch.load(content, map_location="cpu", weights_only=True))
        with contextlib.suppress(OSError):
            path.touch()
        return network
    except Exception:  # whatever is in it, it can be made again
        return None


def _key(identity: str, dtype: torch.dtype, config: ModelConfig) -> str:
    """Name of what was made from these; 32 hex digits of a SHA-256."""
    made_of = hashlib.sha256(f"{identity} {dtype} {config} {torch.__version__}".encode())
    assert model.__file__ is not None, "it is a folder of files"
    for folder in (Path(model.__file__).parent, Path(__file__).parent):
        for code in sorted(folder.glob("*.py")):
            made_of.update(code.read_bytes())
    return made_of.hexdigest()[:32]


def _forget(folder: Path) -> None:
    with contextlib.suppress(OSError):
        aged = sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in aged[KEPT:]:
            path.unlink()
