"""The records of a nuScenes table, checked as they are read."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import DatasetError

REMEDY = "unpack the metadata again, or write the data set again with `lss-bev synthesize`"

_CHUNK = 4 << 20
"""Bytes of a table that are parsed at once: v1.0-trainval has tables of more than a gigabyte."""

_GAP = 64 << 10
"""Bytes between two records up to which they are read at once."""

_BETWEEN = re.compile(rb"\}\s*,\s*(?=\{)")
_BOM = b"\xef\xbb\xbf"


def load_records(path: Path, needed: Set[str], optional: bool = False) -> list[dict]:
    """Read a table; every record has the `needed` fields.

    Args:
        path: the table.
        needed: names of fields.
        optional: a table that is not there is an empty one.

    Raises:
        DatasetError: the table is missing or broken, or a record lacks a field; the message names them.
    """
    return list(each_record(path, needed, optional))


def each_record(path: Path, needed: Set[str], optional: bool = False) -> Iterator[dict]:
    """Yield the records of a table as `load_records` has them, holding only a few thousand at a time."""
    number = 0
    for part in _parts(path, optional):
        if not isinstance(part, list):
            raise DatasetError(f"{path}: a table is a list of records, not {type(part).__name__}; {REMEDY}")
        for record in part:
            yield _checked(path, number, record, needed)
            number += 1


@dataclass(frozen=True)
class RecordRows:
    """Some records of a table, as bytes of its file.

    Attributes:
        numbers: (N,) their numbers in the table, ascending.
        starts: (N,) where each begins.
        ends: (N,) where each ends.
        written: size and time of change of the file that this is true of.
    """

    numbers: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    written: tuple[int, int]


def written(path: Path) -> tuple[int, int]:
    """Size and time of change of a file; (0, 0) where it is not there."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


def records_at(path: Path, rows: RecordRows, needed: Set[str]) -> Iterator[tuple[int, dict]]:
    """Yield records by their place in the file, with their numbers.

    Raises:
        DatasetError: the file is another one by now, or a record is broken or lacks a field.
    """
    if not len(rows.numbers):
        return
    if written(path) != rows.written:
        raise DatasetError(f"{path}: changed since the data set was opened; open it again")
    # Records that are near each other are read at once.
    far = np.flatnonzero(rows.starts[1:] - rows.ends[:-1] > _GAP) + 1
    try:
        with path.open("rb") as file:
            for run in np.split(np.arange(len(rows.numbers)), far):
                start = int(rows.starts[run[0]])
                data = os.pread(file.fileno(), int(rows.ends[run[-1]]) - start, start)
                for row in run.tolist():
                    number = int(rows.numbers[row])
                    try:
                        record = json.loads(data[rows.starts[row] - start : rows.ends[row] - start])
                    except ValueError as error:
                        raise DatasetError(
                            f"{path}: broken JSON in record {number} ({error}); {REMEDY}"
                        ) from None
                    yield number, _checked(path, number, record, needed)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}); check permissions and disk") from None


def _checked(path: Path, number: int, record: object, needed: Set[str]) -> dict:
    if not isinstance(record, dict):
        raise DatasetError(f"{path}: record {number} is not an object; {REMEDY}")
    if not needed <= record.keys():
        missing = ", ".join(repr(name) for name in sorted(needed - record.keys()))
        raise DatasetError(f"{path}: record {number} lacks the field {missing}; {REMEDY}")
    return record


def _parts(path: Path, optional: bool) -> Iterator[object]:
    """The parsed table, piece by piece where it is large."""
    try:
        with path.open("rb") as file:
            data = file.read(_CHUNK)
            if len(data) < _CHUNK or not data.removeprefix(_BOM).lstrip().startswith(b"["):
                yield json.loads(data + file.read())
                return
            rest, ended = data.removeprefix(_BOM).lstrip()[1:], False
            while not ended:
                end = _last_boundary(rest)
                if end is not None:
                    try:
                        part = json.loads(b"[" + rest[: end[0]] + b"]")
                    except ValueError:
                        pass  # the boundary lies within a record: more of the table settles it
                    else:
                        yield part
                        rest = rest[end[1] :]
                block = file.read(_CHUNK)
                rest, ended = rest + block, not block
            yield json.loads(b"[" + rest)
    except FileNotFoundError:
        if optional:
            return
        raise DatasetError(f"{path}: table is missing; {REMEDY}") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: broken JSON ({error}); {REMEDY}") from None
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}); check permissions and disk") from None


def _last_boundary(data: bytes) -> tuple[int, int] | None:
    """Where the last whole record ends and the next one begins."""
    for back in (1 << 16, len(data)):
        found = list(_BETWEEN.finditer(data, max(0, len(data) - back)))
        if found:
            return found[-1].start() + 1, found[-1].end()
    return None
