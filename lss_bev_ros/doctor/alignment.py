"""Whether the LiDAR fits the pictures: depth jumps against edges, at the mounting that is told and around it.

Where a beam hits something that stands before something farther, the picture has an edge, and where it hits
the middle of a wall it has none more often than elsewhere (Levinson and Thrun, "Automatic online calibration
of cameras and lasers", RSS 2013). A camera's mounting is right where turning it by a few degrees makes the
two fit worse. All is done in angles around the camera, so that every lens is treated alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from ..geometry import Camera

_STEP = np.deg2rad(0.2)
"""Side of a cell of the pictures in angles."""

_WIDEST = np.deg2rad(75.0)
"""How far to the side of the axis pictures are looked at; there is enough to see before."""

_NEAREST, _FARTHEST = 1.5, 45.0
"""Metres from the camera of the returns that may stand before something farther."""

_SMALLEST_JUMP, _JUMP_SHARE = 1.5, 0.15
"""Metres, and share of the distance, by which the scene behind is farther."""

_CELL = np.deg2rad((0.4, 0.5))
"""Sides in azimuth and elevation of the cells in which neighbouring beams are looked for."""

_BACKGROUND = 500
"""Returns that are not at a jump, of one scan, at most."""

_JUMPS = 1200
"""Returns at a jump, of one scan and kind, at most."""

_TOP_GAP = np.deg2rad(0.4)
"""How far the top of a thing lies above the highest beam that hits it, about half the gap of two beams."""


@dataclass(frozen=True, eq=False)
class Search:
    """Turns of a camera that are tried.

    Attributes:
        yaw: (n,) radians, to the right.
        pitch: (m,) radians, downwards.
    """

    yaw: np.ndarray
    pitch: np.ndarray

    @classmethod
    def around(cls, yaw: float, pitch: float, step: float = 0.5) -> Search:
        """Turns up to `yaw` and `pitch` degrees to each side, in steps of `step` degrees."""
        sides = (np.arange(-round(limit / step), round(limit / step) + 1) * step for limit in (yaw, pitch))
        return cls(*(np.deg2rad(side) for side in sides))


WIDE = Search.around(20.0, 8.0)
"""For a recording that is examined once."""

NARROW = Search.around(12.0, 6.0)
"""For a check that is repeated while driving."""

HERE = Search.around(1.0, 1.0)
"""Only the mounting as it is told, with room for a small error."""


@dataclass(frozen=True, eq=False)
class Outlines:
    """Returns of a scan around a camera, and which of them stand before something farther.

    Attributes:
        azimuth: (N,) radians around the camera, to the right of its axis.
        elevation: (N,) radians, below its axis.
        side: (N,) bool, the scene is farther to the left or to the right.
        top: (N,) bool, the scene is farther above.
    """

    azimuth: np.ndarray
    elevation: np.ndarray
    side: np.ndarray
    top: np.ndarray


def outlines(
    camera: Camera, points: np.ndarray, heights: np.ndarray, nearest: float = 0.0, seed: int = 0
) -> Outlines:
    """Find depth jumps in a scan, as a camera sees it.

    Args:
        camera: mounted as it is told.
        points: (N, 3), metres, base_link.
        heights: (N,) metres above the ground; the ground itself has no outline.
        nearest: metres from the camera below which nothing is looked at, where the scan is of another time.
        seed: of the choice among many.
    """
    q = camera.pose.inverse().apply(np.asarray(points, dtype=np.float64))
    distance = np.linalg.norm(q, axis=1)
    reach = _WIDEST + np.deg2rad(25.0)
    azimuth, elevation = _angles(q)
    near = (distance > max(nearest, _NEAREST)) & (distance < 80.0) & (np.abs(azimuth) < reach)
    azimuth, elevation, distance = azimuth[near], elevation[near], distance[near]
    heights = np.asarray(heights)[near]
    if not len(distance):
        return Outlines(azimuth, elevation, np.zeros(0, bool), np.zeros(0, bool))
    column = np.floor(azimuth / _CELL[0]).astype(np.int64)
    row = np.floor(elevation / _CELL[1]).astype(np.int64)
    column -= column.min() - 4
    row -= row.min() - 6
    depth = np.full((row.max() + 6, column.max() + 5), np.inf)
    np.minimum.at(depth, (row, column), distance)

    def around(rows: range, columns: range) -> np.ndarray:
        """How much farther the nearest return of some cells around each return is; 0 where there is none."""
        found = np.full(len(distance), np.inf)
        for i in rows:
            for j in columns:
                np.minimum(found, depth[row + i, column + j], out=found)
        return np.where(np.isfinite(found), found - distance, 0.0)

    least = np.maximum(_SMALLEST_JUMP, _JUMP_SHARE * distance)
    aside = np.maximum(around(range(-1, 2), range(-3, 0)), around(range(-1, 2), range(1, 4)))
    side, top = aside > least, around(range(-5, -1), range(-1, 2)) > least
    stands = (heights > 0.4) & (distance < _FARTHEST)
    draw = np.random.default_rng(seed)
    chosen = np.concatenate(
        [
            _some(draw, np.flatnonzero(stands & side), _JUMPS),
            _some(draw, np.flatnonzero(stands & top & ~side), _JUMPS),
            _some(draw, np.flatnonzero(stands & ~side & ~top), _BACKGROUND),
        ]
    )
    return Outlines(azimuth[chosen], elevation[chosen], side[chosen], top[chosen])


@dataclass(frozen=True, eq=False)
class EdgeView:
    """Edges of a picture, in angles around its camera.

    Attributes:
        upright: (rows, columns) float32, how strong vertical edges are.
        level: (rows, columns) float32, the same of horizontal edges.
        seen: (rows, columns) bool, whether the picture shows the place.
        left, top: radians, of the first column and row.
    """

    upright: np.ndarray
    level: np.ndarray
    seen: np.ndarray
    left: float
    top: float


def edge_view(camera: Camera, gray: np.ndarray) -> EdgeView | None:
    """Find edges in a picture.

    Args:
        camera: whose picture it is.
        gray: (height, width) uint8 of any size.

    Returns:
        The edges, or None where the picture shows too little to compare: night, fog, a covered lens.
    """
    x, y, left, top = _view_of(_Key(camera))
    scale = np.array([gray.shape[1] / camera.width, gray.shape[0] / camera.height])
    # Whole numbers are the centres of pixels.
    x, y = (x + 0.5) * scale[0] - 0.5, (y + 0.5) * scale[1] - 0.5
    seen = (x >= 0) & (y >= 0) & (x <= gray.shape[1] - 1) & (y <= gray.shape[0] - 1)
    if seen.sum() < 1000:
        return None
    view = cv2.remap(
        gray, x.astype(np.float32), y.astype(np.float32), cv2.INTER_AREA, None, cv2.BORDER_REPLICATE
    )
    seen = cv2.erode(seen.astype(np.uint8), np.ones((9, 9), np.uint8), borderValue=(0,)).astype(bool)
    if not seen.any() or view[seen].std() < 4.0:
        return None
    smooth = cv2.GaussianBlur(view.astype(np.float32), (0, 0), 0.8)
    across = np.abs(cv2.Scharr(smooth, cv2.CV_32F, 1, 0))
    along = np.abs(cv2.Scharr(smooth, cv2.CV_32F, 0, 1))
    return EdgeView(_strength(across, along, seen, 1.5), _strength(along, across, seen, 2.5), seen, left, top)


class Evidence:
    """How well a camera's pictures fit the LiDAR at each turn, over several frames.

    Args:
        search: the turns that are tried.
    """

    def __init__(self, search: Search = WIDE) -> None:
        self.search = search
        self.frames = 0
        # By kind of edge, and by whether at a jump: number, sum and sum of squares of edge strengths.
        self._moments = np.zeros((2, 2, 3, len(search.yaw), len(search.pitch)))

    def add(self, found: Outlines, view: EdgeView) -> None:
        """Take one scan and the picture of its time."""
        self.frames += 1
        steps = np.round(self.search.yaw / _STEP).astype(np.int64)
        margin = int(np.abs(steps).max()) + 1
        border = ((1, 1), (margin, margin))
        seen = np.pad(view.seen, border)
        rows, columns = seen.shape
        flat = seen.ravel().astype(np.float32)
        neither = ~found.side & ~found.top
        kinds = ((view.upright, found.side, 0.0), (view.level, found.top & ~found.side, _TOP_GAP))
        for kind, (edges, jump, lift) in enumerate(kinds):
            values = np.pad(edges, border).ravel() * flat
            for group, chosen in enumerate((jump, neither)):
                azimuth = found.azimuth[chosen]
                elevation = found.elevation[chosen] - (0.0 if group else lift)
                tilt, swing = np.cos(azimuth), np.sin(azimuth) * np.tan(elevation)
                for j, pitch in enumerate(self.search.pitch):
                    # To first order, what a turn about the camera's x axis does to the angles.
                    row = np.rint((elevation - pitch * tilt - view.top) / _STEP).astype(np.int64) + 1
                    column = np.rint((azimuth - pitch * swing - view.left) / _STEP).astype(np.int64) + margin
                    fits = (row > 0) & (row < rows - 1) & (column >= 0) & (column < columns)
                    row, column = row[fits], column[fits]
                    shifted = np.clip(column[None] - steps[:, None], 0, columns - 1)
                    place = row * columns + shifted
                    found_values = values[place]
                    self._moments[kind, group, 0, :, j] += flat[place].sum(axis=1)
                    self._moments[kind, group, 1, :, j] += found_values.sum(axis=1)
                    self._moments[kind, group, 2, :, j] += (found_values * found_values).sum(axis=1)

    @property
    def scores(self) -> np.ndarray:
        """(n, m) how many standard deviations edges are stronger at jumps than elsewhere, by turn."""
        jump, elsewhere = self._moments[:, 0], self._moments[:, 1]
        count, other = jump[:, 0], elsewhere[:, 0]
        mean, spread = _mean_and_variance(jump)
        other_mean, other_spread = _mean_and_variance(elsewhere)
        score = (mean - other_mean) / np.sqrt(
            spread / np.maximum(count, 1) + other_spread / np.maximum(other, 1)
        )
        enough = (count >= 8) & (other >= 20)
        return np.where(enough, score, 0.0).sum(axis=0) / np.sqrt(2.0)

    @property
    def jumps(self) -> int:
        """Returns at a jump that fall into the pictures at the mounting as told."""
        i, j = len(self.search.yaw) // 2, len(self.search.pitch) // 2
        return int(self._moments[:, 0, 0, i, j].sum())

    def fit(self) -> Fit:
        """The best turn and how sure it is."""
        scores = self.scores
        yaw, pitch = np.rad2deg(self.search.yaw), np.rad2deg(self.search.pitch)
        i, j = np.unravel_index(int(scores.argmax()), scores.shape)
        off = np.hypot(yaw[:, None], pitch[None, :])
        # Walls, poles and cars stand upright, so that a turn up or down is told less sharply than one aside.
        beside = np.hypot(yaw[:, None] - yaw[i], 0.5 * (pitch[None, :] - pitch[j]))
        here = scores[off <= 0.8].max()
        rest = scores[beside > 2.5]
        return Fit(
            float(yaw[i]),
            float(pitch[j]),
            float(scores[i, j]),
            float(here),
            float(rest.max(initial=0.0)),
            self.frames,
            self.jumps,
            bool(0 < i < len(yaw) - 1 and 0 < j < len(pitch) - 1),
        )


@dataclass(frozen=True)
class Fit:
    """Where a camera's pictures fit the LiDAR best.

    Attributes:
        yaw: degrees by which the camera would have to be turned to the right.
        pitch: degrees by which it would have to be turned downwards.
        score: of that turn, in standard deviations.
        here: of the mounting as told, within 0.8 degrees.
        other: the best score elsewhere, more than 2.5 degrees aside or 5 up or down from the best turn.
        frames: pictures that were compared.
        jumps: returns at depth jumps in them.
        inside: whether the best turn is none of the farthest that were tried, and so may be a peak.
    """

    yaw: float
    pitch: float
    score: float
    here: float
    other: float
    frames: int
    jumps: int
    inside: bool = True


def _mean_and_variance(moments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    count = np.maximum(moments[:, 0], 1)
    mean = moments[:, 1] / count
    # Never so small that a handful of equal values would count as certain.
    return mean, np.maximum(moments[:, 2] / count - mean * mean, 0.05)


def _some(draw: np.random.Generator, index: np.ndarray, most: int) -> np.ndarray:
    return index if len(index) <= most else draw.choice(index, most, replace=False)


def _angles(q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Azimuth to the right and elevation downwards of points (N, 3) of an optical frame."""
    return np.arctan2(q[:, 0], q[:, 2]), np.arctan2(q[:, 1], np.hypot(q[:, 0], q[:, 2]))


