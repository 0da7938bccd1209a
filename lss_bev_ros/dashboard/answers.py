"""Answers of a multi-sense network as the page takes them: a binary message a layer, for who looks at it."""

from __future__ import annotations

import json
import zlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np

from ..errors import GeometryError
from ..geometry import BevGrid, Box
from ..geometry.box import corners_of
from ..visualization.space import lattice
from .packing import pack
from .replay_control import Answer
from .scene import check_drawable

MAP_LAYERS = (
    "drivable",
    "walkway",
    "crossing",
    "lane_boundary",
    "road_boundary",
    "two_wheeler",
    "person",
)
"""Grids, from the lowest to the highest."""

PROMPTS = tuple(f"prompt_{index}" for index in range(16))
"""Grids of what texts name."""

LAYERS = (*MAP_LAYERS, "objects", "lanes", "plan", "cost", "voxels", *PROMPTS)
"""All layers that a page can ask for."""

MOST_OBJECTS, MOST_LINES, MOST_CORNERS = 500, 500, 20_000
MOST_VOXELS, MOST_SPACE = 400_000, 32_000_000
"""What a layer holds at most: things, lines and their corners, voxels, and cells of the space around them."""

_BEHIND = ((0, 0, 1), (-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0))
"""Where the faces of a voxel look that are drawn, in the order of their bits; nobody sees it from below."""


class AnswersControl(ABC):
    """Where answers come from. Every method may be called from any thread."""

    @abstractmethod
    def layers(self) -> Sequence[str]:
        """Those of LAYERS that somebody publishes."""

    @abstractmethod
    def prompts(self) -> Sequence[str]:
        """The texts of the prompts, in their order."""

    @abstractmethod
    def settable(self) -> bool:
        """Whether prompts can be set from the page."""

    @abstractmethod
    def set_prompts(self, texts: Sequence[str]) -> Future[Answer]:
        """Ask for other prompts."""

    @abstractmethod
    def watch(self, layers: Collection[str]) -> None:
        """Take note of the layers that somebody looks at; no other needs to be received."""


class NoAnswers(AnswersControl):
    """Where there is no multi-sense network."""

    def layers(self) -> Sequence[str]:
        """No layer."""
        return ()

    def prompts(self) -> Sequence[str]:
        """No text."""
        return ()

    def settable(self) -> bool:
        """Never."""
        return False

    def set_prompts(self, texts: Sequence[str]) -> Future[Answer]:
        """Refuse."""
        future: Future[Answer] = Future()
        future.set_result(Answer(False, "there is no network that takes prompts"))
        return future

    def watch(self, layers: Collection[str]) -> None:
        """Nothing comes, whoever looks."""


def grid_layer(name: str, stamp: int, percents: np.ndarray, grid: BevGrid) -> bytes:
    """A grid (nx, ny) int8, -1 unknown, 0 to 100 percent, as blob `cells`.

    Raises:
        GeometryError: a grid that is not drawn.
    """
    check_drawable(percents, grid)
    header = {
        "grid": {"x_min": grid.x_min, "y_min": grid.y_min, "resolution": grid.resolution, "shape": grid.shape}
    }
    return _packed(name, stamp, header, {"cells": np.ascontiguousarray(percents, np.int8)})


def objects_layer(stamp: int, things: Sequence[tuple[Box, float]]) -> bytes:
    """Things: their class, score and velocity, and blob `boxes` float32 (N, 8, 3) corners, base_link."""
    good = [each for each in things if np.isfinite(each[0].size).all()][:MOST_OBJECTS]
    boxes = [box for box, _ in good]
    header = {
        "classes": [box.category for box in boxes],
        "scores": [round(score, 3) if np.isfinite(score) else None for _, score in good],
        "velocities": [np.round(_velocity(box), 2).tolist() for box in boxes],
    }
    corners = corners_of(boxes) if boxes else np.empty((0, 8, 3))
    return _packed("objects", stamp, header, {"boxes": corners.astype("<f4")})


