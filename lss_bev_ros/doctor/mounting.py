"""Whether cameras sit on a car as cameras do: what their transforms say, against what can be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from ..geometry import Camera, Pose
from .recording import ERROR, WARN, CameraRecord, Problem, Recording
from .tree import angle_between

_BODY = Pose(np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]), np.zeros(3))
"""Optical axes in a body frame, REP 103."""

_HIGHEST, _FARTHEST = 4.0, 10.0
"""Metres of a camera above base_link and beside it; trucks have theirs at 3.5 m and 9 m."""

_LOWEST = 0.1
"""Metres of a camera above base_link: what is lower stands in the road."""

_SIDES = {
    "left": {"left", "l", "fl", "rl", "bl", "lf", "lr", "lb", "leftfront", "leftrear", "leftback"},
    "right": {"right", "r", "fr", "rr", "br", "rf", "rb", "rightfront", "rightrear", "rightback"},
    "front": {"front", "forward", "fwd", "f", "fl", "fr", "lf", "rf"},
    "back": {"back", "rear", "backward", "bwd", "b", "bl", "br", "rl", "rr", "lr", "lb", "rb"},
}
"""Words in the names of cameras, by where such a camera looks."""


def check_mounting(recording: Recording) -> list[Problem]:
    """What is wrong with how the cameras are mounted."""
    return check_mounts([record for record in recording.cameras if record.mounted])


def check_mounts(records: Sequence[CameraRecord]) -> list[Problem]:
    """The same of cameras alone, all of them with a path to the base frame."""
    problems: list[Problem] = []
    sound: list[tuple[CameraRecord, Camera]] = []
    for record in records:
        if record.camera is None or record.mount is None:
            continue
        problem = _placement(record, record.camera)
        if problem is None:
            sound.append((record, record.camera))
        else:
            problems.append(problem)
    problems += _facings(sound)
    if not problems:
        problems += _inward(sound)
    problems += _doubles(sound)
    return problems


def is_plausible(pose: Pose) -> bool:
    """Whether a camera of a car can have this pose: upright, level within 45 degrees, on the car."""
    x, y, z = pose.translation
    upright = pose.rotation[2, 1] < -0.6 and abs(pose.rotation[2, 2]) < 0.75
    return bool(upright and -0.5 <= z <= _HIGHEST and np.hypot(x, y) <= _FARTHEST)


def _placement(record: CameraRecord, camera: Camera) -> Problem | None:
    mount, name = record.mount, record.name
    assert mount is not None
    doubtful = not is_plausible(mount) or mount.translation[2] < 0.1
    if doubtful and (problem := _explained(record, camera, mount)) is not None:
        return problem
    # A camera that was read as a body frame against its name looks where its frame says.
    read = is_plausible(camera.pose) and not is_plausible(mount) and not _agrees(sides(name), camera.pose)
    pose = mount if read else camera.pose
    x, y, z = pose.translation
    where = f"at x {x:.2f}, y {y:.2f}, z {z:.2f} m in base_link"
    if np.abs(pose.translation).max() > 100.0:
        return Problem(
            ERROR,
            name,
            f"is {where}; translations are in metres",
            f"divide the translation of frame {record.frame!r} by 1000 if it is in millimetres",
            "mount.unit",
        )
    if np.hypot(x, y) > _FARTHEST:
        return Problem(
            ERROR,
            name,
            f"is {where}, {np.hypot(x, y):.1f} m from the car",
            f"correct the transform to frame {record.frame!r}",
            "mount.far",
        )
    if z > _HIGHEST:
        return Problem(
            ERROR,
            name,
            f"is {where}: too high for a camera on a car",
            f"correct the transform to frame {record.frame!r}; base_link is on the road",
            "mount.high",
        )
    if z < _LOWEST:
        return Problem(
            ERROR,
            name,
            f"is {where}: in or below the road",
            f"correct the transform to frame {record.frame!r}; base_link is on the road, so set "
            f"base_frame to "
            f"base_footprint or another frame there",
            "mount.low",
        )
    if pose.rotation[2, 2] > 0.75:
        return Problem(
            ERROR,
            name,
            f"looks at the sky, {np.rad2deg(np.arcsin(min(1.0, pose.rotation[2, 2]))):.0f} degrees upwards",
            f"correct the rotation of frame {record.frame!r}: z of an optical frame points where the "
            f"camera looks",
            "mount.sky",
        )
    if pose.rotation[2, 2] < -0.75 and camera.lens.model != "equidistant":
        return Problem(
            ERROR,
            name,
            f"looks at the ground, {np.rad2deg(np.arcsin(min(1.0, -pose.rotation[2, 2]))):.0f} degrees "
            f"downwards",
            f"correct the rotation of frame {record.frame!r}: z of an optical frame points where the "
            f"camera looks",
            "mount.ground",
        )
    if abs(pose.rotation[2, 2]) <= 0.75 and pose.rotation[2, 1] > -0.6:
        roll = float(np.rad2deg(np.arctan2(pose.rotation[2, 0], -pose.rotation[2, 1])))
        what = "upside down" if abs(roll) > 135 else "on its side"
        return Problem(
            ERROR,
            name,
            f"is mounted {what}, rolled by {abs(roll):.0f} degrees",
            f"correct the rotation of frame {record.frame!r}, or rotate the images in the camera's driver "
            f"and the "
            f"frame with them: the network expects upright images",
            "mount.roll",
        )
    return None


def _explained(record: CameraRecord, camera: Camera, mount: Pose) -> Problem | None:
    """A mount that would be right if it were read in another way."""
    name, frame = record.name, record.frame
    # A camera that looks up by itself has a body frame of one that looks aside; names tell them apart.
    # At the base frame's origin nothing was measured: it stands in the road, whatever its axes are.
    measured = mount.translation[2] >= _LOWEST
    if measured and is_plausible(mount @ _BODY) and _agrees(sides(name), mount @ _BODY):
        taken = is_plausible(camera.pose)
        return Problem(
            WARN if taken else ERROR,
            name,
            f"looks at the sky and sees no cell: frame {frame!r} is a body frame (x forward, z up), not an "
            f"optical frame" + (", and is treated as one" if taken else ""),
            "set camera_frames to body, or publish an optical frame (x right, y down, z forward, REP 103) "
            "and name "
            "it in camera_info",
            "mount.body-frame",
        )
    for inverse, what in ((mount.inverse(), ""), (mount.inverse() @ _BODY, " of a body frame")):
        if is_plausible(inverse) and inverse.translation[2] > _LOWEST:
            x, y, z = mount.translation
            return Problem(
                ERROR,
                name,
                f"its transform has the wrong direction: it puts the camera at x {x:.2f}, y {y:.2f}, z "
                f"{z:.2f} m, "
                f"while its inverse{what} would fit a camera on a car",
                f"publish the pose of {frame!r} in base_link, not of base_link in {frame!r}",
                "mount.inverted",
            )
    distance = np.abs(mount.translation).max()
    for factor, unit in ((100, "centimetres"), (1000, "millimetres")):
        small = Pose(mount.rotation, mount.translation / factor)
        # The smaller unit would put it into the road, or another one still far from the car.
        fits = small.translation[2] >= _LOWEST and (is_plausible(small) or is_plausible(small @ _BODY))
        if distance > _FARTHEST and fits:
            return Problem(
                ERROR,
                name,
                f"is {distance:.0f} m from base_link: its translation is in {unit}",
                f"divide the translation of frame {frame!r} by {factor}",
                "mount.unit",
            )
    return None


def sides(name: str) -> set[str]:
    """Where a camera of this name looks: some of `front`, `back`, `left` and `right`."""
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    words = set(re.split(r"[^a-z]+", spaced.lower()))
    found = {side for side, known in _SIDES.items() if words & known}
    for one, other in (("left", "right"), ("front", "back")):
        if {one, other} <= found:  # such as `right_back` beside `stereo_left`: no claim
            found -= {one, other}
    return found


def _agrees(looks: set[str], pose: Pose) -> bool:
    """Whether a camera with these sides in its name may have a pose."""
    ahead, aside = pose.rotation[0, 2], pose.rotation[1, 2]
    combined = len(looks) > 1
    least = np.cos(np.deg2rad(110.0)) if combined else 0.25
    for side in looks:
        if side in ("left", "right"):
            sign = 1.0 if side == "left" else -1.0
            # Both cameras of a stereo pair look ahead.
            if sign * aside < -0.2 or (sign * aside < 0.2 and sign * pose.translation[1] < -0.1):
                return False
        else:
            sign = 1.0 if side == "front" else -1.0
            if sign * ahead < least:
                return False
    return True


def _facings(sound: list[tuple[CameraRecord, Camera]]) -> list[Problem]:
    """Cameras whose names say that they look elsewhere."""
    named = [(record, camera, sides(record.name)) for record, camera in sound]
    named = [one for one in named if one[2]]
    wrong = [one for one in named if not _agrees(one[2], one[1].pose)]
    if not wrong:
        return []
    flips = {
        "left and right are mirrored": np.diag([1.0, -1.0, 1.0]),
        "front and back are mirrored, as if x pointed backwards": np.diag([-1.0, -1.0, 1.0]),
        "the whole car is rotated by 90 degrees to the left": Pose.from_yaw(-np.pi / 2).rotation,
        "the whole car is rotated by 90 degrees to the right": Pose.from_yaw(np.pi / 2).rotation,
    }
    aside = [one for one in named if one[2] & {"left", "right"}]
    for what, flip in flips.items():
        asked = aside if flip[0, 0] > 0.5 else named
        turned = [(looks, _flipped(camera.pose, flip)) for _, camera, looks in named]
        if (
            len(wrong) >= 2
            and all(any(one is other for other in wrong) for one in asked)
            and all(_agrees(looks, pose) for looks, pose in turned)
        ):
            return [
                Problem(
                    ERROR,
                    record.name,
                    f"{what}: its name says {_said(looks)}, but by its transform it looks "
                    f"{_heading(camera.pose)} "
                    f"from y {camera.pose.translation[1]:.2f} m",
                    "correct the transforms: x of base_link points forward, y to the left (REP 103)",
                    "mount.mirrored",
                )
                for record, camera, looks in wrong
            ]
    problems = []
    for record, camera, looks in wrong:
        partner = next(
            (
                other
                for other, its, theirs in wrong
                if other is not record and _agrees(looks, its.pose) and _agrees(theirs, camera.pose)
            ),
            None,
        )
        if partner is not None:
            text, remedy, code = (
                f"is swapped with {partner.name}: by its transform it looks {_heading(camera.pose)}",
                f"swap the transforms of {record.name} and {partner.name}",
                "mount.swapped",
            )
        else:
            text, remedy, code = (
                f"looks {_heading(camera.pose)} by its transform, but its name says {_said(looks)}",
                f"correct the transform to frame {record.frame!r}",
                "mount.facing",
            )
        problems.append(Problem(ERROR, record.name, text, remedy, code))
    return problems


def _flipped(pose: Pose, flip: np.ndarray) -> Pose:
    """A pose as a mirrored car would have it, made a rotation again by mirroring the picture."""
    rotation = flip @ pose.rotation
    if np.linalg.det(rotation) < 0:
        rotation = rotation @ np.diag([-1.0, 1.0, 1.0])
    return Pose(rotation, flip @ pose.translation)


def _inward(sound: list[tuple[CameraRecord, Camera]]) -> list[Problem]:
    """Cameras that look through the car: most of the others stand before them."""
    problems = []
    for record, camera in sound:
        places = [other.pose.translation[:2] for _, other in sound if other is not camera]
        if len(places) < 2:
            continue
        away = np.array(places) - camera.pose.translation[:2]
        distance = np.linalg.norm(away, axis=1)
        axis = camera.pose.rotation[:2, 2]
        axis = axis / max(np.linalg.norm(axis), 1e-9)
        ahead = (away @ axis > 0.7 * distance) & (distance > 0.7)
        if ahead.sum() > 0.55 * len(places):
            problems.append(
                Problem(
                    WARN,
                    record.name,
                    f"looks into the car: {int(ahead.sum())} of {len(places)} cameras are in front of it",
                    f"correct the rotation of frame {record.frame!r}: it may be rotated by 180 degrees",
                    "mount.inward",
                )
            )
    return problems


def _doubles(sound: list[tuple[CameraRecord, Camera]]) -> list[Problem]:
    problems = []
    for (a, camera), (b, other) in combinations(sound, 2):
        near = np.linalg.norm(camera.pose.translation - other.pose.translation) < 0.005
        if near and angle_between(camera.pose.rotation, other.pose.rotation) < 0.2:
            same = f"frame {a.frame!r}" if a.frame == b.frame else f"frames {a.frame!r} and {b.frame!r}"
            problems.append(
                Problem(
                    ERROR,
                    f"{a.name}, {b.name}",
                    f"both have the same position and direction ({same}): one has the other's mounting",
                    "give each camera a frame and a transform of its own",
                    "mount.double",
                )
            )
    return problems


def _said(looks: set[str]) -> str:
    return " ".join(side for side in ("front", "back", "left", "right") if side in looks)


def _heading(pose: Pose) -> str:
    """Where an optical frame looks, in words."""
    yaw = np.rad2deg(np.arctan2(pose.rotation[1, 2], pose.rotation[0, 2]))
    words = ("ahead", "to the front left", "to the left", "to the back left", "back")
    if abs(yaw) < 22.5 or abs(yaw) > 157.5:
        word = words[0] if abs(yaw) < 90 else words[4]
    else:
        word = words[int((abs(yaw) + 22.5) // 45)]
        word = word if yaw > 0 else word.replace("left", "right")
    return f"{word} (yaw {yaw:.0f} degrees)"
