"""The stand-in and real ROS 2s find and understand each other: pairs of processes, in both orders.

    python pipros/test/matrix/matrix.py [--ros NAME=PYTHON ...] [--pairs A-B ...] [--ranges R-R ...]

prints what each pair did, in each order of starting; docs/ros2.md has the table. NAME is jazzy or kilted,
PYTHON one that imports its rclpy; PIPROS_JAZZY and PIPROS_KILTED are taken too.
"""

from __future__ import annotations

import argparse
import json
import os
import runpy
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipros import OVERLAY

HERE = Path(__file__).resolve().parent
REAL = ("jazzy", "kilted")
TOPICS = ("node", "text", "info", "latched")
_ROS_VARIABLES = ("AMENT_", "COLCON_", "CYCLONEDDS_", "RMW_", "ROS_", "FASTRTPS_", "FASTDDS_", "PYTHON")


@dataclass(frozen=True)
class Kind:
    """What a process runs on: a name and the command that runs a Python file."""

    name: str
    command: tuple[str, ...]
    is_real: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)

    def environment(self, reach: str, domain_id: int) -> dict[str, str]:
        """This process' environment without anything of ROS 2 but the range and the domain."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(_ROS_VARIABLES)}
        kept.pop("LD_LIBRARY_PATH", None)
        if not self.is_real:
            kept["PYTHONPATH"] = f"{OVERLAY.parents[1]}:{OVERLAY}"
        kept.update(self.variables, ROS_DOMAIN_ID=str(domain_id))
        if reach:
            kept.update(ROS_AUTOMATIC_DISCOVERY_RANGE=reach)
        return kept


def kinds(environment: Mapping[str, str]) -> dict[str, Kind]:
    """The stand-in, Lyrical's Cyclone DDS emulated, and each real ROS 2 that is at hand.

    That is where PIPROS_NAME names a Python that imports its rclpy, or where the wheels of test/ros2 are
    installed.
    """
    found = {
        "standin": Kind("standin", (sys.executable,)),
        "cyclone": Kind("cyclone", (sys.executable, str(HERE / "emulated_cyclone.py"))),
    }
    for name in REAL:
        if python := environment.get(f"PIPROS_{name.upper()}"):
            found[name] = Kind(name, (python,), True)
        elif variables := _of_wheels(name, environment):
            found[name] = Kind(name, (sys.executable,), True, variables)
    return found


def _of_wheels(name: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables under which this Python imports the rclpy of test/ros2; none where it is not there."""
    run = HERE.parents[2] / "test" / "ros2" / "run.py"  # of the repository, if this is in it
    folder = Path(environment.get("ROS2_WHEELS", Path(sys.prefix) / "ros2")) / name
    if not run.is_file() or not folder.is_dir():
        return {}
    given = runpy.run_path(str(run))["environment"](folder)
    return {
        each: given[each] for each in ("PYTHONPATH", "LD_LIBRARY_PATH", "ROS_DISTRO", "RMW_IMPLEMENTATION")
    }


