"""numpy to ROS messages and back, and nothing else.

Large fields are handed over as `array.array`, which rclpy takes as it is; any other sequence is checked
element by element, 30 to 100 times slower. What the answers of the multi-sense network become is in modules
of its own, which are not imported here: `objects`, `maps`, `voxels` and `paths`.
"""

from __future__ import annotations

import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from geometry_msgs.msg import Point, Quaternion, TransformStamped, Vector3
from nav_msgs.msg import OccupancyGrid, Odometry
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2, PointField
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from ..camera_image import image_note, picture, rgb_from_image
from ..camera_info import CameraReading, camera_from_info, read_camera_info
from ..errors import GeometryError
from ..geometry import BevGrid, Box, Camera, Pose
from ..geometry.category import PERSON, TWO_WHEELER, VEHICLE, kind_of
from ..geometry.intensity import intensity_shares
from ..geometry.returns import returned

__all__ = [
    "POINT_DTYPE",
    "CameraReading",
    "box_markers",
    "boxes_from_markers",
    "camera_from_info",
    "camera_info",
    "cells_from_grid",
    "compressed_image",
    "diagnostic_status",
    "diagnostic_values",
    "from_stamp",
    "header",
    "image",
    "image_note",
    "occupancy_grid",
    "picture",
    "point_cloud",
    "points_from_cloud",
    "pose_from_odometry",
    "pose_from_transform",
    "read_camera_info",
    "returns_from_cloud",
    "rgb_from_image",
    "to_array",
    "to_stamp",
    "transform",
    "velocity_markers",
    "xyz_from_cloud",
]

_POINT_NAMES = ("x", "y", "z", "intensity", "ring")
_POINT_DTYPES = tuple(np.dtype(code) for code in ("<f4", "<f4", "<f4", "<f4", "<u2"))
_POINT_OFFSETS = (0, 4, 8, 12, 16)
POINT_DTYPE = np.dtype(
    {
        "names": list(_POINT_NAMES),
        "formats": list(_POINT_DTYPES),
        "offsets": list(_POINT_OFFSETS),
        "itemsize": 20,
    }
)
"""Layout of one point in `lidar_top/points`."""

_FIELD_TYPES: dict[np.dtype[Any], int] = {
    np.dtype("i1"): PointField.INT8,
    np.dtype("u1"): PointField.UINT8,
    np.dtype("<i2"): PointField.INT16,
    np.dtype("<u2"): PointField.UINT16,
    np.dtype("<i4"): PointField.INT32,
    np.dtype("<u4"): PointField.UINT32,
    np.dtype("<f4"): PointField.FLOAT32,
    np.dtype("<f8"): PointField.FLOAT64,
}
_DTYPES = {number: dtype for dtype, number in _FIELD_TYPES.items()}
# INT64 and UINT64, which PointField has from ROS 2 Lyrical.
_DTYPES.update({9: np.dtype("<i8"), 10: np.dtype("<u8")})

_INTENSITIES = ("intensity", "intensities", "i", "reflectivity")
_RINGS = ("ring", "ring_id", "ring_idx", "channel", "laser_id", "line", "beam")
_LAST_RING = 1023
_FULL_INTENSITY = 65535.0
_MOMENTS = ("time", "t", "timestamp", "time_stamp", "offset_time", "time_offset")
_SHORTEST_SWEEP, _LONGEST_SWEEP = 1e-3, 0.5
"""Seconds that a sweep may take."""

_VEHICLE_COLOR = (1.0, 0.62, 0.11)
_PERSON_COLOR = (0.16, 0.50, 0.98)
_OBJECT_COLOR = (0.55, 0.55, 0.60)


def to_array(data: np.ndarray | bytes, typecode: str) -> array.array[Any]:
    """Copy contiguous data into an `array.array` of `typecode` in one pass."""
    result: array.array[Any] = array.array(typecode)
    result.frombytes(data if isinstance(data, bytes) else np.ascontiguousarray(data).data.cast("B"))
    return result


def to_stamp(nanoseconds: int) -> Time:
    """Nanoseconds since the epoch as a message."""
    seconds, nanosec = divmod(int(nanoseconds), 1_000_000_000)
    return Time(sec=seconds, nanosec=nanosec)


def from_stamp(stamp: Time) -> int:
    """A message as nanoseconds since the epoch."""
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def header(stamp: int, frame: str) -> Header:
    """Header of something measured at `stamp` nanoseconds in `frame`."""
    return Header(stamp=to_stamp(stamp), frame_id=frame)


