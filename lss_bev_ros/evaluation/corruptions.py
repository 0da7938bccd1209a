"""What goes wrong with sensors, as functions from what a keyframe gives to what it would give then.

Every corruption is repeatable: its chance is drawn from its own name, the camera's and, where frames
differ, the stamp. A miscalibration is the same in every frame, as it is on a car.

| group | what happens | strengths |
|---|---|---|
| lost camera | one camera sends nothing | each camera |
| lost cameras | all but every third send nothing; with a LiDAR also all of them | |
| lost lidar | the LiDAR sends nothing | |
| turned cameras | each camera is turned that much, about an axis of its own | 0.5, 1, 2, 5 degrees |
| moved cameras | each camera is moved that much, into a direction of its own | 2, 5, 10, 20 cm |
| focal length | images are larger or smaller than the calibration says | 2, 5 percent up and down |
| stale cameras | images are older than everything else, and nobody notices | 50, 100, 200 ms |
| noise, motion blur, defocus, bright, dark, fog, rain, compression | of every image | weak, medium, strong |

The images' strengths follow Hendrycks and Dietterich, "Benchmarking neural network robustness to common
corruptions and perturbations", ICLR 2019, of whose five strengths these are about 1, 3 and 5.

Stale images are not taken from the recording, which may have none: cameras are put where they would have to
be for this image, which shows still things exactly as a stale one would. What moves by itself does not lag
behind.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np

from ..errors import EvaluationError
from ..geometry import Camera, Pose, Rig

CLEAN = "clean"
"""Name of what corruptions are compared with."""

TURNS = (0.5, 1.0, 2.0, 5.0)
"""Degrees."""
MOVES = (2.0, 5.0, 10.0, 20.0)
"""Centimetres."""
ZOOMS = (-5.0, -2.0, 2.0, 5.0)
"""Percent."""
DELAYS = (50.0, 100.0, 200.0)
"""Milliseconds."""
STRENGTHS = ("weak", "medium", "strong")


@dataclass(frozen=True, eq=False)
class SensedFrame:
    """What a car's sensors give of one instant.

    Attributes:
        stamp: nanoseconds.
        rig: every camera, as calibrated.
        images: camera name to (height, width, 3) uint8 RGB; a camera that is not here sent nothing.
        points: (N, 3 or more) x, y and z in metres in the LiDAR's frame, and what else a return has; None
            without a LiDAR.
        lidar: the LiDAR to base_link.
        twist: (3,) velocity of base_link, forward and left in m/s and to the left in rad/s.
        ego: base_link to a frame that stands still, for what remembers; None where nobody knows.
    """

    stamp: int
    rig: Rig
    images: Mapping[str, np.ndarray]
    points: np.ndarray | None = None
    lidar: Pose | None = None
    twist: np.ndarray | None = None
    ego: Pose | None = None


@dataclass(frozen=True)
class Corruption:
    """One thing that goes wrong.

    Attributes:
        name: such as `turned cameras 2 deg`.
        group: such as `turned cameras`.
        change: what it makes of a frame; the frame itself is left as it is.
    """

    name: str
    group: str
    change: Callable[[SensedFrame], SensedFrame]


def corruptions(cameras: Sequence[str], lidar: bool = False) -> tuple[Corruption, ...]:
    """All corruptions of a car, the clean frame first.

    Args:
        cameras: names of its cameras.
        lidar: whether the network looks at a LiDAR.
    """
    made = [Corruption(CLEAN, CLEAN, lambda frame: frame)]
    made += [
        Corruption(f"{name} lost", "lost camera", partial(without_camera, name=name)) for name in cameras
    ]
    few = tuple(cameras[1::3] or cameras[:1])
    made.append(
        Corruption(f"all but {' and '.join(few)} lost", "lost cameras", partial(with_cameras, names=few))
    )
    if lidar:
        made.append(Corruption("all cameras lost", "lost cameras", partial(with_cameras, names=())))
        made.append(Corruption("lidar lost", "lost lidar", without_lidar))
    made += [
        Corruption(
            f"turned cameras {value:g} deg", "turned cameras", _rig_change(partial(turned, degrees=value))
        )
        for value in TURNS
    ]
    made += [
        Corruption(
            f"moved cameras {value:g} cm", "moved cameras", _rig_change(partial(shifted, metres=value / 100))
        )
        for value in MOVES
    ]
    made += [
        Corruption(
            f"focal length {value:+g} %", "focal length", _rig_change(partial(zoomed, share=value / 100))
        )
        for value in ZOOMS
    ]
    made += [
        Corruption(f"stale cameras {value:g} ms", "stale cameras", partial(stale, seconds=value / 1000))
        for value in DELAYS
    ]
    made += [
        Corruption(f"{group} {strength}", group, partial(with_images, group=group, level=level))
        for group in IMAGE_CHANGES
        for level, strength in enumerate(STRENGTHS)
    ]
    return tuple(made)


def without_camera(frame: SensedFrame, name: str) -> SensedFrame:
    """The frame without one camera's image."""
    return replace(frame, images={key: image for key, image in frame.images.items() if key != name})


