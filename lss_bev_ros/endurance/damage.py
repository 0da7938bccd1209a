"""What is made of files in which single bytes changed, and of files that were cut."""

from __future__ import annotations

import random
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from pipros import PiprosError

from ..deploy.bundle.runner.archive import BundleError
from ..errors import LssBevError

REFUSALS = (LssBevError, PiprosError, BundleError)
"""Errors whose message is one line for the user."""

LONGEST = 20
"""Seconds that reading one file may take."""

_SHOWN = 3


@dataclass(frozen=True)
class Reading:
    """What was read of a file.

    Attributes:
        content: something that is equal where what was read is.
        said: what the reader said of it, where it read no more than a part.
    """

    content: str
    said: str = ""


@dataclass(frozen=True)
class FileKind:
    """A kind of file.

    Attributes:
        make: makes a sample in a folder; the file that is damaged.
        read: reads it as the package does.
        sealed: whether it carries a checksum, so that no change may pass in silence.
        share: of the changes that are tried, where reading it takes long.
    """

    make: Callable[[Path], Path]
    read: Callable[[Path], Reading]
    sealed: bool
    share: float = 1.0


@dataclass
class Damage:
    """What became of the changed files of one kind.

    Attributes:
        counts: `refused` in one line, `same` as written, `told` that it is not all, `changed` in silence,
            `failed` with an error that is not for users, or never finished.
        examples: what was done, and what came of it, where that must not be: `failed`, and `changed` of what
            carries a checksum.
    """

    counts: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)


def damage(kind: FileKind, changes: int, seed: int) -> Damage:
    """Change single bits of a file `changes` times, cut it a fifth as often, and read each."""
    outcome, changes = Damage(), max(1, round(changes * kind.share))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = kind.make(folder)
        good, whole = path.read_bytes(), kind.read(path)
        for what, content in _damaged(good, changes, random.Random(seed)):
            path.write_bytes(content)
            result, told = _read(kind, path, whole)
            outcome.counts[result] += 1
            bad = result == "failed" or (kind.sealed and result == "changed")
            if bad and len(outcome.examples) < _SHOWN:
                outcome.examples.append(f"{what}: {told}")
    return outcome


def _damaged(good: bytes, changes: int, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    for _ in range(changes):
        place, bit = chance.randrange(len(good)), chance.randrange(8)
        changed = bytearray(good)
        changed[place] ^= 1 << bit
        yield f"bit {bit} of byte {place}", bytes(changed)
    for _ in range(changes // 5):
        length = chance.randrange(len(good))
        yield f"cut to {length} of {len(good)} bytes", good[:length]


def _read(kind: FileKind, path: Path, whole: Reading) -> tuple[str, str]:
    before = signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(LONGEST)
    try:
        found = kind.read(path)
    except REFUSALS as error:
        line = str(error)
        return ("failed", "its message has several lines") if "\n" in line else ("refused", line)
    except Exception as error:
        return "failed", f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    if found.content == whole.content:
        return "same", ""
    return ("told", found.said) if found.said else ("changed", "read as something else, and nothing said")


def _too_long(_number: int, _frame: FrameType | None) -> None:
    raise TimeoutError(f"it was read for more than {LONGEST} s")
