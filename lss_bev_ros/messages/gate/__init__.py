"""What every message must be before a node looks at it, whatever it is for.

`most_bytes` bounds a message before anything is made of its bytes; `check` looks at what was made. Texts and
stamps are checked in messages of every type, by their definitions; what a type asks for beyond that is in a
module of its own here. Refused is what nobody can have meant: sizes that do not go with the data, stamps and
names that are none, numbers beyond all measure, more of something than a car can have. What a driver gets
wrong so that its user can put it right, such as a calibration or a missing field, is found where a message is
read, which knows the remedy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...errors import MessageError
from . import camera, clouds, diagnostics, found, grids, markers, pictures, poses
from .definition import check_definition, name_of

__all__ = ["check", "gated", "most_bytes"]

_CHECKS: dict[str, Callable[[Any], None]] = {
    "diagnostic_msgs/DiagnosticArray": diagnostics.check_diagnostics,
    "nav_msgs/OccupancyGrid": grids.check_grid,
    "nav_msgs/Odometry": poses.check_odometry,
    "nav_msgs/Path": poses.check_path,
    "sensor_msgs/CameraInfo": camera.check_camera_info,
    "sensor_msgs/CompressedImage": pictures.check_compressed_image,
    "sensor_msgs/Image": pictures.check_image,
    "sensor_msgs/PointCloud2": clouds.check_cloud,
    "tf2_msgs/TFMessage": poses.check_transforms,
    "vision_msgs/Detection3DArray": found.check_detections,
    "vision_msgs/LabelInfo": found.check_labels,
    "visualization_msgs/MarkerArray": markers.check_markers,
}
"""By a type's name, what its messages must be beyond what their definition says."""

_MOST_BYTES = {
    "diagnostic_msgs/DiagnosticArray": 1 << 20,
    "nav_msgs/OccupancyGrid": grids.MOST_CELLS + (1 << 12),
    "nav_msgs/Path": 1 << 20,
    "sensor_msgs/CompressedImage": 1 << 26,
    "sensor_msgs/Image": 1 << 28,
    "sensor_msgs/PointCloud2": clouds.MOST_BYTES,
    "tf2_msgs/TFMessage": 1 << 20,
    "vision_msgs/Detection3DArray": 1 << 21,
    "vision_msgs/LabelInfo": 1 << 18,
    "visualization_msgs/MarkerArray": 1 << 21,
}
_MOST_OTHERS = 1 << 16
"""Of a message on the wire. Lists become objects of twenty times their size, so theirs are the lowest."""


def most_bytes(kind: type) -> int:
    """Bytes that a serialised message of a class may have."""
    return _MOST_BYTES.get(name_of(kind), _MOST_OTHERS)


def check(message: Any) -> None:
    """Look at a message before anything is done with it.

    Raises:
        MessageError: nobody can have meant it; one line with the field and, where there is one, a remedy.
    """
    check_definition(message)
    of_type = _CHECKS.get(name_of(type(message)))
    if of_type is not None:
        of_type(message)


def gated(callback: Callable[[Any], object]) -> Callable[[Any], None]:
    """A callback for whoever listens without being a `Receiver`: it hears what `check` lets through."""

    def take(message: Any) -> None:
        try:
            check(message)
        except MessageError:
            return
        callback(message)

    return take
