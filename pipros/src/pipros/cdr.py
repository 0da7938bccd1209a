"""Messages to and from CDR, the bytes that ROS 2 puts on the wire and into bags.

Plain CDR, little endian, as rmw writes it (OMG DDSI-RTPS 10.5, encapsulation CDR_LE): every number is
aligned to its own size, counted from behind the 4 byte header; an empty sequence has no elements to
align. The rosbags codec is not used because it wants numpy arrays where the rclpy API has
`array.array`; tests hold this one against it. Arrays of numbers move as one block.
"""

from __future__ import annotations

import array
import struct
import sys
from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any

import numpy as np

from pipros.errors import PiprosError
from pipros.interfaces import Definition, Field
from pipros.message import TYPE_CODES, Message, message_class

HEADER = b"\x00\x01\x00\x00"
_CODES = {**TYPE_CODES, "bool": "?", "byte": "c"}

Writer = Callable[[bytearray, Any], None]
Reader = Callable[[memoryview, int, Any], int]


def serialize(message: Message) -> bytearray:
    """A message's CDR with its header, padded to a multiple of four bytes."""
    out = bytearray(HEADER)
    _codec(type(message)).write(out, message)
    out += bytes(-len(out) % 4)
    return out


def deserialize(data: bytes | bytearray | memoryview, kind: type[Message]) -> Message:
    """The message of class `kind` in `data`; PiprosError where `data` does not hold one."""
    message, _ = deserialize_from(data, kind, 0)
    return message


def deserialize_from(
    data: bytes | bytearray | memoryview, kind: type[Message], offset: int
) -> tuple[Message, int]:
    """Like `deserialize`, from `offset` bytes behind the header; also says where the message ends."""
    view = memoryview(data)
    if len(view) < 4 or bytes(view[:2]) != HEADER[:2] or sys.byteorder != "little":
        raise PiprosError(f"{kind.definition.name}: the data is not little-endian CDR")
    message = kind.__new__(kind)
    try:
        end = _codec(kind).read(view[4:], offset, message)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise PiprosError(
            f"{kind.definition.name}: the data is truncated or of another type ({error})"
        ) from None
    return message, end


class _Codec:
    """Writes and reads the fields of one message class, one step a field or run of plain numbers."""

    def __init__(self, definition: Definition) -> None:
        self._writers: list[Writer] = []
        self._readers: list[Reader] = []
        run: list[Field] = []
        for field in definition.fields:
            if field.shape == "scalar" and not field.nested and field.base in _CODES:
                run.append(field)
                continue
            self._add_run(run)
            run = []
            write, read = _field_steps(field)
            self._writers.append(write)
            self._readers.append(read)
        self._add_run(run)
        if not definition.fields:
            self._writers.append(lambda out, message: out.append(0))
            self._readers.append(lambda view, at, message: at + 1)

    def _add_run(self, fields: list[Field]) -> None:
        if fields:
            write, read = _run_steps(fields)
            self._writers.append(write)
            self._readers.append(read)

    def write(self, out: bytearray, message: Message) -> None:
        for step in self._writers:
            step(out, message)

    def read(self, view: memoryview, at: int, message: Message) -> int:
        for step in self._readers:
            at = step(view, at, message)
        return at


def _made(kind: type[Message]) -> _Codec:
    return _Codec(kind.definition)


# mypy takes a class for unhashable where its instances are.
_codec: Callable[[type[Message]], _Codec] = cache(_made)  # type: ignore[assignment]


def _run_steps(fields: list[Field]) -> tuple[Writer, Reader]:
    """Plain numbers in a row: one struct, made for each of the eight positions it can start at."""
    slots = [f"_{field.name}" for field in fields]
    structs = [_aligned_struct([_CODES[field.base] for field in fields], start) for start in range(8)]
    if len(slots) == 1:
        only = slots[0]

        def write(out: bytearray, message: Message) -> None:
            out += structs[(len(out) - 4) & 7].pack(getattr(message, only))
    else:
        values = attrgetter(*slots)

        def write(out: bytearray, message: Message) -> None:
            out += structs[(len(out) - 4) & 7].pack(*values(message))

    def read(view: memoryview, at: int, message: Message) -> int:
        layout = structs[at & 7]
        for slot, value in zip(slots, layout.unpack_from(view, at), strict=True):
            setattr(message, slot, value)
        return at + layout.size

    return write, read


