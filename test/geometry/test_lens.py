"""Lenses bend rays as OpenCV's do, and what they bend can be straightened again."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lss_bev_ros.errors import GeometryError
from lss_bev_ros.geometry import Camera, Lens, Pose

WIDE = Lens("plumb_bob", (-0.34, 0.14, 0.0, 0.0, -0.03))
LENSES = [
    Lens(),
    WIDE,
    Lens("plumb_bob", (0.12, -0.05, 0.002, -0.001)),
    Lens("rational_polynomial", (0.5, -0.1, 0.0, 0.0, 0.01, 0.85, 0.02, 0.0)),
    Lens("rational_polynomial", (8.1, 3.2, 1e-4, -3e-5, 0.12, 8.4, 5.8, 0.71)),
    Lens("rational_polynomial", (0.2, -0.1, 1e-3, 1e-3, 0.0, 0.1, 0.0, 0.0, 1e-3, -1e-3, 2e-3, 1e-4)),
    Lens("equidistant", (-0.02, 0.004, 0.0, 0.0)),
    Lens("equidistant", (0.0, 0.0, 0.0, 0.0)),
]
named = pytest.mark.parametrize("lens", LENSES, ids=lambda lens: f"{lens.model}-{len(lens.coefficients)}")
INTRINSICS = np.array([[1266.0, 0.0, 816.0], [0.0, 1250.0, 491.0], [0.0, 0.0, 1.0]])


def grid(radius: float) -> np.ndarray:
    x, y = np.meshgrid(np.linspace(-radius, radius, 41), np.linspace(-radius, radius, 31))
    return np.stack([x, y], axis=-1).reshape(-1, 2)


def bent_by_opencv(lens: Lens, rays: np.ndarray) -> np.ndarray:
    coefficients = np.array(lens.coefficients)
    if lens.model == "equidistant":
        return cv2.fisheye.distortPoints(rays[:, None], np.eye(3), coefficients)[:, 0]
    points = np.column_stack([rays, np.ones(len(rays))])
    return cv2.projectPoints(points, np.zeros(3), np.zeros(3), np.eye(3), coefficients)[0][:, 0]


@named
def test_rays_are_bent_as_opencv_bends_them(lens):
    rays = grid(0.6)
    np.testing.assert_allclose(lens.distort(rays), bent_by_opencv(lens, rays), atol=1e-9)


@st.composite
def lenses(draw):
    def numbers(*limits):
        return tuple(draw(st.floats(-limit, limit)) for limit in limits)

    model = draw(st.sampled_from(["plumb_bob", "rational_polynomial", "prism", "equidistant"]))
    if model == "equidistant":
        return Lens(model, numbers(0.1, 0.05, 0.02, 0.005))
    coefficients = numbers(0.6, 0.4, 0.01, 0.01, 0.2)
    if model != "plumb_bob":
        coefficients += numbers(1.0, 1.0, 0.2)
    if model == "prism":
        coefficients += numbers(0.01, 0.01, 0.01, 0.01)
    return Lens("rational_polynomial", coefficients)


@given(lenses(), st.integers(0, 1000))
def test_lenses_of_any_coefficients_are_opencvs_within_their_reach(lens, seed):
    radius = min(lens.reach, 3.0)
    rays = np.random.default_rng(seed).normal(size=(50, 2))
    rays *= (radius * np.linspace(0.0, 0.98, 50) / np.hypot(*rays.T))[:, None]
    bent = lens.distort(rays)
    if not lens.is_pinhole:
        np.testing.assert_allclose(bent, bent_by_opencv(lens, rays), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(lens.undistort(bent), rays, rtol=1e-6, atol=1e-6)
    # What is near a ray comes out on the same side: the lens neither folds nor mirrors there.
    step = 1e-7
    right, down = (lens.distort(rays + np.array(way) * step) - bent for way in ((1, 0), (0, 1)))
    assert (right[:, 0] * down[:, 1] - right[:, 1] * down[:, 0] > 0).all()


@given(lenses(), st.integers(0, 1000))
def test_rays_of_any_pixel_are_bent_back_to_it_or_are_none(lens, seed):
    bent = np.random.default_rng(seed).normal(size=(50, 2)) * 10.0 ** np.linspace(-3, 3, 50)[:, None]
    rays = lens.undistort(bent)
    known = ~np.isnan(rays).any(axis=-1)
    assert known[0]
    np.testing.assert_allclose(lens.distort(rays[known]), bent[known], rtol=1e-6, atol=1e-6)


@named
def test_what_was_bent_is_straightened_again(lens):
    rays = grid(min(0.95 * lens.reach, 3.0) / np.sqrt(2))
    np.testing.assert_allclose(lens.undistort(lens.distort(rays)), rays, atol=1e-6)


@named
def test_the_axis_goes_straight_through(lens):
    np.testing.assert_array_equal(lens.distort(np.zeros((1, 2))), np.zeros((1, 2)))
    np.testing.assert_allclose(lens.undistort(np.zeros((1, 2))), np.zeros((1, 2)), atol=1e-12)


def test_beyond_its_reach_a_lens_images_nothing():
    folding = Lens("plumb_bob", (-0.4, 0.0, 0.0, 0.0))
    # r - 0.4 r^3 rises up to the root of 1 - 1.2 r^2.
    assert folding.reach == pytest.approx(1 / np.sqrt(1.2), rel=1e-3)
    assert np.isnan(folding.distort(np.array([[1.2, 0.0]]))).all()
    assert np.isnan(folding.undistort(np.array([[2.0, 0.0]]))).all()


def test_almost_beside_the_camera_a_polynomial_is_no_lens():
    # It turns back at 25.8 focal lengths, so that at 44.7 a point would be in the middle of the picture.
    faint = Lens("plumb_bob", (-0.0005, 0.0, 0.0, 0.0))
    assert np.isnan(faint.distort(np.array([[44.7, 0.0]]))).all()
    np.testing.assert_allclose(faint.distort(np.array([[10.0, 0.0]])), [[9.5, 0.0]])


def test_a_lens_ends_where_what_is_tangential_could_fold_it():
    plain, tilted = (Lens("plumb_bob", (-0.4, 0.0, p, 0.0)) for p in (0.0, 0.01))
    assert 0.9 * plain.reach < tilted.reach < plain.reach


def test_a_fisheye_sees_almost_a_half_space():
    lens = Lens("fisheye", (0.0, 0.0, 0.0, 0.0))
    assert lens.model == "equidistant"
    np.testing.assert_allclose(lens.distort(np.array([1e9, 0.0])), [np.pi / 2, 0.0], atol=1e-6)
    assert np.isnan(lens.undistort(np.array([1.7, 0.0]))).all()  # from behind


@pytest.mark.parametrize(
    ("model", "coefficients", "expected"),
    [
        ("", (), "pinhole"),
        ("none", (), "pinhole"),
        ("plumb_bob", (0.0,) * 5, "pinhole"),
        ("some_model", (0.0,) * 5, "pinhole"),
        ("plumb_bob", (0.1, 0, 0, 0, 0, 0.2, 0, 0), "rational_polynomial"),
        ("rational_polynomial", (0.1, 0, 0, 0, 0, 0.2, 0, 0, 0, 0, 0, 0, 0, 0), "rational_polynomial"),
        ("rational_polynomial", (0.1, 0.2, 0.0, 0.0, 0.0), "plumb_bob"),
        ("plumb_bob", (0.1, 0.2, 0.0, 0.0, 0.0, 0.0), "plumb_bob"),
        ("Kannala_Brandt4", (0.1, 0.0, 0.0, 0.0), "equidistant"),
        ("equidistant", (), "equidistant"),
    ],
)
def test_models_are_told_by_their_names_and_numbers(model, coefficients, expected):
    assert Lens(model, coefficients).model == expected


@pytest.mark.parametrize(
    ("model", "coefficients", "says"),
    [
        ("double_sphere", (0.1, 0.2), "'double_sphere' is not known"),
        ("plumb_bob", (0.1, 0.2, 0.3), "4, 5, 8 or 12 distortion coefficients, not 3"),
        ("equidistant", (0.1, 0.2, 0.3, 0.4, 0.5), "has 4 distortion coefficients, not 5"),
        ("plumb_bob", (np.nan,) * 5, "must be finite"),
        ("", (0.1, 0.2, 0.0, 0.0, 0.0), "name the model"),
    ],
)
def test_what_is_no_lens_is_refused_with_the_remedy(model, coefficients, says):
    with pytest.raises(GeometryError, match=says):
        Lens(model, coefficients)


@named
@given(st.floats(200, 1400), st.floats(150, 750), st.floats(0.5, 80))
def test_a_pixel_lifted_to_a_depth_projects_back(lens, u, v, depth):
    camera = Camera("cam", INTRINSICS, 1600, 900, Pose.from_quaternion((1, 2, 3, 4), (1.0, 2.0, 3.0)), lens)
    ray = camera.rays(np.array([u, v]))
    if np.isnan(ray).any():
        return
    pixel, found = camera.project(camera.pose.apply(ray * depth))
    assert found == pytest.approx(depth)
    np.testing.assert_allclose(pixel, [u, v], atol=1e-5)


def test_a_lens_is_part_of_what_a_camera_is():
    plain = Camera("cam", INTRINSICS, 1600, 900, Pose.identity())
    bent = Camera("cam", INTRINSICS, 1600, 900, Pose.identity(), WIDE)
    assert plain.fingerprint != bent.fingerprint
    assert bent.straight.fingerprint == plain.fingerprint
    assert plain.straight is plain
