"""The whole of it: the nodes are started, things are done to them and to files, and a report is written."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import platform
import random
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..benchmark.measured_process import free_port
from ..errors import RosError
from ..parent import bound_to_this
from .damage import Damage
from .damage_process import damage_apart
from .kinds import KINDS
from .ordeals import Arena, Ordeal, cameras, hostile, kills, raw, requests, stops
from .processes import NODES, Nodes, growth
from .relay import RECORDED, Relay
from .small_disk import fill

_START = 300.0
"""Seconds in which all nodes must serve at first."""

_KEYFRAMES = 2.0
"""A second, of a data set at its own speed."""

_FEW = 20.0
"""Keyframes that a busy machine may be behind."""

_WARM_UP = 60.0
"""Seconds of a process's life that its memory's slope leaves out."""


@dataclass(frozen=True)
class CampaignOptions:
    """What is done.

    Attributes:
        dataroot: that is replayed.
        weights: of the network.
        nodes: that are killed and stopped.
        kills: times that each of them is killed.
        stops: times that each of them stands still.
        cameras: times that each fault of cameras is made.
        messages: hostile messages that are published.
        payloads: raw payloads that are written to DDS.
        requests: that the page is asked.
        changes: changed bytes of each kind of file; a fifth as many cuts.
        seconds: that the nodes run at least; what is left of it they run undisturbed.
        rate: speed of the replay.
        seed: of all chance.
        spare: whether nodes are forked from a parent that has loaded their modules.
    """

    dataroot: Path
    weights: str = "builtin-pruned"
    nodes: tuple[str, ...] = NODES
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
    spare: bool = False


def run_campaign(folder: Path, options: CampaignOptions, progress: Callable[[str], None]) -> dict[str, Any]:
    """Do all of it.

    Args:
        folder: for logs, the bag and the nodes' report; made.
        options: what is done.
        progress: told of each thing that was done, in one line.

    Returns:
        What was done, what was served, and what the nodes took.

    Raises:
        RosError: the nodes do not start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    found = _with_nodes(folder, options, progress)
    changes = 0 if found["interrupted"] else options.changes
    found = {
        "made": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": _machine(),
        "options": {**vars(options), "dataroot": str(options.dataroot)},
        **found,
        "files": {name: vars(each) for name, each in damage_files(changes, options.seed, progress).items()},
        "small_disk": fill(folder) if changes else {},
        "seconds": time.monotonic() - began,
    }
    return {**found, "problems": problems(found)}


def _with_nodes(folder: Path, options: CampaignOptions, progress: Callable[[str], None]) -> dict[str, Any]:
    """Start the nodes and do to them what is to be done."""
    began, port, report = time.monotonic(), free_port(), folder / "evaluation.json"
    done: list[Ordeal] = []
    whole, interrupted, gone = True, False, ""
    with Nodes(folder, _launches(options, port, report)) as nodes, contextlib.closing(Relay()) as relay:
        arena = Arena(nodes, relay, lambda: _asks(port), random.Random(options.seed))
        progress("starting")
        if arena.settle(_START) is None:
            raise RosError(f"not all nodes serve within {_START:.0f} s; see the logs in {folder}")
        with _recording(folder) as bag:
            turns = [
                kills(arena, options.nodes * options.kills),
                stops(arena, options.nodes * options.stops),
                cameras(arena, options.cameras),
                hostile(arena, options.messages),
                raw(arena, options.payloads),
                requests(arena, port, options.requests),
            ]
            quiet: tuple[float, int] | None = None
            try:
                for each in itertools.chain(*turns):
                    done.append(each)
                    progress(_line(each))
                    whole = whole and _check_report(report)["whole"]
                quiet = time.monotonic(), len(relay.grids)
                while (left := options.seconds - (time.monotonic() - began)) > 0:
                    progress(f"undisturbed for {left:.0f} s more")
                    time.sleep(min(left, 30.0))
            except KeyboardInterrupt:
                interrupted = True
                progress("interrupted: the report is of what was done until now")
            except RosError as error:  # a launch has ended, or a node does not come back
                gone = str(error)
                progress(gone)
        now = time.monotonic(), len(relay.grids)
        undisturbed, grids = (now[0] - quiet[0], now[1] - quiet[1]) if quiet else (0.0, 0)
        found = {
            "ordeals": [vars(each) for each in done],
            "grids": now[1],
            "undisturbed": {
                "seconds": undisturbed,
                "grids": grids,
                "keyframes": undisturbed * _KEYFRAMES * options.rate,
            },
            "nodes": {
                name: vars(grown)
                for name in NODES
                if (grown := growth(nodes.usage[name], _WARM_UP)) is not None
            },
            "series": {
                name: [
                    [round(each.when - began, 1), each.pid, round(each.memory, 1)]
                    for each in list(nodes.usage[name])
                ]
                for name in NODES
            },
        }
    written = _check_report(report) if whole else {"whole": False, "problem": "it was not at times"}
    return {**found, "interrupted": interrupted, "gone": gone, "bag": _verified(bag), "report": written}


