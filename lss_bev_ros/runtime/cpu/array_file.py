"""Arrays and what is said of them in one file, which tells when it is no longer what was written.

SHA-256 of the rest; the length of the text; the text, JSON: what is said, and where each array begins; the
arrays' bytes. Nothing in it is run. Reading needs no PyTorch, so that it can go on while that is loaded.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ... import files
from ...errors import RuntimeBackendError

_DIGEST = hashlib.sha256().digest_size
_LENGTH = 8


@dataclass(frozen=True, eq=False)
class ArrayFile:
    """What such a file holds.

    Attributes:
        said: what JSON can say.
        arrays: (n,) uint8 each.
    """

    said: Any
    arrays: Sequence[np.ndarray]


def write_arrays(path: Path, content: ArrayFile) -> None:
    """Write a file, whole or not at all.

    Raises:
        RuntimeBackendError: it cannot be written there.
    """
    sizes = [array.nbytes for array in content.arrays]
    text = json.dumps({"said": content.said, "sizes": sizes}).encode()
    parts: list[Any] = [
        len(text).to_bytes(_LENGTH, "little"),
        text,
        *(array.data for array in content.arrays),
    ]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    with files.replacing(path, RuntimeBackendError) as partial, partial.open("wb") as file:
        os.chmod(partial, 0o600)  # a group that may write could change what is read
        for part in (digest.digest(), *parts):
            file.write(part)


def read_arrays(path: Path) -> ArrayFile | None:
    """Read a file.

    Returns:
        None where there is none, where it is damaged, or where another user may have written it.
    """
    try:
        with path.open("rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            if not _is_ours(status):
                return None
            expected, length = file.read(_DIGEST), file.read(_LENGTH)
            text = file.read(min(int.from_bytes(length, "little"), status.st_size))
            digest = hashlib.sha256(length + text)
            told = json.loads(text)
            sizes = told["sizes"]
            if _DIGEST + _LENGTH + len(text) + sum(sizes) != status.st_size:
                return None
            arrays = []
            for size in sizes:
                array: Any = np.empty(size, np.uint8)
                if file.readinto(array.data) != size:
                    return None
                digest.update(array)
                arrays.append(array)
    except (OSError, ValueError, TypeError, LookupError, RecursionError, MemoryError):
        return None
    return ArrayFile(told["said"], arrays) if digest.digest() == expected else None


def _is_ours(status: os.stat_result) -> bool:
    """Whether nobody but this user, or root, can have written a file."""
    if not hasattr(os, "geteuid"):
        return True
    return status.st_uid in (os.geteuid(), 0) and not status.st_mode & 0o022
