"""Numbers that measure something."""

from __future__ import annotations

import math
from typing import Any

from ...errors import MessageError

FAR = 1e8
"""Metres from the origin of any frame, at most: maps in metres of UTM and of the earth's centre have 1e7."""


def check_place(name: str, place: Any) -> None:
    """Check a Point or Vector3 in metres; what is NaN is somewhere unknown, and for its reader to leave out.

    Raises:
        MessageError: it is farther away than anything.
    """
    for axis in "xyz":
        value = getattr(place, axis)
        if abs(value) > FAR:
            raise MessageError(f"{name}.{axis} is {value:g} m, which is farther than anything")


def check_count(name: str, count: int, most: int) -> None:
    """Check how many of something there are.

    Raises:
        MessageError: there are too many.
    """
    if count > most:
        raise MessageError(f"{name} has {count} items, of {most} that it may have")


def is_finite(*values: float) -> bool:
    """Whether all of them are numbers."""
    return all(map(math.isfinite, values))