def problems(found: Mapping[str, Any]) -> list[str]:
    """What must not be, one line each; empty where all is well."""
    lines = [
        f"{each['kind']} {each['target']}: {', '.join(each['silent'])} did not serve again"
        for each in found["ordeals"]
        if each["recovery"] is None
    ]
    lines += [
        f"{each['kind']} {each['target']}: another node was started again"
        for each in found["ordeals"]
        if each["others"] is False
    ]
    for name, damage in found["files"].items():
        lines += [f"{name}: {example}" for example in damage["examples"]]
    quiet = found["undisturbed"]
    if quiet["keyframes"] > _FEW and not quiet["grids"]:
        lines.append(f"undisturbed for {quiet['seconds']:.0f} s: no grid was served")
    if found["gone"]:
        lines.append(found["gone"])
    lines += [f"the bag: {line}" for line in found["bag"]["lost"]]
    if not found["report"]["whole"]:
        lines.append(f"the report: {found['report']['problem']}")
    return lines


def damage_files(changes: int, seed: int, progress: Callable[[str], None]) -> dict[str, Damage]:
    """Damage a sample of every kind of file; none for no changes."""
    found = {}
    for name in KINDS if changes else ():
        found[name] = damage_apart(name, changes, seed)
        told = ", ".join(f"{count} {what}" for what, count in sorted(found[name].counts.items()))
        progress(f"damaged {name}: {told}")
    return found


def _machine() -> str:
    import torch

    return (
        f"{os.cpu_count()} processors, {platform.machine()}, Python {platform.python_version()}, "
        f"PyTorch {torch.__version__}"
    )


def _launches(options: CampaignOptions, port: int, report: Path) -> dict[str, list[str]]:
    given = {
        "replay": [
            f"namespace:={RECORDED}",
            f"dataroot:={options.dataroot}",
            f"rate:={options.rate}",
            "loop:=true",
        ],
        "inference": [f"weights:={options.weights}", "reliability:=reliable"],
        "evaluation": [f"report:={report}", "reliability:=reliable"],
        "dashboard": [f"port:={port}", "reliability:=reliable"],
    }
    spare = f"spare:={str(options.spare).lower()}"
    return {name: [f"{name}.launch.py", spare, *arguments] for name, arguments in given.items()}


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
            preexec_fn=bound_to_this(),
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
    from pipros import PiprosError
    from pipros.bag import verify

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


def _line(done: Ordeal) -> str:
    how = f"all serve again after {done.recovery:.2f} s"
    if done.recovery is None:
        how = f"{', '.join(done.silent)} did not serve again"
    return f"{done.kind} {done.target}: {how}"


def _asks(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2.0):
            return True
    except urllib.error.HTTPError:
        return True  # it says that something else does not serve
    except OSError:
        return False
