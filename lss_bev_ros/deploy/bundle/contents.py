"""What lies in a bundle, whatever the network."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...runtime import FrameSet
from ...runtime.onnx import OnnxDescription
from ...runtime.onnx.session import OnnxSession


@dataclass(frozen=True)
class BundledModel:
    """An exported network, open."""

    name: str
    content: bytes
    description: OnnxDescription
    session: OnnxSession


def add_images(files: dict[str, bytes], folder: str, frame: FrameSet, pixels: np.ndarray) -> None:
    """Put a frame's images, as they came and as the network reads them, into the files of a bundle."""
    files[f"{folder}/input.npz"] = packed(pixels=pixels)
    for name, image in frame.images.items():
        if isinstance(image, bytes):
            files[f"{folder}/{name}.jpg"] = image


def frame_entry(folder: str, frame: FrameSet) -> dict[str, Any]:
    """What the manifest says of a frame whose files lie in a folder of the bundle."""
    return {
        "stamp": frame.stamp,
        "calibration": frame.rig.fingerprint,
        "images": {
            name: f"{folder}/{name}.jpg" for name, image in frame.images.items() if isinstance(image, bytes)
        },
        "input": f"{folder}/input.npz",
        "expected": f"{folder}/expected.npz",
    }


def packed(**arrays: Any) -> bytes:
    """Arrays as the bytes of an .npz file."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()
