"""The stand-in and other ROS 2s find and understand each other, whoever starts first.

A short form of matrix/matrix.py, which measures: real processes, here with no time asserted.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pipros import OVERLAY

sys.path.insert(0, str(Path(__file__).parent / "matrix"))
import matrix

KINDS = matrix.kinds(os.environ)
OTHERS = [
    pytest.param(
        name,
        marks=()
        if name in KINDS
        else pytest.mark.skip(f"no rclpy of {name}: python test/ros2/run.py {name}"),
    )
    for name in ("cyclone", *matrix.REAL)
]
IMAGES = {"reliable": {"topic": "sure", "size": 150_000, "count": 5, "hertz": 12.0, "topics": 6}}
pytestmark = pytest.mark.skipif(not OVERLAY.is_dir(), reason="the stand-in is not at hand")


def pair(
    other: str, order: str, domain_id: int, mine: str = "LOCALHOST", theirs: str = "", **options: object
) -> tuple[matrix.Row, str, str]:
    """A row, and which of its two is the stand-in and which the other."""
    ours, real = (KINDS["standin"], mine), (KINDS[other], theirs)
    if order == "stand-in first":
        return matrix.run(ours, real, domain_id, timeout=30.0, **options), "one", "two"
    return matrix.run(real, ours, domain_id, timeout=30.0, **options), "two", "one"


@pytest.mark.parametrize("order", ["stand-in first", "stand-in second"])
@pytest.mark.parametrize("other", OTHERS)
def test_a_node_of_the_default_range_is_found_and_heard_both_ways(
    other: str, order: str, domain_id: int
) -> None:
    row, ours, theirs = pair(other, order, domain_id, patience=1.0, images=IMAGES)

    assert not [topic for found in row.found.values() for topic, after in found.items() if after is None]
    assert row.images["reliable"] == {"one to two": "30/30", "two to one": "30/30"}
    if KINDS[other].is_real:  # on Fast DDS
        assert all("not there" in outcome for outcome in row.calls[theirs].values())
        assert all("not there" in outcome for outcome in row.calls[ours].values())
        refused = [line for line in row.lines[ours] if "cannot be called: its server is on Fast DDS" in line]
        assert len(refused) == len(row.calls[ours]) == 3
    else:
        for calls in row.calls.values():
            assert "success=True" in calls["trigger"]
            assert "rate" in calls["list"]
            assert "type=3" in calls["get"]


@pytest.mark.parametrize("order", ["stand-in first", "stand-in second"])
@pytest.mark.parametrize("other", OTHERS)
def test_nodes_of_one_range_find_each_other(other: str, order: str, domain_id: int) -> None:
    row, _, _ = pair(other, order, domain_id, theirs="LOCALHOST", calls=False)

    assert not [topic for found in row.found.values() for topic, after in found.items() if after is None]
