"""The records of a nuScenes table, checked as they are read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Set
from pathlib import Path

from ..errors import DatasetError

REMEDY = "unpack the metadata again, or write the data set anew with `lss-bev synthesize`"

_CHUNK = 4 << 20
"""Bytes of a table that are parsed at once: v1.0-trainval has tables of more than a gigabyte."""

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
            if not isinstance(record, dict):
                raise DatasetError(f"{path}: record {number} is no object; {REMEDY}")
            if not needed <= record.keys():
                missing = ", ".join(repr(name) for name in sorted(needed - record.keys()))
                raise DatasetError(f"{path}: record {number} lacks the field {missing}; {REMEDY}")
            yield record
            number += 1


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
