"""A frame as one binary message: a JSON header and, behind it, images and arrays."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping

import numpy as np

from ..geometry import BevGrid, Camera, Lens
from ..geometry.box import corners_of
from ..geometry.category import PERSON, TWO_WHEELER, VEHICLE, kind_of
from .scene import Frame

MAX_POINTS = 8192
"""LiDAR points that a frame carries, at most; more are thinned out evenly."""

_ALIGNMENT = 8


def pack(header: Mapping[str, object], blobs: Mapping[str, bytes]) -> bytes:
    """Join a header and blobs.

    The message is: length of the JSON as uint32, the JSON, the blobs; everything little-endian. The JSON has
    `blobs`: name to `[offset, length]` from the start of the message, each offset a multiple of 8, so that a
    browser can look at them as arrays in place.
    """
    # Room for the offsets' digits, since where the blobs begin depends on how long the JSON is.
    places = {name: [0, len(blob)] for name, blob in blobs.items()}
    size = len(_json(header, places)) + 20 * len(places)
    offset = _aligned(4 + size)
    start = offset
    for name, blob in blobs.items():
        places[name][0] = offset
        offset = _aligned(offset + len(blob))
    text = _json(header, places).ljust(start - 4)
    message = bytearray(offset)
    struct.pack_into("<I", message, 0, len(text))
    message[4 : 4 + len(text)] = text
    for name, blob in blobs.items():
        at = places[name][0]
        message[at : at + len(blob)] = blob
    return bytes(message)


def unpack(message: bytes) -> tuple[dict[str, object], dict[str, bytes]]:
    """Take a message of `pack` apart, as the page does."""
    (length,) = struct.unpack_from("<I", message)
    header = json.loads(message[4 : 4 + length])
    places = header.pop("blobs")
    return header, {name: message[at : at + size] for name, (at, size) in places.items()}


def pack_frame(frame: Frame, jpegs: Mapping[str, bytes], order: tuple[str, ...]) -> bytes:
    """Everything the page needs to draw a frame.

    Blobs: each camera's JPEG by its name; `occupancy` int8 (nx, ny); `boxes` float32 (N, 8, 3) corners as of
    `Box.corners`, metres, base_link; `points` int16 (N, 3), centimetres, base_link.

    Args:
        frame: the frame.
        jpegs: its images by camera, encoded.
        order: the cameras, in the order in which they are shown.
    """
    blobs = dict(jpegs)
    calibrated = {camera.name: camera for camera in frame.rig.cameras}
    header: dict[str, object] = {
        "stamp": frame.stamp / 1e9,
        "latency_ms": frame.latency_ms,
        "cameras": [
            {"name": name, "calibration": _calibration(calibrated[name]) if name in calibrated else None}
            for name in order
        ],
        "grid": {
            "x_min": frame.grid.x_min,
            "y_min": frame.grid.y_min,
            "resolution": frame.grid.resolution,
            "shape": frame.grid.shape,
        },
    }
    if frame.occupancy is not None:
        blobs["occupancy"] = np.ascontiguousarray(frame.occupancy, dtype=np.int8).tobytes()
    if frame.boxes is not None:
        header["categories"] = [_category(box.category) for box in frame.boxes]
        blobs["boxes"] = corners_of(frame.boxes).astype("<f4").tobytes()
    if frame.points is not None:
        blobs["points"] = _points(frame.points, frame.grid).tobytes()
    return pack(header, blobs)


def _category(name: str) -> str:
    """A category with its root as the page knows it: `car` of a data set with flat names is vehicle.car."""
    root = {VEHICLE: "vehicle", TWO_WHEELER: "vehicle", PERSON: "human"}.get(kind_of(name), "")
    return name if not root or name.split(".")[0] == root else f"{root}.{name}"


def _points(points: np.ndarray, grid: BevGrid) -> np.ndarray:
    points = points[grid.cells(points)[1]]
    points = points[:: max(1, -(-len(points) // MAX_POINTS))]
    return np.clip(np.round(points * 100), -32768, 32767).astype("<i2")


def _calibration(camera: Camera) -> dict[str, object]:
    """Row-major `k`, the lens, and `rotation` and `translation` of base_link to the optical frame."""
    to_camera = camera.pose.inverse()
    return {
        "width": camera.width,
        "height": camera.height,
        "k": camera.intrinsics.ravel().tolist(),
        "lens": _lens(camera.lens),
        "rotation": to_camera.rotation.ravel().tolist(),
        "translation": to_camera.translation.tolist(),
    }


def _lens(lens: Lens) -> dict[str, object] | None:
    """Model and coefficients, and how far out it is one; None for a pinhole, and for no limit."""
    if lens.is_pinhole:
        return None
    reach = lens.reach if np.isfinite(lens.reach) else None
    return {"model": lens.model, "d": list(lens.coefficients), "reach": reach}


def _json(header: Mapping[str, object], places: Mapping[str, list[int]]) -> bytes:
    return json.dumps({**header, "blobs": places}, separators=(",", ":"), allow_nan=False).encode()


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGNMENT) * _ALIGNMENT
