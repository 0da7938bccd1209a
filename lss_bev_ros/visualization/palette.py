"""Colours of every picture: dark ones, so that a picture reads on a white page and on a black one."""

from __future__ import annotations

import numpy as np

from ..geometry.category import PERSON as PERSON_KIND
from ..geometry.category import TWO_WHEELER, VEHICLE, kind_of

Color = tuple[int, int, int]

PAGE: Color = (14, 17, 23)
PANEL: Color = (22, 27, 36)
UNKNOWN: Color = (46, 51, 61)
UNKNOWN_STRIPE: Color = (56, 62, 74)
FREE: Color = (23, 62, 66)
OBSTACLE: Color = (236, 240, 244)
TRUTH: Color = (64, 224, 190)
PERSON: Color = (250, 204, 92)
OBJECT: Color = (150, 158, 170)
RING: Color = (255, 255, 255)
EGO: Color = (120, 190, 255)
TEXT: Color = (236, 240, 244)
TEXT_DIM: Color = (150, 158, 170)

_STOPS = (0, 15, 35, 55, 75, 100)
_ANCHORS = ((22, 27, 36), (44, 38, 84), (112, 44, 122), (205, 66, 104), (250, 142, 82), (255, 236, 158))


def probability_colors() -> np.ndarray:
    """(101, 3) uint8 RGB of 0 to 100 percent.

    Lightness rises all the way, as in the maps of matplotlib's magma family, so the picture survives
    greyscale print and colour blindness.
    """
    percent = np.arange(101)
    channels = [np.interp(percent, _STOPS, [anchor[c] for anchor in _ANCHORS]) for c in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def box_color(category: str) -> Color:
    """Colour of an annotated object's box by its category."""
    return {VEHICLE: TRUTH, TWO_WHEELER: TRUTH, PERSON_KIND: PERSON}.get(kind_of(category), OBJECT)
