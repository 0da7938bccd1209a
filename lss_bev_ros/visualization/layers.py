"""Colours of the layers of a map, and a grid of several of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..errors import EvaluationError
from ..geometry import BevGrid
from . import palette
from .palette import Color

LAYER_COLORS: dict[str, Color] = {
    "drivable": (58, 76, 104),
    "walkway": (112, 88, 70),
    "crossing": (206, 214, 224),
    "lane_boundary": (250, 204, 92),
    "road_boundary": (238, 88, 88),
    "vehicle": (250, 142, 82),
    "two_wheeler": (206, 120, 240),
    "person": (96, 170, 255),
}
"""From the lowest layer to the highest, as `answers.segmentation.PRIORITY` stacks them."""

PROMPT: Color = (64, 224, 190)
"""Of what a text names."""

PROMPTS: tuple[Color, ...] = (PROMPT, (255, 150, 110), (170, 150, 255), (250, 220, 100))
"""Of several texts, in turn."""

PLAN: Color = (120, 255, 120)
"""Of the path to take."""

_FAINT, _SURE = 30, 70
"""Percent at which a layer begins to be seen and from which it covers what is below."""


def layer_colors(layers: Mapping[str, np.ndarray], grid: BevGrid) -> np.ndarray:
    """Stack layers, the lowest first, each the more opaque the more probable it is.

    Args:
        layers: name to (nx, ny) integers, -1 unknown, 0 to 100 percent; names that have no colour are drawn
            as prompts, on top, each in the next of their colours.
        grid: the cells.

    Returns:
        (nx, ny, 3) uint8 RGB, indexed as the cells.

    Raises:
        EvaluationError: a layer of another shape.
    """
    colors = np.empty((*grid.shape, 3), np.float32)
    colors[...] = palette.PANEL
    known = [name for name in LAYER_COLORS if name in layers]
    texts = [name for name in layers if name not in LAYER_COLORS]
    shown = {name: LAYER_COLORS[name] for name in known}
    shown |= {name: PROMPTS[number % len(PROMPTS)] for number, name in enumerate(texts)}
    for name, color in shown.items():
        percents = layers[name]
        if percents.shape != grid.shape:
            raise EvaluationError(f"a layer of {percents.shape} cells cannot be drawn on {grid.shape}")
        share = np.clip((percents.astype(np.float32) - _FAINT) / (_SURE - _FAINT), 0.0, 1.0)[..., None]
        colors += share * (np.array(color, np.float32) - colors)
    return colors.round().astype(np.uint8)
