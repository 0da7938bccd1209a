"""Pictures, rays and depths agree after any augmentation."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lss_bev_ros.geometry import Rig
from lss_bev_ros.model import (
    IMAGE_MEAN,
    IMAGE_STD,
    Calibration,
    ImageTransform,
    LiftSplatShoot,
    ModelConfig,
    create_frustum,
    frustum_points,
)
from lss_bev_ros.training.augmentation import (
    augmented_images,
    depth_targets,
    draw_augmentation,
    levelled,
    narrowed,
    no_augmentation,
)
from lss_bev_ros.training.config import AugmentationConfig, SampleLayout
from lss_bev_ros.training.network import batch_cells
from lss_bev_ros.training.sample import NO_DEPTH, pack_calibration

from ..tilted_camera import tilted

MODEL = ModelConfig()
LAYOUT = SampleLayout.of(MODEL)


def drawn(seed, **changes):
    config = AugmentationConfig(**changes)
    return draw_augmentation(config, MODEL, 1, 2, torch.Generator().manual_seed(seed))


def calibration(augmentation):
    rotation = torch.tensor([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]).expand(1, 2, 3, 3)
    lens = torch.tensor([[1266.0, 0, 816], [0, 1266, 491], [0, 0, 1]]).expand(1, 2, 3, 3)
    place = torch.tensor([1.7, 0.0, 1.5]).expand(1, 2, 3)
    return Calibration(rotation, place, lens, augmentation.post_rotations, augmentation.post_translations)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6))
def test_a_frustum_point_projects_back_to_its_input_pixel(seed):
    augmentation = drawn(seed)
    camera = calibration(augmentation)
    frustum = create_frustum(MODEL)
    points = frustum_points(frustum, camera)[0, 0]
    seen = (points - camera.translations[0, 0]) @ camera.rotations[0, 0]
    full = seen @ camera.intrinsics[0, 0].T
    full = full[..., :2] / full[..., 2:]
    pixel = full @ augmentation.matrix[0, 0].T + augmentation.offset[0, 0]
    assert torch.allclose(pixel, frustum[..., :2], atol=0.05)


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 10**6))
def test_a_mark_in_the_picture_is_where_the_geometry_says(seed):
    augmentation = drawn(seed, colour=0.0)
    pictures = torch.zeros(1, 2, LAYOUT.height, LAYOUT.width, 3, dtype=torch.uint8)
    row, column = 120, 190
    pictures[:, :, row - 2 : row + 3, column - 2 : column + 3] = 255
    full = torch.tensor([(column + 0.5) / LAYOUT.scale, (row + 0.5) / LAYOUT.scale])
    expected = augmentation.matrix[0, 0] @ full + augmentation.offset[0, 0] - 0.5
    bright = augmented_images(pictures, augmentation, LAYOUT, MODEL)[0].mean(0)
    bright = bright - bright.min()
    v, u = torch.meshgrid(torch.arange(128.0), torch.arange(352.0), indexing="ij")
    if 6 < expected[0] < 345 and 6 < expected[1] < 121:
        found = torch.stack(((bright * u).sum(), (bright * v).sum())) / bright.sum()
        assert torch.allclose(found, expected, atol=0.2)


def test_without_augmentation_the_network_gets_what_it_is_used_with():
    plain = no_augmentation(MODEL, 2, 6)
    used = ImageTransform.of(1600, 900, MODEL)
    assert torch.allclose(plain.post_rotations[1, 5].double(), torch.from_numpy(used.rotation))
    assert torch.allclose(plain.post_translations[1, 5].double(), torch.from_numpy(used.translation))


def test_cells_are_those_of_the_model():
    model = LiftSplatShoot(MODEL)
    augmentation = drawn(3, lose_camera=0.0)
    camera = calibration(augmentation)
    fast, plain = batch_cells(model, camera, augmentation.kept), model.cells(camera)
    # A point on a cell's border may round to either side.
    assert (fast != plain).float().mean() < 1e-4


def test_a_lost_camera_reaches_no_cell_and_has_no_depth():
    model = LiftSplatShoot(MODEL)
    augmentation = drawn(5, lose_camera=1.0)
    assert augmentation.kept.sum() == 1
    cells = batch_cells(model, calibration(augmentation), augmentation.kept)
    lost = (~augmentation.kept[0]).nonzero().item()
    assert (cells[0, lost] == -1).all()
    depth = torch.full((1, 2, 54, 96), 40, dtype=torch.uint8)
    _, known = depth_targets(depth, model.frustum, augmentation, LAYOUT, MODEL)
    assert not known[lost].any()
    assert known[1 - lost].any()


@pytest.mark.parametrize(("metres", "depth_bin"), [(4.0, 0), (10.25, 6), (44.0, 40)])
def test_a_wall_fills_the_bin_of_its_depth(metres, depth_bin):
    depth = torch.full((1, 2, 54, 96), int(metres * 4), dtype=torch.uint8)
    plain = no_augmentation(MODEL, 1, 2)
    share, known = depth_targets(depth, create_frustum(MODEL), plain, LAYOUT, MODEL)
    assert known.all()
    assert torch.allclose(share[:, depth_bin], torch.ones_like(share[:, depth_bin]))


def test_sky_and_what_lies_beyond_the_bins_has_no_depth():
    depth = torch.full((1, 2, 54, 96), NO_DEPTH, dtype=torch.uint8)
    _, known = depth_targets(depth, create_frustum(MODEL), no_augmentation(MODEL, 1, 2), LAYOUT, MODEL)
    assert not known.any()


def test_draws_repeat_with_their_generator_and_stay_in_range():
    config = AugmentationConfig()
    first, again = (
        draw_augmentation(config, MODEL, 50, 6, torch.Generator().manual_seed(1)) for _ in range(2)
    )
    assert torch.equal(first.matrix, again.matrix)
    scale = torch.linalg.det(first.matrix).abs().sqrt()
    assert np.all((scale > 0.193 - 1e-4).numpy() & (scale < 0.225 + 1e-4).numpy())


def test_settled_augmentation_is_the_transform_that_the_network_is_used_with():
    config = AugmentationConfig()
    settled = narrowed(config, MODEL, 1.0)
    drawn_once = draw_augmentation(settled, MODEL, 3, 6, torch.Generator().manual_seed(2))
    plain = no_augmentation(MODEL, 3, 6)
    assert torch.allclose(drawn_once.matrix, plain.matrix, atol=1e-6)
    # Its crop is centred at random by up to the rounding of the resized width.
    assert torch.allclose(drawn_once.offset, plain.offset, atol=1.0)
    assert settled.lose_camera == config.lose_camera
    assert narrowed(config, MODEL, 0.0) == config


def test_larger_pictures_are_resized_as_the_network_input_is():
    layout = SampleLayout.of(MODEL, 0.44)
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 255, (1, 1, layout.height, layout.width, 3), generator=generator).byte()
    plain = no_augmentation(MODEL, 1, 1)
    ours = augmented_images(pictures, plain, layout, MODEL)
    pixels = pictures[0].permute(0, 3, 1, 2).float() / 255
    resized = torch.nn.functional.interpolate(pixels, size=(198, 352), mode="bicubic", antialias=True)
    used = ImageTransform.of(1600, 900, MODEL)
    mean, std = (torch.tensor(v)[:, None, None] for v in (IMAGE_MEAN, IMAGE_STD))
    expected = (resized[:, :, used.top : used.top + 128].clamp(0, 1) - mean) / std
    # Rows beside the crop are not known to it.
    assert torch.allclose(ours[:, :, 4:-4], expected[:, :, 4:-4], atol=0.02)


def test_a_depth_is_taught_in_the_bins_of_its_camera():
    """At half the network's focal length what is 4 m away looks as 8 m do at that focal length."""
    model = replace(MODEL, focal=100.0)
    plain = no_augmentation(model, 1, 1)
    scale = plain.matrix[0, 0, 0, 0].item()
    depth = torch.full((1, 1, LAYOUT.height // 4, LAYOUT.width // 4), 4 * 4, dtype=torch.uint8)
    rows = torch.zeros(1, 1, 21)
    rows[..., 12] = rows[..., 16] = 50.0 / scale
    rows[..., 20] = 1.0
    share, known = depth_targets(depth, create_frustum(model), plain, LAYOUT, model, rows)
    assert known.any()
    bins = model.depth_min + share.permute(0, 2, 3, 1)[known].argmax(-1) * model.depth_step
    assert bins.unique().tolist() == [8.0]


def rows_of(cameras) -> torch.Tensor:
    """(1, N, 21) as in `Sample.calibration`."""
    return torch.from_numpy(pack_calibration(Rig(tuple(cameras))))[None]


def test_settled_pictures_have_their_horizon_where_the_network_has_it_when_it_is_used():
    model = replace(MODEL, horizon=56.0)
    cameras = [tilted(degrees) for degrees in (-9.0, -2.0, 0.0, 4.5, 9.0, 89.0)]
    moved = levelled(no_augmentation(model, 1, len(cameras)), rows_of(cameras), model)
    for n, camera in enumerate(cameras):
        used = ImageTransform.of_camera(camera, model)
        assert moved.post_translations[0, n, 1].item() == -used.top


def test_turned_and_mirrored_pictures_have_their_horizon_there_too():
    model, degrees = replace(MODEL, horizon=56.0), (0.0, 1.0, 2.0, 3.0)
    rows = rows_of(tilted(angle) for angle in degrees)
    drawn_once = draw_augmentation(AugmentationConfig(), model, 1, 4, torch.Generator().manual_seed(4))
    moved = levelled(drawn_once, rows, model)
    for n, angle in enumerate(degrees):
        level = torch.tensor([800.0, 450.0 - 1250.0 * math.tan(math.radians(angle))])
        at = moved.matrix[0, n] @ level + moved.offset[0, n]
        assert at[1].item() == pytest.approx(56.0, abs=0.51)
    assert torch.equal(moved.offset[..., 0], drawn_once.offset[..., 0])
    assert levelled(drawn_once, rows, MODEL) is drawn_once, "the published network has none"
