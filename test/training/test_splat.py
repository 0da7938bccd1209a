"""The splat of a batch equals the naive sum, forwards and backwards."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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


def test_the_kernels_sum_what_the_definition_sums():
    pytest.importorskip("numba.cuda", reason="numba without CUDA's target, so without its simulator")
    script = Path(__file__).with_name("splat_simulated.py")
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(script)], env=environment, check=True, capture_output=True, text=True
    )
    assert float(done.stdout) < 1e-5
