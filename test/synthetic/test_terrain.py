"""Uneven ground: what lies on it stays in its place over it, and what stands on it leans with it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba")

from lss_bev_ros.geometry import Pose
from lss_bev_ros.synthetic.material import Palette
from lss_bev_ros.synthetic.mesh import polygon, soup
from lss_bev_ros.synthetic.terrain import CELL, Terrain, ground_height

SIDE = 12


def ground(heights) -> Terrain:
    return Terrain(np.array([-30.0, 18.0]), np.asarray(heights, np.float32))


ROUGH = ground(np.random.default_rng(0).uniform(0, 3, (SIDE, SIDE)))
GRID = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE), indexing="ij"), -1) * CELL + ROUGH.corner
EVEN = ground((GRID - ROUGH.corner) @ [0.05, -0.03] + 4.0)
UP = np.array([-0.05, 0.03, 1.0]) / np.linalg.norm([0.05, 0.03, 1.0])
MIDDLE = GRID.mean((0, 1))


def plan_areas(triangles) -> np.ndarray:
    """(T,) signed areas seen from above."""
    sides = triangles[:, 1:, :2].astype(np.float64) - triangles[:, :1, :2]
    return (sides[:, 0, 0] * sides[:, 1, 1] - sides[:, 0, 1] * sides[:, 1, 0]) / 2


def one_piece_of_ground(triangles) -> np.ndarray:
    """(T,) bool, whether each lies within one triangle of the lattice, but for a millimetre."""
    place = (triangles[..., :2].astype(np.float64) - ROUGH.corner) / CELL
    ways = np.stack([place[..., 0], place[..., 1], place[..., 0] - place[..., 1]], -1)
    middle = np.floor(ways.mean(1))[:, None]
    return ((ways > middle - 1e-3) & (ways < middle + 1 + 1e-3)).all((1, 2))


def test_heights_at_corners_are_given_and_linear_between():
    assert np.allclose(ROUGH.height(GRID), ROUGH.heights)
    a, b, c = (ROUGH.corner + CELL * np.array(corner) for corner in ((3, 5), (4, 5), (4, 6)))
    weights = np.random.default_rng(0).dirichlet([1, 1, 1], 20)
    between = ROUGH.height(weights @ np.stack([a, b, c]))
    assert np.allclose(between, weights @ ROUGH.height(np.stack([a, b, c])))
    assert ROUGH.height(ROUGH.corner - 1000.0) == pytest.approx(float(ROUGH.heights[0, 0]))


def test_level_ground_has_no_heights():
    assert ground_height(np.zeros((1, 1), np.float32), 0.0, 0.0, 3.0, 4.0) == 0.0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_what_lies_on_the_ground_stays_as_far_above_it(seed):
    """Wherever on a triangle one looks, and however large it is."""
    rng = np.random.default_rng(seed)
    corners = np.concatenate([rng.uniform(8, 55, (4, 3, 2)) + ROUGH.corner, np.full((4, 3, 1), 0.14)], -1)
    mesh = soup(corners, 0).named("pavement")
    laid = ROUGH.laid(mesh)
    assert plan_areas(laid.vertices).sum() == pytest.approx(plan_areas(mesh.vertices).sum(), abs=0.05)
    assert one_piece_of_ground(laid.vertices).all()
    weights = rng.dirichlet([1, 1, 1], len(laid))
    places = (laid.vertices * weights[..., None]).sum(1)
    assert np.allclose(places[:, 2] - ROUGH.height(places[:, :2]), 0.14, atol=3e-3)
    assert np.allclose(laid.uv, laid.vertices[..., :2], atol=1e-3)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_a_sheet_is_its_polygon_in_pieces_of_ground(seed):
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, 25)[:-1]
    reach = rng.uniform(18, 25, 24)
    outline = MIDDLE + reach[:, None] * np.stack([np.cos(angle), np.sin(angle)], -1)
    sheet, whole = ROUGH.sheet(outline, 0.2, 3), polygon(outline, 0.2, 3)
    assert plan_areas(sheet.vertices).sum() == pytest.approx(plan_areas(whole.vertices).sum(), abs=0.05)
    assert (plan_areas(sheet.vertices) > -1e-3).all()
    assert one_piece_of_ground(sheet.vertices).all()
    assert (sheet.vertices[..., 2] == np.float32(0.2)).all()
    assert (sheet.material == 3).all()


@given(st.floats(-3.1, 3.1), st.floats(0.0, 3.0), st.floats(0.1, 3.0))
def test_a_car_leans_as_the_ground_does(yaw, front, back):
    pose = EVEN.lifted(Pose.from_yaw(yaw, (*MIDDLE, 0.14)), front, back, 0.8)
    assert np.allclose(pose.rotation[:, 2], UP, atol=1e-6)
    assert np.allclose(pose.rotation @ pose.rotation.T, np.eye(3), atol=1e-9)
    assert pose.yaw == pytest.approx(yaw, abs=1e-9)
    under = np.array([*MIDDLE, EVEN.height(MIDDLE)])
    assert np.allclose(pose.translation, under + 0.14 * UP, atol=1e-5)


def test_people_and_posts_stay_upright():
    pose = EVEN.lifted(Pose.from_yaw(1.0, (*MIDDLE, 0.14)))
    assert np.allclose(pose.rotation, Pose.from_yaw(1.0).rotation)
    assert pose.translation[2] == pytest.approx(EVEN.height(MIDDLE) + 0.14, abs=1e-6)
    foot = np.array([*MIDDLE, 0.14])
    post = np.array([[0, 0, 0], [0.1, 0, 0], [0, 0, 4.0]]) + foot
    laid = EVEN.laid(soup(post[None], Palette().add(0, (1, 1, 1))).named("street lamp"))
    assert np.allclose(laid.vertices[0, 0, :2], laid.vertices[0, 2, :2])
    assert laid.vertices[0, 2, 2] - laid.vertices[0, 0, 2] == pytest.approx(4.0, abs=1e-5)


def test_normals_of_the_ground_are_across_it():
    flat = np.array([[0, 0, 0], [4, 0, 0], [0, 4, 0]]) + np.array([*MIDDLE, 0.0])
    laid = EVEN.laid(soup(flat[None], 0).named("road"))
    assert np.allclose(laid.normals, UP, atol=1e-5)
