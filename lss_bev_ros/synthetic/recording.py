"""A drive through a world: what every sensor records at every instant, as files and as facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from numba import njit

from ..geometry import Lens
from .bending import Bending
from .camera import Picture, shadows_around, take_picture
from .develop import developed
from .lidar import scan
from .response import Response, draw_response
from .rigs import mounted
from .sensors import CAMERA_SWEEPS, HEIGHT, KEYFRAME_PERIOD, LIDAR_PERIOD, WIDTH, Mount
from .shutter import motions_of, rolled
from .world import World

JPEG_QUALITY = 92
ANNOTATED_RANGE = 100.0
"""Objects farther from the ego car are not annotated, metres."""


@dataclass(frozen=True)
class Revolution:
    """The end of one revolution of the LiDAR.

    Attributes:
        micros: microseconds since the scene's start.
        is_key: whether it is a sample.
        cameras: whether the cameras fired during the revolution.
    """

    micros: int
    is_key: bool
    cameras: bool


@dataclass(frozen=True)
class RecordedFile:
    """One recorded file.

    Attributes:
        channel: nuScenes channel.
        micros: microseconds since the scene's start.
        is_key: whether it belongs to a sample.
        filename: relative to the data set.
        size: (width, height) pixels, zeros for LiDAR.
    """

    channel: str
    micros: int
    is_key: bool
    filename: str
    size: tuple[int, int]


@dataclass(eq=False)
class Observation:
    """All that is recorded at one instant.

    Attributes:
        instant: when.
        shots: the files.
        lidar_points: actor number to LiDAR returns inside its box; keyframes only.
        visible, whole: (A + 1,) int64 samples seen and samples there would be to see, over all cameras.
    """

    instant: Revolution
    shots: list[RecordedFile] = field(default_factory=list)
    lidar_points: dict[int, int] = field(default_factory=dict)
    visible: np.ndarray | None = None
    whole: np.ndarray | None = None

    def samples_of(self, number: int) -> tuple[int, int]:
        """Samples of an actor that cameras see at a keyframe, and that there would be to see."""
        assert self.visible is not None, "no keyframe"
        assert self.whole is not None, "no keyframe"
        return int(self.visible[number]), int(self.whole[number])


def instants(seconds: float, sweeps: bool) -> list[Revolution]:
    """When sensors record in a scene: keyframes at 2 Hz, and every revolution between them with `sweeps`."""
    keyframes = max(1, int(seconds * 1e6 / KEYFRAME_PERIOD + 1e-6))
    result = []
    for k in range(keyframes):
        for turn in range(KEYFRAME_PERIOD // LIDAR_PERIOD if sweeps and k + 1 < keyframes else 1):
            micros = k * KEYFRAME_PERIOD + turn * LIDAR_PERIOD
            result.append(Revolution(micros, turn == 0, turn in CAMERA_SWEEPS))
    return result


class WorldRecorder:
    """Records a world into a folder.

    Args:
        world: the scene.
        root: the data set's folder.
        prefix: of file names, such as a nuScenes log's name.
        epoch: the scene's start, microseconds of Unix time.
        seed: of the sensors' noise.
        scale: of the images' size, 1 for 1600 x 900.
        lenses: of the cameras, by channel; a camera without one is a pinhole.
    """

    def __init__(
        self,
        world: World,
        root: Path,
        prefix: str,
        epoch: int,
        seed: tuple[int, ...],
        scale: float = 1.0,
        lenses: Mapping[str, Lens] | None = None,
    ) -> None:
        self.world, self.epoch, self._root, self._prefix = world, epoch, root, prefix
        self._seed, self.scale = seed, scale
        rng = np.random.default_rng([*seed, 1])
        self.cameras, self.lidar = mounted(world.config, rng)
        self._response: Response | None = None
        if world.config.realism.response.chance > 0.0:
            ranges = world.config.realism.response
            self._response = draw_response(ranges, len(self.cameras), np.random.default_rng([*seed, 4]))
        self.lenses = {name: lens for name, lens in (lenses or {}).items() if not lens.is_pinhole}
        size = round(WIDTH * scale), round(HEIGHT * scale)
        self._bendings = {
            mount.channel: Bending.of(mount.scaled(scale).intrinsics, *size, self.lenses[mount.channel])
            for mount in self.cameras
            if mount.channel in self.lenses
        }

    def _filename(self, mount: Mount, micros: int, is_key: bool) -> str:
        folder = "samples" if is_key else "sweeps"
        suffix = "pcd.bin" if mount.lens is None else "jpg"
        return f"{folder}/{mount.channel}/{self._prefix}__{mount.channel}__{self.epoch + micros}.{suffix}"

    def record(self, instant: Revolution) -> Iterator[Observation]:
        """Record one instant; the observation is yielded again after every file, last when it is complete."""
        observation = Observation(instant)
        yield from self._sweep(instant, observation)
        if instant.cameras:
            yield from self._pictures(instant, observation)

    def _sweep(self, instant: Revolution, observation: Observation) -> Iterator[Observation]:
        rng = np.random.default_rng([*self._seed, 2, instant.micros])
        time = instant.micros * 1e-6
        points = scan(self.world, self.lidar, time, rng).points
        filename = self._filename(self.lidar, instant.micros, instant.is_key)
        points.tofile(self._root / filename)
        observation.shots.append(RecordedFile("LIDAR_TOP", instant.micros, instant.is_key, filename, (0, 0)))
        if instant.is_key:
            observation.lidar_points = self._count(points, time)
        yield observation

    def _count(self, points: np.ndarray, time: float) -> dict[int, int]:
        ego = self.world.ego_pose(time)
        to_world = ego @ self.lidar.pose
        near = [
            a
            for a in self.world.actors
            if np.hypot(*(a.pose(time).translation - ego.translation)[:2]) < ANNOTATED_RANGE
        ]
        boxes = [a.box(time) for a in near]
        inverse = np.array([(b.pose.inverse() @ to_world).matrix[:3] for b in boxes]).reshape(-1, 3, 4)
        half = np.array([b.size / 2 for b in boxes]).reshape(-1, 3)
        counts = _inside(points, inverse, half)
        return {actor.number: int(count) for actor, count in zip(near, counts, strict=True)}

    def _pictures(self, instant: Revolution, observation: Observation) -> Iterator[Observation]:
        shadows = shadows_around(self.world, self.world.ego_pose(instant.micros * 1e-6).translation[:2])
        count = len(self.world.actors) + 1
        observation.visible, observation.whole = np.zeros(count, np.int64), np.zeros(count, np.int64)
        for index, mount in enumerate(self.cameras):
            micros = instant.micros + mount.offset
            grain = (sum(self._seed) * 7919 + (micros + 10**6) * 6 + index) % (2**31)
            picture = take_picture(
                self.world,
                mount,
                micros * 1e-6,
                shadows,
                grain,
                self.scale,
                self._bendings.get(mount.channel),
            )
            observation.visible += picture.visible
            observation.whole += picture.whole
            filename = self._filename(mount, micros, instant.is_key)
            image = picture.image
            if self._response is not None:
                image = self._read_out(mount, micros, index, picture)
                image = developed(image, self._response[index], grain, self.scale)
            _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
            (self._root / filename).write_bytes(encoded.tobytes())
            size = (picture.image.shape[1], picture.image.shape[0])
            observation.shots.append(RecordedFile(mount.channel, micros, instant.is_key, filename, size))
            yield observation

    def _read_out(self, mount: Mount, micros: int, index: int, picture: Picture) -> np.ndarray:
        """The picture as its shutter rolls; one that is bent by a lens as if it did not."""
        assert self._response is not None, "cameras have a response"
        readout = self._response.readout[index : index + 1]
        if not readout.any() or mount.channel in self._bendings:
            return picture.image
        lens = mount.scaled(self.scale).camera_lens
        image: np.ndarray = rolled(
            torch.from_numpy(picture.image[None]),
            torch.from_numpy(np.ascontiguousarray(picture.nearness[None])),
            torch.from_numpy(lens[None]),
            torch.from_numpy(motions_of(self.world.ego_pose, micros * 1e-6, [mount.pose])),
            torch.from_numpy(readout),
        )[0].numpy()
        return image


@njit(cache=True, nogil=True)
def _inside(points, inverse, half):
    """How many points (N, 5) lie in each box: (B,) int64, from sensor-to-box transforms and half sizes."""
    counts = np.zeros(len(inverse), np.int64)
    for b in range(len(inverse)):
        m = inverse[b]
        for p in points:
            inside = True
            for k in range(3):
                if abs(m[k, 0] * p[0] + m[k, 1] * p[1] + m[k, 2] * p[2] + m[k, 3]) > half[b, k]:
                    inside = False
                    break
            if inside:
                counts[b] += 1
    return counts
