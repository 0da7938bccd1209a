"""nuScenes' detection metrics: mAP, the five errors of true positives, and NDS.

Caesar et al., "nuScenes", CVPR 2020, section 3.1, as `nuscenes.eval.detection` of nuscenes-devkit 1.2.0
computes them under its configuration `detection_cvpr_2019`. What a reader of the paper would not guess:

- A detection matches the nearest annotation of its class that no detection of a higher score has taken,
  where the centres are less than 0.5, 1, 2 or 4 m apart over ground. Of equal scores the later one comes
  first, within a frame and between frames.
- Precision is read off at 101 recalls by linear interpolation, without an envelope; recalls up to 0.1 and
  precisions up to 0.1 count as nothing.
- A class that nobody annotated has an AP of 0 and errors of 1, and counts in every mean. `map_present`
  leaves such classes out.
- Errors are of matches within 2 m: running means over the score, averaged between recall 0.1 and the
  largest. A class that never gets beyond a recall of 0.1 has an error of 1, and so have matches of score 0.
- An error that is NaN (a velocity that nobody knows, an annotation without attribute) is left out of the
  mean, and it is 0 before the first that is known. So a detector without velocities has an error of 1, and
  one that gives them for some objects is scored by those.
- Filters hold for detections too: beyond its class's range a box does not count, and nor does a cycle whose
  centre is in an annotated bicycle rack. Annotations that neither LiDAR nor radar hit do not count.

| name | meaning |
|---|---|
| map, map_0.5 ... map_4 | mean AP over classes and distances, and for one distance |
| mate | translation error, metres |
| mase | scale error: 1 - IoU of the aligned boxes |
| maoe | orientation error, radians; barriers have a period of half a turn, cones none |
| mave | velocity error, metres a second; not of barriers and cones |
| maae | attribute error: share of wrong ones; not of barriers and cones |
| nds | (5 map + the sum of 1 - error, each at least 0) / 10 |
| nds_without_attributes | (5 map + the sum of the first four) / 9, for detectors that name no attributes |
| map_present | map over the classes that are annotated |
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..errors import EvaluationError
from ..geometry import Box
from ..geometry.category import detected_class
from ..geometry.classes import DETECTED

RANGES: dict[str, float] = {
    "car": 50.0,
    "truck": 50.0,
    "construction_vehicle": 50.0,
    "bus": 50.0,
    "trailer": 50.0,
    "barrier": 30.0,
    "motorcycle": 40.0,
    "bicycle": 40.0,
    "pedestrian": 40.0,
    "traffic_cone": 30.0,
}
"""The ten classes of nuScenes' detection task, and how far from base_link each counts, metres."""

DISTANCES = (0.5, 1.0, 2.0, 4.0)
"""Between centres, metres, below which a detection may match."""

MOST_BOXES = 500
"""Detections a frame that nuScenes allows."""

_ERROR_DISTANCE = 2.0
_RECALLS = 101
_LEAST_RECALL = _LEAST_PRECISION = 0.1
_AP_WEIGHT = 5.0
_ERRORS = ("ate", "ase", "aoe", "ave", "aae")
_WITHOUT = {"barrier": ("ave", "aae"), "traffic_cone": ("aoe", "ave", "aae")}
"""Errors that a class does not have."""
_CYCLES = [DETECTED.index(name) for name in ("bicycle", "motorcycle")]
_RACK = "bicycle_rack"


