"""Every quick scenario has the outcome that was recorded, on the stand-in and on a real rclpy.

`python pipros/test/scenarios/compare.py --record` runs all of them under both; docs/ros2.md has the table.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import rclpy

from pipros import OVERLAY, child_environment

HERE = Path(__file__).resolve().parent / "scenarios"
RECORD = json.loads((HERE / "outcomes.json").read_text(encoding="utf-8"))
KIND = "standin" if Path(rclpy.__file__).is_relative_to(OVERLAY) else os.environ.get("ROS_DISTRO", "")


@pytest.fixture(scope="module")
def outcomes() -> dict[str, object]:
    """What came of each quick scenario, all in one process."""
    path = os.pathsep.join([str(OVERLAY.parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {
        **child_environment({**os.environ, "PYTHONPATH": path}),
        "ROS_DOMAIN_ID": str(1 + os.getpid() % 100),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
    }
    done = subprocess.run(
        [sys.executable, str(HERE / "run.py"), "--quick"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"heading"')]
    return {each["name"]: each["outcome"] for each in lines}


@pytest.mark.skipif(KIND not in ("standin", "jazzy", "kilted"), reason="nothing is recorded of this ROS 2")
@pytest.mark.parametrize("name", [name for name, each in RECORD.items() if each["is_quick"]])
def test_what_was_recorded_comes_again(name: str, outcomes: dict[str, object]) -> None:
    assert outcomes[name] == RECORD[name].get("all", RECORD[name].get(KIND))
