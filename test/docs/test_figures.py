"""The figures of the architecture page are as the code is."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pipros import child_environment

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def figures():
    spec = importlib.util.spec_from_file_location("figures", DOCS / "figures.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["figures"] = module  # dataclasses look there
    spec.loader.exec_module(module)
    yield module
    del sys.modules["figures"]


@pytest.fixture(scope="module")
def layers(figures):
    return figures.read_layers()


def test_both_figures_are_as_the_code_is():
    """In a process of its own: it starts every node."""
    drawn = subprocess.run(
        [sys.executable, DOCS / "figures.py", "--check"],
        env={**child_environment(os.environ), "ROS_DOMAIN_ID": str(1 + os.getpid() % 100)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert drawn.returncode == 0, drawn.stdout + drawn.stderr


def test_the_layers_are_drawn_once_each_and_arrows_point_down(layers):
    svg = ElementTree.fromstring((DOCS / "figures" / "layers.svg").read_text())
    names = [element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")]
    for box in layers.rank:
        assert names.count(box) == 1
    assert all(layers.rank[a] > layers.rank[b] for a, b in layers.edges)
    assert {"geometry", "model", "runtime", "evaluation"}.isdisjoint(layers.know_ros)
    assert {"nodes", "messages, topics"} <= layers.know_ros


def test_an_arrow_that_others_imply_is_left_out(layers):
    edges = layers.edges
    assert ("runtime", "answers") in edges
    assert ("answers", "model") in edges
    assert ("model", "geometry") in edges
    assert ("runtime", "model") not in edges


def test_boxes_of_a_row_do_not_overlap(figures, layers):
    rows = [[box for box in layers.rank if layers.rank[box] == rank] for rank in range(12)]
    center = figures.placed([sorted(row) for row in rows if row], [])
    for row in rows:
        places = sorted(center[box] for box in row)
        assert all(b - a >= figures.BOX[0] for a, b in pairwise(places))


def test_topics_are_named_as_in_the_readme(figures):
    assert figures.topic_of("/cam_front/camera_info") == "<cam>/camera_info"
    assert figures.topic_of("evaluation/iou") == "evaluation/<metric>"
    assert figures.topic_of("tf_static") == "/tf_static"
    readme = (DOCS.parent / "README.md").read_text()
    svg = ElementTree.fromstring((DOCS / "figures" / "data_flow.svg").read_text())
    for element in svg.iter("{http://www.w3.org/2000/svg}text"):
        if "ui-monospace" in element.get("font-family", ""):
            name = element.text.removesuffix(" ◆")
            assert name in readme or name.replace("replay/", "") in readme
