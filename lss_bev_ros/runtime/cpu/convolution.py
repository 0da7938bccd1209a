"""Convolutions made ready for inference: normalisation folded in, activation fused, padding symmetric."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from ...model.efficientnet import SamePadConv2d

ACTIVATIONS = ("none", "relu", "swish")


def fold(conv: nn.Conv2d, norm: nn.BatchNorm2d | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Fold a batch normalisation in evaluation mode into the convolution before it.

    Returns:
        The weight (O, I, k, k) and the bias (O,) of one convolution that does the work of both, float32.
    """
    weight = conv.weight.detach().double()
    bias = weight.new_zeros(weight.shape[0]) if conv.bias is None else conv.bias.detach().double()
    if norm is not None:
        mean, variance = norm.running_mean, norm.running_var
        assert mean is not None, "it keeps statistics"
        assert variance is not None, "it keeps statistics"
        scale = norm.weight.double() / torch.sqrt(variance.double() + norm.eps)
        weight = weight * scale.view(-1, 1, 1, 1)
        bias = (bias - mean.double()) * scale + norm.bias.double()
    return weight.float(), bias.float()


class Convolution:
    """One convolution with bias and activation, in one precision, on channels-last tensors.

    oneDNN takes the weight in a blocked layout and the activation as part of the convolution. PyTorch has
    both as operators of its own compiler (torch.ops.mkldnn); where they are missing, plain ones do the same.
    """

    def __init__(
        self,
        weight: torch.Tensor,
        bias: torch.Tensor,
        dtype: torch.dtype,
        activation: str = "none",
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
    ):
        self.weight: torch.Tensor | None = weight.to(dtype).contiguous(memory_format=torch.channels_last)
        self.bias = bias.to(dtype)
        self.activation = activation
        self.stride = [stride, stride]
        self.padding = [padding, padding]
        self.groups = groups
        self._packed: torch.Tensor | None = None
        self._can_pack = torch.backends.mkldnn.is_available()

    @classmethod
    def of(
        cls, conv: nn.Conv2d, norm: nn.BatchNorm2d | None, dtype: torch.dtype, activation: str = "none"
    ) -> Convolution:
        """Fold a layer of the network, with its stride and padding."""
        weight, bias = fold(conv, norm)
        padding = int(conv.padding[0])
        if isinstance(conv, SamePadConv2d):
            before, after = conv.same_padding
            # One zero row and column in front of the kernel make TensorFlow's lopsided padding symmetric,
            # so that no padded copy of the input is needed.
            weight = F.pad(weight, (after - before, 0, after - before, 0))
            padding = after
        return cls(weight, bias, dtype, activation, conv.stride[0], padding, conv.groups)

    def __call__(self, x: torch.Tensor, plus: torch.Tensor | None = None) -> torch.Tensor:
        """Convolve, add, activate.

        Args:
            x: (B, I, H, W), channels last.
            plus: (B, O, H', W'), added before the activation, which is not `swish` then.

        Returns:
            (B, O, H', W'), channels last.
        """
        if self.weight is None:
            return self._fused(x, plus)
        if self._can_pack:
            try:
                y = self._fused(x, plus)
            except (AttributeError, RuntimeError, NotImplementedError):
                self._can_pack, self._packed = False, None
            else:
                self.weight = None  # oneDNN's copy is all that is read from now on
                return y
        y = F.conv2d(x, self.weight, self.bias, self.stride, self.padding, 1, self.groups)
        if plus is not None:
            y = y.add_(plus)
        if self.activation == "relu":
            return F.relu_(y)
        return F.silu(y, inplace=True) if self.activation == "swish" else y

    def _fused(self, x: torch.Tensor, plus: torch.Tensor | None) -> torch.Tensor:
        """The same through oneDNN, the weight reordered at the first call."""
        if self._packed is None:
            assert self.weight is not None, "it goes once it is packed"
            # Its annotation lacks the shape.
            self._packed = torch._C._nn.mkldnn_reorder_conv2d_weight(  # type: ignore[call-arg]
                self.weight.to_mkldnn(), self.padding, self.stride, [1, 1], self.groups, list(x.shape)
            )
        shape = (self.padding, self.stride, [1, 1], self.groups)
        operator = torch.ops.mkldnn._convolution_pointwise
        y: torch.Tensor
        if plus is None:
            y = operator(x, self._packed, self.bias, *shape, self.activation, [], "")
        else:
            activation = None if self.activation == "none" else self.activation
            y = operator.binary(x, plus, self._packed, self.bias, *shape, "add", 1.0, activation, [], None)
        return y
