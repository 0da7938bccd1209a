"""Voxel scores on volumes whose scores are known, and rays beside a walk that one can follow by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lss_bev_ros.errors import EvaluationError
from lss_bev_ros.evaluation.occupancy import NOT_KNOWN, RayScore, VoxelScore
from lss_bev_ros.evaluation.rays import MOST_ORIGINS, VoxelGrid, cast, lidar_directions, ray_origins
from lss_bev_ros.geometry import BevGrid, Pose
from lss_bev_ros.geometry.classes import FREE, OCCUPIED

SMALL = VoxelGrid(BevGrid(-4, 4, -3, 3, 0.5), -1.0, 2.2, 8)
CAR, ROAD, WALL = (OCCUPIED.index(name) for name in ("car", "driveable_surface", "manmade"))
ORIGIN = np.array([0.1, 0.05, 0.9])


def empty(grid=SMALL):
    return np.full(grid.shape, FREE, np.uint8)


def volumes(seed, share=0.05, kinds=3):
    rng = np.random.default_rng(seed)
    voxels = empty()
    filled = rng.random(SMALL.shape) < share
    voxels[filled] = rng.integers(0, kinds, int(filled.sum()))
    voxels[tuple(np.floor((ORIGIN - SMALL.low) / SMALL.size).astype(int))] = FREE
    return voxels


# Mean IoU.


def test_voxels_that_equal_the_truth_score_one():
    score = VoxelScore(SMALL)
    assert score.update(volumes(0), volumes(0))["miou"] == 1.0
    assert score.running["iou_occupied"] == 1.0


def test_the_mean_is_over_classes_and_free_space_is_none():
    truth, predicted = empty(), empty()
    truth[0, 0, :4], predicted[0, 0, :2] = CAR, CAR
    truth[1, 0, :4], predicted[1, 0, :4] = ROAD, ROAD
    metrics = VoxelScore(SMALL).update(predicted, truth)
    assert metrics["iou_car"] == 0.5
    assert metrics["iou_driveable_surface"] == 1.0
    assert metrics["miou"] == 0.75
    assert metrics["iou_occupied"] == pytest.approx(6 / 8)
    assert math.isnan(metrics["iou_bus"])


def test_a_class_that_is_nowhere_but_predicted_counts_as_wrong():
    truth, predicted = empty(), empty()
    truth[0, 0, 0] = predicted[0, 0, 0] = CAR
    predicted[5, 5, 5] = WALL
    assert VoxelScore(SMALL).update(predicted, truth)["miou"] == 0.5


def test_masked_and_unknown_voxels_do_not_count():
    truth, predicted = empty(), empty()
    truth[0, 0, 0] = predicted[0, 0, 0] = CAR
    truth[1, 0, 0], predicted[1, 0, 0] = NOT_KNOWN, CAR
    predicted[2, 0, 0] = CAR
    mask = np.ones(SMALL.shape, np.uint8)
    mask[2, 0, 0] = 0
    score = VoxelScore(SMALL)
    assert score.update(predicted, truth, mask)["miou"] == 1.0
    assert score.confusion.sum() == truth.size - 2


def test_frames_are_counted_together():
    score = VoxelScore(SMALL)
    for cells in (1, 3):
        truth, predicted = empty(), empty()
        truth[0, 0, :4], predicted[0, 0, :cells] = CAR, CAR
        score.update(predicted, truth)
    assert score.running["miou"] == 0.5
    assert score.last["miou"] == 0.75
    score.reset()
    assert math.isnan(score.running["miou"])


@settings(max_examples=25)
@given(st.integers(0, 2**31), st.integers(0, 2**31))
def test_mean_iou_equals_the_plain_one(one, other):
    predicted, truth = volumes(one), volumes(other)
    plain = [
        ((predicted == k) & (truth == k)).sum() / ((predicted == k) | (truth == k)).sum()
        for k in range(FREE)
        if ((predicted == k) | (truth == k)).any()
    ]
    assert VoxelScore(SMALL).update(predicted, truth)["miou"] == pytest.approx(np.mean(plain))


# Rays.


def walk(occupied, grid, origin, direction):
    """Voxel, depth and hit of one ray, in small plain steps from border to border."""
    direction = direction / np.linalg.norm(direction)
    at = [int(v) for v in np.floor((origin - grid.low) / grid.size)]
    while True:
        leaves = []
        for axis in range(3):
            if direction[axis] == 0:
                leaves.append(math.inf)
                continue
            border = grid.low[axis] + (at[axis] + (direction[axis] >= 0)) * grid.size[axis]
            leaves.append((border - origin[axis]) / direction[axis])
        depth = min(leaves)
        here = tuple(at)
        if occupied[here]:
            return np.ravel_multi_index(here, grid.shape), depth, True
        # SparseOcc's order at edges and corners.
        axis = 2 if leaves[2] == depth else 1 if leaves[1] == depth else 0
        at[axis] += 1 if direction[axis] >= 0 else -1
        if not 0 <= at[axis] < grid.shape[axis]:
            return np.ravel_multi_index(here, grid.shape), depth, False


EVEN = VoxelGrid(BevGrid(-4, 4, -3, 3, 0.5), -1.0, 3.0, 8)
DIAGONALS = np.array([(x, y, z) for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1) if x or y or z])


@settings(max_examples=20)
@given(st.integers(0, 2**31), st.sampled_from([0.0, 0.01, 0.1]), st.booleans())
def test_every_ray_equals_the_plain_walk(seed, share, edges):
    """Where borders are round numbers, rays go through edges and corners too."""
    rng = np.random.default_rng(seed)
    grid = EVEN if edges else SMALL
    one, other = (rng.random(grid.shape) < share for _ in range(2))
    directions = DIAGONALS if edges else rng.normal(size=(40, 3))
    place = rng.integers(1, 2 * np.array(grid.shape)) / 2 if edges else rng.random(3) * grid.shape
    origin = grid.low + place * grid.size
    for volume, hits in zip((one, other), cast([one, other], grid, origin, directions), strict=True):
        for k, direction in enumerate(directions):
            voxel, depth, hit = walk(volume, grid, origin, direction)
            assert hits.hit[k] == hit
            assert hits.depth[k] == pytest.approx(depth, abs=1e-9)
            assert hits.voxel[k] == voxel


def test_a_ray_meets_a_wall_and_its_depth_is_where_it_leaves_the_voxel():
    wall = np.zeros(SMALL.shape, bool)
    wall[14] = True  # x from 3.0 to 3.5 m
    (hits,) = cast([wall], SMALL, ORIGIN, np.array([[1.0, 0, 0], [-1.0, 0, 0]]))
    assert hits.hit.tolist() == [True, False]
    assert hits.depth.tolist() == pytest.approx([3.5 - 0.1, 4.0 + 0.1])
    assert np.unravel_index(hits.voxel, SMALL.shape)[0].tolist() == [14, 0]


def test_the_rays_are_those_of_sparseocc():
    rays = lidar_directions()
    assert rays.shape == (14040, 3)
    assert np.linalg.norm(rays, axis=1) == pytest.approx(1.0)
    elevation = np.arcsin(rays.reshape(39, 360, 3)[:, 0, 2])
    # On even ground at once, twice ... ten times the LiDAR's height.
    assert -1 / np.tan(elevation[:10]) == pytest.approx(np.arange(1, 11))
    assert np.diff(elevation[8:]) == pytest.approx(elevation[9] - elevation[8])
    assert elevation[-2] < 0.21 <= elevation[-1]


def test_rays_that_start_outside_are_refused():
    with pytest.raises(EvaluationError, match="outside"):
        cast([np.zeros(SMALL.shape, bool)], SMALL, np.array([0, 0, 9.0]), lidar_directions())


def test_origins_are_spread_over_the_scene_and_lie_in_the_voxels():
    egos = [Pose.from_yaw(0.0, (3.0 * k, 0.0, 0.0)) for k in range(40)]
    lidar = Pose.from_yaw(-1.57, (0.94, 0, 1.84))
    origins = ray_origins(VoxelGrid(), lidar, egos, 0)
    assert len(origins) == MOST_ORIGINS
    assert origins[0] == pytest.approx([0.94, 0, 1.84])
    assert origins[:, 0].max() < 49
    assert len(ray_origins(VoxelGrid(), lidar, egos, 39)) == MOST_ORIGINS
    turned = [Pose.from_yaw(1.0) @ ego for ego in egos]
    assert ray_origins(VoxelGrid(), lidar, turned, 3) == pytest.approx(
        ray_origins(VoxelGrid(), lidar, egos, 3)
    )


# RayIoU.


def scene():
    """A road, and a car in front of a wall."""
    voxels = empty()
    voxels[:, :, 0] = ROAD
    voxels[15, :, 1:7] = WALL
    voxels[12:14, 5:7, 1:4] = CAR
    return voxels


def test_rays_through_what_equals_the_truth_score_one():
    score = RayScore(SMALL)
    assert score.update(scene(), scene(), ORIGIN)["rayiou"] == 1.0
    assert score.running["rayiou_car"] == 1.0
    assert math.isnan(score.running["rayiou_bus"])


def test_what_no_ray_sees_is_of_no_account():
    behind = scene()
    behind[13, 5:7, 1:3] = FREE  # the far half of the car, below its roof
    assert RayScore(SMALL).update(behind, scene(), ORIGIN)["rayiou"] == 1.0


def test_a_thick_wall_is_no_better_than_a_thin_one():
    thick = scene()
    thick[14:16, 0:4, 1:7] = WALL
    metrics = RayScore(SMALL).update(thick, scene(), ORIGIN)
    assert metrics["rayiou_1"] > 0.95  # half a metre too near, and a few rays meet it where the road was
    thick[9:16, 0:4, 1:7] = WALL
    metrics = RayScore(SMALL).update(thick, scene(), ORIGIN)
    assert metrics["rayiou_1"] < metrics["rayiou_2"] < metrics["rayiou_4"] <= 1.0


def test_nothing_predicted_scores_nothing():
    metrics = RayScore(SMALL).update(empty(), scene(), ORIGIN)
    assert metrics["rayiou"] == 0.0


def test_what_is_predicted_where_the_truth_is_empty_is_not_seen():
    sky = scene()
    sky[0, :, 7] = WALL
    assert RayScore(SMALL).update(sky, scene(), ORIGIN)["rayiou"] == 1.0


def test_origins_and_frames_are_counted_together():
    score, whole = RayScore(SMALL), RayScore(SMALL)
    origins = ORIGIN + np.array([[0.0, 0.0, 0.0], [0.5, 1.0, 0.2]])
    predicted = volumes(3, 0.02)
    for origin in origins:
        score.update(predicted, volumes(4, 0.02), origin)
    whole.update(predicted, volumes(4, 0.02), origins)
    assert score.running == pytest.approx(whole.running, nan_ok=True)


@settings(max_examples=5)
@given(st.integers(0, 2**31))
def test_ray_iou_equals_the_plain_one(seed):
    predicted, truth = volumes(seed, 0.03), volumes(seed + 1, 0.03)
    score = RayScore(SMALL)
    score._directions = lidar_directions()[::97]
    rows = []
    for direction in score._directions:
        ours = walk(predicted < FREE, SMALL, ORIGIN, direction)
        true = walk(truth < FREE, SMALL, ORIGIN, direction)
        if true[2]:
            rows.append((predicted.ravel()[ours[0]], truth.ravel()[true[0]], abs(ours[1] - true[1])))
    said, kind, apart = np.array(rows).T
    ious = []
    for limit in (1, 2, 4):
        for k in range(FREE):
            right = ((said == k) & (kind == k) & (apart < limit)).sum()
            if union := (said == k).sum() + (kind == k).sum() - right:
                ious.append(right / union)
    assert score.update(predicted, truth, ORIGIN)["rayiou"] == pytest.approx(np.mean(ious))


@pytest.mark.parametrize(
    ("predicted", "says"),
    [
        (np.zeros((2, 2, 2), np.uint8), "shape|over"),
        (empty().astype(float), "integers"),
        (empty() + 1, "free"),
    ],
)
def test_volumes_that_cannot_be_scored_are_named(predicted, says):
    for score in (VoxelScore(SMALL), RayScore(SMALL)):
        with pytest.raises(EvaluationError, match=says):
            score.update(predicted, *([empty()] if isinstance(score, VoxelScore) else [empty(), ORIGIN]))


def test_impossible_grids_are_refused():
    with pytest.raises(EvaluationError, match="z_max"):
        VoxelGrid(BevGrid(), 1.0, 1.0, 4)


def test_the_classes_are_those_that_the_network_answers():
    senses = pytest.importorskip("lss_bev_ros.model.senses")
    assert senses.OCCUPIED == OCCUPIED
    config = senses.SensesConfig()
    assert VoxelGrid() == VoxelGrid(BevGrid(), config.voxel_z_min, config.voxel_z_max, config.heights)