@dataclass(frozen=True, eq=False)
class BoxSet:
    """Detected or annotated objects of one frame.

    Attributes:
        labels: (N,) integers, places in `DETECTED`.
        centers: (N, 3) metres.
        sizes: (N, 3) metres, above 0: length, width, height.
        yaws: (N,) radians.
        velocities: (N, 2) metres a second over ground, NaN where unknown.
        scores: (N,) of detections, 0 or more.
        points: (N,) integers, LiDAR and radar returns inside, -1 where nobody counted them.
        attributes: (N,) names such as `vehicle.parked`, empty where unknown.
    """

    labels: np.ndarray
    centers: np.ndarray
    sizes: np.ndarray
    yaws: np.ndarray
    velocities: np.ndarray
    scores: np.ndarray
    points: np.ndarray
    attributes: np.ndarray

    def __post_init__(self) -> None:
        count = len(self.labels)
        for name, width in (("centers", 3), ("sizes", 3), ("velocities", 2)):
            array = getattr(self, name)
            if array.shape != (count, width):
                raise EvaluationError(
                    f"{name} of {count} boxes must be ({count}, {width}), not {array.shape}"
                )
        for name in ("yaws", "scores", "points", "attributes"):
            if getattr(self, name).shape != (count,):
                raise EvaluationError(f"{name} of {count} boxes must be ({count},): one number a box")
        for name in ("centers", "sizes", "yaws", "scores"):
            if not np.isfinite(getattr(self, name)).all():
                raise EvaluationError(f"{name} of boxes must be finite; leave out a box that has no place")
        if not (self.sizes > 0).all():
            raise EvaluationError("sizes of boxes must be above 0 m; leave out a box without extent")
        if count and not (self.labels.min() >= 0 and self.labels.max() < len(DETECTED)):
            raise EvaluationError(f"labels of boxes must be 0 to {len(DETECTED) - 1}")

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: np.ndarray) -> BoxSet:
        """The boxes of an index or of a (N,) bool."""
        return BoxSet(**{name: getattr(self, name)[index] for name in self.__dataclass_fields__})

    @classmethod
    def of(
        cls,
        labels: np.ndarray | Sequence[int],
        centers: np.ndarray,
        sizes: np.ndarray,
        yaws: np.ndarray | Sequence[float],
        velocities: np.ndarray | None = None,
        scores: np.ndarray | Sequence[float] | None = None,
        points: np.ndarray | Sequence[int] | None = None,
        attributes: np.ndarray | Sequence[str] | None = None,
    ) -> BoxSet:
        """Boxes of anything like arrays; what is not given is unknown, and a score 1."""
        count = len(labels)

        def given(values: ArrayLike | None, otherwise: float | str, kind: type, *width: int) -> np.ndarray:
            array = np.full((count, *width), otherwise) if values is None else np.asarray(values)
            return array.reshape(count, *width).astype(kind)

        return cls(
            labels=np.asarray(labels).astype(np.int64).reshape(count),
            centers=given(centers, 0.0, np.float64, 3),
            sizes=given(sizes, 1.0, np.float64, 3),
            yaws=given(yaws, 0.0, np.float64),
            velocities=given(velocities, math.nan, np.float64, 2),
            scores=given(scores, 1.0, np.float64),
            points=given(points, -1, np.int64),
            attributes=given(attributes, "", np.str_),
        )

    @classmethod
    def from_boxes(
        cls,
        boxes: Iterable[Box],
        scores: Sequence[float] | None = None,
        attributes: Sequence[str] | None = None,
    ) -> BoxSet:
        """The boxes whose category belongs to the task.

        Args:
            boxes: in base_link, or all in another frame whose z axis is up.
            scores: of each of `boxes`; 1 where not given.
            attributes: of each of `boxes`; their own where not given.
        """
        boxes = list(boxes)
        names = [detected_class(box.category) for box in boxes]
        kept = [k for k, name in enumerate(names) if name is not None]
        unknown = np.full(2, math.nan)
        return cls.of(
            labels=[DETECTED.index(names[k] or "") for k in kept],
            centers=np.array([boxes[k].pose.translation for k in kept]).reshape(-1, 3),
            sizes=np.array([boxes[k].size for k in kept]).reshape(-1, 3),
            yaws=[boxes[k].pose.yaw for k in kept],
            velocities=np.array(
                [unknown if (v := boxes[k].velocity) is None else v for k in kept], np.float64
            ).reshape(-1, 2),
            scores=None if scores is None else [scores[k] for k in kept],
            points=[_hits(boxes[k]) for k in kept],
            attributes=[boxes[k].attribute if attributes is None else attributes[k] for k in kept],
        )


