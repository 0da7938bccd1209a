"""The newest of everything that the nodes publish, and what of it belongs to one instant."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from ..errors import GeometryError
from ..geometry import BevGrid, Box, Rig

T = TypeVar("T")

_KEPT = 48
_KEPT_NS = 6_000_000_000
"""Items of a stream that wait for the grid they belong to: how many and how old, at most."""

_RESTART_NS = 1_000_000_000
"""A stamp this far behind the newest one is a new start (a looped bag), not a late message."""

_FIRST_GRID = 1.0
_NEXT_GRID = 6.0
"""Seconds to wait for the first and for a further grid before images are shown without one."""


_MOST_CELLS = 1_000_000
_FINEST = 0.01
_LONGEST = 2_000.0
"""What is drawn of a grid: its cells, a cell's side and the grid's own, metres."""


@dataclass(frozen=True, eq=False)
class Frame:
    """What belongs to one instant; whatever was not received is None or absent.

    Attributes:
        stamp: nanoseconds, of the grid or, without one, of the newest image.
        images: camera name to JPEG bytes or (height, width, 3) uint8 RGB.
        rig: the cameras whose calibration is known.
        grid: cells of `occupancy` and `truth`.
        occupancy: (nx, ny) int8, -1 unknown, 0 to 100 percent.
        truth: (nx, ny) bool, annotated vehicles.
        boxes: annotations in base_link.
        points: (N, 3) float32, metres, base_link.
        latency_ms: from the image to the received grid.
    """

    stamp: int
    images: Mapping[str, bytes | np.ndarray] = field(default_factory=dict)
    rig: Rig = field(default_factory=lambda: Rig(()))
    grid: BevGrid = field(default_factory=BevGrid)
    occupancy: np.ndarray | None = None
    truth: np.ndarray | None = None
    boxes: Sequence[Box] | None = None
    points: np.ndarray | None = None
    latency_ms: float | None = None


class _Recent(Generic[T]):
    """The last few stamped items of a stream."""

    def __init__(self) -> None:
        self.items: deque[tuple[int, T]] = deque(maxlen=_KEPT)

    def add(self, stamp: int, item: T) -> None:
        if self.items and stamp < self.items[-1][0] - _RESTART_NS:
            self.items.clear()
        self.items.append((stamp, item))
        while self.items[0][0] < stamp - _KEPT_NS:
            self.items.popleft()

    def nearest(self, stamp: int, slop: int) -> T | None:
        near = min(self.items, key=lambda entry: abs(entry[0] - stamp), default=None)
        return near[1] if near is not None and abs(near[0] - stamp) <= slop else None


class Scene:
    """Takes messages as they come and composes the newest frame of them.

    Every method may be called from any thread.
    """

    def __init__(
        self, cameras: Sequence[str], slop: float = 0.15, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Start empty.

        Args:
            cameras: names, in the order in which they are shown.
            slop: seconds between a grid and what is shown with it, at most.
            clock: seconds, for tests.
        """
        self.cameras = tuple(cameras)
        self.rig: Callable[[], Rig] = lambda: Rig(())
        self.on_change: Callable[[], None] = lambda: None
        self._slop = round(slop * 1e9)
        self._clock = clock
        self._lock = threading.Lock()
        self._images: dict[str, _Recent[bytes | np.ndarray]] = {name: _Recent() for name in cameras}
        self._truths: _Recent[tuple[np.ndarray, BevGrid]] = _Recent()
        self._boxes: _Recent[Sequence[Box]] = _Recent()
        self._points: _Recent[np.ndarray] = _Recent()
        self._prediction: tuple[int, np.ndarray, BevGrid, float | None] | None = None
        self._image_stamp = 0
        self._images_since: float | None = None

    def add_image(self, name: str, stamp: int, image: bytes | np.ndarray) -> None:
        """Take a camera's image: JPEG bytes or (height, width, 3) uint8 RGB."""
        with self._lock:
            self._images[name].add(stamp, image)
            self._image_stamp = stamp
            if self._images_since is None:
                self._images_since = self._clock()
            alone = self._alone()
        if alone:
            self._changed()

    def add_prediction(
        self, stamp: int, occupancy: np.ndarray, grid: BevGrid, latency_ms: float | None = None
    ) -> None:
        """Take a grid (nx, ny) int8; it brings the frame that is shown next.

        Raises:
            GeometryError: a grid that nobody could see or that would stop the page.
        """
        check_drawable(occupancy, grid)
        with self._lock:
            self._prediction = (stamp, occupancy, grid, latency_ms)
            self._images_since = None
        self._changed()

    def add_truth(self, stamp: int, truth: np.ndarray, grid: BevGrid) -> None:
        """Take annotated vehicles (nx, ny) bool; GeometryError for a grid as in `add_prediction`."""
        check_drawable(truth, grid)
        self._add(self._truths, stamp, (truth, grid))

    def add_boxes(self, stamp: int, boxes: Sequence[Box]) -> None:
        """Take annotations in base_link."""
        self._add(self._boxes, stamp, boxes)

    def add_points(self, stamp: int, points: np.ndarray) -> None:
        """Take a scan (N, 3) float32, metres, base_link."""
        self._add(self._points, stamp, points)

    def _add(self, recent: _Recent[T], stamp: int, item: T) -> None:
        """Keep what is shown with a grid; what comes after its grid brings that frame once more."""
        with self._lock:
            recent.add(stamp, item)
            late = self._prediction is not None and abs(stamp - self._prediction[0]) <= self._slop
        if late:
            self._changed()

    def compose(self) -> Frame | None:
        """The newest frame: what lies nearest to the newest grid, or to the newest image where none comes.

        Returns:
            None before the first image and grid.
        """
        rig = self.rig()
        with self._lock:
            stamp, occupancy, grid, latency = self._prediction or (0, None, BevGrid(), None)
            if self._alone():
                stamp, occupancy, latency = self._image_stamp, None, None
            elif self._prediction is None:
                return None
            images = {name: recent.nearest(stamp, self._slop) for name, recent in self._images.items()}
            truth = self._truths.nearest(stamp, self._slop)
            return Frame(
                stamp=stamp,
                images={name: image for name, image in images.items() if image is not None},
                rig=rig,
                grid=grid,
                occupancy=occupancy,
                truth=truth[0] if truth is not None and truth[1] == grid else None,
                boxes=self._boxes.nearest(stamp, self._slop),
                points=self._points.nearest(stamp, self._slop),
                latency_ms=latency,
            )

    def _alone(self) -> bool:
        """Whether images come without a grid."""
        if self._images_since is None:
            return False
        patience = _FIRST_GRID if self._prediction is None else _NEXT_GRID
        return self._clock() - self._images_since > patience

    def _changed(self) -> None:
        self.on_change()


def check_drawable(cells: np.ndarray, grid: BevGrid) -> None:
    """GeometryError for a grid that nobody could see or that would stop the page."""
    sides = grid.x_max - grid.x_min, grid.y_max - grid.y_min
    if cells.size > _MOST_CELLS or grid.resolution < _FINEST or max(sides) > _LONGEST:
        raise GeometryError(
            f"a grid of {' x '.join(map(str, cells.shape))} cells of {grid.resolution:g} m is not drawn: it "
            f"may have {_MOST_CELLS} cells, of {_FINEST:g} m or more, and sides of {_LONGEST:g} m"
        )
    if cells.shape != grid.shape:
        raise GeometryError(f"a grid of {grid.shape} cells cannot hold {cells.shape}")
