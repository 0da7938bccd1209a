"""Images pass between messages and OpenCV unharmed (passes on a real cv_bridge as well)."""

from __future__ import annotations

import array

import cv2
import cv_bridge
import numpy as np
import pytest
from cv_bridge import CvBridge, CvBridgeError
from hypothesis import given
from hypothesis import strategies as st
from sensor_msgs.msg import CompressedImage, Image

from lss_bev_ros import images

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


@pytest.mark.parametrize("mosaic", ["bayer_rggb", "bayer_bggr", "bayer_gbrg", "bayer_grbg"])
@pytest.mark.parametrize("bits", [8, 16])
def test_mosaics_have_the_colours_that_the_nodes_see(mosaic: str, bits: int) -> None:
    raw = np.random.default_rng(0).integers(0, 2**bits, (6, 8)).astype(f"u{bits // 8}")
    message = BRIDGE.cv2_to_imgmsg(raw, f"{mosaic}{bits}")

    assert np.array_equal(BRIDGE.imgmsg_to_cv2(message, "rgb8"), images.convert(raw, f"{mosaic}{bits}"))
    assert BRIDGE.imgmsg_to_cv2(message, "mono8").shape == (6, 8)
    with pytest.raises(CvBridgeError):
        BRIDGE.imgmsg_to_cv2(message, "bayer_rggb8" if mosaic != "bayer_rggb" else "bayer_bggr8")


def test_luma_and_chroma_have_the_colours_that_the_nodes_see() -> None:
    raw = np.random.default_rng(0).integers(0, 256, (6, 8, 2), np.uint8)
    message = BRIDGE.cv2_to_imgmsg(raw, "yuv422")

    assert np.array_equal(BRIDGE.imgmsg_to_cv2(message, "rgb8"), images.convert(raw, "yuv422"))
    assert np.array_equal(BRIDGE.imgmsg_to_cv2(message, "mono8"), raw[..., 1])


def test_16_bits_become_8_and_back() -> None:
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)

    eight = BRIDGE.imgmsg_to_cv2(BRIDGE.cv2_to_imgmsg(levels, "mono16"), "mono8")
    sixteen = BRIDGE.imgmsg_to_cv2(BRIDGE.cv2_to_imgmsg(eight, "mono8"), "mono16")

    assert np.array_equal(eight, (levels.astype(int) + 128) // 257)
    assert np.array_equal(sixteen, eight.astype(np.uint16) * 257)


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


@pytest.mark.skipif(hasattr(cv_bridge, "boost"), reason="cv_bridge itself hands on OpenCV's None")
@pytest.mark.parametrize("data", [b"", b"no picture", b"\xff\xd8 nothing in here \xff\xd9"])
def test_bytes_that_are_no_picture_are_refused(data: bytes) -> None:
    with pytest.raises(CvBridgeError):
        BRIDGE.compressed_imgmsg_to_cv2(CompressedImage(format="jpeg", data=data), "bgr8")
