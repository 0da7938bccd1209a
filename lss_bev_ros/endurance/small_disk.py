"""What is written while the disk is full, here a process whose files may not grow beyond a size."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from ..errors import LssBevError

_LIMIT = 4 << 20
_TIMEOUT = 120.0


def fill(folder: Path) -> dict[str, str]:
    """Write a bag, weights and a report beyond a limit in a process of its own; what was said of each."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        command = [sys.executable, "-m", __name__, name]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT)
    if done.returncode:
        return {"process": f"ended with {done.returncode}: {done.stderr.strip()[-300:]}"}
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


def main(name: str) -> None:
    """Write until the limit, and print what was said."""
    from pipros import PiprosError
    from pipros.bag import Bag, BagWriter

    from .. import files

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_LIMIT, resource.RLIM_INFINITY))
    folder, said = Path(name), {}
    try:
        files.write_json(folder / "report.json", {"numbers": list(range(1_000_000))})
        said["report"] = "failed: it was written"
    except LssBevError as error:
        said["report"] = str(error)
    said["report"] += "" if not list(folder.iterdir()) else "; something of it was left"
    bag = folder / "bag"
    written = 0
    try:
        writer = BagWriter(bag)
        topic = writer.add_topic("/told", "std_msgs/msg/String")
        for number in range(8000):
            writer.write(topic, number, b"\0\1\0\0" + bytes(1000))
            written += 1
        writer.close()
        said["bag"] = "failed: it was written"
    except (OSError, PiprosError) as error:
        said["bag"] = " ".join(str(error).split())
    try:
        with Bag(bag) as opened:
            said["bag"] += f"; {sum(1 for _ in opened.messages())} messages of it can be read"
    except PiprosError as error:
        said["bag"] += f"; it cannot be read: {error}"
    print(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
