"""sensor_msgs/CameraInfo to a camera: all of it counts.

K and D belong to the image as it comes from the sensor, R and P to the rectified one, and both to the whole
sensor: a region of interest moves the principal point, and binning divides everything. What drivers get wrong
often enough to be recognised is taken as they meant it, and said in `CameraReading.notes`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sensor_msgs.msg import CameraInfo

from .errors import GeometryError
from .geometry import Camera, Lens, Pose, check_intrinsics

_BODY = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
"""Optical axes (x right, y down, z forward) in a body frame (x forward, y left, z up), REP 103."""

_STEEP = 0.8
"""Upward part of an optical axis from which a camera of a car looks at the sky: 53 degrees."""

_ASTRAY = 0.1
"""Part of an image's size by which the principal point of a rectified image may be off its middle."""


@dataclass(frozen=True, eq=False)
class CameraReading:
    """What a camera_info and a transform say.

    Attributes:
        camera: as the images are.
        rectified: whether the images are taken as rectified: R and P count, and K and D do not.
        notes: what was assumed, one line each, with the camera's name and how to say it otherwise.
    """

    camera: Camera
    rectified: bool
    notes: tuple[str, ...] = ()


def read_camera_info(
    message: CameraInfo, name: str, pose: Pose, rectified: bool | None = None, frames: str = "optical"
) -> CameraReading:
    """The camera of a CameraInfo.

    Args:
        message: of the camera's images.
        name: of the camera.
        pose: the message's frame in base_link.
        rectified: whether the images are rectified; None takes them as such where D is 0 and P differs from
            K, since then P alone says something, unless P is plainly of another image.
        frames: `optical` (x right, y down, z forward) or `body` (x forward, y left, z up), as the message's
            frame is; `auto` takes it as a body frame where the camera would look at the sky otherwise.

    Raises:
        GeometryError: numbers that are of no camera.
    """
    notes: list[str] = []
    lens = _lens(message, name)
    k = np.array(message.k, dtype=np.float64).reshape(3, 3)
    if k.any():
        check_intrinsics(name, k)
    p = np.array(message.p, dtype=np.float64).reshape(3, 4)
    has_p = p[0, 0] > 0 and p[1, 1] > 0
    unbent = not any(message.d)
    if rectified is None:
        differs = unbent and k.any() and has_p and not np.allclose(p[:, :3], k, rtol=1e-6, atol=1e-3)
        rectified = bool(differs and not _astray(message, p, k))
        if differs and not rectified:
            notes.append(
                f"{name}: P of its camera_info is of an image of another size or crop, so K is used; "
                f"set image_rectified to true if its images are rectified with it"
            )
        elif rectified:
            notes.append(
                f"{name}: treated as rectified, since D is 0 and P differs from K; "
                f"set image_rectified to false if its images come straight from the sensor"
            )
    elif rectified and not has_p:
        raise GeometryError(
            f"{name}: image_rectified is set, but P of its camera_info is 0: calibrate the camera"
        )
    pose = _optical(pose, frames, name, message.header.frame_id, notes)
    if rectified:
        pose, k = _rectified(message, pose, p)
        lens = Lens()
    elif unbent and not lens.is_pinhole:
        notes.append(
            f"{name}: distortion_model is {message.distortion_model!r} with D of 0: "
            f"treated as an ideal fisheye; publish plumb_bob if its images are rectified"
        )
    k, size = _of_image(message, name, k, notes)
    return CameraReading(Camera(name, k, *size, pose, lens), rectified, tuple(notes))


def camera_from_info(
    message: CameraInfo, name: str, pose: Pose, rectified: bool | None = None, frames: str = "optical"
) -> Camera:
    """The camera of a CameraInfo, see `read_camera_info`."""
    return read_camera_info(message, name, pose, rectified, frames).camera


def _lens(message: CameraInfo, name: str) -> Lens:
    try:
        return Lens(message.distortion_model, tuple(message.d))
    except GeometryError as error:
        raise GeometryError(f"{name}: {error}") from None


