"""What is kept of the tables: a compact index of each scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

CAMERA, LIDAR = "camera", "lidar"


@dataclass(frozen=True)
class SensorRecord:
    """One record of calibrated_sensor.json: where a sensor sits and, for a camera, how it projects.

    Attributes:
        token: of the record.
        name: frame name, lower case.
        kind: `camera` or `lidar`.
        channel: as the data set names the sensor.
        translation: (3,) metres, the sensor's origin in base_link.
        rotation: quaternion w x y z, sensor to base_link.
        intrinsics: (3, 3) pixels, empty for a LiDAR.
        distortion: coefficients in OpenCV's order, empty for a LiDAR and for images that are straight.
        distortion_model: as the data set names it, empty where it does not.
    """

    token: str
    name: str
    kind: str
    channel: str
    translation: tuple[float, ...]
    rotation: tuple[float, ...]
    intrinsics: tuple[tuple[float, ...], ...]
    distortion: tuple[float, ...] = ()
    distortion_model: str = ""


@dataclass(frozen=True, eq=False)
class SceneIndex:
    """Everything the reader needs of one scene, by row.

    Attributes:
        name: scene name.
        calibrations: those that occur in the scene.
        stamps: (M,) int64 ns, one a camera shot or LiDAR scan, ascending.
        files: M file names relative to the data root.
        sizes: (M, 2) int32 image width and height, pixels, 0 where the tables do not say.
        calibration: (M,) int32 rows of `calibrations`.
        sample: (M,) int32 rows of `sample_tokens`.
        is_key: (M,) bool.
        ego: (M, 7) float64, base_link to map: x y z in metres, then quaternion w x y z.
        sample_tokens: S sample tokens, by time.
        sample_stamps: (S,) int64 ns.
        box_sample: (B,) int32 rows of `sample_tokens`, ascending.
        boxes: (B, 13) float64: centre x y z in map, width, length, height, quaternion w x y z box to map,
            velocity x y z in map in m/s (NaN where unknown).
        box_category: B category names.
        box_instance: B instance tokens.
        box_counts: (B, 3) int32: visibility level (0 unknown), LiDAR points inside (-1 unknown) and radar
            points inside (0 where unknown).
        box_attribute: B attribute names, empty where there is none.
        location: where the scene was recorded, the name of its map; empty where the tables do not say.
    """

    name: str
    calibrations: tuple[SensorRecord, ...]
    stamps: np.ndarray
    files: tuple[str, ...]
    sizes: np.ndarray
    calibration: np.ndarray
    sample: np.ndarray
    is_key: np.ndarray
    ego: np.ndarray
    sample_tokens: tuple[str, ...]
    sample_stamps: np.ndarray
    box_sample: np.ndarray
    boxes: np.ndarray
    box_category: tuple[str, ...]
    box_instance: tuple[str, ...]
    box_counts: np.ndarray
    box_attribute: tuple[str, ...]
    location: str

    def key_rows(self, sample: int) -> np.ndarray:
        """Rows of the recordings of a keyframe, ascending."""
        order, samples = self._keys_by_sample
        first, last = np.searchsorted(samples, [sample, sample + 1])
        rows: np.ndarray = order[first:last]
        return rows

    @cached_property
    def camera_rows(self) -> Mapping[str, np.ndarray]:
        """Name of each camera that has a shot to the rows of its shots, ascending."""
        names = np.array([entry.name if entry.kind == CAMERA else "" for entry in self.calibrations])
        found = {
            name: np.flatnonzero((names == name)[self.calibration])
            for name in sorted({*names.tolist()} - {""})
        }
        return {name: rows for name, rows in found.items() if len(rows)}

    @cached_property
    def _keys_by_sample(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows of keyframes' recordings by sample, and their samples: looked up once for each keyframe."""
        rows = np.flatnonzero(self.is_key)
        order = rows[np.argsort(self.sample[rows], kind="stable")]
        return order, self.sample[order]