class Peer:
    """A running peer.py."""

    def __init__(self, kind: Kind, name: str, other: str, reach: str, domain_id: int) -> None:
        self.events: dict[str, dict] = {}
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            [*kind.command, str(HERE / "peer.py"), name, other],
            env=kind.environment(reach, domain_id),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for stream in (self.process.stdout, self.process.stderr):
            threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream: Iterator[str]) -> None:
        for line in stream:
            with self._changed:
                if line.startswith("{"):
                    event = json.loads(line)
                    self.events[event["event"]] = event
                else:
                    self.lines.append(line.rstrip())
                self._changed.notify_all()

    def wait(self, event: str, timeout: float) -> dict | None:
        """The event, once it came; None after the timeout."""
        with self._changed:
            self._changed.wait_for(lambda: event in self.events, timeout)
            return self.events.get(event)

    def command(self, do: str, answer: str, within: float, **arguments: object) -> dict | None:
        """Give a command and wait for its answer."""
        with self._changed:
            self.events.pop(answer, None)
        self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self.process.stdin.flush()
        return self.wait(answer, within)

    def close(self) -> None:
        """End it."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)


@dataclass
class Row:
    """What one pair did, in one order: seconds after the second was ready; None where it never came."""

    first: str
    second: str
    found: dict[str, dict[str, float | None]] = field(default_factory=dict)
    calls: dict[str, dict[str, str]] = field(default_factory=dict)
    images: dict[str, dict[str, str]] = field(default_factory=dict)
    first_images: dict[str, int] = field(default_factory=dict)
    lines: dict[str, list[str]] = field(default_factory=dict)


def run(
    first: tuple[Kind, str],
    second: tuple[Kind, str],
    domain_id: int,
    *,
    gap: float = 1.0,
    timeout: float = 8.0,
    calls: bool = True,
    patience: float = 3.0,
    images: Mapping[str, Mapping[str, object]] | None = None,
) -> Row:
    """Start one, then the other, each with its range; look what works both ways."""
    row = Row("/".join((first[0].name, first[1])), "/".join((second[0].name, second[1])))
    one = Peer(first[0], "one", "two", first[1], domain_id)
    two = None
    try:
        assert one.wait("ready", 60), one.lines
        time.sleep(gap)
        two = Peer(second[0], "two", "one", second[1], domain_id)
        ready = two.wait("ready", 60)
        assert ready, two.lines
        end = time.monotonic() + timeout
        for name, peer in (("one", one), ("two", two)):
            row.found[name] = {}
            for topic in TOPICS:
                event = peer.wait(topic, max(0.0, end - time.monotonic()))
                row.found[name][topic] = None if event is None else max(0.0, event["time"] - ready["time"])
        if calls:
            for name, peer in (("one", one), ("two", two)):
                peer.command("call", "call get", 20.0, timeout=patience)
                row.calls[name] = {
                    event["event"][5:]: _outcome(event)
                    for event in list(peer.events.values())
                    if event["event"].startswith("call ")
                }
        for label, arguments in (images or {}).items():
            for name, sender, receiver in (("one to two", one, two), ("two to one", two, one)):
                # Cyclone may drop the first image of a reliable writer on Fast DDS: see docs/ros2.md.
                sender.command("send", "sent", 10.0, **{**arguments, "count": 1})
                time.sleep(0.5)
                first = (receiver.command("report", "counts", 10.0) or {}).get("counts", {})
                row.first_images[name] = sum(first.values())
                sent = sender.command("send", "sent", 60.0, **arguments)
                wanted, total = arguments["count"] * arguments["topics"], 0
                for _ in range(6):  # what is reliable may come late
                    time.sleep(0.5)
                    counts = (receiver.command("report", "counts", 10.0) or {}).get("counts", {})
                    total += sum(n for key, n in counts.items() if key.startswith(arguments["topic"]))
                    if total >= wanted:
                        break
                late = "" if sent is None else f" late {sent['late']:.2f}" if sent["late"] > 0.2 else ""
                row.images.setdefault(label, {})[name] = f"{total}/{wanted}{late}"
    finally:
        one.close()
        if two is not None:
            two.close()
        row.lines = {"one": one.lines, "two": two.lines if two is not None else []}
    return row


def _outcome(event: Mapping[str, object]) -> str:
    if not event["ready"]:
        return f"not there after {event['waited']:.2f} s"
    if event["answer"] is None:
        return f"no answer in {event['took']:.2f} s"
    return f"{event['answer'][:400]} ({event['waited'] + event['took']:.2f} s)"


SMALL = {
    "150 kB reliable": {"topic": "sure", "size": 150_000, "count": 24, "hertz": 12.0, "topics": 6},
    "150 kB best effort": {"topic": "quick", "size": 150_000, "count": 60, "hertz": 12.0, "topics": 6},
}
LARGE = {
    "4.3 MB reliable": {"topic": "sure", "size": 4_320_000, "count": 10, "hertz": 2.0, "topics": 1},
    "4.3 MB best effort": {"topic": "quick", "size": 4_320_000, "count": 20, "hertz": 4.0, "topics": 1},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ros", action="append", default=[], help="NAME=PYTHON of a real ROS 2")
    parser.add_argument("--pairs", nargs="*", default=None, help="first-second")
    parser.add_argument("--ranges", nargs="*", default=["LOCALHOST-", "LOCALHOST-LOCALHOST", "SUBNET-SUBNET"])
    parser.add_argument("--domain", type=int, default=int(os.environ.get("ROS_DOMAIN_ID", "42")))
    parser.add_argument("--gap", type=float, default=1.0)
    parser.add_argument("--no-calls", action="store_true")
    parser.add_argument("--images", nargs="*", default=["small", "large"])
    parser.add_argument("--variable", action="append", default=[], help="NAME=VALUE for the real ROS 2s")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    named = {name: python for name, _, python in (each.partition("=") for each in options.ros)}
    known = kinds({**os.environ, **{f"PIPROS_{name.upper()}": path for name, path in named.items()}})
    variables = dict(each.split("=", 1) for each in options.variable)
    known = {
        name: replace(kind, variables={**kind.variables, **variables}) if kind.is_real else kind
        for name, kind in known.items()
    }
    others = [name for name in known if name != "standin"]
    pairs = options.pairs or [f"standin-{name}" for name in others] + [f"{name}-standin" for name in others]
    images = {**(SMALL if "small" in options.images else {}), **(LARGE if "large" in options.images else {})}
    for ranges in options.ranges:
        for pair in pairs:
            a, b = pair.split("-")
            mine, _, theirs = ranges.partition("-")
            reach = [mine if each == "standin" else theirs for each in (a, b)]
            row = run(
                (known[a], reach[0]),
                (known[b], reach[1]),
                options.domain,
                gap=options.gap,
                calls=not options.no_calls,
                images=images,
            )
            print(f"== {row.first} then {row.second}")
            for name in ("one", "two"):
                found = " ".join(
                    f"{k}={'never' if v is None else format(v, '.2f')}" for k, v in row.found[name].items()
                )
                print(f"  {name} found {found}")
                for call, outcome in row.calls.get(name, {}).items():
                    print(f"  {name} calls {call}: {outcome}")
            for label, result in row.images.items():
                print(f"  {label}: {result}")
            if options.verbose:
                print("  lines", json.dumps(row.lines, indent=1))
            sys.stdout.flush()


if __name__ == "__main__":
    main()