def compressed_image(encoded: bytes, stamp: int, frame: str, format: str = "jpeg") -> CompressedImage:
    """Wrap encoded image bytes as they are."""
    return CompressedImage(header=header(stamp, frame), format=format, data=to_array(encoded, "B"))


def image(rgb: np.ndarray, stamp: int, frame: str) -> Image:
    """Wrap an (H, W, 3) uint8 RGB array."""
    height, width, _ = rgb.shape
    return Image(
        header=header(stamp, frame),
        height=height,
        width=width,
        encoding="rgb8",
        is_bigendian=0,
        step=width * 3,
        data=to_array(rgb, "B"),
    )


def camera_info(camera: Camera, stamp: int) -> CameraInfo:
    """Calibration of a camera whose images are as the sensor gives them; P is that of the straightened image.

    Args:
        camera: whose name is the frame.
        stamp: nanoseconds, of the image.
    """
    k, lens = camera.intrinsics, camera.lens
    d = lens.coefficients or (0.0,) * 5
    return CameraInfo(
        header=header(stamp, camera.name),
        height=camera.height,
        width=camera.width,
        distortion_model="plumb_bob" if lens.is_pinhole else lens.model,
        d=[*d, 0.0] if len(d) == 4 and lens.model == "plumb_bob" else list(d),
        k=k.reshape(-1),
        r=np.eye(3).reshape(-1),
        p=np.column_stack([k, np.zeros(3)]).reshape(-1),
    )


def point_cloud(points: np.ndarray, stamp: int, frame: str) -> PointCloud2:
    """Wrap (N, 5) float32 x, y, z, intensity, ring of `frame`, metres.

    Where no ring is known (-1), the cloud has no such field, but the same layout. Points without a return are
    NaN; the cloud is dense where it has none of them.
    """
    packed = np.zeros(len(points), POINT_DTYPE)
    for column, name in enumerate(_POINT_NAMES[:4]):
        packed[name] = points[:, column]
    ring = points[:, 4]
    known = ring >= 0  # neither -1 nor NaN
    packed["ring"][known] = ring[known]
    fields = [
        PointField(name=name, offset=offset, datatype=_FIELD_TYPES[dtype], count=1)
        for name, dtype, offset in zip(_POINT_NAMES, _POINT_DTYPES, _POINT_OFFSETS, strict=True)
        if name != "ring" or known.any() or not len(points)
    ]
    return PointCloud2(
        header=header(stamp, frame),
        height=1,
        width=len(points),
        fields=fields,
        is_bigendian=False,
        point_step=POINT_DTYPE.itemsize,
        row_step=POINT_DTYPE.itemsize * len(points),
        data=to_array(packed, "B"),
        is_dense=bool(np.isfinite(points[:, :3]).all()),
    )


def xyz_from_cloud(message: PointCloud2) -> np.ndarray:
    """(N, 3) float32 finite points of a cloud that has x, y and z fields, in its own frame.

    Fields may be in any order, of any numeric type and either byte order, with any bytes between them. Rows
    begin at `row_step` where the data is as long as that says; a `row_step` that does not go with data
    without padding is ignored, since many drivers leave it wrong.

    Raises:
        GeometryError: no such fields, or data that does not fit the layout.
    """
    columns = _read(message, dict.fromkeys("xyz", np.dtype("<f4")))
    points: np.ndarray = np.stack([columns[name] for name in "xyz"], axis=-1)
    finite = np.isfinite(points).all(axis=1)
    return points if finite.all() else points[finite]


