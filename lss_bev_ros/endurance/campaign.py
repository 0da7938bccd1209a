"""The whole of it: the nodes are started, things are done to them and to files, and a report is written."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import platform
import random
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import RosError
from .car import RECORDED, Car
from .damage import Outcome, damage_apart
from .kinds import KINDS
from .processes import NODES, Nodes, growth
from .small_disk import fill
from .trials import Scene, Trial, cameras, hostile, kills, raw, requests, stops

_START = 300.0
"""Seconds in which all nodes must serve at first."""

_KEYFRAMES = 2.0
"""A second, of a data set at its own speed."""

_WARM_UP = 60.0
"""Seconds of a process's life that its memory's slope leaves out."""


@dataclass(frozen=True)
class CampaignOptions:
    """What is done.

    Attributes:
        dataroot: that is replayed.
        weights: of the network.
        kills: times that each node is killed.
        stops: times that each node stands still.
        cameras: times that each fault of cameras is made.
        messages: hostile messages that are published.
        payloads: raw payloads that are written to DDS.
        requests: that the page is asked.
        changes: changed bytes of each kind of file; a fifth as many cuts.
        seconds: that the nodes run at least; what is left of it they run undisturbed.
        rate: speed of the replay.
        seed: of all chance.
    """

    dataroot: Path
    weights: str = "builtin-pruned"
    kills: int = 2
    stops: int = 1
    cameras: int = 1
    messages: int = 0
    payloads: int = 0
    requests: int = 0
    changes: int = 0
    seconds: float = 0.0
    rate: float = 1.0
    seed: int = 0


def run_campaign(folder: Path, options: CampaignOptions, progress: Callable[[str], None]) -> dict[str, Any]:
    """Do all of it.

    Args:
        folder: for logs, the bag and the nodes' report; made.
        options: what is done.
        progress: told of each thing that was done, in one line.

    Returns:
        What was done, what was served, and what the nodes took.

    Raises:
        RosError: the nodes do not start, or one of them does not come back.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(options.seed)
    began = time.monotonic()
    port = _free_port()
    report = folder / "evaluation.json"
    done: list[Trial] = []
    broken = False
    with Nodes(folder, _launches(options, port, report)) as nodes, contextlib.closing(Car()) as car:
        scene = Scene(nodes, car, lambda: _asks(port), chance)
        progress("starting")
        if car_started(scene) is None:
            raise RosError(f"not all nodes serve within {_START:.0f} s; see the logs in {folder}")
        with _recording(folder) as bag:
            turns = [
                kills(scene, options.kills),
                stops(scene, options.stops),
                cameras(scene, options.cameras),
                hostile(scene, options.messages),
                raw(scene, options.payloads),
                requests(scene, port, options.requests),
            ]
            try:
                for trial in itertools.chain(*turns):
                    done.append(trial)
                    progress(_line(trial))
                    broken = broken or not _check_report(report)["whole"]
            except KeyboardInterrupt:
                progress("interrupted: the report is of what was done until now")
                options = replace(options, seconds=0.0, changes=0)
            quiet, sets = time.monotonic(), len(car.grids)
            while (left := options.seconds - (time.monotonic() - began)) > 0:
                time.sleep(min(left, 5.0))
                progress(f"undisturbed for {left:.0f} s more")
        quiet_seconds, quiet_grids = time.monotonic() - quiet, len(car.grids) - sets
        taken = {name: growth(nodes.samples[name], _WARM_UP) for name in NODES}
        series = {name: list(nodes.samples[name]) for name in NODES}
        grids = list(car.grids)
    damaged = damage_files(options, progress)
    found = {
        "made": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": _machine(),
        "options": {**vars(options), "dataroot": str(options.dataroot)},
        "seconds": time.monotonic() - began,
        "trials": [vars(trial) for trial in done],
        "grids": len(grids),
        "undisturbed": {
            "seconds": quiet_seconds,
            "grids": quiet_grids,
            "keyframes": quiet_seconds * _KEYFRAMES * options.rate,
        },
        "nodes": {name: vars(found) for name, found in taken.items() if found is not None},
        "bag": _verified(bag),
        "report": {"whole": False, "problem": "it was not at times"} if broken else _check_report(report),
        "files": {name: vars(outcome) for name, outcome in damaged.items()},
        "small_disk": fill(folder) if options.changes else {},
        "series": {
            name: [[round(s.when - began, 1), s.pid, round(s.memory, 2)] for s in samples]
            for name, samples in series.items()
        },
    }
    return {**found, "problems": problems(found)}


