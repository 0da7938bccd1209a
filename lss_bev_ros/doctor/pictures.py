"""What the doctor draws: which camera sees which part of the grid, and the LiDAR in each camera's picture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from .. import files
from ..errors import GeometryError
from ..geometry import BevGrid
from .coverage import cells_seen
from .recording import CameraRecord, Recording

_SCALE = 4
"""Pixels of a cell."""

_WIDEST = 1600
"""Pixels of a picture with LiDAR, at most."""

_NEAR, _FAR = 2.0, 50.0
"""Metres of the two ends of the colours; equal ratios of distance are equal steps."""

_GROUND = (32, 34, 38)
_INK = (235, 235, 235)


def write_pictures(recording: Recording, folder: Path) -> list[Path]:
    """Draw everything that can be drawn.

    Args:
        recording: with whole pictures.
        folder: made where it is missing; files of the same names are replaced.

    Returns:
        the files.

    Raises:
        GeometryError: the folder or a file cannot be written.
    """
    pictures = {"coverage.png": coverage_picture(recording)}
    for record in recording.cameras:
        if record.picture is not None:
            name = record.name.strip("/").replace("/", "_")
            pictures[f"lidar_{name}.jpg"] = lidar_picture(recording, record, record.picture)
    written = []
    for name, picture in pictures.items():
        _, encoded = cv2.imencode(Path(name).suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        written.append(files.write(folder / name, encoded.tobytes(), GeometryError, "choose another -o"))
    return written


def coverage_picture(recording: Recording, grid: BevGrid | None = None) -> np.ndarray:
    """(H, W, 3) uint8 RGB: the grid from above, forward up, each camera's part in its colour."""
    grid = grid or BevGrid()
    mounted = [record for record in recording.cameras if record.mounted and record.camera is not None]
    total = np.zeros((*grid.shape, 3))
    count = np.zeros(grid.shape)
    shares = {}
    for index, record in enumerate(mounted):
        assert record.camera is not None
        seen = cells_seen(record.camera, grid)
        shares[record.name] = float(seen.mean())
        total[seen] += _color(index, len(mounted))
        count[seen] += 1
    cells = np.where(count[..., None] > 0, total / np.maximum(count, 1)[..., None], _GROUND)
    # Two cameras at once are lighter.
    cells = np.where(count[..., None] > 1, cells * 0.75 + 64, cells).astype(np.uint8)
    picture = cv2.resize(cells[::-1, ::-1], None, fx=_SCALE, fy=_SCALE, interpolation=cv2.INTER_NEAREST)
    width = picture.shape[1]

    def place(x: float, y: float) -> tuple[int, int]:
        return (
            round((grid.y_max - y) / grid.resolution * _SCALE),
            round((grid.x_max - x) / grid.resolution * _SCALE),
        )

    for radius in range(10, 100, 10):
        cv2.circle(
            picture, place(0, 0), round(radius / grid.resolution * _SCALE), (70, 72, 78), 1, cv2.LINE_AA
        )
    cv2.arrowedLine(picture, place(0, 0), place(5, 0), _INK, 2, cv2.LINE_AA, tipLength=0.3)
    for record in mounted:
        assert record.camera is not None
        x, y = record.camera.pose.translation[:2]
        axis = record.camera.pose.rotation[:2, 2]
        cv2.line(picture, place(x, y), place(*(np.array([x, y]) + 3.0 * axis)), _INK, 1, cv2.LINE_AA)
        cv2.circle(picture, place(x, y), 3, _INK, -1, cv2.LINE_AA)
    legend = np.full((30 + 24 * (len(recording.cameras) + 1), width, 3), 18, np.uint8)
    union = float((count > 0).mean())
    lines = [(f"together {100 * union:.0f} % of the grid; circles every 10 m, forward is up", _INK)]
    for record in recording.cameras:
        if record.name in shares:
            index = [one.name for one in mounted].index(record.name)
            lines.append((f"{record.name}: {100 * shares[record.name]:.1f} %", _color(index, len(mounted))))
        else:
            lines.append((f"{record.name}: viewing direction unknown", (150, 150, 150)))
    for index, (text, color) in enumerate(lines):
        _write(legend, text, (12, 26 + 24 * index), color)
    return np.concatenate([picture, legend], axis=0)


def lidar_picture(recording: Recording, record: CameraRecord, picture: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 RGB: a camera's picture with the LiDAR's returns in it, near red, far blue."""
    scale = min(1.0, _WIDEST / picture.shape[1])
    drawn = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    drawn = np.ascontiguousarray((drawn * 0.75).astype(np.uint8))
    said = "no LiDAR to draw"
    points = _points(recording, record)
    if record.camera is None or not record.mounted:
        said = "viewing direction unknown, so no LiDAR can be drawn"
    elif points is not None:
        pixels, depth = record.camera.project(points)
        size = np.array([drawn.shape[1] / record.camera.width, drawn.shape[0] / record.camera.height])
        pixels = (pixels + 0.5) * size - 0.5
        with np.errstate(invalid="ignore"):
            inside = (depth > 0.5) & (pixels > 0).all(axis=1)
            inside &= (pixels < [drawn.shape[1], drawn.shape[0]]).all(axis=1)
        order = np.flatnonzero(inside)[np.argsort(-depth[inside])]
        colors = _depth_colors(depth[order])
        radius = max(1, round(drawn.shape[1] / 600))
        for (u, v), color in zip(np.rint(pixels[order]).astype(int), colors.tolist(), strict=True):
            cv2.circle(drawn, (int(u), int(v)), radius, color, -1)
        said = f"{len(order)} returns; red {_NEAR:.0f} m, blue {_FAR:.0f} m and more"
    bar = np.full((34, drawn.shape[1], 3), 18, np.uint8)
    _write(bar, f"{record.name}: {said}", (10, 23), _INK)
    return np.concatenate([drawn, bar], axis=0)


def _points(recording: Recording, record: CameraRecord) -> np.ndarray | None:
    """The scan nearest to a camera's picture, in the base frame at the picture's time."""
    lidar = next((one for one in recording.lidars if one.pose is not None and one.clouds), None)
    if lidar is None or lidar.pose is None:
        return None
    cloud = min(lidar.clouds, key=lambda one: abs(one.stamp - record.pictured))
    points = lidar.pose.apply(cloud.points.astype(np.float64))
    then, at = recording.ego_at(record.pictured), recording.ego_at(cloud.stamp)
    return points if then is None or at is None else (then.inverse() @ at).apply(points)


def _depth_colors(depth: np.ndarray) -> np.ndarray:
    """(N, 3) uint8 RGB."""
    share = np.log(np.maximum(depth, 0.1) / _NEAR) / np.log(_FAR / _NEAR)
    level = (255 * (1.0 - np.clip(share, 0.0, 1.0))).astype(np.uint8)
    return (
        cv2.applyColorMap(level[:, None], cv2.COLORMAP_TURBO)[:, 0, ::-1] if len(level) else np.empty((0, 3))
    )


def _color(index: int, count: int) -> tuple[int, int, int]:
    hue = np.array([[[round(179 * index / max(count, 1)), 150, 215]]], np.uint8)
    red, green, blue = cv2.cvtColor(hue, cv2.COLOR_HSV2RGB)[0, 0].tolist()
    return red, green, blue


def _write(picture: np.ndarray, text: str, at: tuple[int, int], color: tuple[int, int, int]) -> None:
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.55, color, 1, cv2.LINE_AA)
