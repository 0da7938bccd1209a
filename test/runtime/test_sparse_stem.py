"""The stem over hit cells is the convolution over the whole grid."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from lss_bev_ros.model import SplatTable, splat
from lss_bev_ros.model.splat import splat_hits
from lss_bev_ros.runtime.cpu.sparse_stem import SparseStem, StemTable


def tables(nx: int, ny: int, points: int, seed: int) -> SplatTable:
    """A splat table of random points, some of them outside the grid."""
    torch.manual_seed(seed)
    return SplatTable.build(torch.randint(-3, nx * ny, (1, 2, 1, points)).clamp(min=-1), (nx, ny))


@settings(max_examples=40, deadline=None)
@given(
    nx=st.integers(4, 12).map(lambda n: 2 * n),
    ny=st.integers(4, 12).map(lambda n: 2 * n),
    points=st.integers(1, 8),
    seed=st.integers(0, 1000),
)
def test_the_stem_over_hit_cells_is_the_stem_over_the_grid(nx, ny, points, seed):
    table = tables(nx, ny, points, seed)
    stem = StemTable.build(table)
    assert stem is not None
    conv = torch.nn.Conv2d(5, 6, 7, stride=2, padding=3)
    depth, features = torch.rand(points, 2), torch.randn(points, 5)
    with torch.inference_mode():
        plain = F.relu(conv(splat(depth, features, table).permute(2, 0, 1).unsqueeze(0)))
        sparse = SparseStem(conv.weight, conv.bias, torch.float32)
        hits = splat_hits(depth, features, table)
        for _ in range(2):
            torch.testing.assert_close(sparse(hits, stem), plain, rtol=1e-4, atol=1e-5)


def test_bfloat16_rounds_the_products_and_no_more():
    table = tables(24, 16, 8, 0)
    weight, bias, features = torch.randn(6, 5, 7, 7), torch.randn(6), torch.randn(8, 5)
    hits = splat_hits(torch.rand(8, 2), features, table)
    with torch.inference_mode():
        exact = SparseStem(weight, bias, torch.float32)(hits, StemTable.build(table))
        rounded = SparseStem(weight, bias, torch.bfloat16)(hits, StemTable.build(table))
    assert rounded.dtype == torch.bfloat16
    assert (rounded.float() - exact).abs().max() < 0.02 * exact.abs().max()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_grid_that_no_point_hits_gives_the_bias(dtype):
    table = SplatTable.build(torch.full((1, 2, 1, 3), -1), (8, 8))
    bias = torch.tensor([1.0, -1.0])
    stem = SparseStem(torch.randn(2, 5, 7, 7), bias, dtype)
    with torch.inference_mode():
        out = stem(splat_hits(torch.rand(3, 2), torch.randn(3, 5), table), StemTable.build(table))
    expected = torch.tensor([1.0, 0.0], dtype=dtype).view(1, 2, 1, 1).expand(1, 2, 4, 4)
    torch.testing.assert_close(out, expected)


def test_a_grid_that_is_hit_nearly_everywhere_takes_the_plain_stem():
    full = SplatTable.build(torch.arange(64).view(1, 2, 1, 32), (8, 8))
    assert StemTable.build(full) is None
    odd = SplatTable.build(torch.arange(3).view(1, 1, 1, 3), (7, 8))
    assert StemTable.build(odd) is None