def returns_from_cloud(message: PointCloud2, most: int | None = None) -> np.ndarray:
    """(N, 5) float32 returns of a cloud: x, y, z in its own frame, intensity and age.

    Places are read as by `xyz_from_cloud`; what is no return goes, see `geometry.returns`. Intensity is 0 to
    1, whatever it counts to (a byte's 255, 16 bits, or 1); NaN where the cloud has none. The age is in
    seconds before the cloud's stamp, by a field of a time for each point that drivers are known to give,
    below 0 after the stamp; 0 where there is none, or none that makes sense.

    Args:
        message: the cloud.
        most: returns to read, taken evenly, where it has more; None for all.

    Raises:
        GeometryError: no fields x, y and z, or data that does not fit the layout.
    """
    wanted: dict[str, np.dtype[Any]] = dict.fromkeys("xyz", np.dtype("<f4"))
    names = [field.name for field in message.fields if field.datatype in _DTYPES]
    intensity = next((name for name in _INTENSITIES if name in names), None)
    moment = next((name for name in _MOMENTS if name in names), None)
    wanted |= {name: np.dtype("<f8") for name in (intensity, moment) if name is not None}
    columns = _read(message, wanted, most)
    full = np.zeros((len(columns["x"]), 5), np.float32)
    for column, name in enumerate("xyz"):
        full[:, column] = columns[name]
    known = returned(full)
    if intensity is not None:
        # Of points without a return, it may be anything.
        full[:, 3] = intensity_shares(np.where(known, columns[intensity], np.nan))
    else:
        full[:, 3] = np.nan
    if moment is not None:
        full[:, 4] = _ages(columns[moment], from_stamp(message.header.stamp), known)
    return full if known.all() else full[known]


def points_from_cloud(message: PointCloud2) -> np.ndarray:
    """(N, 5) float32 returns of a cloud as a data set stores them, what `point_cloud` takes.

    x, y, z in its own frame, intensity as its driver counts it, NaN where the cloud has none, and ring, -1
    where it has none. What is no return goes, see `geometry.returns`.

    Raises:
        GeometryError: no fields x, y and z, or data that does not fit the layout.
    """
    names = [field.name for field in message.fields if field.datatype in _DTYPES]
    found = [next((name for name in known if name in names), None) for known in (_INTENSITIES, _RINGS)]
    wanted: dict[str, np.dtype[Any]] = dict.fromkeys("xyz", np.dtype("<f4"))
    wanted |= {name: np.dtype("<f8") for name in found if name is not None}
    columns = _read(message, wanted)
    points = np.full((len(columns["x"]), 5), np.nan, np.float32)
    for column, name in enumerate("xyz"):
        points[:, column] = columns[name]
    known = returned(points)
    intensity, ring = ((None if name is None else columns[name][known]) for name in found)
    kept: np.ndarray = points[known]
    kept[:, 4] = -1.0
    if intensity is not None:
        largest = float(np.nanmax(np.where(np.isfinite(intensity), intensity, np.nan), initial=0.0))
        # No scale that anybody counts on is larger.
        intensity = intensity * (_FULL_INTENSITY / largest) if largest > _FULL_INTENSITY else intensity
        kept[:, 3] = np.where(np.isfinite(intensity), np.clip(intensity, 0.0, _FULL_INTENSITY), np.nan)
    if ring is not None:
        with np.errstate(invalid="ignore"):
            whole = (ring == np.round(ring)) & (ring >= 0) & (ring <= _LAST_RING)
        kept[:, 4] = np.where(whole, ring, -1.0)
    return kept


