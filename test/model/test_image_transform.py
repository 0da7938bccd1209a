"""From the full image to the network's input, for any camera."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lss_bev_ros.errors import ModelError
from lss_bev_ros.geometry import Camera
from lss_bev_ros.model import ImageTransform, ModelConfig
from lss_bev_ros.model.image_transform import horizon_row

from ..tilted_camera import tilted

LEVEL = replace(ModelConfig(), horizon=56.0)


def input_row(camera: Camera, config: ModelConfig, point: tuple[float, float, float]) -> float:
    (pixel,), _ = camera.project(np.array([point]))
    t = ImageTransform.of_camera(camera, config)
    return float(pixel[1] * t.scale - t.top)


def test_nuscenes_images_are_resized_and_cropped_as_published():
    transform = ImageTransform.of(1600, 900, ModelConfig())
    assert transform.scale == 0.22
    assert (transform.resized_width, transform.resized_height) == (352, 198)
    assert (transform.left, transform.top) == (0, 48)


@pytest.mark.parametrize(
    ("width", "height", "resized", "left", "top"),
    [
        (1920, 1080, (352, 198), 0, 48),
        (1280, 720, (352, 198), 0, 48),
        (640, 480, (352, 264), 0, 106),
        (352, 128, (352, 128), 0, 0),
        (2000, 500, (512, 128), 80, 0),
    ],
)
def test_other_images_cover_the_input_and_keep_their_lower_rows(width, height, resized, left, top):
    transform = ImageTransform.of(width, height, ModelConfig())
    assert (transform.resized_width, transform.resized_height) == resized
    assert (transform.left, transform.top) == (left, top)


@given(width=st.integers(1, 8000), height=st.integers(1, 8000))
def test_the_crop_always_lies_in_the_resized_image(width, height):
    transform = ImageTransform.of(width, height, ModelConfig())
    assert 0 <= transform.left <= transform.resized_width - transform.width
    assert 0 <= transform.top <= transform.resized_height - transform.height


def test_the_horizon_of_a_level_camera_is_its_principal_point():
    assert horizon_row(tilted(0.0)) == pytest.approx(450.0)
    assert horizon_row(tilted(5.0)) == pytest.approx(450.0 - 1250.0 * math.tan(math.radians(5.0)))


@given(degrees=st.floats(-2.0, 8.5))
def test_a_thing_on_the_ground_is_on_the_same_row_however_the_camera_is_tilted(degrees):
    """But for the rounding to whole rows, and for the tilt's cosines."""
    far, near = (1e6, 0.0, 0.0), (30.0, 0.0, 0.0)
    assert input_row(tilted(degrees), LEVEL, far) == pytest.approx(LEVEL.horizon, abs=0.51)
    expected = input_row(tilted(0.0), LEVEL, near)
    assert input_row(tilted(degrees), LEVEL, near) == pytest.approx(expected, abs=1.5)


def test_a_roll_keeps_the_horizon_in_the_middle_column():
    assert input_row(tilted(3.0, roll=4.0), LEVEL, (1e6, 0.0, 0.0)) == pytest.approx(LEVEL.horizon, abs=1.0)


@pytest.mark.parametrize("degrees", [-60.0, -20.0, 20.0, 60.0, 89.0, 120.0])
def test_no_row_outside_the_picture_is_taken(degrees):
    t = ImageTransform.of_camera(tilted(degrees), LEVEL)
    assert 0 <= t.top <= t.resized_height - t.height


@pytest.mark.parametrize("camera", [tilted(89.0), tilted(0.0, roll=90.0), tilted(0.0, roll=180.0)])
def test_a_camera_without_a_horizon_keeps_the_published_rows(camera):
    assert horizon_row(camera) is None
    assert ImageTransform.of_camera(camera, LEVEL).top == 48


def test_the_published_network_asks_for_no_horizon():
    for degrees in (-2.0, 9.0):
        t = ImageTransform.of_camera(tilted(degrees), ModelConfig())
        assert t == ImageTransform.of(1600, 900, ModelConfig())


@pytest.mark.parametrize("row", [-1.0, 128.0, float("nan"), float("inf")])
def test_a_horizon_is_a_row_of_the_input(row):
    with pytest.raises(ModelError, match="horizon"):
        ModelConfig(horizon=row)