def lines_layer(name: str, stamp: int, lines: Mapping[str, Sequence[np.ndarray]]) -> bytes:
    """Polylines (N, 2 or more), metres, base_link: the kind and count of corners of each, blob `corners`."""
    kept: list[tuple[str, np.ndarray]] = []
    room = MOST_CORNERS
    for kind, some in lines.items():
        for line in some:
            line = np.asarray(line, np.float32)[:, :2]
            line = line[np.isfinite(line).all(axis=1)]
            if 2 <= len(line) <= room and len(kept) < MOST_LINES:
                kept.append((kind, line))
                room -= len(line)
    header = {"kinds": [kind for kind, _ in kept], "counts": [len(line) for _, line in kept]}
    corners = np.concatenate([line for _, line in kept]) if kept else np.empty((0, 2))
    return _packed(name, stamp, header, {"corners": corners.astype("<f4")})


def voxels_layer(stamp: int, centers: np.ndarray, classes: np.ndarray, colors: np.ndarray) -> bytes:
    """Voxels that have a face to the air: blobs `cells` uint16 (3, M), `classes`, and `faces`, a bit a face.

    Args:
        stamp: nanoseconds.
        centers: (M, 3) middles, metres, on a lattice.
        classes: (M,) uint8.
        colors: (M, 3) uint8 RGB; voxels of a class have one.

    Raises:
        GeometryError: more than can be drawn, or middles on no lattice.
    """
    if len(centers) > MOST_VOXELS:
        raise GeometryError(f"{len(centers)} voxels are not drawn: they may be {MOST_VOXELS}")
    known = np.isfinite(centers).all(axis=1)
    classes, colors, found = classes[known], colors[known], lattice(centers[known])
    cells = found.cells
    shape = (cells.max(axis=0) if len(cells) else np.zeros(3, np.int64)) + 3
    if (shape > 65_535).any() or float(np.prod(shape.astype(float))) > MOST_SPACE:
        raise GeometryError(
            f"voxels that lie in {' x '.join(map(str, shape - 2))} cells are not drawn: there may be "
            f"{MOST_SPACE}"
        )
    full = np.zeros(shape, bool)
    full[tuple((cells + 1).T)] = True
    faces = np.zeros(len(cells), np.uint8)
    for bit, toward in enumerate(_BEHIND):
        faces |= (~full[tuple((cells + 1 + toward).T)]).astype(np.uint8) << bit
    seen = faces > 0
    numbers, first = np.unique(classes, return_index=True)
    header = {
        "low": np.round(found.low, 4).tolist(),
        "size": np.round(found.size, 4).tolist(),
        "colors": {int(number): colors[at].tolist() for number, at in zip(numbers, first, strict=True)},
        "count": len(centers),
    }
    # Axis by axis: deflated, that is a fifth of cell by cell.
    blobs = {"cells": cells[seen].T.astype("<u2", order="C"), "classes": classes[seen], "faces": faces[seen]}
    return _packed("voxels", stamp, header, blobs)


def asked_layers(text: str) -> frozenset[str]:
    """The layers that a page asks for, of `{"layers": [...]}`; those that nobody knows are left out.

    Raises:
        ValueError: something else.
    """
    asked = json.loads(text)
    names = asked.get("layers") if isinstance(asked, dict) else None
    if not isinstance(names, list):
        raise ValueError("not a list of layers")
    return frozenset(name for name in names if isinstance(name, str) and name in LAYERS)


def _packed(name: str, stamp: int, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """A message of `packing` whose blobs are deflated: most cells are like their neighbours."""
    blobs = {key: zlib.compress(array.tobytes(), 1) for key, array in arrays.items()}
    return pack({"layer": name, "stamp": stamp / 1e9, **header}, blobs)


def _velocity(box: Box) -> np.ndarray:
    velocity = np.zeros(2) if box.velocity is None else np.asarray(box.velocity, np.float64)[:2]
    return np.nan_to_num(velocity)
