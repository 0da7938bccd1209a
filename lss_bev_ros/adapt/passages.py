"""A drive as pairs of instants, with what the LiDAR alone says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import pairwise
from typing import ClassVar, overload

import numpy as np
import torch

from ..dataset import Keyframe, LidarScan, NuScenesReader
from ..errors import DatasetError, PictureError, TrainingError
from ..evaluation.lidar import LidarReference
from ..geometry import BevGrid, Pose
from ..geometry.intensity import intensity_shares
from ..geometry.returns import returned
from ..training.config import SampleLayout
from ..training.multi_sense.pair import FUTURE_STEPS, Instants
from ..training.pool import Ring
from ..training.sample import NO_DEPTH
from ..training.source import keyframe_sample, places_of
from .depth import beam_depth
from .evidence import PackedCells, evidence

MOST_RETURNS = 40_000
"""Of a scan, taken evenly: 64 beams give some more."""

_SOONEST, LATEST = 0.2, 1.2
"""Seconds between the two instants of a pair, at least and at most."""

_MOST_SCANS = 3
"""Before and after an instant that tell what stands around it."""


@dataclass(frozen=True, eq=False)
class Passages(Instants):
    """Pairs of a drive, with no truth.

    Attributes:
        evidence: (S, nx, ny) uint8, bits of `evidence`.
    """

    CELLS: ClassVar[tuple[str, ...]] = ("evidence",)

    evidence: torch.Tensor


class PassagePool(Ring):
    """A ring of passages.

    Args:
        capacity: passages.
        layout: of the pictures and the grid.
        returns: places for returns of a scan.
        device: where they are kept.
    """

    def __init__(self, capacity: int, layout: SampleLayout, returns: int, device: torch.device):
        n, h, w, step = layout.cameras, layout.height, layout.width, layout.depth_stride
        rows = {
            "images": ((2, n, h, w, 3), torch.uint8),
            "calibration": ((2, n, 21), torch.float32),
            "present": ((2, n), torch.bool),
            "points": ((2, returns, 4), torch.float16),
            "motion": ((4,), torch.float32),
            "depth": ((n, h // step, w // step), torch.uint8),
            "future": ((FUTURE_STEPS, 2), torch.float32),
            "evidence": (layout.grid.shape, torch.uint8),
        }
        super().__init__(capacity, rows, device)
        # A data set tells no times of single returns.
        self._ages = torch.zeros(returns, dtype=torch.float16, device=device)

    def batch(self, index: torch.Tensor) -> Passages:
        """The passages of an index (B,) int64."""
        return Passages(**self.rows(index), ages=self._ages)


def passage_bytes(layout: SampleLayout, returns: int) -> int:
    """Memory that one passage takes."""
    pixels = layout.cameras * layout.height * layout.width
    cells = int(np.prod(layout.grid.shape))
    return 6 * pixels + pixels // layout.depth_stride**2 + 16 * returns + cells + 400


class ScanReturns(Sequence[np.ndarray]):
    """Returns of keyframes' scans, (R, 4) float16 x, y, z in base_link and intensity 0 to 1 each.

    They are read again when they are asked for: a third of a megabyte each would be gigabytes an hour.

    Args:
        keyframes: with scans that can be read.
        most: returns of the largest scan.
    """

    def __init__(self, keyframes: Sequence[Keyframe], most: int) -> None:
        self._keyframes, self.most = keyframes, most
        # An instant and the one before it, of as many as are made side by side.
        self._read = lru_cache(maxsize=64)(lambda place: scan_returns(keyframes[place]))

    def __len__(self) -> int:
        return len(self._keyframes)

    @overload
    def __getitem__(self, place: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[np.ndarray]: ...
    def __getitem__(self, place: int | slice) -> np.ndarray | Sequence[np.ndarray]:
        """Of a keyframe.

        Raises:
            DatasetError: its file cannot be read any more.
        """
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        return self._read(range(len(self))[place])


@dataclass(frozen=True, eq=False)
class Drive:
    """Keyframes that have a scan and images, in the order of time, scene after scene.

    Attributes:
        keyframes: all of them.
        scans: of each keyframe, what its scan alone says of the cells.
        returns: of each.
        left_out: lines on what could not be read.
    """

    keyframes: tuple[Keyframe, ...]
    scans: tuple[PackedCells, ...]
    returns: ScanReturns
    left_out: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.keyframes)

    @property
    def most(self) -> int:
        """Returns of the largest scan."""
        return self.returns.most

    @property
    def seconds(self) -> float:
        """That were driven, pauses left out."""
        steps = [self.gap(place) for place in range(1, len(self))]
        return sum(step for step in steps if 0 < step <= LATEST)

    @property
    def span(self) -> float:
        """Seconds from the first to the last keyframe of each scene, all scenes together."""
        steps = [self.gap(place) for place in range(1, len(self))]
        return sum(step for step in steps if 0 < step < float("inf"))

    @property
    def metres(self) -> float:
        """That were driven."""
        return float(
            sum(
                np.linalg.norm(
                    self.keyframes[place].ego.translation - self.keyframes[place - 1].ego.translation
                )
                for place in range(1, len(self))
                if 0 < self.gap(place) <= LATEST
            )
        )

    def gap(self, place: int) -> float:
        """Seconds since the keyframe before of the same scene; infinity where there is none."""
        if not place or self.keyframes[place - 1].scene != self.keyframes[place].scene:
            return float("inf")
        return (self.keyframes[place].stamp - self.keyframes[place - 1].stamp) / 1e9

    def around(self, place: int, reach: float) -> list[int]:
        """The keyframe and those of its scene within so many seconds, a few before and after it."""
        now = self.keyframes[place]
        found = [place]
        for side in (-1, 1):
            for step in range(1, _MOST_SCANS + 1):
                other = place + side * step
                if not 0 <= other < len(self) or self.keyframes[other].scene != now.scene:
                    break
                if abs(self.keyframes[other].stamp - now.stamp) > reach * 1e9:
                    break
                found.append(other)
        return sorted(found)


def read_drive(
    reader: NuScenesReader,
    grid: BevGrid,
    workers: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Drive:
    """Read every scan of a data set; images are read when passages are made.

    Raises:
        TrainingError: no keyframe has a scan that can be read.
    """
    keyframes = [frame for scene in reader.scenes for frame in reader.keyframes(scene)]
    reference, lost = LidarReference(grid), []

    def look(frame: Keyframe) -> tuple[PackedCells, int] | str:
        try:
            places, kept = _returns_of(frame)
        except DatasetError as error:
            return str(error)
        origin = _scan_of(frame).pose.translation
        return PackedCells.of(reference.observe(places, origin)), len(kept)

    found = []
    with ThreadPoolExecutor(max(1, workers)) as pool:
        for done, (frame, read) in enumerate(zip(keyframes, pool.map(look, keyframes), strict=True), 1):
            if isinstance(read, str):
                lost.append(read)
            elif frame.cameras:
                found.append((frame, *read))
            progress(done, len(keyframes))
    if not found:
        why = f" ({lost[0]})" if lost else ""
        raise TrainingError(
            f"{reader.dataroot}: no keyframe has a LiDAR scan{why}: a drive teaches by its LiDAR; import a "
            f"bag that has one with `lss-bev import`"
        )
    frames, scans, counts = zip(*found, strict=True)
    return Drive(frames, scans, ScanReturns(frames, max(counts)), tuple(lost))


def scan_returns(keyframe: Keyframe) -> np.ndarray:
    """(R, 4) float16: returns of a keyframe's scan, x, y, z in base_link and intensity 0 to 1, not too many.

    Raises:
        DatasetError: there is none, or it cannot be read.
    """
    return _returns_of(keyframe)[1]


def _returns_of(keyframe: Keyframe) -> tuple[np.ndarray, np.ndarray]:
    """Places of all returns, (N, 3) float64, and those that are kept."""
    scan = _scan_of(keyframe)
    points = scan.points()
    points = points[returned(points)]
    places = scan.pose.apply(points[:, :3].astype(np.float64))
    kept = np.column_stack([places, intensity_shares(points[:, 3])])
    if len(kept) > MOST_RETURNS:
        kept = kept[np.arange(MOST_RETURNS) * len(kept) // MOST_RETURNS]
    return places, kept.astype(np.float16)


def _scan_of(keyframe: Keyframe) -> LidarScan:
    if keyframe.lidar is None:
        raise DatasetError(f"sample {keyframe.token} has no scan")
    return keyframe.lidar


class PassageMaker:
    """Makes passages of a drive.

    Args:
        drive: read.
        layout: of the pictures and the grid.
        reach: seconds before and after an instant whose scans tell what stands there.
        returns: places for returns of a scan.
    """

    def __init__(self, drive: Drive, layout: SampleLayout, reach: float, returns: int) -> None:
        self._drive, self._layout, self._reach, self._returns = drive, layout, reach, returns

    def passage(self, place: int) -> dict[str, np.ndarray]:
        """One passage as plain arrays, by the names of `Passages`.

        Raises:
            DatasetError, PictureError: an image cannot be read.
        """
        drive, now = self._drive, self._drive.keyframes[place]
        earlier = place - 1 if _SOONEST <= drive.gap(place) <= LATEST else place
        before = drive.keyframes[earlier]
        pair = [keyframe_sample(frame, self._layout) for frame in (before, now)]
        motion = np.full(4, np.nan, np.float32)
        if earlier != place:
            moved = before.ego.inverse() @ now.ego
            motion[:] = *moved.translation[:2], moved.yaw, drive.gap(place)
        around = drive.around(place, self._reach)
        points = np.full((2, self._returns, 4), np.nan, np.float16)
        for row, source in enumerate((earlier, place)):
            returns = drive.returns[source][: self._returns]
            points[row, : len(returns)] = returns
        return {
            "images": np.stack([sample.images for sample in pair]),
            "calibration": np.stack([sample.calibration for sample in pair]),
            "present": np.stack([sample.present for sample in pair]),
            "points": points,
            "motion": motion,
            "depth": self._depth(place, pair[1].present),
            "future": now.future.astype(np.float32),
            "evidence": evidence(
                [drive.scans[k] for k in around],
                [drive.keyframes[k].ego for k in around],
                around.index(place),
                self._layout.grid,
            ),
        }

    def _depth(self, place: int, present: np.ndarray) -> np.ndarray:
        now, layout, step = self._drive.keyframes[place], self._layout, self._layout.depth_stride
        shape = (layout.cameras, layout.height // step, layout.width // step)
        depth = np.full(shape, NO_DEPTH, np.uint8)
        points = self._drive.returns[place][:, :3].astype(np.float64)
        for k, name in enumerate(places_of(now.rig.names, layout.cameras)):
            if present[k]:
                shot = now.cameras[name]
                depth[k] = beam_depth(points, shot.ego.inverse() @ now.ego, shot.camera.straight, layout)
        return depth

    def blocks(self, places: Sequence[int], size: int = 16, workers: int = 1) -> Iterator[Passages]:
        """Passages of some keyframes on the CPU, several at once; those that cannot be read are left out."""

        def make(place: int) -> dict[str, np.ndarray] | None:
            try:
                return self.passage(place)
            except (DatasetError, PictureError):
                return None

        with ThreadPoolExecutor(max(1, workers)) as pool:
            for first in range(0, len(places), size):
                made = [each for each in pool.map(make, places[first : first + size]) if each is not None]
                if made:
                    ages = torch.zeros(self._returns, dtype=torch.float16)
                    names = [f.name for f in fields(Passages) if f.name != "ages"]
                    parts = {
                        name: torch.from_numpy(np.stack([each[name] for each in made])) for name in names
                    }
                    yield Passages(**parts, ages=ages)


class DriveSource:
    """Gives a drive's passages once: those for training, then those that are held out.

    Args:
        maker: of them.
        train, held_out: places of the drive.
        device: to give them on.
        workers: threads that read.
    """

    endless = False
    next_world = 0

    def __init__(
        self,
        maker: PassageMaker,
        train: Sequence[int],
        held_out: Sequence[int],
        device: torch.device | str = "cpu",
        workers: int = 1,
    ) -> None:
        self.validation_samples = len(held_out)
        self._device = device
        self._blocks = (
            (use, block)
            for use, places in (("val", held_out), ("train", train))
            for block in maker.blocks(places, workers=workers)
        )

    def take(self, wait: float) -> tuple[str, Passages] | None:
        """As `Source.take`."""
        found = next(self._blocks, None)
        return None if found is None else (found[0], found[1].to(self._device))


def standing(ego: Sequence[Pose]) -> float:
    """Share of the steps between poses in which a car stands: less than 10 cm."""
    steps = [np.linalg.norm(b.translation - a.translation) for a, b in pairwise(ego)]
    return float(np.mean([step < 0.1 for step in steps])) if steps else 1.0
