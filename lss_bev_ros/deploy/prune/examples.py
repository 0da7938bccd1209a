"""Frames of a data set as the network sees them, with their truth."""

from __future__ import annotations

from pathlib import Path

import torch

from ...errors import DeployError
from ...evaluation.frames import dataset_frames
from ...evaluation.multi_sense import annotated_moments
from ...model import ModelConfig
from ...runtime.calibration_tables import frustum_cells
from ...runtime.multi_sense.engine import MultiSenseEngine
from ...runtime.multi_sense.moment import returns
from ...runtime.preprocess import NetworkInput
from .example import Example


def read_moments(dataroot: Path, count: int, engine: MultiSenseEngine) -> list[Example]:
    """Keyframes as a multi-sense network senses them; their truth is not asked."""
    config, found = engine.config, []
    with NetworkInput(config.model) as read:
        for moment, _ in annotated_moments(dataroot, engine, count):
            images, cells = torch.zeros(0), torch.zeros(0)
            if moment.cameras is not None and "cameras" in config.senses:
                images = read(moment.cameras)
                rig = moment.cameras.rig.subset(moment.cameras.images)
                cells = frustum_cells(rig, config.model)
            points = None if moment.points is None else torch.from_numpy(returns(moment.points))
            found.append(Example(images, cells, torch.zeros(0), points))
    return found


def read_examples(dataroot: Path, count: int, config: ModelConfig) -> list[Example]:
    """Annotated keyframes, evenly spread over a nuScenes data set.

    Raises:
        DatasetError: it is missing or damaged, or has no keyframe.
        DeployError: it is not annotated.
    """
    if count < 1:
        raise DeployError(f"frames {count} must be at least 1: channels are scored on frames")
    frames = dataset_frames(dataroot, count)
    if not frames.truth:
        raise DeployError(
            f"{dataroot} has no annotations: channels are scored by the loss on annotated frames"
        )
    examples = []
    with NetworkInput(config) as read:
        for frame, truth in zip(frames.sets, frames.truth, strict=True):
            rig = frame.rig.subset(frame.images)
            cells = frustum_cells(rig, config)
            examples.append(Example(read(frame), cells, torch.from_numpy(truth)))
    return examples