def _hits(box: Box) -> int:
    """LiDAR and radar returns inside, both of which nuScenes counts; -1 where nobody counted LiDAR's."""
    return -1 if box.num_lidar_pts < 0 else box.num_lidar_pts + max(0, box.num_radar_pts)


@dataclass(frozen=True, eq=False)
class _Matches:
    """Detections of one class in one frame.

    Attributes:
        scores: (P,) float64.
        hits: (P, D) bool, whether it matches within each of `DISTANCES`.
        errors: (M, 5) float64 `_ERRORS` of those that match within `_ERROR_DISTANCE`.
    """

    scores: np.ndarray
    hits: np.ndarray
    errors: np.ndarray


class DetectionScore:
    """Matches detections frame by frame, and turns all matches into nuScenes' metrics.

    Of a frame stay 12 bytes a detection and 40 a match.
    """

    def __init__(self, ranges: dict[str, float] | None = None) -> None:
        """Prepare.

        Args:
            ranges: metres from base_link within which classes count, where they differ from `RANGES`.
        """
        unknown = sorted(set(ranges or {}) - set(RANGES))
        if unknown:
            raise EvaluationError(f"no class {unknown[0]!r} is detected; choose among {', '.join(RANGES)}")
        self.ranges = {**RANGES, **(ranges or {})}
        self._reach = np.array(list(self.ranges.values()))
        self.reset()

    def reset(self) -> None:
        """Forget all frames."""
        self.frames = 0
        self._matches: list[list[_Matches]] = [[] for _ in DETECTED]
        self._annotated = np.zeros(len(DETECTED), np.int64)
        self._last: list[list[_Matches]] = [[] for _ in DETECTED]
        self._last_annotated = self._annotated

    def merge(self, later: DetectionScore) -> None:
        """Count the frames of a score of the same ranges too, as if they came after these."""
        if later.frames:
            self._last, self._last_annotated = later._last, later._last_annotated
            self._annotated = self._annotated + later._annotated
            for matches, more in zip(self._matches, later._matches, strict=True):
                matches += more
            self.frames += later.frames

    def update(
        self,
        detected: BoxSet,
        annotated: BoxSet,
        ego: Sequence[float] | np.ndarray = (0.0, 0.0),
        racks: Iterable[Box] = (),
    ) -> None:
        """Count one frame.

        Args:
            detected: at most `MOST_BOXES`.
            annotated: in the same frame: base_link, or nuScenes' global one, which differs on slopes.
            ego: (2 or more) x and y of base_link in that frame, metres.
            racks: the annotated bicycle racks; boxes of another category are not looked at.

        Raises:
            EvaluationError: there are more detections than nuScenes allows, or scores below 0.
        """
        if len(detected) > MOST_BOXES:
            raise EvaluationError(
                f"{len(detected)} boxes were detected in a frame; nuScenes allows {MOST_BOXES}: keep those "
                f"of the highest scores"
            )
        if len(detected) and detected.scores.min() < 0:
            raise EvaluationError(
                f"a score of {detected.scores.min():g} is below 0, where nuScenes finds nothing: "
                f"give probabilities, not logits"
            )
        racks = [box for box in racks if box.category.lower().endswith(_RACK)]
        detected, annotated = (self._counted(boxes, ego, racks) for boxes in (detected, annotated))
        annotations = np.bincount(annotated.labels, minlength=len(DETECTED))
        self._last_annotated, self._annotated = annotations, self._annotated + annotations
        self._last = []
        for label, name in enumerate(DETECTED):
            found = detected[detected.labels == label]
            matches = [_match(found, annotated[annotated.labels == label], name)] if len(found) else []
            self._last.append(matches)
            self._matches[label] += matches
        self.frames += 1

    @property
    def running(self) -> dict[str, float]:
        """Metrics of all frames by name, and `ap_car`, `ate_car` and so on of each class."""
        return _summary(self.by_class)

    @property
    def last(self) -> dict[str, float]:
        """Metrics of the newest frame by name."""
        return _summary(_by_class(self._last, self._last_annotated))

    @property
    def by_class(self) -> dict[str, dict[str, float]]:
        """Of each class `ap`, `ap_0.5` ... `ap_4`, `ate` ... `aae`, and counts `annotated` and `detected`.

        An error that the class does not have is NaN.
        """
        return _by_class(self._matches, self._annotated)

    def _counted(self, boxes: BoxSet, ego: Sequence[float] | np.ndarray, racks: Sequence[Box]) -> BoxSet:
        offset = boxes.centers[:, :2] - np.asarray(ego, np.float64)[:2]
        counts = np.sqrt((offset**2).sum(1)) < self._reach[boxes.labels]
        counts &= boxes.points != 0
        cycles = np.isin(boxes.labels, _CYCLES)
        for rack in racks:
            counts &= ~(cycles & rack.contains(boxes.centers))
        return boxes[counts]


