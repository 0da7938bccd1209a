"""Scores of planned paths against the one that was driven, and against what stood in the way.

A path is where base_link will be at equal steps of time, from the first step on; base_link now is (0, 0),
looking along x. Published numbers differ in what they call an error at 3 s: ST-P3 and VAD take the mean of
all steps up to there, UniAD that step alone. `ade_3` is the first, `fde_3` the second.

Collisions are of the car's own outline with the annotated boxes at that time. Published code (ST-P3's,
which others took over) moves the outline without turning it, over a raster of 0.5 m; here it is turned into
the path's direction, and swept: it is looked at every 0.1 m or quarter of a step, with the boxes moved
along between their places. What the driven path itself touches at that time is an error of the annotation,
and does not count.

| name | meaning |
|---|---|
| ade_1, ade_2, ade_3 | mean distance of all steps up to 1, 2, 3 s, metres |
| fde_1, fde_2, fde_3 | distance at 1, 2, 3 s, metres |
| collision_1, collision_2, collision_3 | share of plans that touch a box by then |
| off_road | share of plans with a corner of the car off the road, of those whose driven path has none |
| top_1, top_5, top_20 | share of frames whose best template is among so many (paper, section 4.4) |
| min_ade_5, min_ade_20 | `ade_3` of the best of so many |
| constant_ade_1 ... constant_off_road | the same of a car that keeps its velocity |
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import EvaluationError
from ..geometry import BevGrid, Box
from ..geometry.path import headings
from ..geometry.vehicle import RENAULT_ZOE, Vehicle
from .metrics import check_shape, ratio

HORIZONS = (1.0, 2.0, 3.0)
"""Seconds."""

BEST = (1, 5, 20)
"""How many templates may be looked at."""

_NEAR = 0.1
"""Metres of path between two looks at what the car touches."""


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What is around the car in a frame and the seconds to come, all in base_link at the frame.

    Attributes:
        boxes: the annotated boxes now and at each step of the future, one tuple a time, with the same
            `instance` from one time to the next.
        drivable: (nx, ny) bool, road now; None where nobody knows.
        grid: of `drivable`.
    """

    boxes: Sequence[Sequence[Box]] = ()
    drivable: np.ndarray | None = None
    grid: BevGrid | None = None


