"""One picture of one moment: the cameras and every answer of a multi-sense network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from ..answers.overlay import project_lines
from ..geometry import BevGrid, Box, Rig
from ..geometry.box import corners_of
from ..geometry.vehicle import RENAULT_ZOE
from ..images import preview
from . import palette
from .bev import bev_pixels, grid_picture
from .layers import LAYER_COLORS, PLAN, PROMPT, layer_colors
from .overlay import CameraOverlay
from .palette import Color
from .space import View, voxel_image

_GAP = 12
_HEAD = 30
_SLOWEST = 0.5
"""Metres a second from which a thing has an arrow."""


@dataclass(frozen=True, eq=False)
class ShownVoxels:
    """Occupied voxels to draw; see `space.voxel_image`."""

    cells: np.ndarray
    colors: np.ndarray
    low: tuple[float, float, float]
    size: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class ShownMoment:
    """What is known of one moment; whatever is missing is not drawn.

    Attributes:
        grid: cells of the layers.
        rig: calibrated cameras.
        images: camera name to (height, width, 3) uint8 RGB or a file.
        layers: name to (nx, ny) integers, -1 unknown, 0 to 100 percent.
        objects: things in base_link, with class and velocity.
        lines: layer to lines (N, 2), metres, base_link.
        plan: (N, 2) places of the car, metres, base_link.
        voxels: what is occupied.
        prompt: a text, and where it is, as a layer.
        title: the head line.
    """

    grid: BevGrid
    rig: Rig = field(default_factory=lambda: Rig(()))
    images: Mapping[str, np.ndarray | bytes] = field(default_factory=dict)
    layers: Mapping[str, np.ndarray] = field(default_factory=dict)
    objects: Sequence[Box] = ()
    lines: Mapping[str, Sequence[np.ndarray]] = field(default_factory=dict)
    plan: np.ndarray | None = None
    voxels: ShownVoxels | None = None
    prompt: tuple[str, np.ndarray] | None = None
    title: str = ""


def moment_sheet(moment: ShownMoment, width: int = 1920) -> np.ndarray:
    """Compose the picture: cameras, then map, words and voxels side by side.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    panel = (width - 4 * _GAP) // 3
    cameras = [camera.name for camera in moment.rig.cameras]
    rows = [cameras[at : at + 3] for at in range(0, len(cameras), 3)]
    high = round(panel * 9 / 16)
    height = _HEAD + len(rows) * (high + _GAP) + _HEAD + panel + 2 * _GAP
    page = np.full((height, width, 3), palette.PAGE, np.uint8)
    _write(page, moment.title, (_GAP, 21))
    for row, names in enumerate(rows):
        for column, name in enumerate(names):
            top, left = _HEAD + row * (high + _GAP), _GAP + column * (panel + _GAP)
            tile = page[top : top + high, left : left + panel]
            picture = camera_picture(moment, name, panel)
            tile[...] = palette.PANEL if picture is None else cv2.resize(picture, (panel, high))
            _write(tile, name if picture is not None else f"{name}: no image", (8, 18))
    top = _HEAD + len(rows) * (high + _GAP) + _HEAD
    prompt = moment.prompt
    parts = (
        ("map and objects", map_picture(moment)),
        (
            f"prompt: {prompt[0]}" if prompt else "no prompt",
            None
            if prompt is None
            else grid_picture(layer_colors({"prompt": prompt[1]}, moment.grid), moment.grid),
        ),
        ("voxels", _voxels(moment.voxels, panel)),
    )
    for column, (label, picture) in enumerate(parts):
        left = _GAP + column * (panel + _GAP)
        _write(page, label, (left, top - 9))
        if column == 0:
            _legend(page, moment, (left + 150, top - 9))
        tile = page[top : top + panel, left : left + panel]
        tile[...] = palette.PANEL if picture is None else cv2.resize(picture, (panel, panel))
    return page


