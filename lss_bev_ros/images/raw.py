"""Uncompressed pictures as sensor_msgs/Image holds them, in every encoding that camera drivers publish.

The pixels are those of `cv_bridge` (vision_opencv 3.4, `cv_bridge.cpp`), bit for bit, for what it knows:

| encoding | to RGB |
|---|---|
| rgb8, bgr8, rgba8, bgra8 | channels in order, transparency dropped |
| rgb16, bgr16, rgba16, bgra16 | the same, then 16 bits to 8 |
| mono8, mono16 | grey in all channels, then 16 bits to 8 |
| bayer_{rggb,bggr,gbrg,grbg}{8,16} | bilinear demosaicing, then 16 bits to 8 |
| yuv422, yuv422_yuy2 | UYVY and YUYV, BT.601 in video range |

OpenCV names a mosaic by its second row and column, so `rggb` is its `BayerBG`. 16 bits become 8 as v / 257,
rounded: full scale stays full scale. A sensor of 10 or 12 bits in the low bits of 16 is nearly black then, as
in every viewer of ROS; `dark_note` says so.

`cv_bridge` refuses these, which drivers publish all the same, and which are read as what they mean:

| encoding | as |
|---|---|
| uyvy, yuyv | the new names of yuv422 and yuv422_yuy2 |
| 8UC1, 8UC3, 8UC4, 16UC1, 16UC3, 16UC4 | mono, bgr, bgra, as `cvtColorForDisplay` guesses |
| nv12, nv21 | BT.601; `step * height * 3 / 2` bytes, or a `height` that counts the rows of both planes |

Rows may be padded, the last one may lack its padding, and up to a page of memory may follow it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from ..errors import PictureError

KNOWN = (
    "rgb8, bgr8, rgba8, bgra8 or their 16-bit forms, mono8, mono16, bayer_*8, bayer_*16, "
    "uyvy, yuyv, nv12 or nv21"
)
_PAGE = 4096
"""Bytes: drivers hand over buffers of whole pages."""

_SAMPLES = 64
"""Rows and columns that `dark_note` looks at."""


@dataclass(frozen=True)
class _Encoding:
    """How pixels lie in memory, and OpenCV's conversion to RGB; None where they are RGB."""

    channels: int
    dtype: type
    code: int | None


def _encodings() -> dict[str, _Encoding]:
    found: dict[str, _Encoding] = {}
    for bits, dtype in ((8, np.uint8), (16, np.uint16)):
        found |= {
            f"rgb{bits}": _Encoding(3, dtype, None),
            f"bgr{bits}": _Encoding(3, dtype, cv2.COLOR_BGR2RGB),
            f"rgba{bits}": _Encoding(4, dtype, cv2.COLOR_RGBA2RGB),
            f"bgra{bits}": _Encoding(4, dtype, cv2.COLOR_BGRA2RGB),
            f"mono{bits}": _Encoding(1, dtype, cv2.COLOR_GRAY2RGB),
            f"bayer_rggb{bits}": _Encoding(1, dtype, cv2.COLOR_BayerBG2RGB),
            f"bayer_bggr{bits}": _Encoding(1, dtype, cv2.COLOR_BayerRG2RGB),
            f"bayer_gbrg{bits}": _Encoding(1, dtype, cv2.COLOR_BayerGR2RGB),
            f"bayer_grbg{bits}": _Encoding(1, dtype, cv2.COLOR_BayerGB2RGB),
        }
    found["yuv422"] = _Encoding(2, np.uint8, cv2.COLOR_YUV2RGB_UYVY)
    found["yuv422_yuy2"] = _Encoding(2, np.uint8, cv2.COLOR_YUV2RGB_YUY2)
    found["nv12"] = _Encoding(1, np.uint8, cv2.COLOR_YUV2RGB_NV12)
    found["nv21"] = _Encoding(1, np.uint8, cv2.COLOR_YUV2RGB_NV21)
    return found


_ENCODINGS = _encodings()
_SAME_AS = {
    "uyvy": "yuv422",
    "yuyv": "yuv422_yuy2",
    "8uc1": "mono8",
    "8uc3": "bgr8",
    "8uc4": "bgra8",
    "16uc1": "mono16",
    "16uc3": "bgr16",
    "16uc4": "bgra16",
}
_PLANAR = ("nv12", "nv21")
_HALVED = ("yuv422", "yuv422_yuy2", *_PLANAR)
"""Two neighbours share their colour."""


