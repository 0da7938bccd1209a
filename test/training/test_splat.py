"""The splat of a batch equals the naive sum, forwards and backwards."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lss_bev_ros.model import naive_splat
from lss_bev_ros.training.splat import splat_batch


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 3), st.integers(1, 3), st.integers(0, 10**6))
def test_values_and_gradients_equal_the_naive_sum(batch, cameras, seed):
    generator = torch.Generator().manual_seed(seed)
    bins, channels, h, w, shape = 5, 4, 2, 3, (6, 7)
    depth = torch.rand(batch * cameras, bins, h, w, generator=generator).requires_grad_()
    features = torch.randn(batch * cameras, channels, h, w, generator=generator).requires_grad_()
    cells = torch.randint(-1, 42, (batch, cameras, bins, h, w), generator=generator)
    weight = torch.randn(batch, channels, *shape, generator=generator)
    fast = splat_batch(depth, features, cells, shape)
    plain = torch.stack(
        [
            naive_splat(d, f, c, shape).permute(2, 0, 1)
            for d, f, c in zip(depth.split(cameras), features.split(cameras), cells, strict=True)
        ]
    )
    assert torch.allclose(fast, plain, atol=1e-5)
    for leaf in (depth, features):
        a = torch.autograd.grad((fast * weight).sum(), leaf, retain_graph=True)[0]
        b = torch.autograd.grad((plain * weight).sum(), leaf, retain_graph=True)[0]
        assert torch.allclose(a, b, atol=1e-5)


def test_points_outside_the_grid_count_for_nothing():
    cells = torch.full((2, 1, 3, 2, 2), -1)
    assert splat_batch(torch.rand(2, 3, 2, 2), torch.rand(2, 4, 2, 2), cells, (5, 5)).abs().sum() == 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_gives_the_values_and_gradients_of_the_cpu_the_same_on_every_run():
    generator = torch.Generator().manual_seed(1)
    batch, cameras, bins, h, w, channels, shape = 2, 6, 41, 8, 22, 64, (200, 200)
    cells = torch.randint(-1, 40_000, (batch, cameras, bins, h, w), generator=generator)
    cells = torch.where(torch.rand(cells.shape, generator=generator) < 0.2, torch.tensor(5), cells)
    inputs = torch.rand(batch * cameras, bins, h, w), torch.randn(batch * cameras, channels, h, w)
    weight = torch.randn(batch, channels, *shape, generator=generator)

    def run(device):
        leaves = [tensor.to(device).requires_grad_() for tensor in inputs]
        bev = splat_batch(*leaves, cells.to(device), shape)
        gradients = torch.autograd.grad((bev * weight.to(device)).sum(), leaves)
        return [tensor.detach().cpu() for tensor in (bev, *gradients)]

    first, again, plain = run("cuda"), run("cuda"), run("cpu")
    for ours, repeated, theirs in zip(first, again, plain, strict=True):
        assert torch.equal(ours, repeated)
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
