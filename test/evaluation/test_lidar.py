"""The LiDAR reference on streets made of planes and boxes, and on the real frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lss_bev_ros.dataset import NuScenesReader, vehicle_raster
from lss_bev_ros.errors import EvaluationError
from lss_bev_ros.evaluation import LidarReference, LidarScore
from lss_bev_ros.geometry import BevGrid
from lss_bev_ros.geometry.ground import estimate_ground
from lss_bev_ros.geometry.vehicle import RENAULT_ZOE

GRID = BevGrid()
ORIGIN = np.array([0.94, 0.0, 1.84])


def scan(slope=(0.0, 0.0), walls=(), noise=0.02, seed=0) -> np.ndarray:
    """Points (N, 3) of a 32-beam scan of a sloping plane with box-shaped obstacles.

    walls: (x0, x1, y0, y1, height) each, standing on the plane.
    """
    rng = np.random.default_rng(seed)
    elevation = np.radians(np.linspace(-30.67, 10.67, 32))
    azimuth = np.radians(np.arange(0.0, 360.0, 0.33))
    e, a = (grid.ravel() for grid in np.meshgrid(elevation, azimuth, indexing="ij"))
    direction = np.stack([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)], axis=-1)
    normal = np.array([-slope[0], -slope[1], 1.0])
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = -(ORIGIN @ normal) / (direction @ normal)
        reach = np.where(reach > 0, reach, np.inf)
        for x0, x1, y0, y1, height in walls:
            base = slope[0] * (x0 + x1) / 2 + slope[1] * (y0 + y1) / 2
            low, high = np.array([x0, y0, base]), np.array([x1, y1, base + height])
            near, far = (low - ORIGIN) / direction, (high - ORIGIN) / direction
            enter, leave = np.minimum(near, far).max(axis=1), np.maximum(near, far).min(axis=1)
            reach = np.where((enter <= leave) & (enter > 0), np.minimum(reach, enter), reach)
    hit = reach < 80.0
    return ORIGIN + direction[hit] * (reach[hit] + rng.normal(0, noise, hit.sum()))[:, None]


def cells(x0, x1, y0, y1) -> np.ndarray:
    x, y = np.moveaxis(GRID.centers(), -1, 0)
    return (x > x0) & (x < x1) & (y > y0) & (y < y1)


slopes = st.tuples(st.floats(-0.06, 0.06), st.floats(-0.06, 0.06))


@settings(deadline=None, max_examples=15)
@given(slopes)
def test_empty_road_of_any_slope_has_no_obstacle(slope):
    lidar = LidarReference(GRID).observe(scan(slope), ORIGIN)
    assert not lidar.occupied.any()
    assert lidar.free.sum() > 5000
    assert np.abs(lidar.heights).max() < 0.2


@settings(deadline=None, max_examples=15)
@given(slopes, st.floats(8.0, 30.0), st.floats(-15.0, 15.0))
def test_vehicle_is_occupied_and_the_way_to_it_free(slope, x, y):
    lidar = LidarReference(GRID).observe(scan(slope, [(x, x + 4.5, y - 1, y + 1, 1.6)]), ORIGIN)
    grown = cells(x - 1.0, x + 5.5, y - 2.0, y + 2.0)
    assert not (lidar.occupied & ~grown).any()
    assert lidar.occupied[cells(x - 0.6, x + 0.6, y - 1, y + 1)].any()
    assert not (lidar.free & cells(x + 0.6, x + 4.0, y - 0.4, y + 0.4)).any()
    ahead = np.array([0.5 * (x + ORIGIN[0]), 0.5 * y])
    index, _ = GRID.cells(ahead)
    assert lidar.free[tuple(index)]


def test_what_a_vehicle_hides_is_unknown():
    lidar = LidarReference(GRID).observe(scan(walls=[(10, 14, -4, 4, 3.5)]), ORIGIN)
    hidden = cells(16, 40, -4, 4)
    assert not lidar.free[hidden].any()
    assert not lidar.occupied[hidden].any()


def test_low_kerb_and_high_bridge_are_no_obstacles():
    lidar = LidarReference(GRID).observe(scan(walls=[(8, 30, 5, 20, 0.15)]), ORIGIN)
    assert not lidar.occupied.any()
    bridge = np.column_stack([np.full(500, 12.0), np.linspace(-5, 5, 500), np.full(500, 4.5)])
    lidar = LidarReference(GRID).observe(np.vstack([scan(), bridge]), ORIGIN)
    assert not lidar.occupied.any()


def test_road_seen_below_a_vehicle_is_not_free():
    # A lorry: from 0.6 m up; the beams below it reach the road on the far side.
    points = scan(walls=[(15.0, 15.2, -3, 3, 3.0)])
    face = points[(np.abs(points[:, 0] - 15) < 0.3) & (points[:, 2] > 0.6)]
    lidar = LidarReference(GRID).observe(np.vstack([scan(), face]), ORIGIN)
    # Only beams that are lower than the lorry's own returns stop; all that pass here are.
    assert not lidar.free[cells(15.6, 17.0, -2, 2)].any()


def test_ego_vehicle_noise_and_mirror_images_are_left_out():
    ego = np.random.default_rng(0).uniform([-0.8, -0.9, 0.3], [3.5, 0.9, 2.0], (3000, 3))
    mirrored = scan(walls=[(10, 14, -4, 4, 3.5)]) * [1, 1, -1] - [0, 0, 1.0]
    broken = np.full((10, 3), np.nan)
    lidar = LidarReference(GRID).observe(np.vstack([scan(), ego, mirrored[::20], broken]), ORIGIN)
    assert not lidar.occupied.any()
    assert np.isfinite(lidar.heights).all()
    assert not RENAULT_ZOE.covers(lidar.points).any()


@pytest.mark.parametrize("points", [np.zeros((0, 3)), np.zeros((1, 5), np.float32), np.full((4, 4), np.nan)])
def test_hardly_any_points_give_hardly_any_knowledge(points):
    lidar = LidarReference(GRID).observe(points, ORIGIN)
    assert not lidar.occupied.any()
    assert lidar.free.sum() < 30


def test_flat_array_is_no_scan():
    with pytest.raises(EvaluationError, match=r"\(N, 3\)"):
        LidarReference(GRID).observe(np.zeros(9), ORIGIN)


@pytest.mark.parametrize(
    "parameters", [{"min_height": 0.0}, {"max_height": 0.1}, {"free_height": 0.0}, {"min_returns": 0}]
)
def test_impossible_parameters_are_named(parameters):
    with pytest.raises(EvaluationError, match=next(iter(parameters))):
        LidarReference(GRID, **parameters)


@settings(deadline=None, max_examples=20)
@given(slopes, st.integers(0, 1000))
def test_ground_follows_a_plane_below_clutter(slope, seed):
    rng = np.random.default_rng(seed)
    xy = rng.uniform(-50, 50, (4000, 2))
    ground = xy @ np.array(slope)
    clutter = rng.random(4000) < 0.3
    z = ground + rng.normal(0, 0.02, 4000) + clutter * rng.uniform(0.3, 6.0, 4000)
    surface = estimate_ground(np.column_stack([xy, z]))
    error = surface.height(xy) - ground
    assert np.median(np.abs(error)) < 0.05
    assert np.abs(error).max() < 0.5


def test_scores_count_support_contradiction_and_recall():
    grid = BevGrid(0.0, 4.0, 0.0, 4.0, 1.0)
    reference = LidarReference(grid).observe(np.zeros((0, 3)), np.zeros(3))
    occupied, free = np.zeros((2, 4, 4), dtype=bool)
    occupied[0, 0] = free[3, 3] = free[3, 2] = True
    lidar = type(reference)(occupied, free, reference.heights, reference.points, reference.ground)
    occupancy = np.zeros((4, 4), np.int8)
    occupancy[1, 1] = occupancy[3, 3] = occupancy[0, 3] = occupancy[0, 0] = 80
    truth = np.zeros((4, 4), bool)
    truth[0, :2] = True
    scores = LidarScore(grid).update(occupancy, lidar, truth)
    assert scores == {
        "lidar_support": 0.5,  # (0, 0) itself and (1, 1) beside it
        "lidar_contradiction": 0.25,  # (3, 3); (0, 3) is unknown
        "lidar_recall": 1.0,
        "lidar_observed": 3 / 16,
    }
    assert np.isnan(LidarScore(grid).update(occupancy, lidar)["lidar_recall"])


def test_real_frame_agrees_with_its_annotations(nuscenes_frame):
    (frame,) = NuScenesReader(nuscenes_frame).keyframes("scene-0061")
    points = frame.lidar.pose.apply(frame.lidar.points()[:, :3])
    lidar = LidarReference(GRID).observe(points, frame.lidar.pose.translation)
    # Objects stand on the ground: that estimated below them is near their boxes' bottoms.
    bottoms = [
        (box.pose.translation, box.pose.translation[2] - box.size[2] / 2)
        for box in frame.boxes
        if np.hypot(*box.pose.translation[:2]) < 40 and box.num_lidar_pts > 3
    ]
    errors = [bottom - lidar.ground.height(place[None])[0] for place, bottom in bottoms]
    assert np.median(np.abs(errors)) < 0.1
    # Every vehicle with a good number of returns holds occupied cells, and little of it looks free.
    for box in frame.boxes:
        if box.is_vehicle and box.num_lidar_pts >= 10 and np.abs(box.pose.translation[:2]).max() < 48:
            assert (lidar.occupied & vehicle_raster([box], GRID)).any()
    truth = vehicle_raster(frame.boxes, GRID)
    assert (lidar.free & truth).sum() < 0.15 * truth.sum()
    assert lidar.free.sum() > 5000
