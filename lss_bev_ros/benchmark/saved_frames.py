"""Benchmark frames in one file, for machines that have neither the data set nor its reader."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DatasetError, LssBevError
from ..evaluation.frames import BenchmarkFrames
from ..files import replacing
from ..geometry import BevGrid, Camera, Lens, Pose, Rig
from ..runtime import FrameSet

FORMAT = 1

_DAMAGED = (
    OSError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    EOFError,
    zipfile.BadZipFile,
    LssBevError,
)


def save_frames(frames: BenchmarkFrames, path: Path) -> None:
    """Write frames, their calibrations and their truth as one .npz, whole or not at all.

    Every camera of every frame is a row: names, sizes (width, height), intrinsics (3, 3), lenses (model and
    coefficients, filled with 0), rotations (3, 3) and translations (3,); its JPEG lies at starts[row] to
    starts[row + 1] of `jpeg`, empty where it has none.

    Raises:
        DatasetError: an image is not JPEG bytes, or the file cannot be written.
    """
    names, sizes, intrinsics, rotations, translations, images, counts = [], [], [], [], [], [], []
    models, coefficients = [], []
    for frame in frames.sets:
        counts.append(len(frame.rig))
        for camera in frame.rig.cameras:
            image = frame.images.get(camera.name, b"")
            if not isinstance(image, bytes):
                raise DatasetError(f"{camera.name}: only JPEG images can be saved; encode it")
            names.append(camera.name)
            sizes.append((camera.width, camera.height))
            intrinsics.append(camera.intrinsics)
            models.append(camera.lens.model)
            coefficients.append(np.pad(camera.lens.coefficients, (0, 12 - len(camera.lens.coefficients))))
            rotations.append(camera.pose.rotation)
            translations.append(camera.pose.translation)
            images.append(np.frombuffer(image, dtype=np.uint8))
    arrays: dict[str, Any] = {
        "format": np.array(FORMAT),
        "source": np.array(frames.source),
        "stamps": np.array([frame.stamp for frame in frames.sets], dtype=np.int64),
        "cameras": np.array(counts),
        "names": np.array(names),
        "sizes": np.array(sizes),
        "intrinsics": np.array(intrinsics),
        "lens_models": np.array(models),
        "lens_coefficients": np.array(coefficients),
        "rotations": np.array(rotations),
        "translations": np.array(translations),
        "starts": np.cumsum([0, *(len(image) for image in images)]),
        "jpeg": np.concatenate(images),
        "truth": np.array(frames.truth, dtype=bool),
    }
    with replacing(path, DatasetError) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **arrays)


def load_frames(path: Path) -> BenchmarkFrames:
    """Read what `save_frames` wrote.

    Raises:
        DatasetError: it is missing, or no such file.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        if int(arrays["format"]) != FORMAT:
            raise ValueError(f"format {arrays['format']} and not {FORMAT}")
        return _frames(arrays)
    except FileNotFoundError:
        raise DatasetError(f"{path}: file is missing; write it with `--save-frames {path}`") from None
    except _DAMAGED as error:
        raise DatasetError(
            f"{path}: not a file of benchmark frames ({error}); write one with `--save-frames`"
        ) from None


def _frames(arrays: dict[str, np.ndarray]) -> BenchmarkFrames:
    sets, row = [], 0
    starts, jpeg = arrays["starts"], arrays["jpeg"]
    for stamp, count in zip(arrays["stamps"], arrays["cameras"], strict=True):
        cameras, images = [], {}
        for _ in range(count):
            name, (width, height) = str(arrays["names"][row]), arrays["sizes"][row]
            pose = Pose(arrays["rotations"][row], arrays["translations"][row])
            cameras.append(
                Camera(name, arrays["intrinsics"][row], int(width), int(height), pose, _lens(arrays, row))
            )
            data = jpeg[starts[row] : starts[row + 1]].tobytes()
            if data:
                images[name] = data
            row += 1
        sets.append(FrameSet(int(stamp), Rig(tuple(cameras)), images))
    if not sets:
        raise ValueError("it has no frame")
    truth, shape = arrays["truth"], (len(sets), *BevGrid().shape)
    if truth.size and truth.shape != shape:
        raise ValueError(f"truth is {truth.shape} and not {shape}")
    return BenchmarkFrames(str(arrays["source"]), sets, list(truth))


def _lens(arrays: dict[str, np.ndarray], row: int) -> Lens:
    """The lens of a row; files of before there were any hold pinholes."""
    if "lens_models" not in arrays:
        return Lens()
    return Lens(str(arrays["lens_models"][row]), tuple(arrays["lens_coefficients"][row]))
