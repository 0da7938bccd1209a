"""Damages files of one kind in a process of its own, which a reader may end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter

from pipros import child_environment

from .damage import Damage, damage
from .kinds import KINDS

_TIMEOUT = 3600.0


def damage_apart(name: str, changes: int, seed: int) -> Damage:
    """What `damage` finds for a kind, by its name; a process that ended is a failure."""
    command = [sys.executable, "-m", __name__, name, str(changes), str(seed)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_TIMEOUT, env=child_environment(os.environ)
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [""])[-1]
        return Damage(Counter(failed=1), [f"the process ended with {done.returncode}: {last}"])
    found = json.loads(done.stdout.splitlines()[-1])
    return Damage(Counter(found["counts"]), found["examples"])


def main(name: str, changes: str, seed: str) -> None:
    """Damage one kind of file and print the outcome as JSON."""
    found = damage(KINDS[name], int(changes), int(seed))
    print(json.dumps({"counts": found.counts, "examples": found.examples}))


if __name__ == "__main__":
    main(*sys.argv[1:])
