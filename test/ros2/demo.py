"""Run the demonstration under a real ROS 2, many times: `python test/ros2/demo.py jazzy [--times 20]`.

Each time once to its end, and once ended by Ctrl-C and by SIGTERM in its midst. It prints a line a run:
keyframes scored, lines that tell of an error, exit code, and the seconds from the signal to the end.
No time is asserted, since it depends on what else the machine does: the load is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import run

STARTED_FRAMES = 3  # scored before a signal is sent


def main() -> int:
    """0 where every run was as it should be."""
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("distribution", help="jazzy, kilted, or stand-in")
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--endings", default="end,SIGINT,SIGTERM")
    parser.add_argument("arguments", nargs="*", help="name:=value for the demo, such as dataroot:=DIR")
    given = parser.parse_intermixed_args()
    # A shell's background job is started with SIGINT ignored, and its children would ignore it too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    environment = dict(os.environ)
    if given.distribution != "stand-in":
        environment = run.environment(run.installed(given.distribution))
    good = 0
    endings = given.endings.split(",")
    for number in range(given.times):
        for ending in endings:
            with tempfile.TemporaryDirectory() as folder:
                good += once(ending, number, Path(folder), given.arguments, environment)
    print(f"{good} of {given.times * len(endings)} as they should be")
    return int(good != given.times * len(endings))


def once(ending: str, number: int, folder: Path, arguments: list[str], environment: dict[str, str]) -> bool:
    """Run it once and print what was seen."""
    if ending != "end":
        arguments = [*arguments, "loop:=true"]
    command = [sys.executable, "-m", "lss_bev_ros.cli", "demo", "--runs", str(folder), "port:=0", *arguments]
    with (folder / "output").open("w") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )
        began = time.monotonic()
        if ending != "end":
            while process.poll() is None and scored(folder) <= STARTED_FRAMES:
                time.sleep(0.1)
            began = time.monotonic()
            process.send_signal(getattr(signal, ending))
        code = process.wait()
    seconds = time.monotonic() - began
    text = (folder / "output").read_text()
    logs = "".join(log.read_text(errors="replace") for log in (folder / "demo").glob("*.log"))
    errors = [line for line in (text + logs).splitlines() if "ERROR" in line or "Traceback" in line]
    frames = scored(folder)
    good = code == 0 and not errors and frames >= (20 if ending == "end" else STARTED_FRAMES)
    print(
        f"{number + 1:3} {ending:8} {frames:3} scored, {len(errors)} errors, code {code}, {seconds:5.1f} s, "
        f"load {os.getloadavg()[0]:.1f}{'' if good else '  <-- ' + ' | '.join(errors[:2])}",
        flush=True,
    )
    if not good and os.environ.get("KEEP"):
        print(text, logs, flush=True)
    return good


def scored(folder: Path) -> int:
    """Keyframes in the report, 0 before there is one."""
    try:
        return json.loads((folder / "demo" / "evaluation.json").read_text())["frames"]["evaluated"]
    except (OSError, ValueError):
        return 0


if __name__ == "__main__":
    sys.exit(main())
