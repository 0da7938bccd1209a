"""Rigid transforms between frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import GeometryError


@dataclass(frozen=True, eq=False)
class Pose:
    """A rigid transform that takes points of a child frame to its parent frame.

    Attributes:
        rotation: (3, 3) float64, orthonormal, child to parent.
        translation: (3,) float64, metres, the child's origin in the parent frame.
    """

    rotation: np.ndarray
    translation: np.ndarray

    def __post_init__(self) -> None:
        rotation = np.array(self.rotation, dtype=np.float64)
        translation = np.array(self.translation, dtype=np.float64)
        if rotation.shape != (3, 3) or translation.shape != (3,):
            raise GeometryError(
                f"a pose takes a (3, 3) rotation and a (3,) translation, not "
                f"{rotation.shape} and {translation.shape}"
            )
        if not (np.isfinite(rotation).all() and np.isfinite(translation).all()):
            raise GeometryError("a pose must be finite: its transform holds NaN or infinity")
        # Loose enough for a matrix that was once float32; a scale or a mirror is far outside.
        if np.abs(rotation @ rotation.T - np.eye(3)).max() > 1e-3 or np.linalg.det(rotation) < 0:
            raise GeometryError(
                "a pose takes a rotation matrix: orthonormal rows, right-handed, neither scaled nor mirrored"
            )
        rotation.setflags(write=False)
        translation.setflags(write=False)
        object.__setattr__(self, "rotation", rotation)
        object.__setattr__(self, "translation", translation)

    @classmethod
    def identity(cls) -> Pose:
        """The transform that changes nothing."""
        return cls(np.eye(3), np.zeros(3))

    @classmethod
    def from_quaternion(
        cls, wxyz: Sequence[float] | np.ndarray, translation: Sequence[float] | np.ndarray
    ) -> Pose:
        """Build a pose from a quaternion, scalar first as in nuScenes, and a translation in metres.

        The quaternion is normalised; one of zero length raises GeometryError.
        """
        quaternion = np.asarray(wxyz, dtype=np.float64)
        norm = np.linalg.norm(quaternion)
        if quaternion.shape != (4,) or not np.isfinite(norm) or norm < 1e-9:
            raise GeometryError(
                f"{quaternion.tolist()} is not a rotation: a quaternion has four numbers, not all 0"
            )
        w, x, y, z = quaternion / norm
        rotation = np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
                [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
                [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
            ]
        )
        return cls(rotation, np.asarray(translation, dtype=np.float64))

    @classmethod
    def from_yaw(cls, yaw: float, translation: Sequence[float] = (0.0, 0.0, 0.0)) -> Pose:
        """Build a pose that turns by `yaw` radians about z, counter-clockwise seen from above."""
        c, s = np.cos(yaw), np.sin(yaw)
        return cls(np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]]), np.asarray(translation))

    @property
    def quaternion(self) -> np.ndarray:
        """(4,) float64 unit quaternion w, x, y, z with w >= 0."""
        # The largest of the four components is solved first, so that no small number is divided by
        # (Shepperd, "Quaternion from rotation matrix", Journal of Guidance and Control 1 (3), 1978).
        r = self.rotation
        trace = np.trace(r)
        diagonal = np.array([trace, r[0, 0], r[1, 1], r[2, 2]])
        largest = int(np.argmax(diagonal))
        q = np.empty(4)
        q[largest] = np.sqrt(max(0.0, 1.0 + 2.0 * diagonal[largest] - trace)) / 2.0
        four = 4.0 * q[largest]
        if largest == 0:
            q[1:] = (r[2, 1] - r[1, 2]) / four, (r[0, 2] - r[2, 0]) / four, (r[1, 0] - r[0, 1]) / four
        else:
            i = largest - 1
            j, k = (i + 1) % 3, (i + 2) % 3
            q[0] = (r[k, j] - r[j, k]) / four
            q[1 + j] = (r[j, i] + r[i, j]) / four
            q[1 + k] = (r[k, i] + r[i, k]) / four
        q /= np.linalg.norm(q)
        return -q if q[0] < 0 else q

    @property
    def yaw(self) -> float:
        """Heading of the child's x axis in the parent's xy plane, radians in (-pi, pi]."""
        return float(np.arctan2(self.rotation[1, 0], self.rotation[0, 0]))

    @property
    def matrix(self) -> np.ndarray:
        """(4, 4) float64 homogeneous matrix."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.rotation
        matrix[:3, 3] = self.translation
        return matrix

    def inverse(self) -> Pose:
        """The transform from parent to child."""
        return Pose(self.rotation.T, -self.rotation.T @ self.translation)

    def __matmul__(self, other: Pose) -> Pose:
        """Compose: `(a @ b).apply(p) == a.apply(b.apply(p))`."""
        return Pose(self.rotation @ other.rotation, self.apply(other.translation))

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Take points (..., 3), metres, from the child to the parent frame; float32 stays float32."""
        points = np.asarray(points)
        if not np.issubdtype(points.dtype, np.floating):
            points = points.astype(np.float64)
        rotation, translation = self.rotation.astype(points.dtype), self.translation.astype(points.dtype)
        moved: np.ndarray = points @ rotation.T + translation
        return moved
