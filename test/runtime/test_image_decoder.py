"""Files become pixels, and a camera's size is checked before anything is decoded."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lss_bev_ros.errors import ImageError
from lss_bev_ros.geometry import Camera, Pose
from lss_bev_ros.runtime.image_decoder import decode_image

CAMERA = Camera("cam_front", np.array([[40.0, 0, 32], [0, 40, 24], [0, 0, 1]]), 64, 48, Pose.identity())
PICTURE = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8), (0, 0), 3)


def encoded(suffix: str, picture: np.ndarray = PICTURE) -> bytes:
    return cv2.imencode(suffix, picture, [cv2.IMWRITE_WEBP_QUALITY, 101])[1].tobytes()


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_a_file_without_loss_gives_the_pixels_of_a_raw_image(suffix):
    assert (decode_image(CAMERA, encoded(suffix)) == PICTURE[..., ::-1]).all()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_a_picture_of_another_size_is_refused_before_it_is_decoded(suffix, monkeypatch):
    data = encoded(suffix, np.zeros((30, 40, 3), np.uint8))
    monkeypatch.setattr(cv2, "imdecode", None)
    with pytest.raises(ImageError, match="cam_front: image is 40x30, but its calibration is for 64x48"):
        decode_image(CAMERA, data)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_thousands_of_zeros_behind_a_picture_change_nothing(suffix):
    data = encoded(suffix)
    assert (decode_image(CAMERA, data + bytes(4096)) == decode_image(CAMERA, data)).all()


def test_a_damaged_picture_names_its_camera():
    for data in (b"", encoded(".jpg")[:-2], encoded(".png")[:-20], b"II*\0" + bytes(99)):
        with pytest.raises(ImageError, match="cam_front: "):
            decode_image(CAMERA, data)