def pixels(
    encoding: str,
    data: list[int] | bytes | bytearray | memoryview | array[int] | np.ndarray,
    height: int,
    width: int,
    step: int,
    is_bigendian: bool = False,
) -> tuple[np.ndarray, str]:
    """The numbers of a picture without padding, in the machine's byte order.

    Args:
        encoding: of sensor_msgs/Image.
        data: its bytes.
        height: rows.
        width: pixels of a row.
        step: bytes of a row.
        is_bigendian: the byte order of 16-bit numbers.

    Returns:
        (height, width[, channels]) uint8 or uint16, (height * 3 / 2, width) for nv12 and nv21, a view of
        `data` where nothing had to be moved; and the name under which `cv_bridge` knows the encoding.

    Raises:
        PictureError: an encoding that is not known, or numbers that do not fit each other.
    """
    name = _SAME_AS.get(encoding.lower(), encoding.lower())
    if name not in _ENCODINGS:
        raise PictureError(_unknown(encoding))
    layout = _ENCODINGS[name]
    buffer = np.frombuffer(data if not isinstance(data, list) else bytes(data), np.uint8)
    size = f"a {width}x{height} {encoding} image with a step of {step}"
    used = width * layout.channels * np.dtype(layout.dtype).itemsize
    rows = height
    if name in _PLANAR:
        whole = (height * 3 // 2 - 1) * step + used
        stacked = len(buffer) < whole and height % 3 == 0 and step < 2 * width
        rows = height if stacked else height * 3 // 2
        if not stacked and height % 2:
            raise PictureError(f"{size} has an odd number of rows: publish an even one")
    if name in _HALVED and width % 2:
        raise PictureError(f"{size} has an odd number of columns: publish an even one")
    needed, most = (rows - 1) * step + used, rows * step + max(step, _PAGE)
    if not (rows and 0 < used <= step and needed <= len(buffer) < most):
        raise PictureError(
            f"{len(buffer)} bytes do not make {size}: correct height, width, step or encoding in the driver"
        )
    if len(buffer) >= rows * step:
        lines = buffer[: rows * step].reshape(rows, step)[:, :used]
    else:
        lines = np.lib.stride_tricks.as_strided(buffer, (rows, used), (step, 1))
    dtype: np.dtype[Any] = np.dtype(layout.dtype).newbyteorder(">" if is_bigendian else "<")
    numbers: np.ndarray = np.ascontiguousarray(lines).view(dtype)
    if not numbers.dtype.isnative:
        numbers = numbers.astype(layout.dtype)
    shape = (rows, width) if layout.channels == 1 else (rows, width, layout.channels)
    return numbers.reshape(shape), name


def convert(numbers: np.ndarray, name: str) -> np.ndarray:
    """Make RGB with OpenCV.

    Args:
        numbers: as `pixels` gives them.
        name: of the encoding.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    code = _ENCODINGS[name].code
    colour = numbers if code is None else cv2.cvtColor(numbers, code)
    return colour if colour.dtype == np.uint8 else cv2.convertScaleAbs(colour, alpha=255 / 65535)


def rgb(
    encoding: str,
    data: list[int] | bytes | bytearray | memoryview | array[int] | np.ndarray,
    height: int,
    width: int,
    step: int,
    is_bigendian: bool = False,
    converter: Callable[[np.ndarray, str], np.ndarray] = convert,
) -> np.ndarray:
    """A raw picture as (height, width, 3) uint8 RGB; a view of `data` where it holds just that.

    Args:
        encoding: of sensor_msgs/Image, with the five arguments that follow; see `pixels`.
        data: its bytes.
        height: rows.
        width: pixels of a row.
        step: bytes of a row.
        is_bigendian: the byte order of 16-bit numbers.
        converter: what to use instead of `convert`.

    Raises:
        PictureError: an encoding that is not known, or numbers that do not fit each other.
    """
    return converter(*pixels(encoding, data, height, width, step, is_bigendian))


def dark_note(numbers: np.ndarray, name: str) -> str:
    """What to say of a 16-bit picture that uses its low bits only; empty where there is nothing to say.

    Args:
        numbers: as `pixels` gives them. Some of them are looked at, so that it may be asked of every picture.
        name: of the encoding.
    """
    if numbers.dtype != np.uint16:
        return ""
    steps = [max(1, length // _SAMPLES) | 1 for length in numbers.shape[:2]]  # odd: all colours of a mosaic
    largest = int(numbers[:: steps[0], :: steps[1]].max())
    bits = largest.bit_length()
    if not largest or bits > 12:
        return ""
    return (
        f"{name} image uses {bits} of its 16 bits (largest value {largest}), so it is nearly black: "
        f"shift it left by {16 - bits} in the driver, or publish 8 bits"
    )


def _unknown(encoding: str) -> str:
    name = encoding.lower()
    if not name:
        return f"image has no encoding: set it in the driver, to {KNOWN}"
    said = f"image encoding {encoding!r}"
    if any(codec in name for codec in ("jpeg", "jpg", "png", "webp", "h264", "h265", "hevc")):
        return f"{said} is compressed: publish it as CompressedImage, in JPEG, PNG or WebP"
    if name.startswith(("bayer_", "mono")):
        return f"{said} is not supported: unpack it to 8 or 16 bits per pixel in the driver"
    if name.startswith(("32f", "64f", "32s", "16s", "8s")):
        return f"{said} is of depths or the like, not of a camera's picture: publish {KNOWN}"
    return f"{said} is not supported: publish {KNOWN}"
