"""The network's input is that of the paper's Pillow path: at most one level of 255 away."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lss_bev_ros.geometry import Camera, Pose
from lss_bev_ros.model import IMAGE_MEAN, IMAGE_STD, ImageTransform, ModelConfig
from lss_bev_ros.runtime.image_decoder import decode_image
from lss_bev_ros.runtime.preprocess import Preprocessor, resize_and_crop

from ..tilted_camera import tilted

Image = pytest.importorskip("PIL.Image", reason="Pillow is the reference")
CONFIG = ModelConfig()


def pillow(image, config: ModelConfig) -> np.ndarray:
    t = ImageTransform.of(*image.size, config)
    resized = np.asarray(image.resize((t.resized_width, t.resized_height)))
    return resized[t.top : t.top + t.height, t.left : t.left + t.width]


def test_the_golden_images_come_from_the_jpeg_files(reference_frame, lss_reference):
    golden = np.load(lss_reference / "golden.npz")["images"]
    for camera, expected in zip(reference_frame.rig.cameras, golden, strict=True):
        data = reference_frame.images[camera.name]
        ours = resize_and_crop(decode_image(camera, data), CONFIG).astype(int)
        error = np.abs(ours - expected.transpose(1, 2, 0))
        assert error.max() <= 1
        assert error.mean() < 0.005
        np.testing.assert_array_equal(
            pillow(Image.open(io.BytesIO(data)), CONFIG), expected.transpose(1, 2, 0)
        )


@settings(max_examples=15, deadline=None)
@given(width=st.integers(64, 1000), height=st.integers(64, 800), seed=st.integers(0, 99))
def test_any_image_is_resized_as_pillow_does(width, height, seed):
    t = ImageTransform.of(width, height, CONFIG)
    # Else Pillow 13 filters columns first, and clips between the two passes what overshoots.
    assume(height * t.resized_width <= t.resized_height * width)
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    difference = resize_and_crop(noise, CONFIG).astype(int) - pillow(Image.fromarray(noise), CONFIG)
    # White noise is the worst case; in pictures the difference is at most one level, see above.
    assert np.abs(difference).max() <= 2
    assert np.abs(difference).mean() < 0.02


def test_the_input_is_normalised_with_imagenets_statistics():
    image = np.random.default_rng(0).integers(0, 256, (128, 352, 3), dtype=np.uint8)
    camera = Camera("cam", np.diag([300.0, 300.0, 1.0]), 352, 128, Pose.identity())
    batch = Preprocessor(CONFIG, torch.float32)([image, image], [camera, camera])
    assert batch.shape == (2, 3, 128, 352)
    assert batch.is_contiguous(memory_format=torch.channels_last)
    expected = (image / 255.0 - np.array(IMAGE_MEAN)) / np.array(IMAGE_STD)
    np.testing.assert_allclose(batch[1].permute(1, 2, 0).numpy(), expected, atol=1e-5)


def test_a_jpeg_with_bytes_after_its_end_is_whole(street_frame):
    camera = street_frame.rig["cam_front"]
    data = street_frame.images["cam_front"]
    np.testing.assert_array_equal(decode_image(camera, data + b"\0" * 64), decode_image(camera, data))


def test_bytes_of_another_size_than_the_calibration_are_refused(street_frame):
    from lss_bev_ros.errors import RuntimeBackendError

    half = Camera(
        "cam_front", np.array([[600.0, 0, 400], [0, 600, 225], [0, 0, 1]]), 800, 450, Pose.identity()
    )
    with pytest.raises(RuntimeBackendError, match=r"cam_front: image is 1600x900.*800x450"):
        decode_image(half, street_frame.images["cam_front"])


def test_rows_are_taken_about_the_horizon_of_each_camera():
    config = ModelConfig(horizon=56.0)
    image = np.random.default_rng(1).integers(0, 256, (900, 1600, 3), dtype=np.uint8)
    cameras = [tilted(degrees) for degrees in (0.0, 3.0, 8.0)]
    tops = [ImageTransform.of_camera(camera, config).top for camera in cameras]
    assert len(set(tops)) == 3
    found = Preprocessor(config, torch.float32).pixels([image] * 3, cameras)
    whole = resize_and_crop(image, ModelConfig(image_height=192, bottom_cut=0.0))
    for top, seen in zip(tops, found, strict=True):
        # Of the 198 rows of the resized picture the first six are cut off.
        first = max(top - 6, 0)
        np.testing.assert_array_equal(seen[first + 6 - top :], whole[first : top + 122])
