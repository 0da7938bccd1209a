"""`lss-bev run` starts a node as `ros2 run` does."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lss_bev_ros.cli import app
from lss_bev_ros.commands.run import Executable
from pipros import activate

SETUP = Path(__file__).resolve().parents[2] / "setup.py"


@pytest.mark.parametrize("node", Executable)
def test_a_node_gets_what_follows_its_name(node, monkeypatch):
    activate()
    got = []
    module = import_module(f"lss_bev_ros.nodes.{node.name}")
    monkeypatch.setattr(module, "main", lambda: got.append(list(sys.argv)))
    monkeypatch.setattr(sys, "argv", ["lss-bev"])
    given = ["--ros-args", "-p", "slop:=0.1", "-r", "front/image_raw:=/other", "--help"]
    assert CliRunner().invoke(app, ["run", node.value, *given]).exit_code == 0
    assert got == [[node.value, *given]]


def test_the_nodes_are_those_that_are_installed():
    assert all(f"{node.value} = {{NAME}}.nodes.{node.name}:main" in SETUP.read_text() for node in Executable)


def test_another_name_is_refused():
    result = CliRunner().invoke(app, ["run", "radar_node"])
    assert result.exit_code == 2
    assert "inference_node" in result.output
