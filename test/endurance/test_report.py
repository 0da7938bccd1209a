"""What a campaign found, as tables, plots and a verdict."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from lss_bev_ros.endurance.campaign import problems
from lss_bev_ros.endurance.processes import Usage, growth
from lss_bev_ros.endurance.report import plot, write_report


def ordeal(**others):
    return {
        "kind": "kill",
        "target": "inference",
        "recovery": 1.5,
        "others": True,
        "grids": 3,
        "silent": (),
        "work": 0.5,
        "load": 2.0,
        **others,
    }


def found(**others):
    return {
        "made": "2026-01-01",
        "machine": "a machine",
        "seconds": 600.0,
        "ordeals": [ordeal(), ordeal(recovery=2.5)],
        "undisturbed": {"seconds": 60.0, "grids": 119, "keyframes": 120.0},
        "nodes": {
            "inference": {
                "seconds": 100.0,
                "slope": 0.5,
                "first": 300.0,
                "most": 310.0,
                "threads": (9, 9),
                "files": (20, 21),
            }
        },
        "gone": "",
        "bag": {"messages": 10, "lost": []},
        "report": {"whole": True, "frames": 5},
        "files": {"bag": {"counts": {"told": 60}, "examples": []}},
        "small_disk": {"bag": "bag x is incomplete"},
        "series": {"inference": [[0.0, 1, 300.0], [1.0, 1, 301.0]]},
        **others,
    }


def test_the_page_has_what_was_done_what_was_served_and_what_was_taken(tmp_path):
    page = write_report(found(), tmp_path).read_text()
    assert "| kill | inference | 2 | 2.00, 2.50 | 0 | 2 | 6 | 0.50 | 2 |" in page
    assert "| inference | 100 | +0.5 | 300, 310 | 9 to 9 | 20 to 21 |" in page
    assert "119 grids of about 120 keyframes" in page
    assert "| bag | 0 | 60 | 0 | 0 | 0 |" in page
    assert "disk full, bag: bag x is incomplete" in page
    for name in ("memory.svg", "recovery.svg"):
        assert f"({name})" in page
        ElementTree.parse(tmp_path / name)
    assert json.loads((tmp_path / "campaign.json").read_text())["seconds"] == 600.0


def test_a_line_from_nothing_to_nothing_is_drawn():
    assert "nan" not in plot("nothing", {"a": [(0.0, 0.0), (0.0, 0.0)]})


@pytest.mark.parametrize(
    ("others", "says"),
    [
        ({"ordeals": [ordeal(recovery=None, silent=("replay",))]}, "replay did not serve again"),
        ({"ordeals": [ordeal(others=False)]}, "another node was started again"),
        ({"files": {"bag": {"counts": {"changed": 1}, "examples": ["bit 1"]}}}, "bag: bit 1"),
        ({"files": {"jpeg": {"counts": {"failed": 1}, "examples": ["bit 2"]}}}, "jpeg: bit 2"),
        ({"undisturbed": {"seconds": 60.0, "grids": 0, "keyframes": 120.0}}, "no grid was served"),
        ({"gone": "replay does not run"}, "replay does not run"),
        ({"bag": {"messages": 1, "lost": ["a chunk"]}}, "the bag: a chunk"),
        ({"report": {"whole": False, "problem": "cut"}}, "the report: cut"),
    ],
)
def test_what_must_not_be_is_a_problem(others, says):
    assert problems(found()) == []
    (problem,) = problems(found(**others))
    assert says in problem


def test_a_slope_is_that_of_the_longest_life_after_its_warm_up():
    short = [Usage(float(t), 1, 500.0 - t, 9, 9) for t in range(20)]
    warm = [Usage(100.0 + t, 2, 100.0 + 10 * t, 3, 3) for t in range(10)]
    steady = [Usage(110.0 + t, 2, 300.0 + t / 3600, 5 + t % 2, 7) for t in range(100)]
    grown = growth([*short, *warm, *steady], 10.0)
    assert grown.slope == pytest.approx(1.0)
    assert (grown.threads, grown.files) == ((5, 6), (7, 7))
    assert grown.seconds == 99.0
    assert growth(short[:5], 10.0) is None
