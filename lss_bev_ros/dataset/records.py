"""The records of a nuScenes table, checked as they are read."""

from __future__ import annotations

import json
from collections.abc import Set
from pathlib import Path

from ..errors import DatasetError

REMEDY = "unpack the nuScenes metadata again, or write the data set anew with `lss-bev synthesize`"


def load_records(path: Path, needed: Set[str]) -> list[dict]:
    """Read a table; every record has the `needed` fields.

    Raises:
        DatasetError: the table is missing or broken, or a record lacks a field; the message names them.
    """
    try:
        with path.open(encoding="utf-8") as file:
            records = json.load(file)
    except FileNotFoundError:
        raise DatasetError(f"{path}: table is missing; {REMEDY}") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: broken JSON ({error}); {REMEDY}") from None
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}); check permissions and disk") from None
    if not isinstance(records, list):
        raise DatasetError(f"{path}: a table is a list of records, not {type(records).__name__}; {REMEDY}")
    for number, record in enumerate(records):
        if not isinstance(record, dict):
            raise DatasetError(f"{path}: record {number} is no object; {REMEDY}")
        if not needed <= record.keys():
            missing = ", ".join(repr(name) for name in sorted(needed - record.keys()))
            raise DatasetError(f"{path}: record {number} lacks the field {missing}; {REMEDY}")
    return records