def with_cameras(frame: SensedFrame, names: Sequence[str]) -> SensedFrame:
    """The frame with the images of some cameras alone."""
    return replace(frame, images={name: image for name, image in frame.images.items() if name in names})


def without_lidar(frame: SensedFrame) -> SensedFrame:
    """The frame without a scan."""
    return replace(frame, points=None)


def turned(camera: Camera, degrees: float) -> Camera:
    """A camera whose calibration is turned about an axis of its own, by an angle."""
    axis = _direction(f"turned {camera.name}")
    turn, _ = cv2.Rodrigues(axis * np.radians(degrees))
    return replace(camera, pose=Pose(camera.pose.rotation @ turn, camera.pose.translation))


def shifted(camera: Camera, metres: float) -> Camera:
    """A camera whose calibration is moved into a direction of its own."""
    offset = _direction(f"moved {camera.name}") * metres
    return replace(camera, pose=Pose(camera.pose.rotation, camera.pose.translation + offset))


def zoomed(camera: Camera, share: float) -> Camera:
    """A camera whose calibrated focal lengths are too large by a share."""
    intrinsics = camera.intrinsics.copy()
    intrinsics[:2, :2] *= 1.0 + share
    return replace(camera, intrinsics=intrinsics)


def stale(frame: SensedFrame, seconds: float) -> SensedFrame:
    """The frame with cameras where the car has come to by the time its images are looked at.

    Raises:
        EvaluationError: the frame does not say how the car moves.
    """
    if frame.twist is None:
        raise EvaluationError("nobody knows how the car moves, so its cameras cannot be late: give a twist")
    x, y, turn = np.asarray(frame.twist, np.float64) * seconds
    ahead = Pose.from_yaw(turn, (x, y, 0.0))
    cameras = (replace(camera, pose=ahead @ camera.pose) for camera in frame.rig.cameras)
    return replace(frame, rig=Rig(tuple(cameras)))


def with_images(frame: SensedFrame, group: str, level: int) -> SensedFrame:
    """The frame with every image changed in one of the ways of `IMAGE_CHANGES`, level 0 to 2."""
    change = IMAGE_CHANGES[group]

    def changed(item: tuple[str, np.ndarray]) -> np.ndarray:
        name, image = item
        return change(image, level, _chance(f"{group} {name} {frame.stamp}"))

    # NumPy and OpenCV let other threads run, and six large images take their time.
    with ThreadPoolExecutor(max(1, len(frame.images))) as pool:
        images = dict(zip(frame.images, pool.map(changed, frame.images.items()), strict=True))
    return replace(frame, images=images)


def _rig_change(change: Callable[[Camera], Camera]) -> Callable[[SensedFrame], SensedFrame]:
    """Change every camera's calibration; frames of one rig keep one rig, whose tables serve them all."""
    last: list[tuple[Rig, Rig]] = []

    def changed(frame: SensedFrame) -> SensedFrame:
        if not last or last[0][0] is not frame.rig:
            last[:] = [(frame.rig, Rig(tuple(change(camera) for camera in frame.rig.cameras)))]
        return replace(frame, rig=last[0][1])

    return changed


def _chance(name: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(name.encode()))


def _direction(name: str) -> np.ndarray:
    """(3,) unit vector, the same for a name."""
    vector = _chance(name).normal(size=3)
    direction: np.ndarray = vector / np.linalg.norm(vector)
    return direction


ImageChange = Callable[[np.ndarray, int, np.random.Generator], np.ndarray]


def _bytes(image: np.ndarray) -> np.ndarray:
    rounded: np.ndarray = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return rounded


def _noise(image: np.ndarray, level: int, chance: np.random.Generator) -> np.ndarray:
    """Of the sensor: brighter pixels have more (Poisson), dark ones some too."""
    deviation = (8.0, 20.0, 45.0)[level]
    pixels = image.astype(np.float32)
    normal = chance.standard_normal(image.shape, np.float32)
    return _bytes(pixels + normal * deviation * np.sqrt(0.3 + 0.7 * pixels / 255.0))


