"""Images pass between messages and OpenCV unharmed (passes on a real cv_bridge as well)."""

from __future__ import annotations

import array

import cv2
import numpy as np
import pytest
from cv_bridge import CvBridge, CvBridgeError
from hypothesis import given
from hypothesis import strategies as st
from sensor_msgs.msg import Image

BRIDGE = CvBridge()
GRADIENT = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)


@pytest.mark.parametrize(
    ("encoding", "shape", "kind"),
    [
        ("bgr8", (3,), np.uint8),
        ("rgb8", (3,), np.uint8),
        ("bgra8", (4,), np.uint8),
        ("mono8", (), np.uint8),
        ("mono16", (), np.uint16),
        ("32FC1", (), np.float32),
        ("16UC1", (), np.uint16),
        ("64FC4", (4,), np.float64),
    ],
)
@given(height=st.integers(1, 9), width=st.integers(1, 9))
def test_there_and_back_is_the_same(encoding: str, shape: tuple, kind: type, height: int, width: int) -> None:
    image = np.random.default_rng(height).integers(0, 200, (height, width, *shape)).astype(kind)

    message = BRIDGE.cv2_to_imgmsg(image, encoding)
    back = BRIDGE.imgmsg_to_cv2(message)

    assert (message.height, message.width, message.encoding) == (height, width, encoding)
    assert isinstance(message.data, array.array)
    assert back.dtype == kind
    assert np.array_equal(back.reshape(image.shape), image)


def test_colours_are_converted() -> None:
    message = BRIDGE.cv2_to_imgmsg(GRADIENT, "bgr8")

    assert np.array_equal(BRIDGE.imgmsg_to_cv2(message, "rgb8"), GRADIENT[:, :, ::-1])
    assert np.array_equal(BRIDGE.imgmsg_to_cv2(message, "mono8"), cv2.cvtColor(GRADIENT, cv2.COLOR_BGR2GRAY))


def test_rows_may_be_padded() -> None:
    padded = np.zeros((6, 30), np.uint8)
    padded[:, :24] = GRADIENT.reshape(6, 24)
    message = Image(height=6, width=8, step=30, encoding="bgr8", data=padded.tobytes())

    assert np.array_equal(BRIDGE.imgmsg_to_cv2(message), GRADIENT)


def test_compressed_images() -> None:
    flat = np.full((16, 24, 3), 90, np.uint8)

    png = BRIDGE.cv2_to_compressed_imgmsg(GRADIENT, "png")
    jpeg = BRIDGE.cv2_to_compressed_imgmsg(flat)

    assert np.array_equal(BRIDGE.compressed_imgmsg_to_cv2(png), GRADIENT)
    assert np.array_equal(BRIDGE.compressed_imgmsg_to_cv2(png, "rgb8"), GRADIENT[:, :, ::-1])
    assert jpeg.format == "jpg"
    assert np.abs(BRIDGE.compressed_imgmsg_to_cv2(jpeg).astype(int) - 90).max() <= 2


def test_what_cannot_be_converted_is_refused() -> None:
    message = BRIDGE.cv2_to_imgmsg(GRADIENT, "bgr8")
    message.encoding = "purple8"

    with pytest.raises(CvBridgeError):
        BRIDGE.imgmsg_to_cv2(message)
    with pytest.raises(CvBridgeError):
        BRIDGE.cv2_to_imgmsg(GRADIENT, "mono8")
    with pytest.raises((TypeError, CvBridgeError)):
        BRIDGE.imgmsg_to_cv2(Image(height=4, width=4, step=4, encoding="mono8", data=bytes(3)))
