"""What the LiDAR says without any network: depth of pixels, and what stands, moves and is free."""

from __future__ import annotations

import numpy as np
import pytest

from lss_bev_ros.adapt.depth import beam_depth
from lss_bev_ros.adapt.evidence import CLEAR, FILLED, FREE, MOVES, STANDS, evidence
from lss_bev_ros.evaluation.lidar import LidarGrid, LidarReference
from lss_bev_ros.geometry import BevGrid, Pose
from lss_bev_ros.geometry.example_rig import nuscenes_like_rig
from lss_bev_ros.geometry.ground import estimate_ground
from lss_bev_ros.training.config import SampleLayout
from lss_bev_ros.training.sample import DEPTH_UNIT, NO_DEPTH

LAYOUT = SampleLayout()
GRID = BevGrid(-16.0, 16.0, -16.0, 16.0, 1.0)
FRONT = nuscenes_like_rig()["cam_front"]


def wall(distance: float, low: float = 0.0, high: float = 3.0) -> np.ndarray:
    y, z = np.meshgrid(np.linspace(-3, 3, 60), np.linspace(low, high, 40))
    return np.column_stack([np.full(y.size, distance), y.ravel(), z.ravel()])


@pytest.mark.parametrize("distance", [8.0, 20.0, 45.0])
def test_a_pixel_is_as_far_as_the_beam_that_hits_it(distance):
    points = wall(distance)
    depth = beam_depth(points, Pose.identity(), FRONT, LAYOUT)
    hit = depth != NO_DEPTH
    pixels, along = FRONT.project(points)
    assert np.allclose(depth[hit] * DEPTH_UNIT, along.mean(), atol=DEPTH_UNIT)
    rows, columns = depth.shape
    at = np.floor((pixels + 0.5) / [FRONT.width, FRONT.height] * [columns, rows]).astype(int)
    inside = ((at >= 0) & (at < [columns, rows])).all(1)
    expected = np.zeros_like(hit)
    expected[at[inside, 1], at[inside, 0]] = True
    np.testing.assert_array_equal(hit, expected)


def test_a_car_that_drove_on_is_nearer_to_what_it_sees():
    ahead = Pose(np.eye(3), np.array([2.0, 0.0, 0.0]))
    near, far = (beam_depth(wall(20.0), moved, FRONT, LAYOUT) for moved in (ahead.inverse(), Pose.identity()))
    assert near[near != NO_DEPTH].mean() * DEPTH_UNIT == pytest.approx(
        far[far != NO_DEPTH].mean() * DEPTH_UNIT - 2.0, abs=0.3
    )


def test_what_the_roof_sees_over_a_car_is_hidden_from_the_camera():
    points = np.concatenate([wall(10.0, 0.0, 1.4), wall(30.0, 0.0, 1.4)])
    depth = beam_depth(points, Pose.identity(), FRONT, LAYOUT)
    middle = depth[:, depth.shape[1] // 2 - 8 : depth.shape[1] // 2 + 8]
    assert (middle[middle != NO_DEPTH] * DEPTH_UNIT < 15).all()


def test_a_depth_beyond_the_bins_is_none():
    depth = beam_depth(wall(200.0), Pose.identity(), FRONT, LAYOUT)
    assert (depth == NO_DEPTH).all()


def scan(filled: list[tuple[float, float]], free: list[tuple[float, float]]) -> LidarGrid:
    maps = []
    for places in (filled, free):
        cells = np.zeros(GRID.shape, bool)
        for place in places:
            index, inside = GRID.cells(np.array(place))
            assert inside
            cells[tuple(index)] = True
        maps.append(cells)
    nothing = np.zeros((0, 3))
    return LidarGrid(*maps, nothing[:, 0], nothing, estimate_ground(nothing))


def bits(found: np.ndarray, x: float, y: float) -> int:
    index, _ = GRID.cells(np.array([x, y]))
    return int(found[tuple(index)])


def test_what_stands_is_told_from_what_moves_while_the_car_drives():
    """A post at x 8, and a cyclist who rides along with the car, 5 m to its left."""
    egos = [Pose.from_yaw(0.0, (2.0 * k, 0.0, 0.0)) for k in range(3)]
    scans = [
        scan([(8.5 - 2 * k, 0.5), (0.5, 5.5)], [(2.5 - 2 * j, 5.5) for j in range(-2, 4) if j])
        for k in range(3)
    ]
    found = evidence(scans, egos, 1, GRID)
    assert bits(found, 6.5, 0.5) & STANDS
    assert bits(found, 6.5, 0.5) & FILLED
    assert not bits(found, 6.5, 0.5) & MOVES
    assert bits(found, 0.5, 5.5) & FILLED
    assert not bits(found, 0.5, 5.5) & STANDS


def test_free_of_several_scans_is_clear_and_of_one_is_not():
    still = [Pose.identity()] * 3
    found = evidence(
        [scan([], [(5.5, 5.5)]), scan([], [(5.5, 5.5), (-5.5, 5.5)]), scan([], [])], still, 1, GRID
    )
    assert bits(found, 5.5, 5.5) == FREE | CLEAR
    assert bits(found, -5.5, 5.5) == FREE
    assert bits(found, 0.5, 0.5) == 0


def test_what_came_moves():
    still = [Pose.identity()] * 3
    found = evidence([scan([], [(5.5, 5.5)]), scan([], [(5.5, 5.5)]), scan([(5.5, 5.5)], [])], still, 2, GRID)
    assert bits(found, 5.5, 5.5) & MOVES
    assert not bits(found, 5.5, 5.5) & (STANDS | CLEAR)


def test_a_turning_car_sees_the_same_post_in_the_same_place():
    """By real scans: points, beams, ground and all."""
    rng = np.random.default_rng(0)
    road = np.column_stack([rng.uniform(-15, 15, (4000, 2)), np.zeros(4000)])
    post = np.column_stack([rng.uniform(6.2, 6.8, 200), rng.uniform(2.2, 2.8, 200), rng.uniform(0.3, 2, 200)])
    egos = [Pose.from_yaw(0.3 * k, (1.0 * k, 0.0, 0.0)) for k in range(3)]
    reference = LidarReference(GRID)
    scans = []
    for ego in egos:
        to_ego = ego.inverse()
        scans.append(reference.observe(to_ego.apply(np.concatenate([road, post])), np.array([0.0, 0, 1.8])))
    for now in range(3):
        found = evidence(scans, egos, now, GRID)
        x, y, _ = egos[now].inverse().apply(np.array([6.5, 2.5, 0.0]))
        near = [bits(found, x + dx, y + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
        assert any(each & STANDS for each in near)
        assert (found & FREE > 0).mean() > 0.1
        assert (found & MOVES > 0).mean() < 0.02
