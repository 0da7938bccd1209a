"""What a rig's images and calibration are to an ONNX file that sees with cameras."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from ...errors import RuntimeBackendError
from ...geometry import Rig
from ...model import ModelConfig, SplatTable
from ..calibration_tables import KEPT, CalibrationTables
from ..frame_set import FrameSet
from ..segment_tables import NAMES, SegmentSizes, SegmentTables
from .description import OnnxDescription


class NetworkSession(Protocol):
    """What runs a file: `OnnxSession`, or an engine of TensorRT's in its place."""

    name: str
    device: str
    dtypes: dict[str, np.dtype[Any]]
    shapes: dict[str, list[int | str | None]]

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Compute the outputs, by name."""


@dataclass(frozen=True, eq=False)
class OnnxTables:
    """What a rig means for an ONNX network.

    Attributes:
        inputs: the splat's tables by name; empty where the file holds them.
        visible: (nx, ny) bool, the cells that the rig sees.
        cameras: of the rig.
    """

    inputs: Mapping[str, np.ndarray]
    visible: np.ndarray
    cameras: int


class CameraFeeder:
    """Prepares images and tables as one file takes them.

    Args:
        session: of the file, with the input `images`.
        description: of the file.

    Raises:
        RuntimeBackendError: it takes several samples at once.
    """

    def __init__(self, session: NetworkSession, description: OnnxDescription):
        self._session, self._description = session, description
        self._config: ModelConfig = description.config
        batch, cameras = session.shapes["images"][:2]
        if isinstance(batch, int) and batch != 1:
            raise RuntimeBackendError(
                f"{session.name} takes {batch} samples at once, but a car has one: export it with `--batch 1`"
            )
        self._cameras = cameras if isinstance(cameras, int) else None
        self._sizes = self._table_sizes()
        self._tables: OrderedDict[str, OnnxTables] = OrderedDict()

    def prepare(self, images: torch.Tensor) -> np.ndarray:
        """See `NetworkEngine.prepare`: (1, N, 3, H, W), N the file's where that is fixed."""
        count = len(images) if self._cameras is None else self._cameras
        self._check_count(len(images))
        prepared: np.ndarray = np.zeros((1, count, *images.shape[1:]), dtype=self._session.dtypes["images"])
        # A camera that is missing stays black; no table reads it.
        prepared[0, : len(images)] = images.numpy()
        return prepared

    def tables(self, frame_set: FrameSet) -> OnnxTables:
        """What the calibration of the cameras with an image means, from the cache where it is known.

        Raises:
            RuntimeBackendError: the file holds the tables of another calibration, or too small ones.
        """
        rig = frame_set.rig.subset(frame_set.images)
        key = rig.fingerprint
        if key not in self._tables:
            self._tables[key] = self._make_tables(rig)
            if len(self._tables) > KEPT:
                self._tables.popitem(last=False)
        self._tables.move_to_end(key)
        return self._tables[key]

    def nothing(self, cameras: int = 1) -> dict[str, np.ndarray]:
        """Black images that no table reads, of so many cameras where the file leaves that free."""
        config, cameras = self._config, self._cameras or cameras
        blank = torch.zeros(cameras, 3, config.image_height, config.image_width)
        inputs = {"images": self.prepare(blank)}
        if any(name in self._session.dtypes for name in NAMES):
            cells = torch.full((cameras, config.depth_bins, *config.feature_shape), -1)
            inputs |= self._segments(SplatTable.build(cells, config.grid.shape), cameras)
        return inputs

    def _table_sizes(self) -> SegmentSizes | None:
        """What the file's tables hold, or None where that is free or the tables are constants."""
        shapes = self._session.shapes
        if "segments" not in shapes:
            return None
        sizes = [size for size in (shapes["points"][0], *shapes["segments"][:2]) if isinstance(size, int)]
        return SegmentSizes(*sizes) if len(sizes) == 3 else None

    def _make_tables(self, rig: Rig) -> OnnxTables:
        self._check_count(len(rig))
        tables = CalibrationTables.of_rig(rig, self._config)
        if self._description.tables == "constant":
            if rig.fingerprint != self._description.rig:
                raise RuntimeBackendError(
                    f"{self._session.name} holds the splat's tables of another calibration, of "
                    f"{', '.join(self._description.cameras)}: export it again for this one, or without "
                    f"`--rig`"
                )
            return OnnxTables({}, tables.visible, len(rig))
        return OnnxTables(self._segments(tables.splat, len(rig)), tables.visible, len(rig))

    def _segments(self, table: SplatTable, cameras: int) -> dict[str, np.ndarray]:
        rows, columns = self._config.feature_shape
        pixels = (self._cameras or cameras) * rows * columns
        return SegmentTables.build([table], pixels, self._config.depth_bins, self._sizes).arrays()

    def _check_count(self, count: int) -> None:
        if self._cameras is not None and count > self._cameras:
            raise RuntimeBackendError(
                f"{self._session.name} takes {self._cameras} cameras, not {count}: "
                f"export it with `--cameras {count}` or `--dynamic cameras`"
            )
