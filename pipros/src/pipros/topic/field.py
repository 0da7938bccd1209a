"""Parts of messages by the path that `--field` names: `transforms[0].child_frame_id`."""

from __future__ import annotations

import re
from typing import Any

from pipros.errors import PiprosError

_STEP = re.compile(r"\.?([A-Za-z]\w*)|\[(-?\d+)\]")


def parse_field(text: str) -> tuple[str | int, ...]:
    """Return the names and indices of a path.

    Raises:
        PiprosError: It is none.
    """
    steps: list[str | int] = []
    at = 0
    text = text.strip(".")
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None or (match[0].startswith(".") and not steps):
            break
        steps.append(match[1] if match[1] else int(match[2]))
        at = match.end()
    if at < len(text) or not steps:
        raise PiprosError(f"field {text!r} is no path such as pose.position or transforms[0].child_frame_id")
    return tuple(steps)


def select(message: Any, steps: tuple[str | int, ...], topic: str) -> Any:
    """Return a part of a message.

    Raises:
        PiprosError: The message has no such part; names what it has instead.
    """
    value, seen = message, ""
    for step in steps:
        if isinstance(step, int):
            if isinstance(value, (str, bytes)) or not hasattr(value, "__getitem__"):
                raise PiprosError(f"topic {topic}: field {seen} is no array, so it has no [{step}]")
            try:
                value = value[step]
            except IndexError:
                raise PiprosError(
                    f"topic {topic}: field {seen} has {len(value)} elements, no [{step}]"
                ) from None
            seen += f"[{step}]"
        else:
            try:
                value = getattr(value, step)
            except AttributeError:
                raise PiprosError(_unknown(topic, f"{seen}.{step}".lstrip("."), value)) from None
            seen = f"{seen}.{step}".lstrip(".")
    return value


def _unknown(topic: str, path: str, value: Any) -> str:
    fields = getattr(value, "get_fields_and_field_types", None)
    if fields is None:
        is_array = hasattr(value, "__getitem__") and not isinstance(value, (str, bytes))
        why = "an array, which takes an index" if is_array else "a value without fields"
        return f"topic {topic} has no field {path}: that would be in {why}"
    return f"topic {topic} has no field {path}: there are {', '.join(fields())}"