def _motion_blur(image: np.ndarray, level: int, chance: np.random.Generator) -> np.ndarray:
    """Along a direction near the horizontal, over 0.6, 1.5 and 3 percent of the width."""
    length = max(2 * (level + 1), round(image.shape[1] * (0.006, 0.015, 0.03)[level]))
    angle = chance.uniform(-20.0, 20.0)
    size = 2 * (length // 2) + 1
    kernel = np.zeros((size, size), np.float32)
    half, way = size // 2, np.radians(angle)
    reach = np.array([np.cos(way), np.sin(way)]) * half
    ends = [tuple(int(v) for v in np.rint(half + side * reach)) for side in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], (1.0,))
    return cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)


def _defocus(image: np.ndarray, level: int, _chance: np.random.Generator) -> np.ndarray:
    """A disc, as of a lens out of focus, of 0.2, 0.4 and 0.8 percent of the width in radius."""
    radius = max(1.0 + level, image.shape[1] * (0.002, 0.004, 0.008)[level])
    half = int(np.ceil(radius))
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    kernel = (np.hypot(x, y) <= radius).astype(np.float32)
    return cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)


def _bright(image: np.ndarray, level: int, _chance: np.random.Generator) -> np.ndarray:
    """Exposed for too long: what was bright is white."""
    return _bytes(image.astype(np.float32) * (1.3, 1.7, 2.4)[level] + (10.0, 25.0, 45.0)[level])


def _dark(image: np.ndarray, level: int, chance: np.random.Generator) -> np.ndarray:
    """Too little light, and the noise that comes with it."""
    light = (0.5, 0.25, 0.1)[level]
    pixels = image.astype(np.float32) * light
    return _bytes(pixels + chance.standard_normal(image.shape, np.float32) * (2.0, 4.0, 6.0)[level])


def _fog(image: np.ndarray, level: int, chance: np.random.Generator) -> np.ndarray:
    """Grey that grows towards the middle rows, where things are far, in soft banks."""
    height, width = image.shape[:2]
    thick = (0.35, 0.6, 0.8)[level]
    rows = np.abs(np.linspace(-1.0, 1.0, height, dtype=np.float32))
    coarse = chance.uniform(0.8, 1.2, (4, 7)).astype(np.float32)
    banks = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    share = np.clip(thick * (1.1 - 0.6 * rows[:, None]) * banks, 0.0, 1.0)[..., None]
    return _bytes(image * (1.0 - share) + 205.0 * share)


def _rain(image: np.ndarray, level: int, chance: np.random.Generator) -> np.ndarray:
    """Streaks in the air, and drops on the lens that blur what is behind them."""
    height, width = image.shape[:2]
    streaks = np.zeros((height, width), np.float32)
    lean = chance.uniform(-0.15, 0.15)
    thick = max(1, round(height / 300))
    for _ in range((200, 500, 1200)[level]):
        x, y, length = chance.uniform(0.0, (width, height, 0.1 * height))
        start, end = (int(x), int(y)), (int(x + lean * length), int(y + length))
        cv2.line(streaks, start, end, (float(chance.uniform(0.2, 0.6)),), thick, cv2.LINE_AA)
    wet = image * (1.0 - streaks[..., None]) + 200.0 * streaks[..., None]
    drops = np.zeros((height, width), np.float32)
    for _ in range((8, 24, 60)[level]):
        middle = int(chance.uniform(0, width)), int(chance.uniform(0, height))
        cv2.circle(drops, middle, int(chance.uniform(0.01, 0.04) * width) + 1, (1.0,), -1, cv2.LINE_AA)
    wetness = cv2.GaussianBlur(drops, (0, 0), max(1.0, 0.003 * width))[..., None]
    small = cv2.resize(image, (max(1, width // 8), max(1, height // 8)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), max(0.1, 0.015 * width / 8))
    blurred = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return _bytes(wet * (1.0 - wetness) + blurred * wetness)


def _compression(image: np.ndarray, level: int, _chance: np.random.Generator) -> np.ndarray:
    """JPEG of quality 25, 12 and 6."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, (25, 12, 6)[level]]
    packed = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality)[1]
    return cv2.cvtColor(cv2.imdecode(packed, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


IMAGE_CHANGES: dict[str, ImageChange] = {
    "noise": _noise,
    "motion blur": _motion_blur,
    "defocus": _defocus,
    "bright": _bright,
    "dark": _dark,
    "fog": _fog,
    "rain": _rain,
    "compression": _compression,
}
"""Name to what it makes of a (height, width, 3) uint8 RGB image at level 0 to 2."""
