"""The cameras on a car: what LSS calls intrinsics, rotations and translations."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..errors import GeometryError
from .pose import Pose

CAMERA_NAMES: tuple[str, ...] = (
    "cam_front_left",
    "cam_front",
    "cam_front_right",
    "cam_back_left",
    "cam_back",
    "cam_back_right",
)
"""The six cameras of nuScenes as frame and topic names, in the order of Lift-Splat-Shoot."""


@dataclass(frozen=True, eq=False)
class Camera:
    """One calibrated pinhole camera.

    Attributes:
        name: frame and topic name, such as `cam_front`.
        intrinsics: (3, 3) float64, pixels of the full image: [[fx, 0, cx], [0, fy, cy], [0, 0, 1]].
        width: full image width, pixels.
        height: full image height, pixels.
        pose: optical frame (x right, y down, z forward) to base_link.
    """

    name: str
    intrinsics: np.ndarray
    width: int
    height: int
    pose: Pose

    def __post_init__(self) -> None:
        intrinsics = np.array(self.intrinsics, dtype=np.float64)
        if intrinsics.shape != (3, 3) or not np.isfinite(intrinsics).all():
            raise GeometryError(f"{self.name}: intrinsics must be a finite (3, 3) matrix")
        if not (intrinsics[0, 0] > 0 and intrinsics[1, 1] > 0):
            raise GeometryError(
                f"{self.name}: focal length {intrinsics[0, 0]:g}, {intrinsics[1, 1]:g} px must be above 0; "
                f"calibrate the camera or correct K in its camera_info"
            )
        if self.width <= 0 or self.height <= 0:
            raise GeometryError(f"{self.name}: image size {self.width}x{self.height} must be above 0")
        intrinsics.setflags(write=False)
        object.__setattr__(self, "intrinsics", intrinsics)

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Project points of base_link into the full image.

        Args:
            points: (..., 3), metres, base_link.

        Returns:
            pixels: (..., 2), u right and v down; meaningless where the depth is not positive.
            depth: (...,), metres along the optical axis.
        """
        in_camera = self.pose.inverse().apply(np.asarray(points, dtype=np.float64))
        depth = in_camera[..., 2]
        homogeneous = in_camera @ self.intrinsics.T
        safe = np.where(np.abs(depth) < 1e-9, 1e-9, depth)
        return homogeneous[..., :2] / safe[..., None], depth


@dataclass(frozen=True, eq=False)
class Rig:
    """All cameras of a car, in a fixed order.

    Two rigs with the same `fingerprint` share every table that depends on calibration alone.
    """

    cameras: tuple[Camera, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "cameras", tuple(self.cameras))
        names = self.names
        if len(set(names)) != len(names):
            raise GeometryError(f"camera names must differ, got {', '.join(names)}")

    @property
    def names(self) -> tuple[str, ...]:
        """Camera names in the rig's order."""
        return tuple(camera.name for camera in self.cameras)

    def __len__(self) -> int:
        return len(self.cameras)

    def __getitem__(self, name: str) -> Camera:
        for camera in self.cameras:
            if camera.name == name:
                return camera
        raise GeometryError(f"no camera {name!r} in the rig of {', '.join(self.names)}")

    def subset(self, names: Iterable[str]) -> Rig:
        """The rig with only the cameras in `names`, order kept."""
        wanted = set(names)
        return Rig(tuple(camera for camera in self.cameras if camera.name in wanted))

    @cached_property
    def fingerprint(self) -> str:
        """Hex digest of names, sizes, intrinsics and poses; equal exactly when all of them are."""
        digest = hashlib.sha256()
        for camera in self.cameras:
            digest.update(f"{camera.name}\0{camera.width}\0{camera.height}\0".encode())
            for array in (camera.intrinsics, camera.pose.rotation, camera.pose.translation):
                digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()
