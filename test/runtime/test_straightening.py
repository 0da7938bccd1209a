"""What a lens bent, the network sees straight, and nothing is seen where the lens took no picture."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from lss_bev_ros.geometry import Camera, Lens, Pose, Rig
from lss_bev_ros.model import ModelConfig
from lss_bev_ros.runtime.calibration_tables import CalibrationTables, frustum_cells
from lss_bev_ros.runtime.field_of_view import visible_cells_of
from lss_bev_ros.runtime.preprocess import Preprocessor, resize_and_crop, straighten_and_resize
from lss_bev_ros.runtime.straightening import Straightening, StraighteningCache, taken, takes_all

CONFIG = ModelConfig()
K = np.array([[1266.0, 0.0, 816.0], [0.0, 1266.0, 491.0], [0.0, 0.0, 1.0]])
FORWARD = Pose(np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]), np.array([1.7, 0.0, 1.5]))
PLAIN = Camera("cam", K, 1600, 900, FORWARD)
LENSES = {
    "barrel": Lens("plumb_bob", (-0.34, 0.14, 0.001, -0.001, -0.03)),
    "pincushion": Lens("plumb_bob", (0.2, 0.05, 0.0, 0.0, 0.0)),
    "rational": Lens("rational_polynomial", (0.5, -0.1, 0.0, 0.0, 0.01, 0.85, 0.02, 0.0)),
    "fisheye": Lens("equidistant", (-0.02, 0.004, 0.0, 0.0)),
}
named = pytest.mark.parametrize("lens", LENSES.values(), ids=LENSES.keys())


def scene(rays: np.ndarray) -> np.ndarray:
    """A smooth picture of what lies along rays (..., 3)."""
    x, y = rays[..., 0], rays[..., 1]
    colours = [np.sin(9 * x + 2 * y), np.cos(7 * y - 3 * x), np.sin(5 * x) * np.cos(4 * y)]
    return np.nan_to_num(127.5 + 100 * np.stack(colours, axis=-1)).round().astype(np.uint8)


def photograph(camera: Camera) -> np.ndarray:
    pixels = np.stack(np.meshgrid(np.arange(camera.width), np.arange(camera.height)), axis=-1)
    return scene(camera.rays(pixels))


@named
def test_the_network_sees_what_a_pinhole_would_have_taken(lens):
    bent = replace(PLAIN, lens=lens)
    seen = straighten_and_resize(photograph(bent), Straightening.of(bent, CONFIG)).astype(int)
    expected = resize_and_crop(photograph(PLAIN), CONFIG).astype(int)
    u, v = np.meshgrid(np.arange(352), np.arange(128))
    pixels = np.stack([(u + 0.5) / 0.22 - 0.5, (v + 48.5) / 0.22 - 0.5], axis=-1)
    # Not at the border of the picture, where the filter reaches beyond it.
    border = 12 / 1266
    inner = np.ones(u.shape, dtype=bool)
    for dx, dy in ((border, 0), (-border, 0), (0, border), (0, -border)):
        inner &= taken(bent, pixels + np.array([dx, dy]) * 1266)
    inner[:, [0, 1, -2, -1]] = False
    inner[[0, 1, -2, -1]] = False
    assert inner.mean() > 0.5
    assert np.abs(seen - expected)[inner].max() <= 2


def test_without_a_lens_the_lookup_is_the_resize_that_it_replaces():
    image = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (900, 1600, 3), np.uint8), (0, 0), 4)
    looked_up = straighten_and_resize(image, Straightening.of(PLAIN, CONFIG)).astype(int)
    error = looked_up - resize_and_crop(image, CONFIG).astype(int)
    assert np.sqrt((error[2:-2, 2:-2] ** 2).mean()) < 0.7


@pytest.mark.parametrize("size", [(640, 480), (1936, 1216), (3840, 2160)])
def test_images_of_any_size_are_straightened(size):
    width, height = size
    k = np.array([[0.8 * width, 0.0, width / 2], [0.0, 0.8 * width, height / 2], [0.0, 0.0, 1.0]])
    plain = Camera("cam", k, width, height, FORWARD)
    bent = replace(plain, lens=LENSES["barrel"])
    seen = straighten_and_resize(photograph(bent), Straightening.of(bent, CONFIG)).astype(int)
    error = np.abs(seen - resize_and_crop(photograph(plain), CONFIG).astype(int))
    assert error[2:-2, 2:-2].max() <= 3


def test_cameras_with_and_without_lenses_may_be_mixed():
    bent = replace(PLAIN, name="bent", lens=LENSES["barrel"])
    images = [photograph(PLAIN), photograph(bent)]
    batch = Preprocessor(CONFIG, torch.float32)(images, [PLAIN, bent])
    np.testing.assert_array_equal(
        batch[0].numpy(), Preprocessor(CONFIG, torch.float32)(images[:1], [PLAIN])[0].numpy()
    )
    assert (batch[0] - batch[1]).abs()[:, 2:-2, 2:-2].max() < 0.06


def test_a_camera_that_moves_keeps_its_lookup():
    known, bent = StraighteningCache(CONFIG), replace(PLAIN, lens=LENSES["barrel"])
    moved = replace(bent, name="other", pose=Pose(FORWARD.rotation, np.array([1.8, 0.1, 1.4])))
    assert known[moved] is known[bent]
    assert known[replace(bent, lens=LENSES["fisheye"])] is not known[bent]
    assert known[replace(bent, intrinsics=K + np.diag([1.0, 0.0, 0.0]))] is not known[bent]


def test_a_barrel_lens_sees_all_that_its_pinhole_sees():
    bent = replace(PLAIN, lens=LENSES["barrel"])
    np.testing.assert_array_equal(visible_cells_of(bent, CONFIG), visible_cells_of(PLAIN, CONFIG))
    assert torch.equal(frustum_cells(Rig((bent,)), CONFIG), frustum_cells(Rig((PLAIN,)), CONFIG))


def test_what_a_pincushion_lens_did_not_take_is_neither_lifted_nor_visible():
    bent = replace(PLAIN, lens=LENSES["pincushion"])
    plain, found = visible_cells_of(PLAIN, CONFIG), visible_cells_of(bent, CONFIG)
    assert found.sum() < plain.sum()
    assert not (found & ~plain).any()
    # A cell is visible where some point above it is in the picture that the lens took.
    centers = CONFIG.grid.centers()
    heights = np.linspace(0.0, 3.0, 61)
    columns = np.concatenate(
        [
            np.repeat(centers[:, :, None, :2], 61, axis=2),
            np.broadcast_to(heights[:, None], (200, 200, 61, 1)),
        ],
        axis=-1,
    )
    pixels, depth = bent.project(columns)
    inside = (pixels > -0.5) & (pixels < np.array([1599.5, 899.5]))
    taken_there = (inside.all(axis=-1) & (depth > 0.1)).any(axis=-1)
    assert not (found & ~taken_there).any()
    lifted, before = frustum_cells(Rig((bent,)), CONFIG), frustum_cells(Rig((PLAIN,)), CONFIG)
    kept = lifted >= 0
    assert torch.equal(lifted[kept], before[kept])
    assert kept.sum() < (before >= 0).sum()
    # Whole rays are left out, the outer ones.
    assert not kept[0, :, 4, 0].any()
    assert kept[0, :, 4, 11].any()


def test_a_fisheye_that_sees_less_than_the_car_around_it_still_has_tables():
    narrow = Camera("cam", K, 1600, 900, FORWARD, Lens("equidistant", (0.1, 0.0, 0.0, 0.0)))
    tables = CalibrationTables.of_rig(Rig((narrow,)), CONFIG)
    assert 0 < tables.visible.sum() < 20000


def test_a_view_that_reaches_beyond_the_lens_is_held_at_its_edge():
    folding = replace(PLAIN, lens=Lens("plumb_bob", (-0.8, 0.0, 0.0, 0.0)))
    assert folding.lens.reach < 0.65  # of 0.72 at the corners
    lookup = Straightening.of(folding, CONFIG)
    # No jump anywhere: neighbours of the input stay neighbours in the image.
    for axis in (0, 1):
        assert np.abs(np.diff(lookup.places.astype(int), axis=axis)).max() <= 4
    assert not taken(folding, np.array([[0.0, 0.0], [1599.0, 899.0]])).any()


def test_a_camera_with_skew_is_straightened_to_one_with_the_same():
    k = K + np.array([[0.0, 30.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    plain = replace(PLAIN, intrinsics=k)
    bent = replace(plain, lens=LENSES["barrel"])
    seen = straighten_and_resize(photograph(bent), Straightening.of(bent, CONFIG)).astype(int)
    error = np.abs(seen - resize_and_crop(photograph(plain), CONFIG).astype(int))
    assert error[2:-2, 2:-2].max() <= 3


@named
def test_pixels_are_bent_as_points_on_their_rays_are(lens):
    bent = replace(PLAIN, lens=lens)
    u, v = np.linspace(0, 1599, 40)[None], np.linspace(0, 899, 30)[:, None]
    found = np.stack(bent.bend(u, v), axis=-1)
    straight = np.stack(np.broadcast_arrays(u, v), axis=-1)
    np.testing.assert_allclose(found, bent.image(bent.straight.rays(straight)), atol=1e-9)


@named
def test_a_view_is_all_taken_where_each_of_its_pixels_is(lens):
    for scale in (0.3, 0.6, 1.0):
        left, right, top, bottom = 816 - 816 * scale, 816 + 783 * scale, 491 - 491 * scale, 491 + 408 * scale
        bent = replace(PLAIN, lens=lens)
        pixels = np.stack(np.meshgrid(np.linspace(left, right, 101), np.linspace(top, bottom, 101)), axis=-1)
        assert takes_all(bent, left, right, top, bottom) == taken(bent, pixels).all()
