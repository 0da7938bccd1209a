"""Frames of a data set as the network sees them, with their truth."""

from __future__ import annotations

from pathlib import Path

import torch

from ...errors import DeployError
from ...evaluation.frames import dataset_frames
from ...model import ModelConfig
from ...runtime.calibration_tables import frustum_cells
from ...runtime.preprocess import NetworkInput
from .importance import Example


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
