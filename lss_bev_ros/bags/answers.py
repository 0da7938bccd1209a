"""What a bag holds of a multi-sense network's answers, put together again for pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import messages
from ..geometry import BevGrid, Rig
from ..messages import received
from ..topics import (
    COST_TOPIC,
    LANES_TOPIC,
    LAYER_TOPICS,
    OBJECT_MARKERS_TOPIC,
    PLAN_TOPIC,
    PROMPTS_TOPIC,
    VOXELS_TOPIC,
    labels_topic,
    prompt_topic,
)
from ..visualization.moment import LEAST_SCORE, ShownMoment, ShownVoxels
from ..visualization.space import lattice

MOST_PROMPTS = 16
"""Texts that the inference node takes."""

LABELS_TOPIC = labels_topic(PROMPTS_TOPIC)
"""Of the texts; a message holds until the next one."""

PROMPT_TOPICS = tuple(prompt_topic(index) for index in range(MOST_PROMPTS))

ANSWER_TOPICS = (
    *LAYER_TOPICS.values(),
    OBJECT_MARKERS_TOPIC,
    LANES_TOPIC,
    PLAN_TOPIC,
    COST_TOPIC,
    VOXELS_TOPIC,
)
"""Of the answers that a picture shows, but for the texts'."""


def recorded_moment(
    found: Mapping[str, Any],
    vehicles: np.ndarray,
    grid: BevGrid,
    rig: Rig,
    images: Mapping[str, np.ndarray | bytes],
    title: str = "",
) -> ShownMoment | None:
    """What to draw of the messages of one instant.

    Args:
        found: relative topic name to its message, of `ANSWER_TOPICS`, `PROMPT_TOPICS` and `LABELS_TOPIC`.
        vehicles: (nx, ny) integers of bev/occupancy.
        grid: its cells.
        rig: calibrated cameras.
        images: camera name to a file or a picture.
        title: the head line.

    Returns:
        The moment; None where there is no answer of a multi-sense network.

    Raises:
        GeometryError: a message that does not fit its own sizes.
    """
    if not set(ANSWER_TOPICS) & set(found):
        return None
    names = {name: topic for name, topic in LAYER_TOPICS.items() if topic in found}
    layers = {name: messages.cells_from_grid(found[topic])[0] for name, topic in names.items()}
    voxels = None
    if VOXELS_TOPIC in found:
        centers, _, colors = received.voxels_from_cloud(found[VOXELS_TOPIC])
        places = lattice(centers)
        voxels = ShownVoxels(places.cells, colors, places.low, places.size)
    things = (
        received.objects_from_markers(found[OBJECT_MARKERS_TOPIC]) if OBJECT_MARKERS_TOPIC in found else []
    )
    texts = received.names_of(found[LABELS_TOPIC]) if LABELS_TOPIC in found else {}
    prompts = {
        text: messages.cells_from_grid(found[prompt_topic(index)])[0]
        for index, text in sorted(texts.items())
        if prompt_topic(index) in found
    }
    return ShownMoment(
        grid,
        rig,
        images,
        {**({"vehicle": vehicles} if layers else {}), **layers},
        [box for box, score in things if score >= LEAST_SCORE],
        received.lines_from_markers(found[LANES_TOPIC]) if LANES_TOPIC in found else {},
        received.points_from_path(found[PLAN_TOPIC])[:, :2] if PLAN_TOPIC in found else None,
        voxels,
        prompts,
        messages.cells_from_grid(found[COST_TOPIC])[0] if COST_TOPIC in found else None,
        title,
    )
