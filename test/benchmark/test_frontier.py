"""The frontier compares networks turn by turn and is written whole."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from lss_bev_ros.benchmark.frontier import Contender, frontier_table, measure_frontier, write_frontier
from lss_bev_ros.benchmark.frontier.points import Frontier, FrontierPoint
from lss_bev_ros.errors import DeployError


def point(label, iou, times):
    return FrontierPoint(Contender(label, "builtin"), "torch-cpu-fp32", iou, np.array(times, dtype=float))


def test_a_network_is_named_with_or_without_its_backend(tmp_path):
    file = tmp_path / "a.onnx"
    file.touch()
    assert Contender.parse("dense=builtin") == Contender("dense", "builtin")
    assert Contender.parse("dense fp32=torch:fp32@builtin") == Contender(
        "dense fp32", "builtin", "torch", "fp32"
    )
    assert Contender.parse(f"int8={file}") == Contender("int8", str(file))


@pytest.mark.parametrize("text", ["", "builtin", "=builtin", "a=", "a=abacus@builtin", "a=none.onnx"])
def test_what_names_no_network_is_refused(text):
    with pytest.raises(DeployError) as caught:
        Contender.parse(text)
    assert "\n" not in str(caught.value)


def test_without_networks_there_is_no_frontier():
    with pytest.raises(DeployError, match="--model"):
        measure_frontier([], None)


def test_a_slow_moment_of_the_machine_hits_both_sides():
    dense, pruned = point("dense", 0.5, [100, 900, 110]), point("pruned", 0.49, [50, 450, 55])
    assert pruned.times_faster(dense) == pytest.approx(2.0)


def test_the_frontier_is_written_as_table_picture_and_figures(tmp_path):
    points = (point("dense", 0.5, [100, 120]), point("pruned", 0.49, [50, 60]), point("bare", np.nan, [9, 9]))
    frontier = Frontier(points, "2 keyframes", {"processor": "abacus", "cores": 1, "load_average": None})
    written = write_frontier(frontier, tmp_path / "new")
    assert sorted(path.name for path in written) == ["frontier.json", "frontier.md", "frontier.png"]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(path.name for path in written)
    content = json.loads((tmp_path / "new" / "frontier.json").read_text())
    assert [entry["label"] for entry in content["points"]] == ["dense", "pruned", "bare"]
    assert content["points"][2]["iou"] is None
    assert (tmp_path / "new" / "frontier.md").read_text().count("\n| ") == len(points)
    assert frontier_table(frontier).row_count == len(points)


def test_without_matplotlib_the_picture_alone_is_left_out(tmp_path, monkeypatch):
    """No extra brings it along, and what was measured took long."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    frontier = Frontier((point("dense", 0.5, [100]),), "1 keyframe", {"processor": "abacus", "cores": 1})
    written = write_frontier(frontier, tmp_path)
    assert sorted(path.name for path in written) == ["frontier.json", "frontier.md"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frontier.json", "frontier.md"]
