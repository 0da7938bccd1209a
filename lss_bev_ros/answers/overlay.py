"""Lines on the ground as they lie in an image: projected through the true lens."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..geometry import Camera

NEAR = 0.3
"""Metres in front of a camera at which lines are cut off."""

SPACING = 0.5
"""Metres between projected points at most: a lens bends a straight line."""


def project_lines(
    lines: Iterable[np.ndarray], camera: Camera, size: tuple[int, int] | None = None, spacing: float = SPACING
) -> list[list[np.ndarray]]:
    """Where lines are in a camera's image.

    Args:
        lines: (N, 2 or 3) metres, base_link; z is 0 where there is none.
        camera: through whose lens to look.
        size: width and height of the image, where it is smaller or larger than the calibration's.
        spacing: metres between points at most.

    Returns:
        For each line its pieces, (M, 2) float32 pixels each, M at least 2, whole numbers in the middle of
        pixels: none where the camera does not see it, several where it leaves the image and comes back.
    """
    width, height = size or (camera.width, camera.height)
    scale = np.array([width / camera.width, height / camera.height])
    inverse = camera.pose.inverse()
    found = []
    for line in lines:
        line = np.asarray(line, np.float64)
        if line.shape[-1] == 2:
            line = np.concatenate([line, np.zeros((len(line), 1))], 1)
        dense = densify(line[np.isfinite(line).all(1)], spacing)
        pieces = []
        for piece in _in_front(inverse.apply(dense)):
            pixels = (camera.image(piece) + 0.5) * scale - 0.5
            pieces += _within(pixels, width, height)
        found.append(pieces)
    return found


def densify(line: np.ndarray, spacing: float) -> np.ndarray:
    """A line (N, d) with points in between, so that no two are more than `spacing` apart; the ends stay."""
    if len(line) < 2:
        return line
    steps = np.maximum(1, np.ceil(np.linalg.norm(np.diff(line, axis=0), axis=1) / spacing)).astype(int)
    along = np.concatenate([np.arange(count) / count + at for at, count in enumerate(steps)])
    along = np.append(along, len(line) - 1)
    return np.stack([np.interp(along, np.arange(len(line)), column) for column in line.T], 1)


def _in_front(points: np.ndarray) -> list[np.ndarray]:
    """Pieces of a line (N, 3) of the optical frame beyond `NEAR`, cut where it crosses that plane."""
    pieces: list[list[np.ndarray]] = []
    previous = None
    for point in points:
        seen = point[2] >= NEAR
        if previous is not None and seen != (previous[2] >= NEAR):
            share = (NEAR - previous[2]) / (point[2] - previous[2])
            cut = previous + share * (point - previous)
            if seen:
                pieces.append([cut])
            else:
                pieces[-1].append(cut)
        elif previous is None and seen:
            pieces.append([])
        if seen:
            pieces[-1].append(point)
        previous = point
    return [np.array(piece) for piece in pieces if len(piece) >= 2]


def _within(pixels: np.ndarray, width: int, height: int) -> list[np.ndarray]:
    """Runs of steps that meet the image; NaN, where the lens sees nothing, meets none."""
    low = np.minimum(pixels[:-1], pixels[1:])
    high = np.maximum(pixels[:-1], pixels[1:])
    meets = (high > -0.5).all(1) & (low[:, 0] < width - 0.5) & (low[:, 1] < height - 0.5)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], meets, [False])).astype(int)))
    return [
        pixels[begin : end + 1].astype(np.float32) for begin, end in zip(edges[::2], edges[1::2], strict=True)
    ]