def _match(detected: BoxSet, annotated: BoxSet, name: str) -> _Matches:
    """Match one frame's detections of a class, the highest score first."""
    offset = detected.centers[:, None, :2] - annotated.centers[None, :, :2]
    distance = np.sqrt((offset**2).sum(-1))
    nearest = distance.min(1, initial=np.inf)
    # Of equal scores the later comes first, as the devkit's reversed sort has it.
    order = np.argsort(detected.scores, kind="stable")[::-1]
    hits = np.zeros((len(detected), len(DISTANCES)), bool)
    pairs = []
    for k, limit in enumerate(DISTANCES):
        free = distance.copy()
        for i in order[nearest[order] < limit].tolist():
            j = int(free[i].argmin())
            if free[i, j] < limit:
                hits[i, k] = True
                free[:, j] = np.inf
                if limit == _ERROR_DISTANCE:
                    pairs.append((i, j))
    i, j = np.array(sorted(pairs), np.int64).reshape(-1, 2).T
    return _Matches(detected.scores, hits, _errors(detected[i], annotated[j], name))


def _errors(detected: BoxSet, annotated: BoxSet, name: str) -> np.ndarray:
    """(M, 5) `_ERRORS` of pairs, NaN where unknown."""
    translation = np.sqrt(((detected.centers - annotated.centers)[:, :2] ** 2).sum(1))
    shared = np.minimum(detected.sizes, annotated.sizes).prod(1)
    scale = 1.0 - shared / (detected.sizes.prod(1) + annotated.sizes.prod(1) - shared)
    period = np.pi if name == "barrier" else 2.0 * np.pi
    turn = np.abs((annotated.yaws - detected.yaws + period / 2) % period - period / 2)
    velocity = np.sqrt(((detected.velocities - annotated.velocities) ** 2).sum(1))
    wrong = (detected.attributes != annotated.attributes).astype(np.float64)
    return np.stack(
        [translation, scale, turn, velocity, np.where(annotated.attributes == "", np.nan, wrong)], 1
    )


def _by_class(matches: Sequence[Sequence[_Matches]], annotated: np.ndarray) -> dict[str, dict[str, float]]:
    table = {}
    for label, name in enumerate(DETECTED):
        row, count = _class_metrics(matches[label], int(annotated[label]))
        for error in _WITHOUT.get(name, ()):
            row[error] = math.nan
        table[name] = {**row, "annotated": int(annotated[label]), "detected": count}
    return table


