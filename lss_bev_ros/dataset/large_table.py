"""Tokens of a large table, found without parsing it.

nuScenes writes its tables with `json.dump(..., indent=0)`: each field on a line of its own, tokens of 32
hexadecimal digits first. So in each record these tokens stand at the same distance from its beginning, and
where the records lie and to whom they belong can be told twenty times faster than by a parser. Any other
file is left to the parser.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_CHUNK = 1 << 20
"""Bytes that are looked at at once; no record is longer."""

_OPEN = ord("{")
_BETWEEN = b"},\n{\n"
_DIGITS = 32
_MIXER = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class TableScan:
    """What a table tells without being parsed.

    Attributes:
        starts: (N,) int64 bytes into the file where each record begins, with its brace.
        ends: (N,) int64 bytes where each record ends, behind its brace.
        tokens: field name to (N,) uint64, equal for equal tokens and for others almost never.
    """

    starts: np.ndarray
    ends: np.ndarray
    tokens: dict[str, np.ndarray]


def hashed(tokens: Sequence[str]) -> np.ndarray:
    """(N,) uint64 of tokens, as `TableScan` has them; 0 for one that is not 32 bytes long."""
    raw = [token.encode() for token in tokens]
    whole = np.array([len(each) == _DIGITS for each in raw], dtype=bool)
    text = b"".join(each if len(each) == _DIGITS else bytes(_DIGITS) for each in raw)
    mixed = _mixed(list(np.frombuffer(text, "<u8").reshape(-1, 4).T))
    return np.where(whole, mixed, np.uint64(0))


def scan(path: Path, fields: Sequence[str]) -> TableScan | None:
    """Find the records of a table and the tokens of some fields.

    Args:
        path: the table.
        fields: names of fields that hold one token each.

    Returns:
        None where any record is laid out in another way, or anything else is unusual.

    Raises:
        OSError: the file cannot be read.
    """
    table = _Window()
    places: list[int] = []
    starts: list[np.ndarray] = []
    tokens: dict[str, list[np.ndarray]] = {field: [] for field in fields}
    prefixes = [b'\n"%s": "' % field.encode() for field in fields]
    with path.open("rb", buffering=0) as file:
        while True:
            more = table.read(file)
            braces = np.flatnonzero(table.equal(_OPEN))
            if not starts:
                if table.text(0, 4) != b"[\n{\n":
                    return None
                record = table.text(2, int(braces[1]) if len(braces) > 1 else table.held)
                places = [record.find(prefix) + len(prefix) for prefix in prefixes]
                if any(place < len(prefix) for place, prefix in zip(places, prefixes, strict=True)):
                    return None
            whole = braces[:-1] if more else braces  # the last one may go on in the next chunk
            if not len(whole) or not table.reads(_BETWEEN, whole[not starts :] - 3):
                return None
            following = np.append(braces[1:], table.held)[: len(whole)]
            for field, place, prefix in zip(fields, places, prefixes, strict=True):
                at = whole + place
                if (at + _DIGITS >= following).any():
                    return None
                fits = table.reads(prefix[:8], at - len(prefix)) and table.reads(prefix[-8:], at - 8)
                if not fits or not table.reads(b'"', at + _DIGITS):
                    return None
                tokens[field].append(_mixed([table.words[at + n] for n in range(0, _DIGITS, 8)]))
            starts.append(whole + table.offset)
            if not more:
                break
            table.forget(int(braces[-1]) - 3)
    rest = table.text(int(braces[-1]), table.held).rstrip()
    if not rest.endswith(b"\n}\n]"):
        return None
    first = np.concatenate(starts)
    return TableScan(
        starts=first,
        ends=np.append(first[1:] - 2, first[-1] + len(rest) - 2),
        tokens={field: np.concatenate(parts) for field, parts in tokens.items()},
    )


class _Window:
    """A part of a file in memory that is used again, which costs less than new memory.

    Attributes:
        offset: bytes into the file where it begins.
        held: bytes that it holds.
        words: the 8 bytes from any of its bytes on, as one number.
    """

    def __init__(self) -> None:
        self._bytes = np.zeros(_CHUNK + 8, np.uint8)
        self._mask = np.empty(_CHUNK, np.bool_)
        self.words = np.lib.stride_tricks.as_strided(self._bytes[:8].view("<u8"), (_CHUNK,), (1,))
        self.offset = self.held = 0

    def read(self, file: io.FileIO) -> bool:
        """Fill it up; whether that worked, and the file may go on."""
        while self.held < _CHUNK:
            count = file.readinto(self._bytes.data[self.held : _CHUNK])
            if not count:
                break
            self.held += count
        return self.held == _CHUNK

    def forget(self, count: int) -> None:
        """Drop bytes at the beginning."""
        rest = self._bytes[count : self.held].copy()
        self._bytes[: len(rest)] = rest
        self.offset, self.held = self.offset + count, len(rest)

    def text(self, start: int, end: int) -> bytes:
        """Some bytes."""
        return self._bytes[start:end].tobytes()

    def equal(self, byte: int) -> np.ndarray:
        """(held,) bool."""
        return np.equal(self._bytes[: self.held], byte, out=self._mask[: self.held])

    def reads(self, text: bytes, places: np.ndarray) -> bool:
        """Whether up to 8 bytes stand at all of some places."""
        mask = np.uint64((1 << 8 * len(text)) - 1)
        return bool((self.words[places] & mask == np.frombuffer(text.ljust(8, b"\0"), "<u8")[0]).all())


def _mixed(words: Sequence[np.ndarray]) -> np.ndarray:
    mixed = words[0].copy()
    for word in words[1:]:
        mixed ^= mixed >> np.uint64(29)
        mixed *= _MIXER
        mixed += word
    mixed ^= mixed >> np.uint64(29)
    mixed *= _MIXER
    return mixed
