"""One picture of one moment: the cameras and every answer of a multi-sense network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from ..answers.overlay import project_lines
from ..geometry import BevGrid, Box, Rig
from ..geometry.box import corners_of
from ..geometry.vehicle import RENAULT_ZOE
from ..images import preview
from . import palette
from .bev import bev_image, bev_pixels, grid_picture
from .layers import LAYER_COLORS, PLAN, PROMPT, PROMPTS, layer_colors
from .overlay import CameraOverlay
from .palette import Color
from .space import View, lattice, voxel_image

if TYPE_CHECKING:
    from ..answers.boxes import Detections
    from ..answers.lanes import TracedLine
    from ..answers.plan import PathPlan
    from ..answers.segmentation import Segmentation
    from ..answers.voxels import OccupiedVoxels

LEAST_SCORE = 0.3
"""Of objects that are drawn, as on the dashboard."""

_GAP = 12
_HEAD, _LEGEND = 30, 44
_PLAIN = ("car", "pedestrian")
"""Classes that a box's colour tells well enough."""

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
        prompts: text to where it is, as a layer.
        cost: (nx, ny) integers, -1 unknown, 0 for the cheapest cells to 100 for the dearest.
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
    prompts: Mapping[str, np.ndarray] = field(default_factory=dict)
    cost: np.ndarray | None = None
    title: str = ""

    @property
    def vehicles(self) -> np.ndarray:
        """(nx, ny) the vehicles' layer, unknown where there is none."""
        return self.layers.get("vehicle", np.full(self.grid.shape, -1, np.int8))


class Answered(Protocol):
    """What a multi-sense network says of a moment, such as `runtime.multi_sense.answers.Answers`."""

    @property
    def grid(self) -> BevGrid:
        """The cells."""

    @property
    def reached(self) -> np.ndarray:
        """(nx, ny) bool, where a sense reaches."""

    @property
    def segmentation(self) -> Segmentation | None:
        """Layers of the map."""

    @property
    def boxes(self) -> Detections | None:
        """Things."""

    @property
    def occupancy(self) -> OccupiedVoxels | None:
        """Voxels."""

    @property
    def lanes(self) -> Mapping[str, Sequence[TracedLine]] | None:
        """Lines by layer."""

    @property
    def plan(self) -> PathPlan | None:
        """Where to go, and what it costs."""


def shown_moment(
    answers: Answered,
    rig: Rig | None = None,
    images: Mapping[str, np.ndarray | bytes] | None = None,
    similarities: Mapping[str, np.ndarray] | None = None,
    title: str = "",
    least_score: float = LEAST_SCORE,
) -> ShownMoment:
    """What to draw of a network's answers; those that it was not asked for are left out.

    Args:
        answers: of one moment.
        rig: calibrated cameras.
        images: camera name to (height, width, 3) uint8 RGB or a file.
        similarities: text to (nx, ny) how probable it is that a cell is what it names, 0 to 1.
        title: the head line.
        least_score: of objects that are drawn.
    """
    from ..answers.segmentation import PRIORITY  # with it comes torch

    maps, plan = answers.segmentation, answers.plan
    return ShownMoment(
        grid=answers.grid,
        rig=rig or Rig(()),
        images=images or {},
        layers={} if maps is None else {name: maps[name] for name in PRIORITY},
        objects=[] if answers.boxes is None else answers.boxes.above(least_score).boxes(),
        lines={name: [line.points for line in lines] for name, lines in (answers.lanes or {}).items()},
        plan=None if plan is None else plan.best,
        voxels=None if answers.occupancy is None else shown_voxels(answers.occupancy),
        prompts={text: _percents(each, answers.reached) for text, each in (similarities or {}).items()},
        cost=None if plan is None else plan.percents,
        title=title,
    )


def shown_voxels(voxels: OccupiedVoxels) -> ShownVoxels:
    """Voxels in the colours of their classes."""
    from ..answers.voxels import COLORS  # with it comes torch

    places = lattice(voxels.centers)
    return ShownVoxels(places.cells, COLORS[voxels.classes], places.low, places.size)


