"""Weights that half precision rounds are chosen so that what the network computes changes least."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lss_bev_ros.model.upsampling import Up
from lss_bev_ros.runtime.cpu.convolution import fold
from lss_bev_ros.runtime.cuda.half_precision import SMALLEST, fold_with_half_biases, rounded_taps


def seen(norm):
    """A normalisation with statistics and parameters of its own."""
    with torch.no_grad():
        for values in (norm.weight, norm.running_var):
            values.uniform_(0.5, 1.5)
        for values in (norm.bias, norm.running_mean):
            values.normal_()
    return norm.eval()


@given(st.integers(0, 2**16), st.floats(-8, 3))
def test_the_errors_of_a_kernel_cancel(seed, exponent):
    weight = torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(seed)) * 2**exponent
    rounded = rounded_taps(weight)
    assert (rounded.half().float() == rounded).all()
    unit = 2.0 ** torch.floor(torch.log2(weight.abs().amax((2, 3)))) * 2**-10
    assert ((rounded - weight).abs().amax((2, 3)) <= 1.01 * unit).all()
    # Whatever nine roundings add up to, that of their sum is that of one.
    assert ((rounded - weight).sum((2, 3)).abs() <= 0.51 * unit).all()


def test_a_smooth_map_is_convolved_more_exactly():
    torch.manual_seed(0)
    weight, coarse = torch.randn(16, 32, 3, 3), torch.rand(1, 32, 8, 8)
    x = F.interpolate(coarse, scale_factor=4, mode="bilinear", align_corners=True)
    expected = F.conv2d(x, weight)
    error = [(F.conv2d(x, w) - expected).abs().mean() for w in (rounded_taps(weight), weight.half().float())]
    assert error[0] < 0.5 * error[1]


def test_biases_are_what_half_precision_holds_and_nothing_changes():
    torch.manual_seed(1)
    up, after = Up(12, 16, 8), nn.Conv2d(8, 5, 1)
    layers = [(up.conv[0], seen(up.conv[1])), (up.conv[3], seen(up.conv[4]))]
    with torch.no_grad():
        up.conv[1].bias[:2] = up.conv[1].running_mean[:2] = 0.0
        up.conv[1].bias[1] = 1e-7
    first, second, third = fold_with_half_biases(layers, after)
    for conv in (first, second):
        large = conv.bias.abs() >= SMALLEST
        assert torch.equal(conv.bias[large], conv.bias[large].half().float())
    assert torch.equal(first.bias[:2], fold(*layers[0])[1][:2])
    x = torch.randn(1, 12, 6, 6)
    with torch.no_grad():
        expected = after(up.conv.eval()(x))
        y = third(F.relu(second(F.relu(first(x)))))
    torch.testing.assert_close(y, expected, rtol=1e-5, atol=1e-5)
