"""Things with a class, a place, a size, a heading and a velocity (Yin et al., "CenterPoint", section 4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from ..errors import ModelError
from ..geometry import BevGrid, Box, Pose
from ..model.heads import BOX_NUMBERS
from ..model.senses import DETECTED

THRESHOLD = 0.1
"""Least score of what is found, as nuScenes' detectors report it; a consumer chooses a higher one."""

LIMIT = 200
"""Things found at most."""

NEAR = 0.4
"""Metres: two centres of one class that are nearer are one thing, however small it is."""

OVERLAP = 0.7
"""Share of a thing's footprint in which no other centre of its class can lie."""

MOVES = 0.2
"""Metres a second above which a thing is said to move."""

_CANDIDATES = 500
_LARGEST_LOG = 5.0
_CERTAIN = 8.0
"""Logit that `encode` writes where a thing is, and its negative elsewhere."""


@dataclass(frozen=True, eq=False)
class Detections:
    """N things, the surest first, all float32 and in base_link at the frame's stamp.

    Attributes:
        classes: (N,) int64, index in `senses.DETECTED`.
        scores: (N,), 0 to 1.
        centers: (N, 3) metres.
        sizes: (N, 3) length (x), width (y), height (z), metres.
        yaws: (N,) radians, 0 along x, counter-clockwise.
        velocities: (N, 2) metres a second over ground, along base_link's axes.
    """

    classes: np.ndarray
    scores: np.ndarray
    centers: np.ndarray
    sizes: np.ndarray
    yaws: np.ndarray
    velocities: np.ndarray

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def names(self) -> list[str]:
        """Of the classes, one a thing."""
        return [DETECTED[number] for number in self.classes]

    @property
    def attributes(self) -> list[str]:
        """What each thing does, in nuScenes' words, see `attribute_of`."""
        speeds = np.linalg.norm(self.velocities, axis=1)
        return [attribute_of(name, float(speed)) for name, speed in zip(self.names, speeds, strict=True)]

    def above(self, score: float) -> Detections:
        """Those of at least a score."""
        return self[self.scores >= score]

    def __getitem__(self, index: np.ndarray | slice) -> Detections:
        """The things of an index (N,) bool or integer, or of a slice."""
        return Detections(
            self.classes[index],
            self.scores[index],
            self.centers[index],
            self.sizes[index],
            self.yaws[index],
            self.velocities[index],
        )

    def boxes(self) -> list[Box]:
        """As the boxes that annotations are, one a thing."""
        return [
            Box(
                Pose.from_yaw(float(yaw), center.astype(np.float64)),
                size.astype(np.float64),
                name,
                velocity=velocity.astype(np.float64),
                num_lidar_pts=-1,
                attribute=attribute,
            )
            for name, center, size, yaw, velocity, attribute in zip(
                self.names,
                self.centers,
                self.sizes,
                self.yaws,
                self.velocities,
                self.attributes,
                strict=True,
            )
        ]


def attribute_of(name: str, speed: float) -> str:
    """What a thing does, told from its class and speed alone, as published detectors tell it.

    CenterPoint (det3d/datasets/nuscenes/nuscenes.py) and, after it, mmdetection3d's LiDAR detectors learn
    no attributes either: they write what nuScenes' annotators say most often of such a thing.

    | class | above 0.2 m/s | else |
    |---|---|---|
    | car, truck, construction_vehicle, trailer | vehicle.moving | vehicle.parked |
    | bus | vehicle.moving | vehicle.stopped |
    | motorcycle, bicycle | cycle.with_rider | cycle.without_rider |
    | pedestrian | pedestrian.moving | pedestrian.standing |
    | barrier, traffic_cone | none | none |

    Args:
        name: of `senses.DETECTED`.
        speed: metres a second; of one that is NaN nothing is said.
    """
    moving = speed > MOVES
    if name in ("barrier", "traffic_cone") or np.isnan(speed):
        return ""
    if name == "pedestrian":
        return "pedestrian.moving" if moving else "pedestrian.standing"
    if name in ("motorcycle", "bicycle"):
        return "cycle.with_rider" if moving else "cycle.without_rider"
    if moving:
        return "vehicle.moving"
    return "vehicle.stopped" if name == "bus" else "vehicle.parked"


