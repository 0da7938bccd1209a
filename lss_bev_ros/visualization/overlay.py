"""The grid drawn back into the cameras, so that one sees why a cell is set: its ground, and boxes."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from ..errors import EvaluationError
from ..geometry import BevGrid, Box, Camera
from ..geometry.box import corners_of
from . import palette

_NEAR = 0.3
"""Metres in front of a camera at which polygons and edges are cut off."""

_FIXED = 4
"""Bits of a pixel's fraction in OpenCV's fixed point."""

_FAR_PIXELS = 1e7
"""What a coordinate is limited to, so that it fits OpenCV's integers; far outside of any image."""

_PIECES = 8
"""Straight pieces that a lens bends an edge into."""

# Pairs of Box.corners(): the bottom, the top, and what joins them.
_EDGES = np.array([(i, (i + 1) % 4) for i in range(4)] + [(i + 4, (i + 1) % 4 + 4) for i in range(4)])
_EDGES = np.concatenate([_EDGES, [(i, i + 4) for i in range(4)]])

# The front of a box's bottom, from left to right.
_FRONT = (0, 3)


class CameraOverlay:
    """Draws cells of a grid and boxes into the images of one calibrated camera.

    Everything that depends on the calibration alone is computed here, once: where each cell of the ground
    lies in the image. Make a new one when the camera, the grid or the size of the images changes.

    Args:
        camera: the calibration, of the full image.
        grid: cells on the ground.
        size: width and height in pixels of the images to draw into, those of the camera if not given. They
            show the same view as the full image, larger or smaller.
        ground: height of the ground in base_link, metres.
    """

    def __init__(
        self, camera: Camera, grid: BevGrid, size: tuple[int, int] | None = None, ground: float = 0.0
    ) -> None:
        self.camera = camera
        self.grid = grid
        self.size = size or (camera.width, camera.height)
        self._to_camera = camera.pose.inverse()
        scale = np.array([self.size[0] / camera.width, self.size[1] / camera.height])
        # Whole numbers are the centres of pixels in OpenCV, so that corners of the image are at -0.5.
        self._focal = camera.intrinsics[:2, :2] * scale[:, None]
        self._center = (camera.intrinsics[:2, 2] + 0.5) * scale - 0.5
        self._cells, self._outlines = self._project_cells(ground)

    def draw(
        self,
        image: np.ndarray,
        occupancy: np.ndarray | None = None,
        boxes: Iterable[Box] = (),
        threshold: float = 0.5,
        opacity: tuple[float, float] = (0.25, 0.75),
    ) -> np.ndarray:
        """Draw over a copy of an image.

        Args:
            image: (height, width, 3) uint8 RGB of this overlay's size.
            occupancy: (nx, ny) integers, -1 unknown, 0 to 100 percent; None draws no cells.
            boxes: in base_link, drawn as wires; a line on the ground shows where each one heads.
            threshold: probability from which a cell is drawn.
            opacity: of a cell at the threshold, and of one that is certain; linear between the two.

        Returns:
            (height, width, 3) uint8 RGB.

        Raises:
            EvaluationError: an image or an occupancy of another shape.
        """
        if image.shape != (self.size[1], self.size[0], 3):
            raise EvaluationError(
                f"an overlay of {self.camera.name} for {self.size[0]}x{self.size[1]} pixels cannot be drawn "
                f"into an image of {image.shape}"
            )
        picture = np.array(image, dtype=np.uint8, order="C")
        if occupancy is not None:
            _blend(picture, self.cell_image(occupancy, threshold), threshold, opacity)
        self._draw_boxes(picture, boxes)
        return picture

    def cell_image(self, occupancy: np.ndarray, threshold: float = 0.5) -> np.ndarray:
        """Look up what the ground under each pixel is predicted to be.

        Args:
            occupancy: (nx, ny) integers, -1 unknown, 0 to 100 percent.
            threshold: probability from which a cell is shown.

        Returns:
            (height, width) uint8: percent of the cell, 0 where none at or above the threshold is seen.
        """
        if occupancy.shape != self.grid.shape:
            raise EvaluationError(
                f"an overlay of {self.grid.shape} cells cannot show {occupancy.shape} cells"
            )
        percent = np.zeros((self.size[1], self.size[0]), dtype=np.uint8)
        values = occupancy.reshape(-1)[self._cells]
        shown = np.flatnonzero(values >= max(1, np.ceil(threshold * 100 - 1e-6)))
        # One call a percentage, the most certain last: where two cells share a pixel, it shows the higher.
        shown = shown[np.argsort(values[shown], kind="stable")]
        levels, first = np.unique(values[shown], return_index=True)
        for level, some in zip(levels, np.split(shown, first[1:]), strict=bool(len(levels))):
            cv2.fillPoly(percent, list(self._outlines[some]), (int(min(level, 100)),), shift=_FIXED)
        return percent

    def _pixels(self, in_camera: np.ndarray) -> np.ndarray:
        """Pixels (..., 2) of points (..., 3) in front of the camera; NaN where the lens sees nothing."""
        rays = self.camera.lens.distort(in_camera[..., :2] / in_camera[..., 2:])
        return rays @ self._focal.T + self._center

    def _project_cells(self, ground: float) -> tuple[np.ndarray, np.ndarray]:
        """Flat indices (V,) of the cells that the camera sees and their outlines (V, 5, 2) in fixed point."""
        nx, ny = self.grid.shape
        x = self.grid.x_min + np.arange(nx + 1) * self.grid.resolution
        y = self.grid.y_min + np.arange(ny + 1) * self.grid.resolution
        lattice = np.stack([*np.meshgrid(x, y, indexing="ij"), np.full((nx + 1, ny + 1), ground)], axis=-1)
        points = self._to_camera.apply(lattice)
        quads = np.stack([points[:-1, :-1], points[1:, :-1], points[1:, 1:], points[:-1, 1:]], axis=2)
        quads = quads.reshape(-1, 4, 3)
        cells = np.flatnonzero((quads[..., 2] > _NEAR).any(axis=1))
        outlines = _clip_polygons(quads[cells])
        if not self.camera.lens.is_pinhole:
            outlines = _in_pieces(np.concatenate([outlines, outlines[:, :1]], axis=1))[:, :-1]
        pixels = self._pixels(outlines)
        seen = self._in_view(pixels)
        return cells[seen], _fixed(pixels[seen])

    def _in_view(self, pixels: np.ndarray) -> np.ndarray:
        """Which shapes (N, K, 2) have a bounding box that meets the image: (N,) bool; no NaN does."""
        low, high = pixels.min(axis=1), pixels.max(axis=1)
        return ((high > -0.5) & (low < np.array(self.size) - 0.5)).all(axis=1)

    def _draw_boxes(self, picture: np.ndarray, boxes: Iterable[Box]) -> None:
        boxes = list(boxes)
        if not boxes:
            return
        corners = corners_of(boxes)
        front = corners[:, list(_FRONT)].mean(axis=1)
        middle = corners[:, :4].mean(axis=1)
        edges = np.concatenate([corners[:, _EDGES], np.stack([middle, front], axis=1)[:, None]], axis=1)
        edges = self._to_camera.apply(edges)
        count = edges.shape[1]
        owner = np.repeat(np.arange(len(boxes)), count)
        edges = edges.reshape(-1, 2, 3)
        kept = (edges[..., 2] > _NEAR).any(axis=1)
        owner, edges = owner[kept], _clip_edges(edges[kept])
        if not self.camera.lens.is_pinhole:
            # Each piece by itself, so that what is beyond the lens is left out and no more.
            edges = _in_pieces(edges)
            edges = np.stack([edges[:, :-1], edges[:, 1:]], axis=2).reshape(-1, 2, 3)
            owner = np.repeat(owner, _PIECES)
        pixels = self._pixels(edges)
        seen = self._in_view(pixels)
        owner, lines = owner[seen], _fixed(pixels[seen])
        for index in np.unique(owner):
            color = palette.box_color(boxes[index].category)
            cv2.polylines(picture, list(lines[owner == index]), False, color, 1, cv2.LINE_AA, _FIXED)