class PlanScore:
    """Compares planned with driven paths frame by frame."""

    def __init__(self, step: float = 0.5, ego: Vehicle = RENAULT_ZOE) -> None:
        """Prepare.

        Args:
            step: seconds between the places of a path.
            ego: outline of the car.
        """
        if not step > 0:
            raise EvaluationError(f"step {step} of paths must be above 0 s")
        self.step, self.ego = step, ego
        self.reset()

    def reset(self) -> None:
        """Forget all frames."""
        self._last: dict[str, tuple[float, int]] = {}
        self._sum: dict[str, tuple[float, int]] = {}
        self.frames = 0

    def merge(self, later: PlanScore) -> None:
        """Count the frames of a score of the same settings too, as if they came after these."""
        if later.frames:
            self._last = later._last
            for name, (value, count) in later._sum.items():
                total, frames = self._sum.get(name, (0.0, 0))
                self._sum[name] = (total + value, frames + count)
            self.frames += later.frames

    def update(
        self,
        plan: np.ndarray,
        driven: np.ndarray,
        velocity: np.ndarray | Sequence[float],
        around: Surroundings | None = None,
        templates: np.ndarray | None = None,
        costs: np.ndarray | None = None,
    ) -> dict[str, float]:
        """Count one frame.

        Args:
            plan: (T, 2) metres, places at each step.
            driven: (T, 2) the recorded ones, NaN where the recording ended; nothing is scored from there
                on.
            velocity: (2,) metres a second, of the car now.
            around: for collisions and the road.
            templates: (K, T, 2) paths that were chosen from.
            costs: (K,) of `templates`, the lower the better.

        Returns:
            The frame's metrics by name.
        """
        plan, driven = (np.asarray(path, np.float64) for path in (plan, driven))
        if plan.ndim != 2 or plan.shape[1:] != (2,) or plan.shape != driven.shape:
            raise EvaluationError(f"a plan {plan.shape} and a driven path {driven.shape} must both be (T, 2)")
        if not np.isfinite(plan).all():
            raise EvaluationError("a plan must be finite: it has a place at every step")
        steps = np.arange(1, len(plan) + 1)[:, None]
        constant = steps * self.step * np.asarray(velocity, np.float64)
        unknown = np.isnan(driven).any(1)
        known = int(unknown.argmax()) if unknown.any() else len(driven)
        values: dict[str, float] = {}
        around = around or Surroundings()
        for prefix, path in (("", plan), ("constant_", constant)):
            found = self._path(path[:known], driven[:known], around)
            values |= {f"{prefix}{name}": value for name, value in found.items()}
        if templates is not None:
            values |= self._templates(np.asarray(templates, np.float64), costs, driven, known)
        self._last = {name: (value, 1) for name, value in values.items() if not math.isnan(value)}
        for name, (value, one) in self._last.items():
            total, count = self._sum.get(name, (0.0, 0))
            self._sum[name] = (total + value, count + one)
        self.frames += 1
        return self.last

    @property
    def last(self) -> dict[str, float]:
        """Metrics of the newest frame by name; what could not be measured is absent."""
        return {name: ratio(*pair) for name, pair in self._last.items()}

    @property
    def running(self) -> dict[str, float]:
        """Means over the frames in which each was measured, by name."""
        return {name: ratio(*pair) for name, pair in self._sum.items()}

    def _path(self, path: np.ndarray, driven: np.ndarray, around: Surroundings) -> dict[str, float]:
        """Metrics of one path over the steps that were driven; NaN where not measured."""
        away = np.linalg.norm(path - driven, axis=1)
        result = {}
        touched = self._touched(path, driven, around.boxes)
        for horizon in HORIZONS:
            last = round(horizon / self.step)
            there = 0 < last <= len(path)
            result[f"ade_{horizon:g}"] = float(away[:last].mean()) if there else math.nan
            result[f"fde_{horizon:g}"] = float(away[last - 1]) if there else math.nan
            there &= len(around.boxes) > last
            result[f"collision_{horizon:g}"] = float(touched[:last].any()) if there else math.nan
        result["off_road"] = self._off_road(path, driven, around)
        return result

    def _touched(self, path: np.ndarray, driven: np.ndarray, boxes: Sequence[Sequence[Box]]) -> np.ndarray:
        """(T,) bool: whether the car touches a box on its way to a step, which the driven path does not."""
        touched = np.zeros(len(path), bool)
        whole = np.concatenate([np.zeros((1, 2)), path])
        true = np.concatenate([np.zeros((1, 2)), driven])
        ours, theirs = headings(whole), headings(true)
        reach = float(np.linalg.norm(self.ego.outline, axis=1).max())
        for k in range(min(len(path), len(boxes) - 1)):
            before = {box.instance: box for box in boxes[k] if box.instance}
            length = max(np.linalg.norm(whole[k + 1] - whole[k]), np.linalg.norm(true[k + 1] - true[k]))
            looks = max(4, math.ceil(length / _NEAR))
            share = (np.arange(looks) + 1.0) / looks
            for box in boxes[k + 1]:
                was = before.get(box.instance, box)
                if not _may_meet(whole[k : k + 2], reach, was, box):
                    continue
                outlines = _between(was, box, share)
                hit = _overlap(_cars(self.ego, whole[k : k + 2], ours[k : k + 2], share), outlines)
                if hit.any():
                    hit &= ~_overlap(_cars(self.ego, true[k : k + 2], theirs[k : k + 2], share), outlines)
                if hit.any():
                    touched[k] = True
                    break
        return touched

    def _off_road(self, path: np.ndarray, driven: np.ndarray, around: Surroundings) -> float:
        """1 or 0; NaN without a road, without a path, or where the driven path leaves the road too."""
        if around.drivable is None or around.grid is None or not len(path):
            return math.nan
        check_shape("drivable", around.drivable, around.grid)
        off = []
        for places in (path, driven):
            turned = headings(np.concatenate([np.zeros((1, 2)), places]))[1:]
            corners = _placed(self.ego.outline, places, turned)
            index, inside = around.grid.cells(corners)
            index = np.where(inside[..., None], index, 0)
            road = around.drivable.astype(bool)[index[..., 0], index[..., 1]]
            off.append(bool((inside & ~road).any()))
        return math.nan if off[1] else float(off[0])

    def _templates(
        self, templates: np.ndarray, costs: np.ndarray | None, driven: np.ndarray, known: int
    ) -> dict[str, float]:
        if costs is None or templates.shape != (len(costs), *driven.shape):
            raise EvaluationError(
                f"templates {templates.shape} need a cost each, and places as the path {driven.shape}"
            )
        if not known or not len(templates):
            return {}
        away = np.linalg.norm(templates[:, :known] - driven[:known], axis=-1)
        order = np.argsort(costs, kind="stable")
        result = {}
        if known == len(driven):
            # The template nearest to what was driven is the right one (paper, section 3.3).
            nearest = int((away**2).sum(1).argmin())
            place = int(np.flatnonzero(order == nearest)[0])
            result = {f"top_{best}": float(place < best) for best in BEST if best < len(templates)}
        last = round(HORIZONS[-1] / self.step)
        if 0 < last <= known:
            means = away[:, :last].mean(1)[order]
            result |= {f"min_ade_{best}": float(means[:best].min()) for best in BEST[1:]}
        return result


