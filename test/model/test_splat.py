"""The fast splat equals the naive sum, whatever the calibration; cells are those of LSS."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lss_bev_ros.geometry import BevGrid, Camera, Pose, Rig
from lss_bev_ros.model import (
    Calibration,
    ModelConfig,
    SplatTable,
    create_frustum,
    frustum_points,
    naive_splat,
    splat,
    voxel_cells,
)
from lss_bev_ros.model.splat import voxel_layout

SMALL = ModelConfig(
    image_height=64, image_width=96, depth_max=12.0, channels=5, grid=BevGrid(-12, 12, -8, 8, 0.5)
)
OPTICAL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
"""x right, y down, z forward, seen from a base_link that looks along the optical axis."""


def fast_and_naive(cells: torch.Tensor, config: ModelConfig, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    cameras, bins, rows, columns = cells.shape
    generator = torch.Generator().manual_seed(seed)
    depth = torch.rand(cameras, bins, rows, columns, generator=generator).softmax(1)
    features = torch.randn(cameras, config.channels, rows, columns, generator=generator)
    table = SplatTable.build(cells, config.grid.shape)
    fast = splat(
        depth.permute(0, 2, 3, 1).reshape(-1, bins).contiguous(),
        features.permute(0, 2, 3, 1).reshape(-1, config.channels).contiguous(),
        table,
    )
    return fast, naive_splat(depth.double(), features.double(), cells, config.grid.shape)


def assert_equal_within_1e_5(fast: torch.Tensor, naive: torch.Tensor) -> None:
    scale = naive.abs().max().clamp(min=1e-30)
    assert (fast.double() - naive).abs().max() <= 1e-5 * scale


poses = st.builds(
    lambda yaw, pitch, x, y, z: Pose(
        Pose.from_yaw(yaw).rotation
        @ np.array([[np.cos(pitch), 0, np.sin(pitch)], [0, 1, 0], [-np.sin(pitch), 0, np.cos(pitch)]])
        @ OPTICAL,
        np.array([x, y, z]),
    ),
    st.floats(-np.pi, np.pi),
    st.floats(-0.5, 0.5),
    st.floats(-15, 15),
    st.floats(-15, 15),
    st.floats(0, 3),
)
cameras = st.builds(
    lambda pose, focal, width, height: Camera(
        "cam", np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]]), width, height, pose
    ),
    poses,
    st.floats(50, 2000),
    st.integers(100, 2000),
    st.integers(100, 1200),
)


@settings(max_examples=40, deadline=None)
@given(cameras=st.lists(cameras, min_size=1, max_size=12), seed=st.integers(0, 1000))
def test_the_fast_splat_is_the_naive_sum_on_any_rig(cameras, seed):
    rig = Rig(
        tuple(Camera(f"cam{i}", c.intrinsics, c.width, c.height, c.pose) for i, c in enumerate(cameras))
    )
    points = frustum_points(create_frustum(SMALL), Calibration.of_rig(rig, SMALL))
    cells = voxel_cells(points, *voxel_layout(SMALL))
    assert_equal_within_1e_5(*fast_and_naive(cells, SMALL, seed))


@settings(max_examples=40, deadline=None)
@given(data=st.data(), seed=st.integers(0, 1000))
def test_the_fast_splat_is_the_naive_sum_with_points_on_cell_edges(data, seed):
    quarter = st.integers(-52, 52).map(lambda n: n * 0.25)
    shape = (2, 3, 2, 4)
    flat = data.draw(st.lists(st.tuples(quarter, quarter, quarter), min_size=48, max_size=48))
    points = torch.tensor(flat).view(*shape, 3)
    cells = voxel_cells(points, *voxel_layout(SMALL))
    fast, naive = fast_and_naive(cells, SMALL, seed)
    assert_equal_within_1e_5(fast, naive)
    empty = torch.ones(SMALL.grid.shape[0] * SMALL.grid.shape[1], dtype=torch.bool)
    empty[cells[cells >= 0]] = False
    assert fast.view(-1, SMALL.channels)[empty].eq(0).all()


def test_no_point_in_the_grid_gives_an_empty_bev():
    cells = torch.full((1, 3, 2, 2), -1)
    fast, naive = fast_and_naive(cells, SMALL, 0)
    assert fast.shape == (48, 32, 5)
    assert fast.eq(0).all()
    assert naive.eq(0).all()


def test_all_points_may_fall_in_one_cell():
    cells = torch.full((2, 8, 4, 6), 17)
    assert_equal_within_1e_5(*fast_and_naive(cells, SMALL, 0))


@pytest.mark.parametrize(
    ("x", "column"),
    [
        (-50.0, 0),
        (-49.51, 0),
        (-49.5, 1),
        (0.0, 100),
        (49.99, 199),
        (50.0, None),
        # Truncation toward zero: up to a cell below the bound is still the first cell.
        (-50.25, 0),
        (-50.49, 0),
        (-50.5, None),
    ],
)
def test_cells_are_truncated_toward_zero_as_published(x, column):
    cell = voxel_cells(torch.tensor([x, 0.0, 0.0]), *voxel_layout(ModelConfig()))
    assert cell == (-1 if column is None else column * 200 + 100)


def test_the_table_is_sorted_and_its_offsets_agree():
    cells = torch.tensor([5, -1, 2, 5, 0, 2, 2, -1]).view(1, 2, 2, 2)
    table = SplatTable.build(cells, (2, 4))
    assert table.cells.tolist() == [0, 2, 5]
    assert table.starts.tolist() == [0, 1, 4, 6]
    assert table.offsets.tolist() == [0, 1, 1, 4, 4, 4, 6, 6, 6]
    depth_major = cells.permute(0, 2, 3, 1).reshape(-1)
    assert depth_major[table.weights].tolist() == [0, 2, 2, 2, 5, 5]
    assert torch.equal(table.pixels, table.weights // 2)
    assert table.occupied.flatten().nonzero().flatten().tolist() == [0, 2, 5]
