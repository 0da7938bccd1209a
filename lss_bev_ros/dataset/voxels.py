"""What fills the space around a car: occupancy labels in the form of Occ3D-nuScenes, and names of things.

`gts/<scene>/<sample token>/labels.npz` is as Occ3D has it: voxels of 0.4 m from -40 to 40 m. Beside it,
`labels_bev.npz` holds the same instant on the grid of the network, 0.5 m from -50 to 50 m, with the kinds of
things by name. Both are in base_link at the time of the LiDAR scan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..errors import DatasetError, GeometryError
from ..geometry import BevGrid
from ..geometry.classes import FREE

Z_MIN, Z_MAX, HEIGHTS = -1.0, 5.4, 16
"""Bounds in metres and number of the layers, of both files."""
OCC3D_GRID = BevGrid(-40.0, 40.0, -40.0, 40.0, 0.4)
OCC3D_FILE, BEV_FILE = "labels.npz", "labels_bev.npz"

REMEDY = "unpack the labels again, or write the data set again with `lss-bev synthesize`"

_MASKS = ("mask_lidar", "mask_camera")


@dataclass(frozen=True, eq=False)
class Voxels:
    """Labels of voxels, indexed [x, y, z].

    Attributes:
        grid: cells of the plane, base_link.
        semantics: (nx, ny, HEIGHTS) uint8, Occ3D's class, `FREE` for free space.
        mask_lidar: bool of the same shape, whether a beam of the scan passed through or ended in it.
        mask_camera: whether a camera sees it.
        things: (nx, ny, HEIGHTS) uint8, what fills it: a number in `thing_names`, 0 for nothing; None where
            nobody said.
        thing_names: in words.
    """

    grid: BevGrid
    semantics: np.ndarray
    mask_lidar: np.ndarray
    mask_camera: np.ndarray
    things: np.ndarray | None = None
    thing_names: tuple[str, ...] = ()

    def on(self, grid: BevGrid) -> Voxels:
        """The same on other cells, each as the one that its centre lies in is.

        What lies outside of these is free and in no mask: nobody knows.
        """
        if grid == self.grid:
            return self
        index, inside = self.grid.cells(grid.centers())
        x, y = np.moveaxis(index, -1, 0) * inside
        known = inside[:, :, None]
        return Voxels(
            grid,
            np.where(known, self.semantics[x, y], np.uint8(FREE)),
            self.mask_lidar[x, y] & known,
            self.mask_camera[x, y] & known,
            None if self.things is None else np.where(known, self.things[x, y], np.uint8(0)),
            self.thing_names,
        )


def read_voxels(folder: Path, grid: BevGrid) -> Voxels | None:
    """The labels of a sample on a grid: those made on it, else the nearest voxels of the others.

    Args:
        folder: `gts/<scene>/<sample token>`.
        grid: cells of the plane, base_link.

    Returns:
        None where there are no labels.

    Raises:
        DatasetError: a file is damaged or holds something else.
    """
    bev, occ3d = folder / BEV_FILE, folder / OCC3D_FILE
    if bev.is_file() and not (grid == OCC3D_GRID and occ3d.is_file()):
        return _read(bev).on(grid)
    return _read(occ3d).on(grid) if occ3d.is_file() else None


def _read(path: Path) -> Voxels:
    wanted = ("semantics", *_MASKS)
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in wanted}
            extra = {name: file[name] for name in ("things", "thing_names", "grid") if name in file.files}
    except Exception as error:  # whatever bytes may make of it
        why = next(iter(str(error).splitlines()), type(error).__name__)
        raise DatasetError(f"{path}: is no archive with {', '.join(wanted)} ({why}); {REMEDY}") from None
    grid = _grid(path, extra.get("grid"))
    shape = (*grid.shape, HEIGHTS)
    for name, array in (found | {name: extra[name] for name in ("things",) if name in extra}).items():
        if array.shape != shape or array.dtype.kind not in "uib":
            raise DatasetError(
                f"{path}: {name} is {array.dtype} {array.shape}, not whole numbers {shape}; {REMEDY}"
            )
    if found["semantics"].min() < 0 or found["semantics"].max() > FREE:
        raise DatasetError(f"{path}: semantics has classes outside 0 to {FREE}; {REMEDY}")
    voxels = Voxels(grid, found["semantics"].astype(np.uint8), *(found[name] != 0 for name in _MASKS))
    if "things" not in extra:
        return voxels
    names = tuple(str(name) for name in np.atleast_1d(extra.get("thing_names", ())))
    if extra["things"].min() < 0 or extra["things"].max() >= max(len(names), 1):
        raise DatasetError(f"{path}: things has numbers without a name in thing_names; {REMEDY}")
    return replace(voxels, things=extra["things"].astype(np.uint8), thing_names=names)


def _grid(path: Path, bounds: np.ndarray | None) -> BevGrid:
    """The grid that a file names by its four bounds and its resolution; Occ3D's own where it does not."""
    if bounds is None:
        return OCC3D_GRID
    try:
        x_min, x_max, y_min, y_max, resolution = (float(value) for value in bounds)
        return BevGrid(x_min, x_max, y_min, y_max, resolution)
    except (TypeError, ValueError, GeometryError) as error:
        raise DatasetError(f"{path}: grid is no grid ({error}); {REMEDY}") from None


def voxel_arrays(voxels: Voxels) -> Mapping[str, np.ndarray]:
    """The arrays of a file: Occ3D's three on its grid, more on another."""
    arrays = {"semantics": voxels.semantics}
    arrays |= {name: getattr(voxels, name).astype(np.uint8) for name in _MASKS}
    if voxels.grid != OCC3D_GRID:
        grid = voxels.grid
        arrays["grid"] = np.array([grid.x_min, grid.x_max, grid.y_min, grid.y_max, grid.resolution])
        if voxels.things is not None:
            arrays |= {"things": voxels.things, "thing_names": np.array(voxels.thing_names)}
    return arrays
