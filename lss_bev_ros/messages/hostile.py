"""Messages that mean harm or nothing, made from the definitions of their types alone, to try nodes with."""

from __future__ import annotations

import array
import copy
import importlib
import random
import re
import struct
from functools import cache
from typing import Any

import numpy as np

_TYPE = re.compile(r"(?P<sequence>sequence<)?(?P<base>[\w/]+)(?P<limit>[^\[]*)(?:\[(?P<size>\d+)\])?")
_CODES = {
    **{f"int{bits}": code for bits, code in zip((8, 16, 32, 64), "bhiq", strict=True)},
    **{f"uint{bits}": code for bits, code in zip((8, 16, 32, 64), "BHIQ", strict=True)},
    "float": "f",
    "double": "d",
    "char": "B",
}
_TEXTS = (
    "",
    "base_link",
    "map",
    "odom",
    "lidar_top",
    "cam_front",
    "x",
    "intensity",
    "class_id",
    "rgb8",
    "nv12",
)
_ODD_TEXTS = ("\ufffd\ufffd", "a\nb", "/", "é" * 300, "x" * 70_000)
_SHARP = (0.0, -0.0, 1.0, -1.0, 0.5, 1e-30, 1e20, 3e38, float("inf"), float("-inf"), float("nan"))


@cache
def _fields_of(kind: Any) -> tuple[tuple[str, str, bool, int], ...]:
    """(name, base, whether there are several, fixed size) of each field of a message class."""
    known: list[tuple[str, str, bool, int]] = []
    for name, written in kind.get_fields_and_field_types().items():
        found = _TYPE.match(written)
        assert found is not None, written
        size = int(found["size"] or 0)
        known.append((name, found["base"], bool(found["sequence"]) or bool(size), size))
    return tuple(known)


@cache
def _class_of(base: str) -> Any:
    package, _, short = base.partition("/")
    return getattr(importlib.import_module(f"{package}.msg"), short)


class Hostile(random.Random):
    """Makes messages; the same ones for the same seed."""

    def message(self, kind: Any, good: Any = None, depth: int = 0) -> Any:
        """A message of nothing but its definition, or a good one with a few fields that are not."""
        made = kind() if good is None else copy.copy(good)
        known = _fields_of(kind)
        count = self.randint(0, len(known)) if good is None else self.randint(1, 2)
        for name, base, several, size in self.sample(known, min(count, len(known))):
            inner = getattr(made, name)
            if good is not None and "/" in base and (not several or len(inner)) and self.random() < 0.9:
                at = self.randrange(len(inner)) if several else 0
                other = self.message(_class_of(base), inner[at] if several else inner, depth + 1)
                value = [*inner[:at], other, *inner[at + 1 :]] if several else other
            else:
                value = self._field(base, several, size, depth)
            setattr(made, name, value)
        return made

    def payload(self, serialized: bytes) -> bytes:
        """The bytes of a message, cut, with some of them changed, or others altogether."""
        data = bytearray(serialized if self.random() < 0.7 else self.randbytes(self.randint(0, 300)))
        for _ in range(self.randint(0, 4)):
            if data:
                place = self.randrange(min(len(data), 400))
                data[place : place + 4] = self.choice([b"\xff\xff\xff\xff", b"\0\0\0\x80", self.randbytes(1)])
        return bytes(data[: self.randint(0, len(data))] if self.random() < 0.5 else data)

    def _field(self, base: str, several: bool, size: int, depth: int) -> Any:
        if not several:
            return self._value(base, depth)
        code = _CODES.get(base)
        if code is None:
            count = size or self.choice((0, 1, 1, 2, 3))
            return [self._value(base, depth) for _ in range(count)]
        if size:
            return np.array([self._value(base, depth) for _ in range(size)], code)
        if self.random() < 0.3:
            return array.array(code, bytes(8 * self.choice((0, 1, 255, 40_000))))
        return array.array(code, [self._value(base, depth) for _ in range(self.randint(0, 12))])

    def _value(self, base: str, depth: int) -> Any:
        if "/" in base:
            return self.message(_class_of(base), None, depth + 1) if depth < 6 else _class_of(base)()
        if base == "boolean":
            return self.random() < 0.5
        if base == "octet":
            return self.randbytes(1)
        if base in ("string", "wstring"):
            return self.choice(_TEXTS if self.random() < 0.8 else _ODD_TEXTS)
        if base in ("float", "double"):
            return self._float(base)
        low, high = self._range(base)
        return self.choice(
            (low, high, max(low, -1), 1, 0, high // 2, min(high, 1000), self.randint(low, high))
        )

    def _float(self, base: str) -> float:
        if self.random() < 0.5:
            return self.choice(_SHARP)
        if self.random() < 0.5:
            return self.uniform(-100.0, 100.0)
        code, size = ("f", 4) if base == "float" else ("d", 8)
        number: float = struct.unpack(code, self.randbytes(size))[0]
        return number

    @staticmethod
    def _range(base: str) -> tuple[int, int]:
        if base == "char":
            return 0, 255
        bits = int(re.sub(r"\D", "", base))
        return (0, 2**bits - 1) if base[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