def _class_metrics(matches: Sequence[_Matches], annotated: int) -> tuple[dict[str, float], int]:
    """AP for each distance, their mean, and errors of one class; and its number of detections."""
    row = {f"ap_{limit:g}": 0.0 for limit in DISTANCES} | dict.fromkeys(_ERRORS, 1.0)
    count = sum(len(each.scores) for each in matches)
    if annotated and count:
        scores = np.concatenate([each.scores for each in matches])
        hits = np.concatenate([each.hits for each in matches])
        order = np.argsort(scores, kind="stable")[::-1]
        for k, limit in enumerate(DISTANCES):
            hit = hits[order, k]
            if not hit.any():
                continue
            confidence, precision = _curve(hit, scores[order], annotated)
            steps = precision[round(100 * _LEAST_RECALL) + 1 :] - _LEAST_PRECISION
            row[f"ap_{limit:g}"] = float(np.mean(np.maximum(steps, 0.0))) / (1.0 - _LEAST_PRECISION)
            if limit == _ERROR_DISTANCE:
                row |= _class_errors(matches, hits[:, k], order, scores, confidence)
    return {"ap": float(np.mean([row[f"ap_{limit:g}"] for limit in DISTANCES])), **row}, count


def _curve(hit: np.ndarray, scores: np.ndarray, annotated: int) -> tuple[np.ndarray, np.ndarray]:
    """Score and precision at `_RECALLS` recalls, of detections from the highest score down."""
    right = np.cumsum(hit).astype(np.float64)
    recall = right / annotated
    steps = np.linspace(0, 1, _RECALLS)
    precision = np.interp(steps, recall, right / np.arange(1, len(hit) + 1), right=0)
    return np.interp(steps, recall, scores, right=0), precision


def _class_errors(
    matches: Sequence[_Matches],
    hit: np.ndarray,
    order: np.ndarray,
    scores: np.ndarray,
    confidence: np.ndarray,
) -> dict[str, float]:
    """The five errors of a class.

    Args:
        matches: frame by frame; their detections in a row are what `hit` and `scores` are of.
        hit: (P,) bool, whether a detection has errors.
        order: (P,) from the highest score down.
        scores: (P,).
        confidence: score at `_RECALLS` recalls.
    """
    place = np.cumsum(hit) - 1
    matched = order[hit[order]]
    errors = np.concatenate([each.errors for each in matches])[place[matched]]
    last = np.flatnonzero(confidence)
    low, high = round(100 * _LEAST_RECALL) + 1, int(last[-1]) if len(last) else 0
    if high < low:
        return dict.fromkeys(_ERRORS, 1.0)
    result = {}
    for k, name in enumerate(_ERRORS):
        mean = _running_mean(errors[:, k])
        steps = np.interp(confidence[::-1], scores[matched][::-1], mean[::-1])[::-1]
        result[name] = float(np.mean(steps[low : high + 1]))
    return result


def _running_mean(values: np.ndarray) -> np.ndarray:
    """Mean of the values up to each place, without NaN: 0 before the first number, 1 where there is none."""
    known = ~np.isnan(values)
    if not known.any():
        return np.ones(len(values))
    mean: np.ndarray = np.nancumsum(values) / np.maximum(np.cumsum(known), 1)
    return mean


def _summary(table: dict[str, dict[str, float]]) -> dict[str, float]:
    rows = table.values()
    mean_ap = float(np.mean([row["ap"] for row in rows]))
    errors = {f"m{name}": float(np.nanmean([row[name] for row in rows])) for name in _ERRORS}
    good = [max(0.0, 1.0 - error) for error in errors.values()]
    present = [row["ap"] for row in rows if row["annotated"]]
    return {
        "map": mean_ap,
        "nds": (_AP_WEIGHT * mean_ap + sum(good)) / (_AP_WEIGHT + len(good)),
        **errors,
        "nds_without_attributes": (_AP_WEIGHT * mean_ap + sum(good[:-1])) / (_AP_WEIGHT + len(good) - 1),
        "map_present": float(np.mean(present)) if present else math.nan,
        **{f"map_{limit:g}": float(np.mean([row[f"ap_{limit:g}"] for row in rows])) for limit in DISTANCES},
        **{f"{metric}_{name}": row[metric] for name, row in table.items() for metric in ("ap", *_ERRORS)},
    }
