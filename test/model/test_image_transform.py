"""From the full image to the network's input, for any camera."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lss_bev_ros.model import ImageTransform, ModelConfig


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
