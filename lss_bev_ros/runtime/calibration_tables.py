"""Everything that depends on calibration alone, made once a calibration."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from ..geometry import Camera, Rig
from ..model import (
    Calibration,
    ImageTransform,
    ModelConfig,
    SplatTable,
    create_frustum,
    frustum_points,
    voxel_cells,
)
from ..model.splat import voxel_layout
from .cpu.sparse_stem import StemTable
from .field_of_view import visible_cells
from .straightening import taken

KEPT = 16
"""Calibrations remembered: a rig with each of its cameras lost, and some spare."""


@dataclass(frozen=True, eq=False)
class CalibrationTables:
    """What a rig means for the network.

    Attributes:
        splat: the order of its frustum points by cell.
        visible: (nx, ny) bool, the cells it sees.
    """

    splat: SplatTable
    visible: np.ndarray

    @classmethod
    def of_rig(cls, rig: Rig, config: ModelConfig) -> CalibrationTables:
        """Compute the tables of the cameras in `rig`, all of which have an image."""
        cells = frustum_cells(rig, config)
        visible = visible_cells(rig, config)
        visible.setflags(write=False)
        return cls(SplatTable.build(cells, config.grid.shape), visible)

    @cached_property
    def stem(self) -> StemTable | None:
        """For the stem over hit cells; None where the plain one is cheaper."""
        return StemTable.build(self.splat)


def frustum_cells(rig: Rig, config: ModelConfig) -> torch.Tensor:
    """Which cell each point of every camera's frustum falls into.

    Returns:
        (N, D, h, w) int64, see `voxel_cells`; -1 also where a lens took no picture.
    """
    points = frustum_points(create_frustum(config), Calibration.of_rig(rig, config), config)
    cells = voxel_cells(points, *voxel_layout(config))
    for index, camera in enumerate(rig.cameras):
        if not camera.lens.is_pinhole:
            cells[index, :, ~torch.from_numpy(_taken_features(camera, config))] = -1
    return cells


def _taken_features(camera: Camera, config: ModelConfig) -> np.ndarray:
    """(h, w) bool: which feature pixels are in the image that the camera's lens took."""
    t = ImageTransform.of_camera(camera, config)
    inputs = create_frustum(config)[0, :, :, :2].numpy().astype(np.float64)
    return taken(camera, (inputs + np.array([t.left, t.top])) / t.scale)


class CalibrationCache:
    """The tables of the last few rigs, so that a camera that comes and goes costs little."""

    def __init__(self, config: ModelConfig):
        self._config = config
        self._tables: OrderedDict[str, CalibrationTables] = OrderedDict()

    def __getitem__(self, rig: Rig) -> CalibrationTables:
        """The tables of a rig, computed when it is new."""
        key = rig.fingerprint
        if key not in self._tables:
            self._tables[key] = CalibrationTables.of_rig(rig, self._config)
            if len(self._tables) > KEPT:
                self._tables.popitem(last=False)
        self._tables.move_to_end(key)
        return self._tables[key]
