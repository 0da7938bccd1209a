"""Winograd's convolution is the convolution."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from lss_bev_ros.runtime.cpu import winograd
from lss_bev_ros.runtime.cpu.winograd import WinogradConvolution


@settings(max_examples=30, deadline=None)
@given(
    rows=st.integers(1, 13),
    columns=st.integers(1, 13),
    batch=st.integers(1, 3),
    chunk=st.sampled_from([1, 5_000, 1_000_000]),
    activation=st.sampled_from(["none", "relu"]),
    adds=st.booleans(),
    seed=st.integers(0, 100),
)
def test_any_size_in_any_chunks(rows, columns, batch, chunk, activation, adds, seed):
    torch.manual_seed(seed)
    conv = torch.nn.Conv2d(5, 7, 3, padding=1)
    fast = WinogradConvolution(conv.weight.detach(), conv.bias.detach(), activation)
    with torch.inference_mode(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(winograd, "CHUNK", chunk)
        for _ in range(2):
            x = torch.randn(batch, 5, rows, columns).contiguous(memory_format=torch.channels_last)
            plus = torch.randn(batch, 7, rows, columns) if adds else None
            expected = conv(x) + (plus if adds else 0)
            expected = F.relu(expected) if activation == "relu" else expected
            torch.testing.assert_close(fast(x, plus), expected, rtol=1e-4, atol=1e-4)


def test_what_is_returned_is_not_overwritten_by_the_next_call():
    fast = WinogradConvolution(torch.randn(2, 3, 3, 3), torch.zeros(2))
    with torch.inference_mode():
        first = fast(torch.ones(1, 3, 8, 8))
        kept = first.clone()
        fast(torch.zeros(1, 3, 8, 8))
    torch.testing.assert_close(first, kept)


def test_it_pays_for_many_channels_in_float32_alone():
    assert WinogradConvolution.pays(256, 256, torch.float32)
    assert not WinogradConvolution.pays(256, 256, torch.bfloat16)
    assert not WinogradConvolution.pays(64, 64, torch.float32)
