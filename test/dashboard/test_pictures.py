"""The dashboard draws whatever comes."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lss_bev_ros.dashboard.pictures import Pictures
from lss_bev_ros.dashboard.scene import Frame

JPEG = cv2.imencode(".jpg", np.full((90, 160, 3), 90, np.uint8))[1].tobytes()
PLACE = JPEG.index(b"\xff\xc0") + 5


def claims(width: int, height: int) -> bytes:
    return JPEG[:PLACE] + struct.pack(">HH", height, width) + JPEG[PLACE + 4 :]


@pytest.mark.parametrize(
    "image",
    [
        b"",
        b"\0",
        JPEG[:40],
        claims(65500, 65500),
        claims(30000, 30000),
        claims(0, 0),
        claims(160, 1),
        claims(1, 90),
    ],
)
def test_an_image_that_cannot_be_drawn_is_shown_as_none(image):
    pictures = Pictures(("cam_front",), camera_width=80)
    frame = Frame(1, {"cam_front": image})
    assert pictures.page(frame)
    assert cv2.imdecode(np.frombuffer(pictures.cam(frame), np.uint8), cv2.IMREAD_COLOR) is not None


@settings(max_examples=30)
@given(
    st.binary(max_size=99) | st.binary(max_size=99).map(lambda tail: JPEG[: PLACE + 40] + tail + b"\xff\xd9")
)
def test_any_bytes_are_survived(image):
    frame = Frame(1, {"cam_front": image})
    pictures = Pictures(("cam_front",), camera_width=80)
    assert pictures.page(frame)
    assert pictures.cam(frame)
