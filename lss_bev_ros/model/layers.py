"""The network as a list of its convolutions, for those who fold, fit or count them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from .lift_splat import LiftSplatShoot


@dataclass(frozen=True, eq=False)
class Layer:
    """A convolution and what follows it.

    Attributes:
        name: of the convolution in the model.
        conv: the convolution.
        norm_name: of the batch normalisation behind it; empty for a convolution with a bias.
        norm: the normalisation, if there is one.
        activation: behind that: `swish`, `sigmoid`, `relu` or `none`; in a residual block behind the sum.
    """

    name: str
    conv: nn.Conv2d
    norm_name: str
    norm: nn.BatchNorm2d | None
    activation: str


_Part = tuple[tuple[str, str, str], ...]
"""Convolution, normalisation and activation of each layer, by their names in the module that holds them."""

_BOTTLENECK: _Part = (
    ("_expand_conv", "_bn0", "swish"),
    ("_depthwise_conv", "_bn1", "swish"),
    ("_se_reduce", "", "swish"),
    ("_se_expand", "", "sigmoid"),
    ("_project_conv", "_bn2", "none"),
)
_SHORTCUT: _Part = (("downsample.0", "downsample.1", "none"),)
_RESIDUAL: _Part = (("conv1", "bn1", "relu"), ("conv2", "bn2", "relu"))
_UP: _Part = (("conv.0", "conv.1", "relu"), ("conv.3", "conv.4", "relu"))


def layers(model: LiftSplatShoot) -> Iterator[Layer]:
    """Every convolution that runs, in the order of execution; the classification head does not."""
    for module, part in _parts(model):
        for conv_name, norm_name, activation in part:
            name = f"{module}.{conv_name}"
            conv = model.get_submodule(name)
            assert isinstance(conv, nn.Conv2d)
            norm_name = f"{module}.{norm_name}" if norm_name else ""
            norm = model.get_submodule(norm_name) if norm_name else None
            assert norm is None or isinstance(norm, nn.BatchNorm2d)
            yield Layer(name, conv, norm_name, norm, activation)


def _parts(model: LiftSplatShoot) -> Iterator[tuple[str, _Part]]:
    """Names of modules, each with its layers."""
    yield "camencode.trunk", (("_conv_stem", "_bn0", "swish"),)
    for index, block in enumerate(model.camencode.trunk._blocks):
        yield f"camencode.trunk._blocks.{index}", _BOTTLENECK if block.expands else _BOTTLENECK[1:]
    yield "camencode.up1", _UP
    yield "camencode", (("depthnet", "", "none"),)
    yield "bevencode", (("conv1", "bn1", "relu"),)
    for stage in ("layer1", "layer2", "layer3"):
        for index, residual in enumerate(getattr(model.bevencode, stage)):
            shortcut = () if residual.downsample is None else _SHORTCUT
            yield f"bevencode.{stage}.{index}", (*shortcut, *_RESIDUAL)
    yield "bevencode.up1", _UP
    yield "bevencode", (("up2.1", "up2.2", "relu"), ("up2.4", "", "none"))
