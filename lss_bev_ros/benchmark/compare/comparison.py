"""Run two subjects on the same frames, in turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np

from ... import __version__
from ...errors import DeployError
from ...evaluation.difference import Difference
from ...evaluation.frames import BenchmarkFrames
from ...evaluation.metrics import AnnotationScore, predicted_cells, ratio
from ...geometry import BevGrid
from ...runtime import FrameSet, Prediction
from ...runtime.field_of_view import visible_cells
from ...runtime.preprocess import NetworkInput
from ..machine import describe_machine
from ..progress import Progress, part_of
from ..turns import Turns, latency_report
from .subject import Subject
from .tolerance import Tolerances

TENSORS = ("depth", "features", "bev", "logits")
"""In the order in which they are computed."""

INNER_FRAMES = 10
"""Frames on which the tensors before the logits are compared too: seeing them costs another run."""


def compare(
    first: Subject,
    second: Subject,
    frames: BenchmarkFrames,
    tolerances: Tolerances,
    cameras: Sequence[int] = (),
    threshold: float = 0.5,
    warm_up: int = 2,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Compare two subjects tensor by tensor, cell by cell and in time.

    Both get the same decoded, resized and normalised images, so that only the network counts. Latency is from
    those to the logits on the host, in turns frame by frame.

    Args:
        first: that the other is measured against.
        second: the other.
        frames: to run; annotated or not.
        tolerances: only noted here, see `failures`.
        cameras: numbers of cameras to try, each an input size of its own; empty for all that a frame has.
        threshold: probability from which a cell counts as predicted.
        warm_up: frames run before the first that is timed.
        progress: told of frames done and all.

    Returns:
        The report, ready for JSON.

    Raises:
        DeployError: the two have different grids or image sizes, or there are too few cameras.
    """
    if first.config.grid != second.config.grid:
        raise DeployError(f"{first.name} and {second.name} predict different grids: nothing can be compared")
    for name in ("image_height", "image_width", "bottom_cut"):
        if getattr(first.config, name) != getattr(second.config, name):
            raise DeployError(f"{first.name} and {second.name} differ in {name}: nothing can be compared")
    machine = describe_machine()
    least = min(len(frame.images) for frame in frames.sets)
    counts = list(dict.fromkeys(cameras)) or [least]
    if max(counts) > least or min(counts) < 1:
        raise DeployError(f"cameras {max(counts)}: the frames have {least}; compare 1 to {least}")
    sizes = []
    for index, count in enumerate(counts):
        told = part_of(progress, index, len(counts))
        sizes.append(_compare_size(first, second, frames, count, threshold, warm_up, told))
    return {
        "version": __version__,
        "subjects": [{"name": s.name, "detail": s.detail, "precision": s.precision} for s in (first, second)],
        "data": {"source": frames.source, "frames": len(frames.sets), "annotated": bool(frames.truth)},
        "threshold": threshold,
        "tolerances": asdict(tolerances),
        "machine": machine,
        "sizes": sizes,
    }


def _compare_size(
    first: Subject,
    second: Subject,
    frames: BenchmarkFrames,
    count: int,
    threshold: float,
    warm_up: int,
    progress: Progress,
) -> dict[str, Any]:
    config, grid = first.config, first.config.grid
    scores = [AnnotationScore(grid, threshold) for _ in range(2)]
    turns = Turns(2, warm_up)
    differences: dict[str, Difference] = {}
    same = either = both = cells = 0
    truths = frames.truth if grid == BevGrid() else ()
    visible: dict[str, np.ndarray] = {}
    with NetworkInput(config) as read:
        for index, whole in enumerate(frames.sets):
            frame = fewer(whole, count)
            images = read(frame)
            prepared = [subject.prepare(frame, images) for subject in (first, second)]
            logits = turns.round([partial(first.run, prepared[0]), partial(second.run, prepared[1])])
            # Evenly spread over the frames.
            looked_into = index * INNER_FRAMES % len(frames.sets) < INNER_FRAMES
            pairs = zip((first, second), prepared, strict=True)
            inner = [subject.tensors(given) if looked_into else {} for subject, given in pairs]
            for name in TENSORS:
                pair = logits if name == "logits" else [tensors.get(name) for tensors in inner]
                if pair[0] is not None and pair[1] is not None:
                    differences.setdefault(name, Difference()).update(pair[0], pair[1])
            rig = frame.rig.subset(frame.images)
            if rig.fingerprint not in visible:
                visible = {rig.fingerprint: visible_cells(rig, config)}
            seen = visible[rig.fingerprint]
            occupancy = [Prediction(frame.stamp, grid, one[0], seen).occupancy for one in logits]
            said = [predicted_cells(one, threshold) for one in occupancy]
            same += int((said[0] == said[1]).sum())
            both += int((said[0] & said[1]).sum())
            either += int((said[0] | said[1]).sum())
            cells += said[0].size
            if truths:
                for score, one in zip(scores, occupancy, strict=True):
                    score.update(one, truths[index])
            progress(index + 1, len(frames.sets))
    return {
        "cameras": count,
        "image": [config.image_height, config.image_width],
        "tensors": {name: difference.report() for name, difference in differences.items()},
        "cells": {"agreement": ratio(same, cells), "iou_with_each_other": both / either if either else 1.0},
        "scores": [_scores(score) for score in scores] if truths else [],
        "latency_ms": [latency_report(times) for times in turns.milliseconds],
    }


def fewer(frame: FrameSet, count: int) -> FrameSet:
    """A frame of the first few cameras of its rig."""
    names = [name for name in frame.rig.names if name in frame.images][:count]
    return replace(frame, images={name: frame.images[name] for name in names})


def _scores(score: AnnotationScore) -> dict[str, float | None]:
    """IoU, also by distance; None where there is nothing to divide by."""
    return {
        name: value if value == value else None  # NaN is not itself
        for name, value in score.running.items()
        if name == "iou" or name.startswith("iou_")
    }
