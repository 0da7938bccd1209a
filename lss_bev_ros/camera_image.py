"""What a camera's driver published, as the engines take it: raw images in any encoding, and files."""

from __future__ import annotations

import array
import functools
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sensor_msgs.msg import CompressedImage, Image

from . import images
from .errors import GeometryError, PictureError


def picture(message: CompressedImage | Image) -> bytes | np.ndarray:
    """What a camera sent, as an engine takes it: a file's bytes as they are, or (H, W, 3) uint8 RGB.

    The mosaic of a colour sensor that image_transport compressed as a grey picture becomes RGB here, since
    only the message's `format` tells it from a grey picture.

    Raises:
        GeometryError: an encoding or a format that is not known, or data that does not fit the message.
    """
    if not isinstance(message, CompressedImage):
        return rgb_from_image(message)
    data = bytes(message.data)
    mosaic = images.mosaic_of(message.format)
    if mosaic is None and images.kind_of(data) is not None:
        return data
    try:
        colour = None if mosaic is None else images.decode_mosaic(data, mosaic)
        if colour is None:
            images.inspect(data)
    except PictureError as error:
        said = f" (format {message.format!r})" if message.format else ""
        raise GeometryError(f"{message.header.frame_id}: {error}{said}") from None
    return data if colour is None else colour


def rgb_from_image(message: Image) -> np.ndarray:
    """(H, W, 3) uint8 RGB of an image in any encoding that camera drivers publish; see `images.raw`.

    Through cv_bridge where ROS 2 has it, through OpenCV otherwise and for what cv_bridge does not know; the
    pixels are the same.

    Raises:
        GeometryError: an encoding that is not known, or data that does not fit height, width and step.
    """
    try:
        return images.rgb(*_layout(message), converter=_converter())
    except PictureError as error:
        raise GeometryError(f"{message.header.frame_id}: {error}") from None


def image_note(message: CompressedImage | Image) -> str:
    """What a user should know of an image that can be read; empty where there is nothing to say.

    Cheap, and for raw images only: a sensor of 10 or 12 bits in the low bits of 16 looks nearly black.
    """
    if isinstance(message, CompressedImage) or "16" not in message.encoding:
        return ""
    try:
        note = images.dark_note(*images.pixels(*_layout(message)))
    except PictureError:
        return ""
    return f"{message.header.frame_id}: {note}" if note else ""


def _layout(message: Image) -> tuple[str, array.array[int], int, int, int, bool]:
    size = (message.height, message.width, message.step)
    return message.encoding, message.data, *size, bool(message.is_bigendian)


@functools.cache
def _converter() -> Callable[[np.ndarray, str], np.ndarray]:
    """The conversion to RGB: cv_bridge's where a real one works in this process, or OpenCV's."""
    if not _is_usable_cv_bridge():
        return images.convert
    from cv_bridge import CvBridge

    bridge = CvBridge()

    def convert(numbers: np.ndarray, name: str) -> np.ndarray:
        if name == "rgb8":
            return numbers
        if name.startswith("nv"):  # no version of it reads two planes
            return images.convert(numbers, name)
        height, width = numbers.shape[:2]
        packed = Image(height=height, width=width, encoding=name, step=numbers.nbytes // height)
        packed.is_bigendian = int(sys.byteorder == "big")
        packed.data = array.array("B", numbers.tobytes())
        try:
            rgb: np.ndarray = bridge.imgmsg_to_cv2(packed, "rgb8")
        except Exception:  # the message is sound: this cv_bridge does not know the encoding
            return images.convert(numbers, name)
        return rgb

    return convert


def _is_usable_cv_bridge() -> bool:
    """Whether there is a cv_bridge of ROS whose compiled part was made for this NumPy.

    One that was made for NumPy 1 ends the process with a segmentation fault under NumPy 2.
    """
    found = importlib.util.find_spec("cv_bridge")
    if found is None or not found.submodule_search_locations:
        return False
    for folder in found.submodule_search_locations:
        for compiled in Path(folder).glob("boost/cv_bridge_boost*.so"):
            # The name of the module that NumPy 2's headers import; those of NumPy 1 do not know it.
            return np.__version__ < "2" or b"numpy._core" in compiled.read_bytes()
    return False