def _clip_polygons(quads: np.ndarray) -> np.ndarray:
    """Cut quadrilaterals (N, 4, 3) off at the near plane: (N, 5, 3), the last corner repeated to fill up.

    Sutherland and Hodgman, "Reentrant polygon clipping", Communications of the ACM 17 (1), 1974, for the
    one plane that matters: what lies beside the image is left to OpenCV. Every one must reach beyond it.
    """
    clipped = np.concatenate([quads, quads[:, -1:]], axis=1)
    for index in np.flatnonzero((quads[..., 2] < _NEAR).any(axis=1)):
        corners = []
        for this, following in zip(quads[index], np.roll(quads[index], -1, axis=0), strict=True):
            if this[2] >= _NEAR:
                corners.append(this)
            if (this[2] >= _NEAR) != (following[2] >= _NEAR):
                corners.append(_cut(this, following))
        corners += [corners[-1]] * (5 - len(corners))
        clipped[index] = corners
    return clipped


def _clip_edges(edges: np.ndarray) -> np.ndarray:
    """Cut edges (N, 2, 3) off at the near plane; every one must reach beyond it."""
    clipped = edges.copy()
    for end in range(2):
        behind = edges[:, end, 2] < _NEAR
        clipped[behind, end] = _cut(edges[behind, end], edges[behind, 1 - end])
    return clipped


def _in_pieces(lines: np.ndarray) -> np.ndarray:
    """Lines (N, K, 3) with _PIECES pieces in the place of each: (N, (K - 1) * _PIECES + 1, 3)."""
    share = (np.arange(_PIECES) / _PIECES)[:, None]
    pieces = lines[:, :-1, None] * (1 - share) + lines[:, 1:, None] * share
    return np.concatenate([pieces.reshape(len(lines), -1, 3), lines[:, -1:]], axis=1)


def _cut(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Where lines from a to b (..., 3) meet the near plane."""
    share = (_NEAR - a[..., 2:]) / (b[..., 2:] - a[..., 2:])
    return a + share * (b - a)


def _fixed(pixels: np.ndarray) -> np.ndarray:
    return np.round(np.clip(pixels, -_FAR_PIXELS, _FAR_PIXELS) * (1 << _FIXED)).astype(np.int32)


def _blend(picture: np.ndarray, percent: np.ndarray, threshold: float, opacity: tuple[float, float]) -> None:
    """Colour the pixels of cells over a picture, in place."""
    places = np.flatnonzero(percent)
    values = percent.reshape(-1)[places]
    alpha = np.interp(np.arange(101) / 100, [threshold, max(1.0, threshold + 1e-6)], opacity)
    alpha = alpha[:, None].astype(np.float32)
    colors = palette.probability_colors() * alpha
    flat = picture.reshape(-1, 3)
    flat[places] = (flat[places] * (1 - alpha)[values] + colors.astype(np.float32)[values] + 0.5).astype(
        np.uint8
    )