def camera_picture(moment: ShownMoment, name: str, width: int) -> np.ndarray | None:
    """A camera's image with boxes, lines and the plan drawn into it; None without an image.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    camera = next(each for each in moment.rig.cameras if each.name == name)
    image = preview(moment.images.get(name), width)
    if image is None:
        return None
    size = (width, round(width * camera.height / camera.width))
    picture = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    paths = [(LAYER_COLORS.get(layer, PROMPT), list(lines), 1) for layer, lines in moment.lines.items()]
    if moment.plan is not None:
        paths.append((PLAN, [_driven(moment.plan)], 3))
    for color, lines, thick in paths:
        for pieces in project_lines(lines, camera, size):
            pixels = [np.round(piece * 16).astype(np.int32) for piece in pieces]
            cv2.polylines(picture, pixels, False, color, thick, cv2.LINE_AA, 4)
    return CameraOverlay(camera, moment.grid, size).draw(picture, None, moment.objects)


def map_picture(moment: ShownMoment, scale: int = 5) -> np.ndarray:
    """The grid with layers, lines, objects with their velocity, and the plan.

    Returns:
        (nx * scale, ny * scale, 3) uint8 RGB, x forward is up.
    """
    grid = moment.grid
    picture = grid_picture(layer_colors(moment.layers, grid), grid, scale)

    def draw(points: np.ndarray, color: Color, thick: int, closed: bool = False) -> None:
        pixels = np.round((bev_pixels(points, grid, scale) - 0.5) * 16).astype(np.int32)
        cv2.polylines(picture, [pixels], closed, color, thick, cv2.LINE_AA, 4)

    for layer, lines in moment.lines.items():
        for line in lines:
            draw(line, LAYER_COLORS.get(layer, PROMPT), 1)
    if moment.plan is not None:
        draw(_driven(moment.plan), PLAN, 3)
    for box, corners in zip(moment.objects, corners_of(moment.objects), strict=True):
        color = palette.box_color(box.category)
        draw(corners[:4], color, 2, closed=True)
        middle, front = corners[:4].mean(axis=0), corners[[0, 3]].mean(axis=0)
        draw(np.stack([middle, front]), color, 2)
        velocity = np.zeros(2) if box.velocity is None else np.asarray(box.velocity)[:2]
        speed = float(np.hypot(*velocity))
        label = box.category.rpartition(".")[2]
        if speed >= _SLOWEST:
            draw(np.stack([middle[:2], middle[:2] + velocity]), palette.TEXT, 1)
            label += f" {speed:.1f} m/s"
        at = bev_pixels(corners[:4], grid, scale).max(axis=0)
        _write(picture, label, (int(at[0]) + 2, int(at[1])), 0.35)
    return picture


def _driven(plan: np.ndarray) -> np.ndarray:
    """The way from where the car's front is; from the car's origin it would lie under its own nose."""
    start = np.array([[RENAULT_ZOE.outline[0][0], 0.0]])
    ahead = plan[plan[:, 0] > start[0, 0]]
    return np.concatenate([start, ahead])


def _voxels(voxels: ShownVoxels | None, side: int) -> np.ndarray | None:
    if voxels is None:
        return None
    picture = voxel_image(voxels.cells, voxels.colors, voxels.low, voxels.size, (side, side), View())
    car = np.column_stack([RENAULT_ZOE.outline, np.full(4, 1.5)])
    outline = np.round((View().project(car, (side, side))[:, :2] - 0.5) * 16).astype(np.int32)
    cv2.fillConvexPoly(picture, outline, palette.EGO, cv2.LINE_AA, 4)
    return picture


def _legend(page: np.ndarray, moment: ShownMoment, place: tuple[int, int]) -> None:
    """Name the layers that are there, each in its colour, in place."""
    left, base = place
    for name in (name for name in LAYER_COLORS if name in moment.layers):
        text = name.replace("_", " ")
        color = tuple(max(value, 90) for value in LAYER_COLORS[name])
        cv2.putText(page, text, (left, base), cv2.FONT_HERSHEY_SIMPLEX, 0.36, color, 1, cv2.LINE_AA)
        left += cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.36, 1)[0][0] + 10


def _write(picture: np.ndarray, text: str, place: tuple[int, int], size: float = 0.5) -> None:
    """Put small letters with a dark edge into a picture, in place."""
    for color, thickness in ((palette.PAGE, 3), (palette.TEXT, 1)):
        cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, color, thickness, cv2.LINE_AA)