class _Key:
    """A camera as a key of a cache, wherever it is mounted."""

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self._told = (camera.intrinsics.tobytes(), camera.width, camera.height, camera.lens)

    def __hash__(self) -> int:
        return hash(self._told)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self._told == other._told


@lru_cache(maxsize=16)
def _view_of(key: _Key) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Pixels x and y (rows, columns) of each direction, NaN of none, and the first azimuth and elevation."""
    camera = key.camera
    border = np.concatenate(
        [
            np.stack(np.broadcast_arrays(x, y), axis=-1).reshape(-1, 2)
            for x, y in (
                (
                    np.linspace(0, camera.width - 1, 33),
                    np.array([[0.0], [camera.height / 2], [camera.height - 1.0]]),
                ),
                (
                    np.array([[0.0], [camera.width / 2], [camera.width - 1.0]]),
                    np.linspace(0, camera.height - 1, 33),
                ),
            )
        ]
    )
    rays = camera.rays(border)
    rays = rays[np.isfinite(rays).all(axis=1)]
    azimuth, elevation = _angles(rays) if len(rays) else (np.array([-0.5, 0.5]), np.array([-0.3, 0.3]))
    left, right = max(azimuth.min(), -_WIDEST), min(azimuth.max(), _WIDEST)
    top, bottom = max(elevation.min(), -_WIDEST / 2), min(elevation.max(), _WIDEST / 2)
    u = np.arange(left, right + _STEP, _STEP)
    v = np.arange(top, bottom + _STEP, _STEP)[:, None]
    directions = np.stack(
        np.broadcast_arrays(np.sin(u) * np.cos(v), np.sin(v), np.cos(u) * np.cos(v)), axis=-1
    )
    pixels = camera.image(directions)
    return pixels[..., 0], pixels[..., 1], float(left), float(top)


def _strength(edge: np.ndarray, other: np.ndarray, seen: np.ndarray, blur: float) -> np.ndarray:
    """How strong edges of one direction are, between 0 and about 1 before they are blurred; in deviations."""
    strength = np.where(seen, np.maximum(edge - 0.5 * other, 0.0), 0.0)
    some = strength[::3, ::3]
    some = some[some > 0]
    usual = float(np.median(some)) if len(some) else 1.0
    # A window frame counts about as much as a car against the sky.
    strength = cv2.GaussianBlur(strength / (strength + 6.0 * usual + 1e-6), (0, 0), blur)
    return strength / max(float(strength[seen].std()), 1e-6)