def decode(head: torch.Tensor, grid: BevGrid, threshold: float = THRESHOLD, limit: int = LIMIT) -> Detections:
    """Read things off the boxes head.

    A thing is where a class's heatmap is highest among its eight neighbours. Of things of one class, those
    whose centre lies within a surer one's footprint are left out: a rotated non-maximum suppression that
    leaves alone what stands side by side.

    Args:
        head: (20, nx, ny) of one frame, as `BoxesHead` gives it, on any device, in any precision.
        grid: the cells.
        threshold: least score, above 0.
        limit: things at most.

    Raises:
        ModelError: a tensor of another shape.
    """
    count, numbers = len(DETECTED), len(BOX_NUMBERS)
    if head.shape != (count + numbers, *grid.shape):
        raise ModelError(f"a boxes head gives {(count + numbers, *grid.shape)}, not {tuple(head.shape)}")
    heat = torch.nan_to_num(head[:count].float(), nan=-torch.inf).sigmoid()
    peak = heat == F.max_pool2d(heat[None], kernel_size=3, stride=1, padding=1)[0]
    nx, ny = grid.shape
    scores, places = torch.where(peak, heat, 0.0).flatten().topk(min(_CANDIDATES, heat.numel()))
    classes, cells = places // (nx * ny), places % (nx * ny)
    read = head[count:].float().flatten(1)[:, cells]
    offset_x, offset_y, z, length, width, height, sin, cos, velocity_x, velocity_y = read
    x = grid.x_min + (cells // ny + 0.5 + offset_x) * grid.resolution
    y = grid.y_min + (cells % ny + 0.5 + offset_y) * grid.resolution
    sizes = torch.stack((length, width, height), 1).clamp(-_LARGEST_LOG, _LARGEST_LOG).exp()
    yaw = torch.atan2(sin, cos)
    rows = torch.cat(
        (torch.stack((scores, x, y, z, yaw, velocity_x, velocity_y), 1), sizes, classes[:, None].float()), 1
    )
    good = (scores >= max(threshold, 1e-6)) & rows.isfinite().all(1)
    kept = good & _surest(torch.nan_to_num(rows), good)
    found = rows[kept][:limit].cpu().numpy()
    return Detections(
        classes=found[:, 10].astype(np.int64),
        scores=found[:, 0],
        centers=found[:, 1:4],
        sizes=found[:, 7:10],
        yaws=found[:, 4],
        velocities=found[:, 5:7],
    )


def _surest(rows: torch.Tensor, good: torch.Tensor) -> torch.Tensor:
    """Which of (K, 11) candidates, the surest first, no surer one of their class hides: (K,) bool."""
    x, y, yaw, classes = rows[:, 1], rows[:, 2], rows[:, 4], rows[:, 10]
    across, along = y[None] - y[:, None], x[None] - x[:, None]
    cos, sin = yaw.cos()[:, None], yaw.sin()[:, None]
    ahead, aside = (cos * along + sin * across).abs(), (cos * across - sin * along).abs()
    half = rows[:, 7:9] * (OVERLAP / 2)
    within = (ahead <= half[:, :1]) & (aside <= half[:, 1:])
    # hides[i, j]: where i is there, j is not.
    hides = (within | (torch.hypot(along, across) < NEAR)) & (classes[:, None] == classes[None])
    hides = hides.triu(diagonal=1) & good[:, None]
    kept = torch.ones_like(good)
    # One by one, the surest first, would be a step a candidate; all at once it is one a link of the longest
    # chain, and where nothing changes any more the two are the same.
    while True:
        now = ~(hides & kept[:, None]).any(0)
        if bool((now == kept).all()):
            return kept
        kept = now


def encode(things: Detections, grid: BevGrid) -> torch.Tensor:
    """The head's tensor that `decode` reads these things off; those outside of the grid are left out.

    Returns:
        (20, nx, ny) float32: a logit of 8 at each thing's cell and -8 elsewhere, scores are not kept. Where
        two things of any classes share a cell, its numbers are the surer one's.
    """
    count = len(DETECTED)
    head = np.zeros((count + len(BOX_NUMBERS), *grid.shape), np.float32)
    head[:count] = -_CERTAIN
    index, inside = grid.cells(things.centers)
    for number in np.flatnonzero(inside)[::-1]:
        i, j = index[number]
        x, y, z = things.centers[number]
        head[things.classes[number], i, j] = _CERTAIN
        head[count:, i, j] = (
            (x - grid.x_min) / grid.resolution - i - 0.5,
            (y - grid.y_min) / grid.resolution - j - 0.5,
            z,
            *np.log(things.sizes[number]),
            np.sin(things.yaws[number]),
            np.cos(things.yaws[number]),
            *things.velocities[number],
        )
    return torch.from_numpy(head)
