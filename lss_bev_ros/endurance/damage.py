"""What is made of files in which single bytes changed, and of files that were cut."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from ..errors import LssBevError

LONGEST = 20
"""Seconds that reading one file may take."""

_SHOWN = 3
_TIMEOUT = 3600.0


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
        errors: that refuse it in one line.
        share: of the changes that are tried, where reading it takes long.
    """

    make: Callable[[Path], Path]
    read: Callable[[Path], Reading]
    sealed: bool
    errors: tuple[type[Exception], ...] = (LssBevError,)
    share: float = 1.0


@dataclass
class Outcome:
    """What became of the changed files of one kind.

    Attributes:
        counts: `refused` in one line, `same` as written, `told` that it is not all, `changed` in silence,
            `failed` with an error that is not for users, or never finished.
        examples: of `changed` and `failed`: what was done, and what came of it.
    """

    counts: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)


def damage(kind: FileKind, changes: int, seed: int) -> Outcome:
    """Change single bits of a file `changes` times, cut it a fifth as often, and read each."""
    outcome, changes = Outcome(), max(1, round(changes * kind.share))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = kind.make(folder)
        good, whole = path.read_bytes(), kind.read(path)
        for what, content in _damaged(good, changes, random.Random(seed)):
            path.write_bytes(content)
            result, told = _read(kind, path, whole)
            outcome.counts[result] += 1
            if result in ("changed", "failed") and len(outcome.examples) < _SHOWN:
                outcome.examples.append(f"{what}: {told}")
    return outcome


def damage_apart(name: str, changes: int, seed: int) -> Outcome:
    """The same in a process of its own, which a reader may end."""
    command = [sys.executable, "-m", __name__, name, str(changes), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [""])[-1]
        return Outcome(Counter(failed=1), [f"the process ended with {done.returncode}: {last}"])
    found = json.loads(done.stdout.splitlines()[-1])
    return Outcome(Counter(found["counts"]), found["examples"])


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
    except kind.errors as error:
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


def main(name: str, changes: str, seed: str) -> None:
    """Damage one kind of file and print the outcome as JSON."""
    from ..ros2 import prepare
    from .kinds import KINDS

    prepare()
    outcome = damage(KINDS[name], int(changes), int(seed))
    print(json.dumps({"counts": outcome.counts, "examples": outcome.examples}))


if __name__ == "__main__":
    main(*sys.argv[1:])
