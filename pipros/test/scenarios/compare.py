"""Runs every scenario on the stand-in and on each real ROS 2 that is at hand, and tells where they differ.

    python pipros/test/scenarios/compare.py [--record] [WORD ...]

`--record` writes what came into outcomes.json, by which test_scenarios.py judges. docs/ros2.md has the table.
"""

from __future__ import annotations

import argparse
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
RECORD = HERE / "outcomes.json"


def outcomes(kind: object, words: list[str], domain_id: int) -> dict[str, dict]:
    """What came of each scenario on one rclpy, by its name."""
    environment = kind.environment("LOCALHOST", domain_id)
    done = subprocess.run(
        [*kind.command, str(HERE / "run.py"), *words], env=environment, capture_output=True, text=True
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"heading"')]
    if done.returncode:
        print(done.stderr, file=sys.stderr)
    return {each["name"]: each for each in lines}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--domain", type=int, default=int(os.environ.get("ROS_DOMAIN_ID", "42")))
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    kinds = runpy.run_path(str(HERE.parent / "matrix" / "matrix.py"))["kinds"](os.environ)
    found = {
        name: outcomes(kinds[name], options.words, options.domain)
        for name in ("standin", "jazzy", "kilted")
        if name in kinds
    }
    told = json.loads(RECORD.read_text()) if RECORD.is_file() else {}
    same: dict[str, list[int]] = {}
    for name, scenario in found["standin"].items():
        came = {kind: each[name]["outcome"] for kind, each in found.items() if name in each}
        is_same = len({json.dumps(each) for each in came.values()}) == 1
        count = same.setdefault(scenario["heading"], [0, 0])
        count[0] += is_same
        count[1] += 1
        print(("same   " if is_same else "differs ") + name)
        if not is_same:
            _tell(came)
        kept = {"heading": scenario["heading"], "is_quick": scenario["is_quick"]}
        told[name] = {**kept, **({"all": came["standin"]} if is_same else came)}
    for heading, (equal, count) in same.items():
        print(f"{heading}: {equal} of {count} the same")
    if options.record:
        RECORD.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _tell(came: dict[str, object]) -> None:
    lists = all(isinstance(each, list) for each in came.values())
    if lists and len({len(each) for each in came.values()}) == 1:
        for parts in zip(*came.values(), strict=True):
            if len(set(parts)) > 1:
                print("   ", dict(zip(came, parts, strict=True)))
    else:
        print("   ", came)


if __name__ == "__main__":
    main()