def _read(
    message: PointCloud2, wanted: Mapping[str, np.dtype[Any]], most: int | None = None
) -> dict[str, np.ndarray]:
    """Fields of a cloud by name, (N,) each of its wanted type, point by point."""
    frame = message.header.frame_id
    fields = {field.name: field for field in reversed(message.fields) if field.datatype in _DTYPES}
    if not {"x", "y", "z"} <= set(fields):
        found = ", ".join(f"{field.name} (type {field.datatype})" for field in message.fields) or "none"
        raise GeometryError(
            f"{frame}: a point cloud needs numeric fields x, y and z, but this one has {found}: "
            f"make the driver publish Cartesian points"
        )
    width, height, step = message.width, message.height, message.point_step
    if not width * height:
        return {name: np.empty(0, kind) for name, kind in wanted.items()}
    row, chosen = 0, None
    columns: dict[str, np.ndarray] = {}
    for name, kind in wanted.items():
        dtype = _DTYPES[fields[name].datatype].newbyteorder(">" if message.is_bigendian else "<")
        end = fields[name].offset + dtype.itemsize
        if end > step:
            raise GeometryError(
                f"{frame}: field {name} of the point cloud ends at byte {end} of a point, beyond its "
                f"point_step of {step}: the driver's fields and point_step do not agree"
            )
        if not columns:
            row = _row_step(message)
            if most is not None and width * height > most:
                chosen = np.arange(most) * (width * height) // most
        layout = (height, width), dtype, message.data, fields[name].offset, (row, step)
        values: np.ndarray = np.ndarray(*layout)
        if chosen is not None:
            values = values[chosen // width, chosen % width]
        with np.errstate(over="ignore", invalid="ignore"):  # float64 may hold what float32 cannot
            columns[name] = values.astype(kind).reshape(-1)
    return columns


def _ages(values: np.ndarray, stamp: int, finite: np.ndarray) -> np.ndarray:
    """Seconds before a cloud's stamp at which its points were taken, below 0 after it.

    Drivers count in seconds, microseconds or nanoseconds, since the epoch or since the stamp; what is of no
    such kind says nothing, and is 0.
    """
    shown = values[finite]
    if not len(shown) or not np.isfinite(shown).all():
        return np.zeros(len(values), np.float32)
    low, high = float(shown.min()), float(shown.max())
    for unit in (1.0, 1e-6, 1e-9):
        if not _SHORTEST_SWEEP <= (high - low) * unit <= _LONGEST_SWEEP:
            continue
        seconds = values * unit
        if abs(low * unit - stamp / 1e9) < _LONGEST_SWEEP:  # since the epoch
            seconds = seconds - stamp / 1e9
        elif max(abs(low), abs(high)) * unit > _LONGEST_SWEEP:
            continue
        return np.clip(-seconds, -_LONGEST_SWEEP, _LONGEST_SWEEP).astype(np.float32)
    return np.zeros(len(values), np.float32)


def _row_step(message: PointCloud2) -> int:
    """Bytes from one row of a cloud to the next."""
    given, size = int(message.row_step), len(message.data)
    tight = int(message.width) * int(message.point_step)
    padded = message.height > 1 and given > tight
    # The last row's padding may be left out.
    if padded and size >= given * (message.height - 1) + tight:
        return given
    if size < tight * message.height or (padded and size != tight * message.height):
        raise GeometryError(
            f"{message.header.frame_id}: {size} bytes do not hold a point cloud of {message.height} rows of "
            f"{message.width} points of {message.point_step} bytes (row_step {given}): part of it is lost, "
            f"or the driver's sizes are wrong"
        )
    return tight


def transform(pose: Pose, parent: str, child: str, stamp: int) -> TransformStamped:
    """The pose of `child` in `parent`."""
    x, y, z = (float(value) for value in pose.translation)
    qw, qx, qy, qz = (float(value) for value in pose.quaternion)
    message = TransformStamped(header=header(stamp, parent), child_frame_id=child)
    message.transform.translation = Vector3(x=x, y=y, z=z)
    message.transform.rotation = Quaternion(x=qx, y=qy, z=qz, w=qw)
    return message


def pose_from_transform(message: TransformStamped) -> Pose:
    """Pose of the child frame in the header's frame.

    Raises:
        GeometryError: a quaternion of zero length or a number that is not finite.
    """
    q, t = message.transform.rotation, message.transform.translation
    return Pose.from_quaternion((q.w, q.x, q.y, q.z), (t.x, t.y, t.z))


def pose_from_odometry(message: Odometry) -> Pose:
    """Pose of the child frame in the header's frame.

    Raises:
        GeometryError: a quaternion of zero length or a number that is not finite.
    """
    q, p = message.pose.pose.orientation, message.pose.pose.position
    return Pose.from_quaternion((q.w, q.x, q.y, q.z), (p.x, p.y, p.z))


def occupancy_grid(
    occupancy: np.ndarray, grid: BevGrid, stamp: int, frame: str = "base_link"
) -> OccupancyGrid:
    """Wrap (nx, ny) int8 cells, 0 to 100 or -1, indexed [x, y].

    The message is row-major with x along a row, so the array is transposed on the way.
    """
    message = OccupancyGrid(header=header(stamp, frame), data=to_array(occupancy.T.astype(np.int8), "b"))
    message.info.map_load_time = message.header.stamp
    message.info.resolution = float(grid.resolution)
    message.info.width, message.info.height = grid.shape
    message.info.origin.position.x = float(grid.x_min)
    message.info.origin.position.y = float(grid.y_min)
    message.info.origin.orientation.w = 1.0
    return message


def cells_from_grid(message: OccupancyGrid) -> tuple[np.ndarray, BevGrid]:
    """(nx, ny) int8 cells indexed [x, y], and the grid they are over.

    Raises:
        GeometryError: data that does not fit width and height, or a resolution of zero.
    """
    width, height = message.info.width, message.info.height
    if len(message.data) != width * height:
        raise GeometryError(f"occupancy grid of {width}x{height} cells holds {len(message.data)} values")
    origin = message.info.origin.position
    resolution = round(float(message.info.resolution), 6)  # float32 on the wire
    grid = BevGrid(
        origin.x, origin.x + width * resolution, origin.y, origin.y + height * resolution, resolution
    )
    return np.frombuffer(message.data, np.int8).reshape(height, width).T.copy(), grid


def box_markers(boxes: Iterable[Box], stamp: int, frame: str = "base_link") -> MarkerArray:
    """Translucent cubes, one a box, after a marker that deletes the previous ones."""
    markers = [Marker(header=header(stamp, frame), action=Marker.DELETEALL)]
    for index, box in enumerate(boxes):
        marker = Marker(header=header(stamp, frame), ns=box.category, id=index, type=Marker.CUBE)
        x, y, z = (float(value) for value in box.pose.translation)
        qw, qx, qy, qz = (float(value) for value in box.pose.quaternion)
        marker.pose.position = Point(x=x, y=y, z=z)
        marker.pose.orientation = Quaternion(x=qx, y=qy, z=qz, w=qw)
        marker.scale = Vector3(**dict(zip("xyz", map(float, box.size), strict=True)))
        red, green, blue = _box_color(box.category)
        marker.color = ColorRGBA(r=red, g=green, b=blue, a=0.5)
        markers.append(marker)
    return MarkerArray(markers=markers)


def velocity_markers(boxes: Iterable[Box], stamp: int, frame: str = "base_link") -> MarkerArray:
    """A line for each box whose velocity is known, as far as it gets in a second; ids are `box_markers`'."""
    markers = [Marker(header=header(stamp, frame), action=Marker.DELETEALL)]
    for index, box in enumerate(boxes):
        if box.velocity is None or not np.isfinite(box.velocity).all():
            continue
        marker = Marker(header=header(stamp, frame), ns="velocity", id=index, type=Marker.LINE_LIST)
        tail = np.asarray(box.pose.translation, np.float64)
        head = tail + np.append(np.asarray(box.velocity, np.float64)[:2], 0.0)
        marker.points = [Point(**dict(zip("xyz", map(float, end), strict=True))) for end in (tail, head)]
        marker.pose.orientation.w = 1.0
        marker.scale.x = 0.15
        marker.color = ColorRGBA(r=0.25, g=0.88, b=0.75, a=0.9)
        markers.append(marker)
    return MarkerArray(markers=markers)


def boxes_from_markers(message: MarkerArray, velocities: MarkerArray | None = None) -> list[Box]:
    """Boxes of the cubes that `box_markers` makes, in the markers' frame; other markers are left out.

    They do not say how many returns are inside, and nothing of velocities, unless `velocity_markers` of the
    same boxes are given.

    Raises:
        GeometryError: a cube whose orientation is no rotation.
    """
    boxes = []
    ways = {
        marker.id: np.array([end.x - start.x, end.y - start.y])
        for marker in (velocities.markers if velocities is not None else ())
        if marker.type == Marker.LINE_LIST and len(marker.points) == 2
        for start, end in [marker.points]
    }
    for marker in message.markers:
        if marker.action != Marker.ADD or marker.type != Marker.CUBE:
            continue
        p, q, size = marker.pose.position, marker.pose.orientation, marker.scale
        pose = Pose.from_quaternion((q.w, q.x, q.y, q.z), (p.x, p.y, p.z))
        box = Box(pose, np.array([size.x, size.y, size.z]), marker.ns, num_lidar_pts=-1)
        boxes.append(box if marker.id not in ways else replace(box, velocity=ways[marker.id]))
    return boxes


def _box_color(category: str) -> tuple[float, float, float]:
    colors = {VEHICLE: _VEHICLE_COLOR, TWO_WHEELER: _VEHICLE_COLOR, PERSON: _PERSON_COLOR}
    return colors.get(kind_of(category), _OBJECT_COLOR)


def diagnostic_status(
    name: str, level: bytes, message: str, values: Mapping[str, object], hardware_id: str = "lss_bev"
) -> DiagnosticStatus:
    """One line of /diagnostics; floats are shown with four significant digits."""
    return DiagnosticStatus(
        level=level,
        name=name,
        message=message,
        hardware_id=hardware_id,
        values=[KeyValue(key=key, value=_text(value)) for key, value in values.items()],
    )


def diagnostic_values(status: DiagnosticStatus) -> dict[str, str]:
    """The key-value pairs of a status."""
    return {pair.key: pair.value for pair in status.values}


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_text(item) for item in value)
    return str(value)
