"""The cameras on a car: what LSS calls intrinsics, rotations and translations."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..errors import GeometryError
from .lens import Lens
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
    """One calibrated camera.

    Attributes:
        name: frame and topic name, such as `cam_front`.
        intrinsics: (3, 3) float64, pixels of the full image: [[fx, 0, cx], [0, fy, cy], [0, 0, 1]].
        width: full image width, pixels.
        height: full image height, pixels.
        pose: optical frame (x right, y down, z forward) to base_link.
        lens: what bends the rays of its images.
    """

    name: str
    intrinsics: np.ndarray
    width: int
    height: int
    pose: Pose
    lens: Lens = Lens()

    def __post_init__(self) -> None:
        intrinsics = check_intrinsics(self.name, self.intrinsics)
        if self.width <= 0 or self.height <= 0:
            raise GeometryError(f"{self.name}: image size {self.width}x{self.height} must be above 0")
        intrinsics.setflags(write=False)
        object.__setattr__(self, "intrinsics", intrinsics)

    @cached_property
    def straight(self) -> Camera:
        """The pinhole of the same intrinsics: whose images pre-processing makes of this camera's."""
        return self if self.lens.is_pinhole else replace(self, lens=Lens())

    @cached_property
    def fingerprint(self) -> str:
        """Hex digest of name, size, intrinsics, lens and pose; equal exactly when all of them are."""
        return hashlib.sha256(self.identity).hexdigest()

    @property
    def identity(self) -> bytes:
        """What `fingerprint` is made of."""
        parts = [f"{self.name}\0{self.width}\0{self.height}\0".encode()]
        for array in (self.intrinsics, self.pose.rotation, self.pose.translation):
            parts.append(np.ascontiguousarray(array).tobytes())
        if not self.lens.is_pinhole:
            parts.append(f"{self.lens.model}\0{self.lens.coefficients!r}".encode())
        return b"".join(parts)

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Project points of base_link into the full image, through the lens.

        Args:
            points: (..., 3), metres, base_link.

        Returns:
            pixels: (..., 2), u right and v down; meaningless where the depth is not positive, and NaN where
                the lens images nothing.
            depth: (...,), metres along the optical axis.
        """
        in_camera = self.pose.inverse().apply(np.asarray(points, dtype=np.float64))
        depth = in_camera[..., 2]
        return self.image(in_camera), depth

    def image(self, points: np.ndarray) -> np.ndarray:
        """Pixels of points in the optical frame, see `project`.

        Args:
            points: (..., 3), x right, y down, z forward, in any unit.

        Returns:
            (..., 2) pixels of the full image.
        """
        depth = points[..., 2]
        safe = np.where(np.abs(depth) < 1e-9, 1e-9, depth)
        if self.lens.is_pinhole:
            pixels: np.ndarray = (points @ self.intrinsics.T)[..., :2] / safe[..., None]
        else:
            bent = self.lens.distort(points[..., :2] / safe[..., None])
            pixels = bent @ self.intrinsics[:2, :2].T + self.intrinsics[:2, 2]
        return pixels

    def rays(self, pixels: np.ndarray) -> np.ndarray:
        """Where the camera looks: the inverse of `image`.

        Args:
            pixels: (..., 2) of the full image.

        Returns:
            (..., 3) rays of the optical frame with z = 1; NaN where the lens images nothing, or what is
            beside or behind the camera.
        """
        pixels = np.asarray(pixels, dtype=np.float64)
        bent = (pixels - self.intrinsics[:2, 2]) @ np.linalg.inv(self.intrinsics[:2, :2]).T
        rays = self.lens.undistort(bent)
        return np.concatenate([rays, np.ones((*rays.shape[:-1], 1))], axis=-1)

    def bend(self, u: np.ndarray, v: np.ndarray, hold: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Where pixels of `straight`'s image are in the camera's own.

        Args:
            u: columns.
            v: rows; any shapes that broadcast.
            hold: hold what is beyond the lens's reach at its edge.

        Returns:
            Columns and rows; NaN beyond the lens's reach, unless held.
        """
        (fx, skew, cx), (_, fy, cy), _ = self.intrinsics
        y = (v - cy) / fy
        x = (u - cx - skew * y) / fx if skew else (u - cx) / fx
        if hold and not self.lens.is_pinhole and np.isfinite(self.lens.reach):
            r = np.sqrt(x * x + y * y)
            if r.max() > self.lens.reach:
                share = np.minimum(1.0, self.lens.reach * (1 - 1e-9) / np.maximum(r, 1e-9))
                x, y = x * share, y * share
        x, y = self.lens.bend(x, y)
        return (fx * x + skew * y if skew else fx * x) + cx, fy * y + cy


def check_intrinsics(name: str, intrinsics: np.ndarray) -> np.ndarray:
    """(3, 3) float64 intrinsics of the camera `name`, pixels; GeometryError where they are of no camera."""
    intrinsics = np.array(intrinsics, dtype=np.float64)
    if intrinsics.shape != (3, 3) or not np.isfinite(intrinsics).all():
        raise GeometryError(f"{name}: intrinsics must be a finite (3, 3) matrix: calibrate the camera")
    if not (intrinsics[0, 0] > 0 and intrinsics[1, 1] > 0):
        raise GeometryError(
            f"{name}: focal length {intrinsics[0, 0]:g}, {intrinsics[1, 1]:g} px must be above 0; "
            f"calibrate the camera or correct K in its camera_info"
        )
    if (
        not np.array_equal(intrinsics[2], (0, 0, 1))
        or intrinsics[1, 0] != 0
        or np.abs(intrinsics).max() > 1e6
    ):
        raise GeometryError(
            f"{name}: intrinsics {intrinsics.tolist()} do not belong to a camera: "
            f"K is [[fx, s, cx], [0, fy, cy], [0, 0, 1]], in pixels"
        )
    return intrinsics


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
        """Hex digest of names, sizes, intrinsics, lenses and poses; equal exactly when all of them are."""
        return hashlib.sha256(b"".join(camera.identity for camera in self.cameras)).hexdigest()
