"""Maps of the segmentation, of costs and of words as images and grids."""

from __future__ import annotations

import numpy as np
from sensor_msgs.msg import Image

from ..errors import GeometryError
from . import header, to_array


def class_image(classes: np.ndarray, stamp: int, frame: str = "base_link") -> Image:
    """A map of classes as a mono8 image, a pixel a cell, as `bev/image` lies: forward is up, left is left.

    Args:
        classes: (nx, ny) uint8, indexed [x, y].
        stamp: nanoseconds.
        frame: of the grid.
    """
    pixels = np.ascontiguousarray(classes[::-1, ::-1])
    height, width = pixels.shape
    return Image(
        header=header(stamp, frame),
        height=height,
        width=width,
        encoding="mono8",
        is_bigendian=0,
        step=width,
        data=to_array(pixels, "B"),
    )


def classes_from_image(message: Image) -> np.ndarray:
    """(nx, ny) uint8 of `class_image`."""
    rows = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)
    return rows[::-1, : message.width][:, ::-1].copy()


def label_image(labels: np.ndarray, stamp: int, frame: str = "base_link") -> Image:
    """Labels of voxels as an image of as many channels as there are heights, which lies as `class_image`.

    Args:
        labels: (nx, ny, nz) uint8, indexed [x, y, z].
        stamp: nanoseconds.
        frame: of the voxels.
    """
    pixels = np.ascontiguousarray(labels[::-1, ::-1], np.uint8)
    height, width, channels = pixels.shape
    return Image(
        header=header(stamp, frame),
        height=height,
        width=width,
        encoding=f"8UC{channels}",
        is_bigendian=0,
        step=width * channels,
        data=to_array(pixels, "B"),
    )


def labels_from_image(message: Image) -> np.ndarray:
    """(nx, ny, nz) uint8 of `label_image`.

    Raises:
        GeometryError: an image of another kind, or data that does not fit its size.
    """
    code, channels = message.encoding[:3], message.encoding[3:]
    size = len(message.data)
    if code != "8UC" or not channels.isdecimal() or size != message.height * message.width * int(channels):
        raise GeometryError(
            f"{size} bytes are no labels of voxels of {message.height} x {message.width} cells in encoding "
            f"{message.encoding!r}: it is 8UC16 for 16 heights, without padding"
        )
    shape = message.height, message.width, int(channels)
    return np.frombuffer(message.data, np.uint8).reshape(shape)[::-1, ::-1].copy()


def similarity_percents(similarity: np.ndarray, reached: np.ndarray) -> np.ndarray:
    """(nx, ny) int8 for a grid: probabilities 0 to 1 as 0 to 100, -1 where no sense reaches."""
    known = reached & np.isfinite(similarity)
    shares = np.clip(np.where(known, similarity, 0.0), 0.0, 1.0)
    percents: np.ndarray = np.where(known, np.floor(shares * 100), -1).astype(np.int8)
    return percents
