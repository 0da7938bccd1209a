"""Maps of the segmentation, of costs and of words as images and grids."""

from __future__ import annotations

import numpy as np
from sensor_msgs.msg import Image

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


def similarity_percents(similarity: np.ndarray, reached: np.ndarray) -> np.ndarray:
    """(nx, ny) int8 for a grid: probabilities 0 to 1 as 0 to 100, -1 where no sense reaches."""
    known = reached & np.isfinite(similarity)
    shares = np.clip(np.where(known, similarity, 0.0), 0.0, 1.0)
    percents: np.ndarray = np.where(known, np.floor(shares * 100), -1).astype(np.int8)
    return percents
