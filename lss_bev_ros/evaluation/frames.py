"""Frames that networks are measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ..errors import DatasetError
from ..geometry import BevGrid, Rig, vehicle_raster
from ..geometry.example_rig import nuscenes_like_rig
from ..runtime import FrameSet


@dataclass(frozen=True, eq=False)
class BenchmarkFrames:
    """Frames to measure on.

    Attributes:
        source: where they come from, in a few words.
        sets: the frames.
        truth: (nx, ny) bool over the published grid for each frame, or nothing where none is annotated.
    """

    source: str
    sets: Sequence[FrameSet]
    truth: Sequence[np.ndarray] = ()


def dataset_frames(dataroot: Path, count: int) -> BenchmarkFrames:
    """Read keyframes of a nuScenes data set, evenly spread over all of them.

    Raises:
        DatasetError: it is missing, damaged, or has no keyframe.
    """
    # Here alone: a machine that measures saved frames needs no reader.
    from ..dataset import NuScenesReader

    reader = NuScenesReader(dataroot, version="")
    numbered = [(scene, index) for scene in reader.scenes for index in range(reader.count_keyframes(scene))]
    if not numbered:
        raise DatasetError(f"{dataroot} has no keyframe: make one with `lss-bev synthesize {dataroot}`")
    places = np.linspace(0, len(numbered) - 1, min(count, len(numbered))).round().astype(int)
    wanted = {numbered[place] for place in places}
    sets, truth = [], []
    for scene in dict.fromkeys(scene for scene, _ in sorted(wanted)):
        annotated = reader.annotated(scene)
        for index, keyframe in enumerate(reader.keyframes(scene)):
            if (scene, index) not in wanted:
                continue
            images = {name: shot.jpeg() for name, shot in keyframe.cameras.items()}
            sets.append(FrameSet(keyframe.stamp, keyframe.rig, images))
            if annotated:
                truth.append(vehicle_raster(keyframe.boxes, BevGrid()))
    scenes = len({scene for scene, _ in wanted})
    source = f"{len(sets)} keyframes of {scenes} scene{'s' * (scenes > 1)} of {Path(dataroot).name}"
    return BenchmarkFrames(source, sets, truth if len(truth) == len(sets) else ())


def random_frames(count: int, seed: int = 0, rig: Rig | None = None) -> BenchmarkFrames:
    """Make smooth random pictures, by default of a rig like nuScenes', for a machine without data."""
    rng = np.random.default_rng(seed)
    rig = rig or nuscenes_like_rig()
    frames = []
    for stamp in range(count):
        images = {}
        for camera in rig.cameras:
            # Smooth, so that the JPEG is about as large as that of a photograph.
            coarse = rng.integers(0, 256, (camera.height // 20, camera.width // 20, 3), dtype=np.uint8)
            picture = cv2.resize(coarse, (camera.width, camera.height), interpolation=cv2.INTER_CUBIC)
            images[camera.name] = cv2.imencode(".jpg", picture)[1].tobytes()
        frames.append(FrameSet(stamp, rig, images))
    return BenchmarkFrames("random pictures", frames)
