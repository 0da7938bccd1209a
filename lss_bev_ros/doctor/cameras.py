"""Whether pictures and calibrations fit each other."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from ..geometry import Camera
from .recording import ERROR, WARN, CameraRecord, Problem, Recording

_NARROWEST, _WIDEST = 15.0, 200.0
"""Degrees across that a camera of a car sees."""


def check_cameras(recording: Recording) -> list[Problem]:
    """What is wrong with images and camera_infos."""
    problems = []
    for record in recording.cameras:
        problems += check_camera(record)
    problems += _alike(recording)
    return problems


def check_camera(record: CameraRecord) -> list[Problem]:
    """What is wrong with one camera by itself."""
    problems = _calibration(record)
    problems += _pictures(record)
    if record.camera is not None:
        problems += _size(record, record.camera)
        if not problems:
            problems += _plausible(record, record.camera) + _rectified(record)
    return problems


def _calibration(record: CameraRecord) -> list[Problem]:
    name = record.name
    if record.info_topic and not record.calibrated:
        return [
            Problem(
                ERROR,
                name,
                "is not calibrated: K of its camera_info is 0",
                "calibrate it (camera_calibration) and give the driver its camera_info_url",
                "camera.uncalibrated",
            )
        ]
    if record.problem:
        text, _, remedy = record.problem.removeprefix(f"{name}: ").partition("; ")
        return [Problem(ERROR, name, text, remedy or "correct its camera_info", "camera.info")]
    problems = []
    if record.changes:
        problems.append(
            Problem(
                WARN,
                name,
                f"its camera_info changed {record.changes} times",
                "fix zoom and focus; if two publishers disagree, stop one",
                "camera.changing",
            )
        )
    return problems


def _pictures(record: CameraRecord) -> list[Problem]:
    name, shots = record.name, record.shots
    if not shots:
        return []
    bad = [shot for shot in shots if shot.problem]
    if bad:
        text, _, remedy = bad[0].problem.removeprefix(f"{name}: ").partition(": ")
        if len(bad) < len(shots):
            text = f"{len(bad)} of {len(shots)} images cannot be read: {text}"
        return [
            Problem(
                ERROR if len(bad) == len(shots) else WARN,
                name,
                text,
                remedy or "set the driver or image_transport to JPEG, PNG or an encoding of sensor_msgs",
                "camera.encoding",
            )
        ]
    problems = []
    sizes = sorted({(shot.width, shot.height) for shot in shots})
    if len(sizes) > 1:
        problems.append(
            Problem(
                WARN,
                name,
                f"its image size changes: {' and '.join(f'{w}x{h}' for w, h in sizes)}",
                "fix the resolution in the driver; if two publishers share the topic, stop one",
                "camera.sizes",
            )
        )
    flat = [shot for shot in shots if shot.gray is not None and shot.gray.std() < 1.5]
    if len(flat) == len(shots):
        level = float(np.mean([shot.gray.mean() for shot in flat if shot.gray is not None]))
        what = "black" if level < 20 else "white" if level > 235 else "of a single colour"
        problems.append(
            Problem(
                WARN,
                name,
                f"its images are {what}",
                "uncover the lens, or check the exposure and the driver",
                "camera.blank",
            )
        )
    elif len(shots) > 2 and len({shot.digest for shot in shots}) == 1 and len({s.stamp for s in shots}) > 1:
        problems.append(
            Problem(
                ERROR,
                name,
                f"its image is frozen: {len(shots)} images with different stamps are the same",
                "restart the camera's driver",
                "camera.frozen",
            )
        )
    return problems


def _size(record: CameraRecord, camera: Camera) -> list[Problem]:
    shot = next((shot for shot in record.shots if shot.width), None)
    if shot is None or (shot.width, shot.height) == (camera.width, camera.height):
        return []
    told = f"{camera.width}x{camera.height}"
    if record.cropped:
        told += f" (of {record.told[0]}x{record.told[1]} with its binning and region of interest)"
    scale = shot.width / camera.width, shot.height / camera.height
    if abs(scale[0] - scale[1]) < 0.01 * scale[0]:
        what = f"they are scaled by {scale[0]:.3g}"
        remedy = (
            "republish camera_info of the scaled images (image_proc's resize node), or calibrate at this size"
        )
    elif (shot.width, shot.height) == (camera.height, camera.width):
        what = "they are rotated by 90 degrees"
        remedy = "rotate them back in the driver, or calibrate the rotated images"
    else:
        what = "they are cropped, or come from another mode of the sensor"
        remedy = "set the crop in roi and binning of camera_info, or calibrate at this size"
    return [
        Problem(
            ERROR,
            record.name,
            f"its images have {shot.width}x{shot.height} pixels, but its camera_info is for {told}: {what}",
            remedy,
            "camera.size",
        )
    ]


def _plausible(record: CameraRecord, camera: Camera) -> list[Problem]:
    problems = []
    k, name = camera.intrinsics, record.name
    width, height = camera.width, camera.height
    across = field_of_view(camera)
    straight = float(np.rad2deg(2.0 * np.arctan(width / (2.0 * k[0, 0]))))
    if camera.lens.is_pinhole:
        across = straight
    if not _NARROWEST <= across <= _WIDEST or (camera.lens.is_pinhole and across > 150.0):
        problems.append(
            Problem(
                WARN,
                name,
                f"sees {across:.0f} degrees across with a focal length of {k[0, 0]:.0f} px in {width} px: "
                f"hardly "
                f"its lens",
                "calibrate it again; K is in pixels, for images of this size",
                "camera.field-of-view",
            )
        )
    off = abs(k[0, 2] / width - 0.5), abs(k[1, 2] / height - 0.5)
    if not record.cropped and (off[0] > 0.2 or off[1] > 0.35):
        problems.append(
            Problem(
                WARN,
                name,
                f"its principal point ({k[0, 2]:.0f}, {k[1, 2]:.0f}) is far from the middle of "
                f"{width}x{height} "
                f"pixels: K is for another image size, or the images are cropped",
                "calibrate at this size, or set the crop in roi of camera_info",
                "camera.principal-point",
            )
        )
    ratio = k[0, 0] / k[1, 1]
    if not record.cropped and not 0.8 < ratio < 1.25:
        problems.append(
            Problem(
                WARN,
                name,
                f"its focal lengths {k[0, 0]:.0f} and {k[1, 1]:.0f} px differ: pixels are square in nearly "
                f"every "
                f"camera",
                "calibrate at the size of the images; stretched images need a K stretched alike",
                "camera.aspect",
            )
        )
    reach = camera.lens.reach
    if not camera.lens.is_pinhole and camera.lens.model != "equidistant" and np.isfinite(reach):
        rays = camera.rays(np.array([[0, height / 2], [width - 1, height / 2]], dtype=np.float64))
        if not np.isfinite(rays).all():
            lit = camera.lens.distort(np.array([reach, 0.0]))[0] * k[0, 0]
            border = max(k[0, 2], width - k[0, 2])
            problems.append(
                Problem(
                    WARN,
                    name,
                    f"its distortion turns back inside the image: no light falls farther than {lit:.0f} "
                    f"px from the principal point, and the image reaches {border:.0f} px",
                    "calibrate again with points in the corners, or as equidistant if it is a fisheye",
                    "camera.distortion",
                )
            )
    return problems


def field_of_view(camera: Camera) -> float:
    """Degrees across that a camera sees in the middle row; through a lens, out to where it images."""
    row = np.column_stack([np.linspace(0, camera.width - 1, 65), np.full(65, camera.intrinsics[1, 2])])
    if camera.lens.model == "equidistant":  # which may image what is behind it
        bent = np.abs((row[[0, -1], 0] - camera.intrinsics[0, 2]) / camera.intrinsics[0, 0])
        return float(np.rad2deg(bent.sum()))
    rays = camera.rays(row)
    rays = rays[np.isfinite(rays).all(axis=1)]
    if not len(rays):
        return 0.0
    angles = np.rad2deg(np.arctan2(rays[:, 0], rays[:, 2]))
    return float(angles.max() - angles.min())


def _rectified(record: CameraRecord) -> list[Problem]:
    """Names that say that images are rectified, and distortion that says that they are not."""
    says = any(word in record.image_topic.lower() for word in ("rect", "undist"))
    if says and record.bent and not record.rectified:
        return [
            Problem(
                WARN,
                record.name,
                f"topic {record.image_topic} has a name for rectified images, but D of its camera_info is "
                f"not 0",
                "set image_rectified to true if they are rectified",
                "camera.rectified",
            )
        ]
    if not says and record.rectified and record.bent:
        return [
            Problem(
                WARN,
                record.name,
                f"image_rectified is set, but topic {record.image_topic} has a name for "
                f"unrectified images, and D is not 0",
                "set image_rectified to false, or subscribe to image_rect",
                "camera.rectified",
            )
        ]
    return []


def _alike(recording: Recording) -> list[Problem]:
    """Cameras that publish the same pictures, or share a frame."""
    problems = []
    for a, b in combinations(recording.cameras, 2):
        mine = {shot.digest for shot in a.shots if not shot.problem and shot.gray is not None}
        mine -= {shot.digest for shot in a.shots if shot.gray is not None and shot.gray.std() < 1.5}
        both = mine & {shot.digest for shot in b.shots if not shot.problem}
        if both and a.image_topic != b.image_topic:
            problems.append(
                Problem(
                    ERROR,
                    f"{a.name}, {b.name}",
                    "both publish the same images",
                    "give each driver its own device",
                    "camera.same-pictures",
                )
            )
    return problems