def problems(found: Mapping[str, Any]) -> list[str]:
    """What must not be, one line each; empty where all is well."""
    lines = [
        f"{trial['kind']} {trial['target']}: not all served again"
        for trial in found["trials"]
        if trial["recovery"] is None
    ]
    lines += [
        f"{trial['kind']} {trial['target']}: another node was started again"
        for trial in found["trials"]
        if trial["others"] is False
    ]
    for name, outcome in found["files"].items():
        bad = ("failed", "changed") if KINDS[name].sealed else ("failed",)
        if any(outcome["counts"].get(each) for each in bad):
            lines += [f"{name}: {example}" for example in outcome["examples"]]
    lines += [f"the bag: {line}" for line in found["bag"]["lost"]]
    if not found["report"]["whole"]:
        lines.append(f"the report: {found['report']['problem']}")
    return lines


def damage_files(options: CampaignOptions, progress: Callable[[str], None]) -> dict[str, Outcome]:
    """Damage a sample of every kind of file."""
    found = {}
    for name in KINDS if options.changes else ():
        found[name] = damage_apart(name, options.changes, options.seed)
        told = ", ".join(f"{count} {what}" for what, count in sorted(found[name].counts.items()))
        progress(f"damaged {name}: {told}")
    return found


def _machine() -> str:
    import torch

    return (
        f"{os.cpu_count()} processors, {platform.machine()}, Python {platform.python_version()}, "
        f"PyTorch {torch.__version__}"
    )


def car_started(scene: Scene) -> float | None:
    """Wait until every node serves for the first time."""
    since = time.monotonic()
    while time.monotonic() - since < _START:
        if (found := scene.recovery(since)) is not None:
            return found
    return None


def _launches(options: CampaignOptions, port: int, report: Path) -> dict[str, list[str]]:
    return {
        "replay": [
            "replay.launch.py",
            f"namespace:={RECORDED}",
            f"dataroot:={options.dataroot}",
            f"rate:={options.rate}",
            "loop:=true",
        ],
        "inference": ["inference.launch.py", f"weights:={options.weights}", "reliability:=reliable"],
        "evaluation": ["evaluation.launch.py", f"report:={report}", "reliability:=reliable"],
        "dashboard": ["dashboard.launch.py", f"port:={port}", "reliability:=reliable"],
    }


@contextlib.contextmanager
def _recording(folder: Path) -> Iterator[Path]:
    """A bag of what the nodes say, while all that is done."""
    bag = folder / "bag"
    command = ["bag", "record", "--regex", "^/(bev/|evaluation/|diagnostics|tf)", "-o", str(bag)]
    with (folder / "bag.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "lss_bev_ros.cli", *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield bag
        finally:
            process.terminate()
            try:
                process.wait(30.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _verified(bag: Path) -> dict[str, Any]:
    from pipros.bag import verify
    from pipros.errors import PiprosError

    try:
        found = verify(bag)
    except PiprosError as error:
        return {"messages": 0, "lost": [str(error)]}
    return {"messages": found.messages, "lost": list(found.lost)}


def _check_report(report: Path) -> dict[str, Any]:
    """What the nodes' report says, which must be whole at any time."""
    try:
        content = json.loads(report.read_text())
    except (OSError, ValueError) as error:
        return {"whole": False, "problem": str(error)}
    return {"whole": True, "frames": content["frames"]["evaluated"]}


def _line(trial: Trial) -> str:
    how = "never served again" if trial.recovery is None else f"all serve again after {trial.recovery:.2f} s"
    return f"{trial.kind} {trial.target}: {how}"


def _asks(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2.0):
            return True
    except urllib.error.HTTPError:
        return True  # it says that something else does not serve
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
