"""Message types that a bag brings along."""

from __future__ import annotations

import re
from typing import Any

from rosbags.typesys import get_types_from_idl, get_types_from_msg
from rosbags.typesys.store import Typestore

from pipros import activate
from pipros.errors import PiprosError
from pipros.interfaces import full_name, type_hash, type_store
from pipros.message import message_class as own_class
from pipros.topic.offers import message_class

from .reader import RecordedTopic

# Between the definitions of an IDL schema; after it, `IDL: pkg/msg/Name`.
_SEPARATOR = re.compile(r"^=+$", re.MULTILINE)


def recorded_class(topic: RecordedTopic) -> type:
    """Return the class of a topic's messages: of ROS 2, or without it of the definition in the bag.

    Raises:
        PiprosError: There is none here; the message says what to do.
    """
    try:
        return message_class(topic.type)
    except PiprosError:
        pass
    if not activate():
        raise PiprosError(f"type {topic.type} is not known here; source the workspace that has its package")
    name = full_name(topic.type)
    if name.endswith("_Event") and "/srv/" in name:
        # Their definition in the bag is that of the service, not of the event.
        raise PiprosError("it holds the events of a service, which are not published again")
    if not topic.schema:
        raise PiprosError(f"type {topic.type} is not known here, and the bag does not hold its definition")
    try:
        _register(name, topic.schema_encoding, topic.schema.decode())
        _check(name)
        return own_class(name)
    except PiprosError as error:
        raise PiprosError(f"type {topic.type} is not known here, and {error}") from None
    except Exception as error:
        # Anything may stand in a bag, and the parser has no error class of its own.
        type_store().fielddefs.pop(name, None)
        raise PiprosError(
            f"type {topic.type} is not known here, and its definition in the bag cannot be used "
            f"({type(error).__name__})"
        ) from None


def _check(name: str) -> None:
    """Raise what there is to raise where a type cannot be published."""
    # Cyclone DDS is there only where ROS 2 is not.
    from pipros.idl import message_type

    message_type(name)
    type_hash(name)


def differs_here(topic: RecordedTopic) -> bool:
    """Whether the bag defines a type otherwise than pipros; False where it cannot be told."""
    name = full_name(topic.type)
    if not topic.schema or not activate() or name not in type_store().fielddefs:
        return False
    try:
        parsed = _parse(name, topic.schema_encoding, topic.schema.decode())
        return _store_with(parsed).hash_rihs01(name) != type_hash(name)
    except Exception:
        return False


def _parse(name: str, encoding: str, text: str) -> dict:
    """The types of a definition by name; PiprosError for another notation."""
    if encoding == "ros2msg":
        return get_types_from_msg(text, name)
    if encoding not in ("ros2idl", "omgidl"):
        raise PiprosError(
            f"its definition in the bag is of kind {encoding or 'none'}, not ros2msg or ros2idl"
        )
    parsed: dict[str, Any] = {}
    for part in filter(str.strip, _SEPARATOR.split(text)):
        parsed |= get_types_from_idl(re.sub(r"\A\s*IDL: \S+", "", part))
    return parsed


def _store_with(parsed: dict) -> Typestore:
    """The types of here, and others in their place."""
    store = Typestore()
    store.fielddefs = {**type_store().fielddefs, **{each: made[:2] for each, made in parsed.items()}}
    return store


def _register(name: str, encoding: str, text: str) -> None:
    """Take the types of a definition that are not yet known.

    Raises:
        PiprosError: It uses a type that is another one here.
    """
    parsed = _parse(name, encoding, text)
    if name not in parsed:
        raise PiprosError(f"its definition in the bag is of {', '.join(parsed) or 'no type'}")
    store, theirs = type_store(), _store_with(parsed)
    for each in parsed:
        if each in store.fielddefs and theirs.hash_rihs01(each) != store.hash_rihs01(each):
            raise PiprosError(f"it uses another {each} than there is here")
    for each, made in parsed.items():
        store.fielddefs.setdefault(each, made[:2])