def _aligned_struct(codes: list[str], start: int) -> struct.Struct:
    layout, at = "<", start
    for code in codes:
        size = struct.calcsize(f"<{code}")
        padding = -at % size
        layout += "x" * padding + code
        at += padding + size
    return struct.Struct(layout)


def _field_steps(field: Field) -> tuple[Writer, Reader]:
    """Steps for a field that is not a plain number."""
    slot = f"_{field.name}"
    if field.shape == "scalar":
        write_one, read_one = _element(field)

        def write(out: bytearray, message: Message) -> None:
            write_one(out, getattr(message, slot))

        def read(view: memoryview, at: int, message: Message) -> int:
            value, at = read_one(view, at)
            setattr(message, slot, value)
            return at

        return write, read
    if not field.nested and field.base in TYPE_CODES:
        return _block_steps(field, slot)
    return _list_steps(field, slot)


def _block_steps(field: Field, slot: str) -> tuple[Writer, Reader]:
    """Numbers in an array: one copy of memory."""
    code = TYPE_CODES[field.base]
    size = struct.calcsize(f"<{code}")
    is_sequence = field.shape == "sequence"

    def write(out: bytearray, message: Message) -> None:
        values = getattr(message, slot)
        if is_sequence:
            _write_length(out, len(values))
        else:
            values = np.ascontiguousarray(values).reshape(-1)
        if len(values):
            out += bytes(-(len(out) - 4) % size)
            out += memoryview(values).cast("B")

    def read(view: memoryview, at: int, message: Message) -> int:
        count = field.size
        if is_sequence:
            count, at = _read_length(view, at)
        at += -at % size if count else 0
        end = at + count * size
        if end > len(view):
            raise IndexError(f"field {field.name!r} would end at byte {end} of {len(view)}")
        if is_sequence:
            sequence = array.array(code)
            sequence.frombytes(view[at:end])
            setattr(message, slot, sequence)
        else:
            setattr(message, slot, np.frombuffer(view[at:end], dtype=code).copy())
        return end

    return write, read


def _list_steps(field: Field, slot: str) -> tuple[Writer, Reader]:
    """Messages, strings, booleans or bytes in a list: element by element."""
    write_one, read_one = _element(field)
    is_sequence = field.shape == "sequence"

    def write(out: bytearray, message: Message) -> None:
        values = getattr(message, slot)
        if is_sequence:
            _write_length(out, len(values))
        for value in values:
            write_one(out, value)

    def read(view: memoryview, at: int, message: Message) -> int:
        count = field.size
        if is_sequence:
            count, at = _read_length(view, at)
            if count > len(view) - at:  # every element takes a byte at least
                raise IndexError(f"field {field.name!r} claims {count} elements")
        values = []
        for _ in range(count):
            value, at = read_one(view, at)
            values.append(value)
        setattr(message, slot, values)
        return at

    return write, read


def _element(
    field: Field,
) -> tuple[Callable[[bytearray, Any], None], Callable[[memoryview, int], tuple[Any, int]]]:
    """Functions that write and read one message, string, boolean or byte."""
    if field.nested:
        kind = message_class(field.base)
        codec = _codec(kind)

        def read_message(view: memoryview, at: int) -> tuple[Message, int]:
            message = kind.__new__(kind)
            return message, codec.read(view, at, message)

        return codec.write, read_message
    if field.base == "string":
        return _write_string, _read_string
    layout = struct.Struct(_CODES[field.base])

    def write(out: bytearray, value: Any) -> None:
        out += layout.pack(value)

    def read(view: memoryview, at: int) -> tuple[Any, int]:
        return layout.unpack_from(view, at)[0], at + 1

    return write, read


def _write_length(out: bytearray, length: int) -> None:
    out += bytes(-len(out) % 4)
    out += length.to_bytes(4, "little")


def _read_length(view: memoryview, at: int) -> tuple[int, int]:
    at += -at % 4
    return struct.unpack_from("<I", view, at)[0], at + 4


def _write_string(out: bytearray, value: str) -> None:
    text = value.encode()
    _write_length(out, len(text) + 1)
    out += text
    out.append(0)


def _read_string(view: memoryview, at: int) -> tuple[str, int]:
    length, at = _read_length(view, at)
    end = at + length
    if end > len(view):
        raise IndexError(f"a string would end at byte {end} of {len(view)}")
    # The terminating zero counts; some writers give an empty string no bytes at all. As in rosidl's Python, a
    # text ends at the first zero, and bytes that are no UTF-8 are replaced.
    return bytes(view[at : end - 1 if length else end]).partition(b"\0")[0].decode("utf-8", "replace"), end