def _may_meet(places: np.ndarray, reach: float, before: Box, after: Box) -> bool:
    """Whether circles around the car and a box, each grown by its way, share a place."""
    start, end = (box.pose.translation[:2] for box in (before, after))
    ways = float(np.linalg.norm(places[1] - places[0]) + np.linalg.norm(end - start))
    radii = reach + float(np.linalg.norm(np.asarray(after.size)[:2])) / 2
    return float(np.linalg.norm(places[1] - end)) < radii + ways


def _placed(outline: np.ndarray, places: np.ndarray, turned: np.ndarray) -> np.ndarray:
    """(N, 4, 2) an outline (4, 2) moved to places (N, 2) and turned by angles (N,)."""
    cos, sin = np.cos(turned), np.sin(turned)
    rotation = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
    placed: np.ndarray = outline @ rotation.transpose(0, 2, 1) + places[:, None]
    return placed


def _cars(ego: Vehicle, places: np.ndarray, turned: np.ndarray, share: np.ndarray) -> np.ndarray:
    """(N, 4, 2) outlines of the car on its way between two places (2, 2) at shares (N,) of it."""
    start, end = places
    turn = (turned[1] - turned[0] + math.pi) % (2 * math.pi) - math.pi
    return _placed(ego.outline, start + share[:, None] * (end - start), turned[0] + share * turn)


def _between(before: Box, after: Box, share: np.ndarray) -> np.ndarray:
    """(N, 4, 2) outlines of a box on its way."""
    length, width = np.asarray(after.size, np.float64)[:2] / 2
    outline = np.array([[length, width], [-length, width], [-length, -width], [length, -width]])
    start, end = (box.pose.translation[:2] for box in (before, after))
    turn = (after.pose.yaw - before.pose.yaw + math.pi) % (2 * math.pi) - math.pi
    return _placed(outline, start + share[:, None] * (end - start), before.pose.yaw + share * turn)


def _overlap(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(N,) bool: whether rectangles (N, 4, 2) share a place (separating axes)."""
    apart = np.zeros(len(one), bool)
    for shape in (one, other):
        for side in (0, 1):
            edge = shape[:, side + 1] - shape[:, side]
            axis = np.stack([-edge[:, 1], edge[:, 0]], -1)
            a, b = ((rectangle @ axis[..., None])[..., 0] for rectangle in (one, other))
            apart |= (a.max(1) <= b.min(1)) | (b.max(1) <= a.min(1))
    return ~apart
