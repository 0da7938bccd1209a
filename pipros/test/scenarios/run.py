"""Runs scenarios on the rclpy that this Python imports and prints a line of JSON for each.

python run.py [--quick] [WORD ...]      those whose heading or name holds one of the words
"""

from __future__ import annotations

import argparse
import importlib
import json
import time

from world import SCENARIOS, Scenario, told, words, world

for each in ("parameters", "naming", "qos", "services", "executors", "clocks", "ending", "kinds"):
    importlib.import_module(each)


def outcome(scenario: Scenario) -> object:
    """What came of a scenario, in words; of one that raised, what it raised."""

    def run() -> object:
        with world(scenario.arguments) as made:
            return scenario.run(made)

    found: list[object] = []
    raised = told(lambda: found.append(run()))
    if not found:
        return raised
    return [words(each) for each in found[0]] if isinstance(found[0], list) else words(found[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="leave out those that take long")
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    for scenario in SCENARIOS.values():
        title = f"{scenario.heading}: {scenario.name}".lower()
        if options.words and not any(word.lower() in title for word in options.words):
            continue
        if options.quick and not scenario.is_quick:
            continue
        begin = time.monotonic()
        found = {"heading": scenario.heading, "name": scenario.name, "is_quick": scenario.is_quick}
        found["outcome"] = outcome(scenario)
        print(json.dumps({**found, "seconds": round(time.monotonic() - begin, 2)}), flush=True)


if __name__ == "__main__":
    main()
