"""LiDAR and cameras look at the same world."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lss_bev_ros.synthetic import lidar
from lss_bev_ros.synthetic.camera import shadows_around, take_picture
from lss_bev_ros.synthetic.lidar import COLUMNS, RINGS, azimuths, elevations, scan
from lss_bev_ros.synthetic.sensors import mounts

TIME = 1.0


@pytest.fixture(scope="module")
def mounted(world):
    return mounts(world.config, np.random.default_rng(0))


@pytest.fixture(scope="module")
def sweep(world, mounted):
    return scan(world, mounted[1], TIME, np.random.default_rng(1))


def test_a_scan_looks_like_one_of_an_hdl32e(sweep):
    points = sweep.points
    distance = np.linalg.norm(points[:, :3], axis=1)
    assert points.dtype == np.float32
    assert points.shape[1] == 5
    assert 15_000 < len(points) < COLUMNS * RINGS
    assert distance.max() < 101.0
    assert set(points[:, 4]) <= set(range(RINGS))
    assert points[:, 3].min() >= 0
    assert points[:, 3].max() <= 255
    far = distance > 5
    elevation = np.arcsin(points[far, 2] / distance[far])
    # The car's motion is taken out, which shifts a point by up to half a metre sideways, hardly up.
    assert np.median(np.abs(elevation - elevations()[points[far, 4].astype(int)])) < np.radians(0.1)


def test_the_beams_turn_clockwise_and_end_past_the_back_left_camera(mounted):
    cameras, mount = mounted
    on_car = mount.pose.rotation @ np.array([np.cos(azimuths()), np.sin(azimuths()), 0 * azimuths()])
    heading = np.unwrap(np.arctan2(on_car[1], on_car[0]))
    assert (np.diff(heading) < 0).all()
    for camera in cameras:
        # When a camera fires, the beams are within 4 degrees of its axis.
        column = round(COLUMNS - 1 + camera.offset / 50_000 * COLUMNS)
        axis = camera.pose.rotation[:, 2]
        off = heading[column] - np.arctan2(axis[1], axis[0])
        assert abs(np.angle(np.exp(1j * off))) < np.radians(4)


def test_points_fall_on_the_right_object_in_every_picture(world, mounted, sweep):
    """99 % of the points that a camera can see lie within 2 px of the mask of what they hit.

    The LiDAR sits higher than the cameras and looks over things that they cannot look over: a point with
    something nearer in front of it, in the picture's own depth, is not one that the camera can see.
    """
    cameras, mount = mounted
    shadows = shadows_around(world, world.ego_pose(TIME).translation[:2])
    in_world = (world.ego_pose(TIME) @ mount.pose).apply(sweep.points[:, :3].astype(np.float64))
    right = total = hidden = on_actors = 0
    for camera in cameras:
        moment = TIME + camera.offset * 1e-6
        picture = take_picture(world, camera, moment, shadows, seed=0)
        local = (world.ego_pose(moment) @ camera.pose).inverse().apply(in_world)
        depth = local[:, 2]
        pixels = local[:, :2] / np.maximum(depth, 1e-6)[:, None] * camera.lens[:2] + camera.lens[2:]
        height, width = picture.instances.shape
        seen = (depth > 1.0) & (sweep.instance >= 0)
        seen &= ((pixels > 3) & (pixels < np.array([width - 4, height - 4]))).all(1)
        column, row = np.round(pixels[seen]).astype(int).T
        owner, depth = sweep.instance[seen], depth[seen]
        agrees = np.zeros(len(owner), bool)
        nearest = np.full(len(owner), np.inf)
        for dy in range(-2, 3):
            for dx in range(-2, 3):
                agrees |= picture.instances[row + dy, column + dx] == owner
                nearest = np.minimum(nearest, picture.depth[row + dy, column + dx])
        occluded = ~agrees & (nearest < depth - 0.3)
        right += int((agrees & ~occluded).sum())
        total += int((~occluded).sum())
        hidden += int(occluded.sum())
        on_actors += int((owner > 0).sum())
    print(f"{right}/{total} agree, {hidden} hidden, {on_actors} on actors")
    assert total > 8000
    assert on_actors > 300
    assert right / total > 0.99
    assert hidden / total < 0.05


def test_points_lie_on_the_surface_that_the_camera_measures(world, mounted, sweep):
    """The picture's depth at a point of the fixed world is the point's own, but for noise and edges."""
    cameras, mount = mounted
    camera = cameras[0]
    moment = TIME + camera.offset * 1e-6
    picture = take_picture(
        world, camera, moment, shadows_around(world, world.ego_pose(TIME).translation[:2]), seed=0
    )
    in_world = (world.ego_pose(TIME) @ mount.pose).apply(sweep.points[:, :3].astype(np.float64))
    local = (world.ego_pose(moment) @ camera.pose).inverse().apply(in_world)[sweep.instance == 0]
    pixels = np.round(
        local[:, :2] / np.maximum(local[:, 2:], 1e-6) * camera.lens[:2] + camera.lens[2:]
    ).astype(int)
    inside = (local[:, 2] > 1) & (pixels >= 0).all(1) & (pixels < [1600, 900]).all(1)
    error = picture.depth[pixels[inside, 1], pixels[inside, 0]] - local[inside, 2]
    assert np.median(np.abs(error)) < 0.05


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.0, 1.5))
def test_no_beam_misses_a_triangle_that_it_hits(seed, moved):
    """The bounds that save time never cost a hit: as many beams hit as when every beam is tried."""
    rng = np.random.default_rng(seed)
    center = rng.uniform(-25, 25, (30, 1, 3)) * [1, 1, 0.15]
    vertices = (center + rng.normal(0, rng.choice([0.3, 3.0]), (30, 3, 3))).astype(np.float32)
    to_body = np.zeros((COLUMNS, 3, 4))
    to_body[:, :, :3] = np.eye(3)
    to_body[:, 0, 3] = np.linspace(-moved, 0, COLUMNS)
    ranges = np.full((COLUMNS, RINGS), lidar.MAX_RANGE)
    hits = np.full((COLUMNS, RINGS), -1, np.int64)
    lidar._cast(vertices, to_body, lidar._back(to_body), moved, 0, azimuths(), elevations(), ranges, hits)

    some = rng.integers(0, COLUMNS, 200)
    az, el = azimuths()[some], elevations()
    beam = np.stack(
        [np.cos(az)[:, None] * np.cos(el), np.sin(az)[:, None] * np.cos(el), np.sin(el) + 0 * az[:, None]], -1
    )
    origin = to_body[some, :, 3][:, None]
    best = np.full(beam.shape[:2], lidar.MAX_RANGE)
    for a, b, c in vertices.astype(np.float64):
        normal = np.cross(b - a, c - a)
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = ((a - origin) @ normal) / (beam @ normal)
        point = origin + beam * distance[..., None]
        inside = np.ones(beam.shape[:2], bool)
        for p, q in ((a, b), (b, c), (c, a)):
            inside &= np.cross(q - p, point - p) @ normal >= 0
        inside &= (distance > lidar.MIN_RANGE) & (distance < best)
        best = np.where(inside, distance, best)
    assert np.allclose(ranges[some], best, atol=1e-3) or (np.abs(ranges[some] - best) > 1e-3).mean() < 1e-3
