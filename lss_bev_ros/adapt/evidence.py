"""What several scans of a drive say of the cells around the car: free, filled, standing or moving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from ..geometry import BevGrid, Pose

FILLED, FREE, CLEAR, STANDS, MOVES = 1, 2, 4, 8, 16
"""Bits of the evidence of a cell: this scan hits something; a beam of this scan passes low; beams of several
scans pass low and none hits anything near; something is hit by several scans and never passed; something is
hit by one scan and passed by others, so that it came or went."""

_OFTEN = 2
"""Scans that make sure."""


class ScanCells(Protocol):
    """What one scan says of the cells, as a `LidarGrid` has it."""

    @property
    def occupied(self) -> np.ndarray:
        """(nx, ny) bool."""

    @property
    def free(self) -> np.ndarray:
        """(nx, ny) bool."""


@dataclass(frozen=True)
class PackedCells:
    """The same in a bit a cell: a day of driving has a hundred thousand scans.

    Attributes:
        shape: (nx, ny).
        bits: of the occupied cells, then of the free ones.
    """

    shape: tuple[int, int]
    bits: bytes

    @classmethod
    def of(cls, scan: ScanCells) -> PackedCells:
        """Of a scan."""
        nx, ny = scan.occupied.shape
        return cls((nx, ny), np.packbits((scan.occupied, scan.free)).tobytes())

    @property
    def occupied(self) -> np.ndarray:
        """(nx, ny) bool."""
        return self._cells()[0]

    @property
    def free(self) -> np.ndarray:
        """(nx, ny) bool."""
        return self._cells()[1]

    def _cells(self) -> np.ndarray:
        count = 2 * self.shape[0] * self.shape[1]
        return (
            np.unpackbits(np.frombuffer(self.bits, np.uint8), count=count).view(bool).reshape(2, *self.shape)
        )


def evidence(scans: Sequence[ScanCells], egos: Sequence[Pose], now: int, grid: BevGrid) -> np.ndarray:
    """Evidence of the cells around the car at one scan.

    Args:
        scans: in the order of time, each over the grid around the car at its own time.
        egos: base_link at each in a frame that stands still.
        now: which of them is meant.
        grid: the cells.

    Returns:
        (nx, ny) uint8, bits above; 0 where no scan says anything.
    """
    centers = grid.centers()
    flat = np.column_stack([centers.reshape(-1, 2), np.zeros(centers[..., 0].size)])
    filled = np.zeros(grid.shape, np.int16)
    free = np.zeros(grid.shape, np.int16)
    for scan, ego in zip(scans, egos, strict=True):
        places = (ego.inverse() @ egos[now]).apply(flat)
        index, inside = grid.cells(places)
        there, passed = (np.zeros(len(flat), bool) for _ in range(2))
        cells = tuple(index[inside].T)
        occupied = scan.occupied
        there[inside] = occupied[cells]
        # A cell whose neighbour is hit may hold an edge of it, and cells of two times do not fall together.
        passed[inside] = (scan.free & ~_near(occupied))[cells]
        filled += there.reshape(grid.shape)
        free += passed.reshape(grid.shape)
    found = np.zeros(grid.shape, np.uint8)
    found[scans[now].occupied] |= FILLED
    found[scans[now].free] |= FREE
    ever = _near(filled > 0)
    found[(free >= _OFTEN) & ~ever] |= CLEAR
    found[(filled >= _OFTEN) & (free == 0)] |= STANDS
    found[(filled >= 1) & (free >= _OFTEN)] |= MOVES
    return found


def _near(cells: np.ndarray) -> np.ndarray:
    """(nx, ny) bool, cells and those next to them."""
    grown: np.ndarray = cv2.dilate(cells.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return grown