def _rectified(message: CameraInfo, pose: Pose, p: np.ndarray) -> tuple[Pose, np.ndarray]:
    """Pose and intrinsics of the rectified image: P projects points that R has turned."""
    k = p[:, :3].copy()
    r = np.array(message.r, dtype=np.float64).reshape(3, 3)
    turned = r.T if abs(np.linalg.det(r) - 1.0) < 1e-3 else np.eye(3)
    # The second camera of a stereo pair stands beside the frame: P = K [I | t].
    center = np.array([p[0, 3] / p[0, 0], p[1, 3] / p[1, 1], 0.0])
    return pose @ Pose(turned, turned @ -center), k


def _optical(pose: Pose, frames: str, name: str, frame_id: str, notes: list[str]) -> Pose:
    """The pose of the optical frame."""
    if frames == "auto":
        z = pose.rotation[2, 2]
        frames = (
            "body"
            if z > _STEEP and not frame_id.rstrip("/").endswith(("optical", "optical_frame"))
            else "optical"
        )
        if frames == "body":
            notes.append(
                f"{name}: frame {frame_id!r} looks at the sky along z: treated as a body frame "
                f"(x forward, z up); publish an optical frame, or set camera_frames to body"
            )
    return pose @ Pose(_BODY, np.zeros(3)) if frames == "body" else pose


def _astray(message: CameraInfo, p: np.ndarray, k: np.ndarray) -> bool:
    """Whether P's principal point is off the middle and K's is not: drivers scale or crop K, and forget P."""
    size = np.maximum([message.width, message.height], 1)
    of_p, of_k = (np.abs(each[:2, 2] / size - 0.5).max() for each in (p, k))
    return bool(of_p > _ASTRAY and of_p > of_k + _ASTRAY / 2)


def _of_image(
    message: CameraInfo, name: str, k: np.ndarray, notes: list[str]
) -> tuple[np.ndarray, tuple[int, int]]:
    """Intrinsics and size of the image, of those of the whole sensor."""
    size = np.array([message.width, message.height], dtype=np.int64)
    binning = np.maximum([message.binning_x, message.binning_y], 1).astype(np.int64)
    roi = message.roi
    offset = np.array([roi.x_offset, roi.y_offset], dtype=np.int64)
    region = np.array([roi.width, roi.height], dtype=np.int64)
    if (region == 0).any():
        region, offset = size.copy(), np.zeros(2, dtype=np.int64)
    said = f"{name}: camera_info of {size[0]}x{size[1]}, binning {binning[0]}x{binning[1]}"
    if (offset + region > size).any():
        # A region that does not lie in the image shows that width and height are those of the region.
        if not (size == region).all() and not (size == region // binning).all():
            raise GeometryError(
                f"{said}: a region of {region[0]}x{region[1]} at ({offset[0]}, {offset[1]}) does not lie "
                f"in it: width and height are those of the whole sensor"
            )
        notes.append(f"{said}: width and height are treated as those of its region of interest")
    elif (binning > 1).any() and (k[:2, 2] > 0.95 * (offset + region)).any():
        # The principal point lies beyond the image: K is of the sensor, width and height of the binned image.
        notes.append(f"{said}: width and height are treated as those of the binned image, but K is not")
        region = size * binning
    image = region // binning
    moved = k.copy()
    moved[:2, 2] -= offset
    if offset.any() and not _inside(moved, region) and _inside(k, region):
        notes.append(f"{said}: K is treated as that of the region of interest, since it fits only that")
        moved = k.copy()
    moved[:2] /= binning[:, None]
    return moved, (int(image[0]), int(image[1]))


def _inside(k: np.ndarray, size: np.ndarray) -> bool:
    """Whether the principal point lies in the image."""
    return bool((k[:2, 2] > 0).all() and (k[:2, 2] < size).all())
