"""The GPU's splat, forward and backward: Triton's kernels and the CUDA C++ give what the naive sum gives.

Triton's run on a GPU, or through its interpreter; the CUDA C++ runs on a GPU, and anywhere as plain C++.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess

import numpy as np
import pytest
import torch

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lss_bev_ros.geometry import BevGrid
from lss_bev_ros.model import ModelConfig, SplatTable, naive_splat, voxel_cells
from lss_bev_ros.model.splat import voxel_layout
from lss_bev_ros.runtime.cuda import splat as splat_file
from lss_bev_ros.runtime.cuda.splat import (
    SourceSplat,
    has_triton,
    sort_points,
    splat_kernels,
    splat_points,
    splat_source,
)

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
needs_triton = pytest.mark.skipif(not has_triton(), reason="Triton is not installed")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
needs_compiler = pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler")
few = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))

SHIM = """
#define __global__
#define __device__
struct Place { int x, y, z; };
static Place blockIdx, threadIdx, blockDim, gridDim;
#include "splat.cu"
template <class Work> static void everywhere(int blocks, int wide, int high, Work work) {
    gridDim = {blocks, 1, 1};
    blockDim = {wide, high, 1};
    for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x)
        for (threadIdx.y = 0; threadIdx.y < high; ++threadIdx.y)
            for (threadIdx.x = 0; threadIdx.x < wide; ++threadIdx.x) work();
}
extern "C" void forward(const float* d, const float* f, const int* w, const int* c, const int* s,
                        const int* n, float* out, int channels, int bins) {
    everywhere(3, 4, 2, [=] { splat(d, f, w, c, s, n, out, channels, bins); });
}
extern "C" void backward(const float* g, const float* d, const float* f, const int* c, float* to_depth,
                         float* to_features, int pixels, int channels, int bins) {
    everywhere(3, 4, 2, [=] { splat_feature_gradient(g, d, c, to_features, pixels, channels, bins); });
    everywhere(3, 4, 1, [=] { splat_depth_gradient(g, f, c, to_depth, pixels, channels, bins); });
}
"""


class PlainSource:
    """`splat.cu` as plain C++, one thread after the other."""

    def __init__(self, folder):
        (folder / "splat.cu").write_text(splat_source())
        (folder / "shim.cpp").write_text(SHIM)
        library = folder / "splat.so"
        command = ["c++", "-std=c++17", "-O1", "-w", "-shared", "-fPIC", "-o", str(library), "shim.cpp"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        self.library = ctypes.CDLL(str(library))

    def _call(self, name, *arguments):
        values = [
            ctypes.c_void_p(value.data_ptr()) if isinstance(value, torch.Tensor) else ctypes.c_int(value)
            for value in arguments
        ]
        getattr(self.library, name)(*values)

    def forward(self, depth, features, weights, cells, starts, count, bev):
        self._call(
            "forward", depth, features, weights, cells, starts, count, bev, features.shape[1], depth.shape[1]
        )

    def backward(self, gradient, depth, features, cells):
        to_depth, to_features = torch.empty_like(depth), torch.empty_like(features)
        sizes = (*features.shape, depth.shape[1])
        self._call("backward", gradient, depth, features, cells, to_depth, to_features, *sizes)
        return to_depth, to_features


@pytest.fixture(scope="module")
def plain_source(tmp_path_factory):
    return PlainSource(tmp_path_factory.mktemp("splat"))


def implementations():
    """Everything that splats here, by name."""
    return [
        pytest.param("plain", marks=needs_compiler),
        pytest.param("triton", marks=needs_triton),
        pytest.param("source", marks=needs_gpu),
    ]


@pytest.fixture(params=implementations())
def kernels(request):
    if request.param == "plain":
        return request.getfixturevalue("plain_source"), torch.device("cpu")
    return splat_kernels(torch.float32, request.param == "triton"), DEVICE


@st.composite
def lifted(draw):
    """Depth, features and the cells of points: some outside, some cells empty, some crowded."""
    cameras, bins, rows, columns = (draw(st.integers(1, most)) for most in (2, 19, 2, 3))
    channels = draw(st.sampled_from([1, 5, 16]))
    shape = draw(st.sampled_from([(2, 3), (4, 4)]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    highest = draw(st.sampled_from([0, 1, shape[0] * shape[1]]))
    cells = torch.from_numpy(
        rng.integers(-1, max(highest, 0), (cameras, bins, rows, columns), endpoint=False)
    )
    depth = torch.from_numpy(rng.random((cameras, bins, rows, columns), dtype=np.float32))
    features = torch.from_numpy(rng.standard_normal((cameras, channels, rows, columns), dtype=np.float32))
    return depth, features, cells, shape


def by_pixel(maps):
    """(N, X, h, w) to (N * h * w, X)."""
    return maps.permute(0, 2, 3, 1).flatten(0, 2).contiguous()


@few
@given(lifted())
def test_forward_is_the_naive_sum(kernels, scene):
    splat, device = kernels
    depth, features, cells, shape = scene
    table = SplatTable.build(cells, shape)
    flat_depth, flat_features = by_pixel(depth).to(device), by_pixel(features).to(device)
    bev = torch.zeros(shape[0] * shape[1], features.shape[1], device=device)
    arrays = [a.int().to(device) for a in (table.weights, table.cells, table.starts)]
    splat.forward(flat_depth, flat_features, *arrays, torch.tensor([len(table.cells)]).int().to(device), bev)
    expected = naive_splat(depth, features, cells, shape).view_as(bev)
    torch.testing.assert_close(bev.cpu(), expected, rtol=1e-5, atol=1e-5)


@few
@given(lifted())
def test_backward_is_the_gradient_of_the_naive_sum(kernels, scene):
    splat, device = kernels
    depth, features, cells, shape = scene
    depth, features = depth.requires_grad_(), features.requires_grad_()
    gradient = torch.randn(shape[0] * shape[1], features.shape[1])
    naive = naive_splat(depth, features, cells, shape)
    naive.backward(gradient.view_as(naive))
    flat = [by_pixel(x.detach()).to(device) for x in (depth, features)]
    to_depth, to_features = splat.backward(gradient.to(device), *flat, by_pixel(cells).int().to(device))
    torch.testing.assert_close(to_depth.cpu(), by_pixel(depth.grad), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(to_features.cpu(), by_pixel(features.grad), rtol=1e-4, atol=1e-5)


@few
@given(lifted())
def test_points_sorted_on_the_device_are_those_of_the_table(scene):
    depth, _, cells, shape = scene
    table = SplatTable.build(cells, shape)
    flat = by_pixel(cells).int()
    weights, _, starts, count = sort_points(flat, shape[0] * shape[1])
    assert int(count) == shape[0] * shape[1]
    np.testing.assert_array_equal(starts.numpy(), table.offsets.numpy())
    np.testing.assert_array_equal(weights.numpy()[: len(table.weights)], table.weights.numpy())
    assert depth.shape == cells.shape


def test_points_on_the_edges_of_cells_go_where_the_table_says_and_empty_cells_are_left_alone(kernels):
    splat, device = kernels
    grid = BevGrid(-4.0, 4.0, -4.0, 4.0, 1.0)
    generator = torch.Generator().manual_seed(3)
    # Whole metres: every point lies exactly between two cells, some on the rim of the grid.
    points = torch.randint(-6, 7, (2, 7, 3, 4, 3), generator=generator).float()
    cells = voxel_cells(points, *voxel_layout(ModelConfig(grid=grid)))
    depth, features = torch.rand(2, 7, 3, 4), torch.randn(2, 64, 3, 4)
    table = SplatTable.build(cells, grid.shape)
    bev = torch.full((64, 64), 5.0, device=device)
    arrays = [a.int().to(device) for a in (table.weights, table.cells, table.starts)]
    count = torch.tensor([len(table.cells)]).int().to(device)
    splat.forward(by_pixel(depth).to(device), by_pixel(features).to(device), *arrays, count, bev)
    expected = naive_splat(depth, features, cells, grid.shape).view(64, 64)
    hit = table.occupied.flatten()
    assert 0 < hit.sum() < 64
    torch.testing.assert_close(bev.cpu()[hit], expected[hit], rtol=1e-5, atol=1e-5)
    assert (bev.cpu()[~hit] == 5.0).all()


def test_the_gradient_flows_through_autograd(kernels, monkeypatch):
    """Training calls it so."""
    splat, device = kernels
    monkeypatch.setattr(splat_file, "splat_kernels", lambda *_: splat)
    rng = np.random.default_rng(4)
    cells = torch.from_numpy(rng.integers(-1, 12, (6, 5), dtype=np.int32)).to(device)
    depth = torch.rand(6, 5, device=device, requires_grad=True)
    features = torch.randn(6, 3, device=device, requires_grad=True)
    bev = splat_points(depth, features, cells, 12)
    again = splat_points(depth, features, cells, 12)
    assert torch.equal(bev, again)
    bev.square().sum().backward()
    expected = torch.zeros(13, 3, device=device, dtype=torch.float64)
    d, f = (x.detach().double().requires_grad_() for x in (depth, features))
    index = torch.where(cells >= 0, cells, 12).long().flatten()
    sums = expected.index_add(0, index, (d.unsqueeze(-1) * f.unsqueeze(1)).flatten(0, 1))[:12]
    sums.square().sum().backward()
    torch.testing.assert_close(depth.grad.double(), d.grad, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(features.grad.double(), f.grad, rtol=1e-4, atol=1e-4)


@needs_gpu
def test_half_precision_keeps_half_precision():
    rng = np.random.default_rng(5)
    cells = torch.from_numpy(rng.integers(-1, 40, (600, 41), dtype=np.int32)).cuda()
    depth, features = torch.rand(600, 41).cuda(), torch.randn(600, 64).cuda()
    exact = splat_points(depth, features, cells, 40, triton=False)
    for triton in (False, True) if has_triton() else (False,):
        half = splat_points(depth, features.half(), cells, 40, triton=triton)
        assert half.dtype == torch.float16
        torch.testing.assert_close(half.float(), exact, rtol=2e-3, atol=2e-2)


@pytest.mark.skipif(shutil.which("nvcc") is None, reason="no nvcc")
@pytest.mark.parametrize("option", [[], ["-DVALUE_HALF"]])
def test_the_cuda_source_compiles(option, tmp_path):
    (tmp_path / "splat.cu").write_text(splat_source())
    command = ["nvcc", "-arch=sm_87", "-cubin", "-Werror", "all-warnings", *option, "splat.cu"]
    subprocess.run(command, cwd=tmp_path, check=True)


def test_without_a_gpu_the_source_is_refused_in_one_line():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    from lss_bev_ros.errors import RuntimeBackendError

    with pytest.raises(RuntimeBackendError, match=r"driver|GPU"):
        SourceSplat(torch.float32)
