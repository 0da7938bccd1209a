"""The network as a list of its convolutions, for those who fold, fit or count them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .camera_encoder import CameraEncoder
from .lift_splat import LiftSplatShoot

if TYPE_CHECKING:
    from .multi_sense import MultiSense


@dataclass(frozen=True)
class Layer:
    """A convolution and what follows it.

    Attributes:
        name: of the convolution's module in the model.
        norm: name of the batch normalisation behind it; empty for a convolution with a bias.
        activation: behind that: `swish`, `sigmoid`, `relu` or `none`; in a residual block behind the sum.
    """

    name: str
    norm: str = ""
    activation: str = "none"


_BOTTLENECK = (
    Layer("_expand_conv", "_bn0", "swish"),
    Layer("_depthwise_conv", "_bn1", "swish"),
    Layer("_se_reduce", "", "swish"),
    Layer("_se_expand", "", "sigmoid"),
    Layer("_project_conv", "_bn2"),
)
_SHORTCUT = Layer("downsample.0", "downsample.1")
_RESIDUAL = (Layer("conv1", "bn1", "relu"), Layer("conv2", "bn2", "relu"))
_UP = (Layer("conv.0", "conv.1", "relu"), Layer("conv.3", "conv.4", "relu"))
_BEV_ENDS = (Layer("conv1", "bn1", "relu"), Layer("up2.1", "up2.2", "relu"), Layer("up2.4"))

_HEAD = (Layer("conv", "norm", "relu"), Layer("last"))


def layers(model: LiftSplatShoot | MultiSense) -> Iterator[Layer]:
    """Every convolution that runs, in the order of execution; the classification head does not."""
    multi = None if isinstance(model, LiftSplatShoot) else model
    if multi is None or "cameras" in multi.config.senses:
        yield from _camera_layers(model.camencode)
    if multi is not None and multi.fuse is not None:
        yield Layer("fuse.conv", "fuse.norm")
        if "memory" in multi.config.senses:
            yield Layer("fuse.recall")
    bev = model.bevencode
    stem, *ends, logits = _BEV_ENDS
    yield from _below("bevencode", [stem])
    for stage in ("layer1", "layer2", "layer3"):
        for index, residual in enumerate(getattr(bev, stage)):
            shortcut = [] if residual.downsample is None else [_SHORTCUT]
            yield from _below(f"bevencode.{stage}.{index}", [*shortcut, *_RESIDUAL])
    yield from _below("bevencode", [*_below("up1", _UP), *ends])
    if multi is None:
        yield from _below("bevencode", [logits])
        return
    for name, head in multi.heads.items():
        yield from _below(f"heads.{name}", _HEAD if hasattr(head, "conv") else _HEAD[1:])


def _camera_layers(camera: CameraEncoder) -> Iterator[Layer]:
    yield from _below("camencode.trunk", [Layer("_conv_stem", "_bn0", "swish")])
    for index, block in enumerate(camera.trunk._blocks):
        yield from _below(
            f"camencode.trunk._blocks.{index}", _BOTTLENECK if block.expands else _BOTTLENECK[1:]
        )
    yield from _below("camencode", [*_below("up1", _UP), Layer("depthnet")])


def _below(module: str, part: Iterable[Layer]) -> Iterator[Layer]:
    """The layers of a module, by their names in what holds it."""
    for layer in part:
        norm = f"{module}.{layer.norm}" if layer.norm else ""
        yield Layer(f"{module}.{layer.name}", norm, layer.activation)
