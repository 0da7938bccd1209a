"""Texts and stamps in messages of any type, found by their definitions."""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Callable
from typing import Any

from ...errors import MessageError

MOST_TEXT = 65_536
MOST_NAME = 255
"""Characters of a text, and of a frame's name."""

_LATEST = 2**31 - 86_400
"""Seconds since the epoch; the last day before the field is full leaves room for what is added to a stamp."""

_NAMES = ("frame_id", "child_frame_id")
_TYPE = re.compile(r"(?:sequence<)?(?P<base>[\w/]+)(?P<rest>.*)")

_Check = Callable[[Any], None]


def name_of(kind: type) -> str:
    """`package/Name` of a message class, real or of the stand-in."""
    return f"{kind.__module__.partition('.')[0]}/{kind.__name__}"


def check_definition(message: Any) -> None:
    """Check all texts and stamps in a message.

    Raises:
        MessageError: a text that is too long, a frame's name that is none, or a stamp that is no time.
    """
    kind: type = type(message)
    for name, one, several in _steps(kind):
        value = getattr(message, name)
        for item in value if several else (value,):
            try:
                one(item)
            except MessageError as error:
                raise MessageError(f"{name}{error}") from None


@functools.cache
def _steps(kind: type) -> tuple[tuple[str, _Check, bool], ...]:
    """Fields that have texts or stamps in them: name, check of one, and whether there are several."""
    steps = []
    for name, written in kind.get_fields_and_field_types().items():  # type: ignore[attr-defined]
        found = _TYPE.match(written)
        assert found is not None, written
        one = _check_of(name, found["base"])
        if one is not None:
            steps.append((name, one, written.startswith("sequence<") or written.endswith("]")))
    return tuple(steps)


def _check_of(name: str, base: str) -> _Check | None:
    if base in ("string", "wstring"):
        return _check_name if name in _NAMES else _check_text
    if base == "builtin_interfaces/Time":
        return _check_stamp
    if "/" not in base or base == "builtin_interfaces/Duration":
        return None
    package, _, short = base.partition("/")
    nested = getattr(importlib.import_module(f"{package}.msg"), short)
    return _check_nested if _steps(nested) else None


def _check_nested(message: Any) -> None:
    try:
        check_definition(message)
    except MessageError as error:
        raise MessageError(f".{error}") from None


def _check_text(text: str) -> None:
    if len(text) > MOST_TEXT:
        raise MessageError(f" has {len(text)} characters, of {MOST_TEXT} that it may have")


def _check_name(text: str) -> None:
    if len(text) > MOST_NAME:
        raise MessageError(f" has {len(text)} characters, of {MOST_NAME} that it may have")
    if "\ufffd" in text or not (text.isprintable() or not text):
        raise MessageError(f" {text!r} is no name of a frame: it has bytes that are no text (UTF-8)")


def _check_stamp(stamp: Any) -> None:
    if not 0 <= stamp.sec < _LATEST or not 0 <= stamp.nanosec < 1_000_000_000:
        raise MessageError(
            f" of {stamp.sec} s and {stamp.nanosec} ns is no time: have the driver stamp its messages"
        )