def moment_sheet(moment: ShownMoment, width: int = 1920) -> np.ndarray:
    """Compose the picture: cameras above, and below side by side map, cost, words and voxels.

    Args:
        moment: what is known; a panel of what is missing says so.
        width: pixels, even.

    Returns:
        (height, width, 3) uint8 RGB; the height is even too, as video wants it.
    """
    tile = (width - 4 * _GAP) // 3
    cameras = [camera.name for camera in moment.rig.cameras]
    rows = [cameras[at : at + 3] for at in range(0, len(cameras), 3)]
    high = round(tile * 9 / 16)
    panels = _panels(moment)
    panel = (width - (len(panels) + 1) * _GAP) // len(panels)
    top = _HEAD + len(rows) * (high + _GAP) + _LEGEND
    page = np.full(((top + panel + _GAP + 1) // 2 * 2, width, 3), palette.PAGE, np.uint8)
    _write(page, moment.title, (_GAP, 21))
    for row, names in enumerate(rows):
        for column, name in enumerate(names):
            place = (_HEAD + row * (high + _GAP), _GAP + column * (tile + _GAP))
            picture = camera_picture(moment, name, tile)
            part = page[place[0] : place[0] + high, place[1] : place[1] + tile]
            part[...] = palette.PANEL if picture is None else cv2.resize(picture, (tile, high))
            _write(part, name if picture is not None else f"{name}: no image", (8, 18))
    for column, (labels, draw) in enumerate(panels):
        left = _GAP + column * (panel + _GAP)
        picture = draw(panel)
        part = page[top : top + panel, left : left + panel]
        part[...] = palette.PANEL if picture is None else _square(picture, panel)
        _write_in_colors(page[:top, : left + panel], labels, (left, top - _LEGEND + 18))
    return page


_Labels = Sequence[tuple[str, Color]]


def _panels(moment: ShownMoment) -> list[tuple[_Labels, Callable[[int], np.ndarray | None]]]:
    """What stands below the cameras: words in their colours, and what draws a picture for so many pixels."""
    grid, voxels = moment.grid, moment.voxels

    def scale(side: int) -> int:
        return max(2, -(-side // max(grid.shape)))

    def title(text: str, there: bool = True) -> tuple[str, Color]:
        return text if there else f"no {text}", palette.TEXT

    layers = [
        (name.replace("_", " "), _legible(LAYER_COLORS[name]))
        for name in LAYER_COLORS
        if name in moment.layers
    ]
    words = [
        (f'"{text}"', _legible(PROMPTS[number % len(PROMPTS)])) for number, text in enumerate(moment.prompts)
    ]
    costs = [("cheap", (150, 110, 190)), ("dear", (255, 236, 158))]
    return [
        ([title("map"), *layers], lambda side: map_picture(moment, scale(side))),
        (
            [title("cost", moment.cost is not None), *(costs if moment.cost is not None else ())],
            lambda side: None if moment.cost is None else cost_picture(moment, scale(side)),
        ),
        (
            [title("words", bool(words)), *words],
            lambda side: grid_picture(_word_colors(moment), grid, scale(side)) if words else None,
        ),
        (
            [title("voxels", voxels is not None)],
            lambda side: None if voxels is None else _voxels(voxels, side),
        ),
    ]


def _word_colors(moment: ShownMoment) -> np.ndarray:
    # A text may be called as a layer is, and is no layer.
    return layer_colors({f'"{text}"': where for text, where in moment.prompts.items()}, moment.grid)


def _percents(similarity: np.ndarray, reached: np.ndarray) -> np.ndarray:
    """(nx, ny) int8 of a layer: probabilities 0 to 1 as 0 to 100, -1 where no sense reaches."""
    known = reached & np.isfinite(similarity)
    shares = np.clip(np.where(known, similarity, 0.0), 0.0, 1.0)
    percents: np.ndarray = np.where(known, np.floor(shares * 100), -1).astype(np.int8)
    return percents


def _square(picture: np.ndarray, side: int) -> np.ndarray:
    """A picture in a square, the longer side filling it."""
    if picture.shape[:2] == (side, side):
        return picture
    shrink = side / max(picture.shape[:2])
    height, width = (max(1, round(length * shrink)) for length in picture.shape[:2])
    page = np.full((side, side, 3), palette.PANEL, np.uint8)
    page[:height, :width] = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
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
        _line(picture, points, grid, scale, color, thick, closed)

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
        name = box.category.rpartition(".")[2]
        label = "" if name in _PLAIN else name
        if speed >= _SLOWEST:
            draw(np.stack([middle[:2], middle[:2] + velocity]), palette.TEXT, 1)
            label = f"{label} {speed:.1f} m/s".strip()
        at = bev_pixels(corners[:4], grid, scale).max(axis=0)
        _write(picture, label, (int(at[0]) + 2, int(at[1])), 0.35)
    return picture


def cost_picture(moment: ShownMoment, scale: int = 5) -> np.ndarray:
    """The cost of each cell, dark where it is cheap, and the plan.

    Returns:
        (nx * scale, ny * scale, 3) uint8 RGB, x forward is up.
    """
    cost = np.full(moment.grid.shape, -1, np.int8) if moment.cost is None else moment.cost
    picture = bev_image(cost, moment.grid, scale)
    if moment.plan is not None:
        _line(picture, _driven(moment.plan), moment.grid, scale, PLAN, 3)
    return picture


def _line(
    picture: np.ndarray,
    points: np.ndarray,
    grid: BevGrid,
    scale: int,
    color: Color,
    thick: int,
    closed: bool = False,
) -> None:
    """Draw a line of base_link into a picture of the grid, in place."""
    pixels = np.round((bev_pixels(points, grid, scale) - 0.5) * 16).astype(np.int32)
    cv2.polylines(picture, [pixels], closed, color, thick, cv2.LINE_AA, 4)


def _driven(plan: np.ndarray) -> np.ndarray:
    """The way from where the car's front is; from the car's origin it would lie under its own nose."""
    start = np.array([[RENAULT_ZOE.outline[0][0], 0.0]])
    ahead = plan[plan[:, 0] > start[0, 0]]
    return np.concatenate([start, ahead])


def _voxels(voxels: ShownVoxels, side: int) -> np.ndarray:
    picture = voxel_image(voxels.cells, voxels.colors, voxels.low, voxels.size, (side, side), View())
    car = np.column_stack([RENAULT_ZOE.outline, np.full(4, 1.5)])
    outline = np.round((View().project(car, (side, side))[:, :2] - 0.5) * 16).astype(np.int32)
    cv2.fillConvexPoly(picture, outline, palette.EGO, cv2.LINE_AA, 4)
    return picture


def _legible(color: Color) -> Color:
    """A colour that can be read on the page."""
    light = max(1.0, 150 / max(color))
    red, green, blue = (min(255, round(value * light)) for value in color)
    return red, green, blue


def _write_in_colors(page: np.ndarray, labels: _Labels, place: tuple[int, int]) -> None:
    """Write words one after the other, each in its colour, in place, on a second line where one is full."""
    left, base = place
    for number, (text, color) in enumerate(labels):
        size = 0.36 if number else 0.5
        wide = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)[0][0]
        if left + wide > page.shape[1]:
            left, base = place[0], base + 16
        cv2.putText(page, text, (left, base), cv2.FONT_HERSHEY_SIMPLEX, size, color, 1, cv2.LINE_AA)
        left += wide + 10


def _write(picture: np.ndarray, text: str, place: tuple[int, int], size: float = 0.5) -> None:
    """Put small letters with a dark edge into a picture, in place."""
    for color, thickness in ((palette.PAGE, 3), (palette.TEXT, 1)):
        cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, color, thickness, cv2.LINE_AA)
