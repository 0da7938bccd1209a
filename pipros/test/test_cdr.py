"""Messages survive CDR, and the bytes are those of another implementation."""

from __future__ import annotations

import random
import string
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from pipros.cdr import deserialize, serialize
from pipros.definitions import SERVICES, VISION_MESSAGES
from pipros.errors import PiprosError
from pipros.interfaces import Field, definition, type_store
from pipros.message import _INTEGERS, Message, message_class

MESSAGES = sorted(type_store().fielddefs)
OUR_OWN = [name for name in MESSAGES if "/srv/" in name]


@lru_cache(maxsize=1)
def oracle() -> Typestore:
    """The rosbags type store that other messages are compared with; it lacks vision_msgs of its own."""
    store = get_typestore(Stores.ROS2_JAZZY)
    for name, text in VISION_MESSAGES.items():
        store.register(get_types_from_msg(text, f"vision_msgs/msg/{name}"))
    return store


def arbitrary(name: str, source: random.Random) -> Message:
    """A message with random fields; sequences are short and often empty."""
    message = message_class(name)()
    for field in definition(name).fields:
        if field.shape == "scalar":
            value = _arbitrary_value(field, source)
        else:
            most = field.size or source.choice((0, 1, 3))
            length = field.size if field.shape == "array" else source.randint(0, most)
            value = [_arbitrary_value(field, source) for _ in range(length)]
        setattr(message, field.name, value)
    return message


def _arbitrary_value(field: Field, source: random.Random) -> Any:
    if field.nested:
        return arbitrary(field.base, source)
    if field.base in _INTEGERS:
        return source.randint(*_INTEGERS[field.base])
    if field.base == "float32":
        return float(np.float32(source.uniform(-1e6, 1e6)))
    if field.base == "float64":
        return source.uniform(-1e9, 1e9)
    if field.base == "bool":
        return source.random() < 0.5
    if field.base == "byte":
        return source.randbytes(1)
    return "".join(source.choices(string.printable + "äß漢", k=source.randint(0, 9)))


def as_rosbags(message: Message) -> object:
    """The same message as an object of rosbags."""
    kind = oracle().types[message.definition.name]
    values = {}
    for field in message.definition.fields:
        value = getattr(message, field.name)
        if field.nested:
            value = [as_rosbags(each) for each in value] if field.shape != "scalar" else as_rosbags(value)
        elif field.base == "byte":
            value = np.frombuffer(b"".join(value), np.uint8) if field.shape != "scalar" else value[0]
            if field.shape == "scalar" and value > 127:
                value -= 256  # rosbags has it signed
        elif field.shape != "scalar" and field.base != "string":
            value = np.asarray(value, dtype=bool if field.base == "bool" else None)
        values[field.name] = value
    if not message.definition.fields:
        values["structure_needs_at_least_one_member"] = 0
    return kind(**values)


@pytest.mark.parametrize("name", MESSAGES)
@settings(max_examples=15)
@given(seed=st.integers(0, 2**32))
def test_every_message_survives(name: str, seed: int) -> None:
    message = arbitrary(name, random.Random(seed))

    data = serialize(message)

    assert len(data) % 4 == 0
    assert deserialize(data, type(message)) == message


@pytest.mark.parametrize("name", [name for name in MESSAGES if name not in OUR_OWN])
@settings(max_examples=15)
@given(seed=st.integers(0, 2**32))
def test_the_bytes_are_those_of_rosbags(name: str, seed: int) -> None:
    message = arbitrary(name, random.Random(seed))
    expected = bytes(oracle().serialize_cdr(as_rosbags(message), name))

    data = bytes(serialize(message))

    assert data[: len(expected)] == expected
    assert len(data) - len(expected) < 4
    assert not any(data[len(expected) :])


@pytest.mark.parametrize("name", ["sensor_msgs/msg/Image", "tf2_msgs/msg/TFMessage", "std_msgs/msg/String"])
@given(seed=st.integers(0, 2**32), cut=st.floats(0, 0.99))
def test_truncated_data_is_refused_by_the_name_of_its_type(name: str, seed: int, cut: float) -> None:
    data = serialize(arbitrary(name, random.Random(seed)))
    padding = 4  # the last bytes may be padding, whose loss does no harm
    kept = int((len(data) - padding) * cut)

    with pytest.raises(PiprosError, match=name):
        deserialize(bytes(data[:kept]), message_class(name))


def test_a_length_that_cannot_be_is_refused_at_once() -> None:
    data = b"\x00\x01\x00\x00" + (2**31).to_bytes(4, "little")

    with pytest.raises(PiprosError, match="TFMessage"):
        deserialize(data, message_class("tf2_msgs/msg/TFMessage"))


def test_a_large_array_comes_back_as_one_block() -> None:
    image = message_class("sensor_msgs/msg/Image")(data=np.arange(4_000_000, dtype=np.uint32).view(np.uint8))

    assert deserialize(serialize(image), type(image)).data == image.data


def test_services_halves_are_messages_too() -> None:
    for name in SERVICES:
        for half in ("Request", "Response"):
            message = message_class(f"{name}_{half}")()
            assert deserialize(serialize(message), type(message)) == message


@pytest.mark.parametrize(
    ("text", "read"), [(b"\xff\xfe(", "\ufffd\ufffd("), (b"na\xc3", "na\ufffd"), (b"a\0b", "a")]
)
def test_a_text_is_read_as_rosidl_reads_it(text: bytes, read: str) -> None:
    """It decodes with `replace`, up to the first zero (rosidl_generator_py, _msg_support.c.em)."""
    data = b"\0\1\0\0" + (len(text) + 1).to_bytes(4, "little") + text + b"\0"

    assert deserialize(data, message_class("std_msgs/msg/String")).data == read
