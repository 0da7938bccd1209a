"""A voxel holds what passes through it, and of several things the one that matters most."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lss_bev_ros.geometry import BevGrid, Pose
from lss_bev_ros.model.senses import OCCUPIED, SensesConfig
from lss_bev_ros.synthetic.mesh import box, joined, quads
from lss_bev_ros.synthetic.things import NUMBER
from lss_bev_ros.synthetic.voxels import HEIGHTS, Z_MAX, Z_MIN, surface_voxels, thing_voxels

GRID = BevGrid(-8, 8, -8, 8, 0.5)
HERE = Pose.identity()


def ground(name="road", z=0.0):
    return quads([[[-9, -9, z], [9, -9, z], [9, 9, z], [-9, 9, z]]], 0).named(name)


def filled(mesh, ego=HERE):
    return thing_voxels(mesh.vertices, mesh.thing, ego, GRID)


def test_the_bounds_are_those_of_the_network():
    config = SensesConfig()
    assert (config.voxel_z_min, config.voxel_z_max, config.heights) == (Z_MIN, Z_MAX, HEIGHTS)


def test_a_flat_road_fills_one_layer():
    voxels = filled(ground())
    assert (voxels[:, :, 2] == NUMBER["road"]).all()
    assert not np.delete(voxels, 2, 2).any()


def test_a_box_fills_its_sides_and_stays_hollow():
    voxels = filled(box((-1.9, -1.9, 0.1), (1.9, 1.9, 3.1), 0).named("truck"))
    assert (voxels[12, 12:20, 3:10] == NUMBER["truck"]).all()
    assert not voxels[14:18, 14:18, 4:9].any()
    assert not voxels[:11].any()


def test_who_stands_on_the_road_counts_before_it():
    pole = box((0.1, 0.1, 0.0), (0.3, 0.3, 1.0), 0)
    for order in ([ground(), pole.named("adult")], [pole.named("adult"), ground()]):
        voxels = filled(joined(order))
        assert voxels[16, 16, 2] == NUMBER["adult"]
        assert voxels[15, 16, 2] == NUMBER["road"]
    both = joined([pole.named("adult"), pole.named("street lamp")])
    assert filled(both)[16, 16, 3] == NUMBER["adult"]


def test_what_has_no_name_fills_nothing():
    assert not filled(quads([[[-9, -9, 0], [9, -9, 0], [9, 9, 0], [-9, 9, 0]]], 0)).any()


def test_occupied_classes_are_those_of_the_things():
    mesh = joined([ground(), box((1.1, 0.1, 0.2), (1.4, 0.4, 1.0), 0).named("traffic cone")])
    classes = surface_voxels(mesh.vertices, mesh.thing, HERE, GRID)
    assert OCCUPIED[classes[18, 16, 3]] == "traffic_cone"
    assert OCCUPIED[classes[5, 5, 2]] == "driveable_surface"
    assert classes[5, 5, 9] == len(OCCUPIED)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31))
def test_no_voxel_that_a_triangle_passes_through_is_missed(seed):
    rng = np.random.default_rng(seed)
    mesh = quads(rng.uniform(-7, 7, (1, 1, 3)) * [1, 1, 0.3] + rng.normal(0, 2, (1, 4, 3)), 0).named("bus")
    ego = Pose.from_yaw(rng.uniform(-3, 3), (*rng.uniform(-2, 2, 2), 0.0))
    voxels = filled(mesh, ego)
    weights = rng.dirichlet([1, 1, 1], 400)
    points = ego.inverse().apply((weights @ mesh.vertices.astype(np.float64)).reshape(-1, 3))
    at = (points - [-8, -8, Z_MIN]) / [0.5, 0.5, 0.4]
    # Samples lie so far apart that one of a point further out may fall to the neighbour.
    clear = (np.abs(at % 1 - 0.5) < 0.15).all(1) & (at > 0).all(1) & (at < voxels.shape).all(1)
    index = np.floor(at[clear]).astype(int)
    assert (voxels[tuple(index.T)] == NUMBER["bus"]).all()
