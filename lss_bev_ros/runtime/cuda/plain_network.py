"""The network with PyTorch's operators, for float32 and for machines without Triton."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import nn

from ...model import LiftSplatShoot, layers
from ...model.memory_format import channels_last
from ..cpu.convolution import fold
from .percent import count_percent
from .splat import splat_kernels
from .splat_tables import DeviceTables


class PlainNetwork:
    """Lift-Splat-Shoot for one number of cameras: folded, channels last, tables for the splat.

    Args:
        model: in evaluation mode; its parameters are copied.
        cameras: number of them.
        tables: of the calibration, on the device.
        dtype: float16 or float32.
        compiled: whether torch.compile makes kernels of the encoders, which takes a minute or more.

    Attributes: see `FusedNetwork`, whose interface this has.
    """

    def __init__(
        self,
        model: LiftSplatShoot,
        cameras: int,
        tables: DeviceTables,
        dtype: torch.dtype,
        compiled: bool = False,
    ):
        config, device = model.config, tables.cells.device
        self._tables = tables
        folded = channels_last(fold_normalisation(model).to(device, dtype))
        self._camencode: Callable[..., torch.Tensor] = folded.camencode
        self._bevencode: Callable[..., torch.Tensor] = folded.bevencode
        if compiled:
            self._camencode = torch.compile(folded.camencode)
            self._bevencode = torch.compile(folded.bevencode)
        self._kernels = splat_kernels(dtype)
        nx, ny = config.grid.shape
        self.images = torch.zeros(
            cameras, config.image_height, config.image_width, 3, dtype=dtype, device=device
        )
        self.bev = torch.zeros(nx, ny, config.channels, dtype=dtype, device=device)
        self.logits = torch.zeros(config.outputs, nx, ny, device=device)
        self.occupancy = torch.zeros(nx, ny, dtype=torch.int8, device=device)
        self._depth = torch.zeros(0)
        self._features = torch.zeros(0)
        self.stages: dict[str, list[Callable[[], None]]] = {
            "camera_encoder": [self._lift],
            "splat": [self._splat],
            "bev_encoder": [self._encode],
            "postprocess": [self._quantise],
        }

    def _lift(self) -> None:
        depth, features = self._camencode(self.images.permute(0, 3, 1, 2))
        self._depth = depth.permute(0, 2, 3, 1).flatten(0, 2).float().contiguous()
        self._features = features.permute(0, 2, 3, 1).flatten(0, 2).contiguous()

    def _splat(self) -> None:
        t = self._tables
        bev = self.bev.view(-1, self.bev.shape[-1])
        self._kernels.forward(self._depth, self._features, t.weights, t.cells, t.starts, t.count, bev)

    def _encode(self) -> None:
        self.logits.copy_(self._bevencode(self.bev.permute(2, 0, 1).unsqueeze(0))[0])

    def _quantise(self) -> None:
        tables = self._tables
        self.occupancy.copy_(count_percent(self.logits[0], tables.thresholds, tables.seen))


def fold_normalisation(model: LiftSplatShoot) -> LiftSplatShoot:
    """Copy a network with every batch normalisation folded into the convolution before it.

    Only the convolutions of the copy are good for anything: its state dict is no checkpoint.
    """
    folded = copy.deepcopy(model)
    for layer in layers(folded):
        if layer.norm:
            conv, norm = folded.get_submodule(layer.name), folded.get_submodule(layer.norm)
            assert isinstance(conv, nn.Conv2d), conv
            assert isinstance(norm, nn.BatchNorm2d), norm
            weight, bias = fold(conv, norm)
            conv.weight = nn.Parameter(weight, requires_grad=False)
            conv.bias = nn.Parameter(bias, requires_grad=False)
            parent, _, name = layer.norm.rpartition(".")
            setattr(folded.get_submodule(parent), name, nn.Identity())
    return folded
