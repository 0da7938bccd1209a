"""Nodes that are started again."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from launch import LaunchContext, LaunchDescription, LaunchService
from launch.actions import ExecuteProcess
from launch.events.process import ProcessExited

from lss_bev_ros.nodes import respawn
from lss_bev_ros.nodes.exit_code import FAILURE, MISTAKE, is_worth_another
from lss_bev_ros.nodes.respawn import LAST_DELAY, Respawn, delay_after

# Writes down how it was started; the first time it ends as asked, later with 0.
NODE = """
import os, sys
ending, path = sys.argv[1:3]
first = not os.path.exists(path)
with open(path, "a") as file:
    file.write(" ".join(sys.argv[3:]) + "\\n")
if first and ending == "killed":
    os.kill(os.getpid(), 9)
sys.exit(int(ending) if first else 0)
"""


@pytest.mark.parametrize(
    ("ending", "starts"), [("killed", 2), (str(FAILURE), 2), (str(MISTAKE), 1), ("0", 1)]
)
def test_what_was_killed_or_failed_comes_back_once_it_ended(tmp_path: Path, ending: str, starts: int) -> None:
    path = tmp_path / "starts"
    node = ExecuteProcess(cmd=[sys.executable, "-c", NODE, ending, str(path), "given"], output="screen")
    service = LaunchService()
    watch = Respawn(node, "some_node", ("-p", "paused:=false")).actions()
    service.include_launch_description(LaunchDescription([*watch, node]))
    assert service.run() == 0
    assert path.read_text().splitlines() == ["given", "given -p paused:=false"][:starts]


def test_signals_and_failures_are_worth_another_start() -> None:
    assert [code for code in (-9, -11, 0, MISTAKE, FAILURE, 139) if is_worth_another(code)] == [
        -9,
        -11,
        FAILURE,
        139,
    ]


def test_each_short_life_doubles_the_wait_up_to_a_limit() -> None:
    assert [delay_after(n) for n in (1, 2, 3, 4)] == [0.2, 0.4, 0.8, 1.6]
    assert delay_after(1000) == LAST_DELAY


def test_who_served_comes_back_at_once_however_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed every 20 s a node waits no longer than the first time; ended every 5 s it does."""
    now = [0.0]
    monkeypatch.setattr(respawn.time, "monotonic", lambda: now[0])
    for life, expected in ((20.0, [0.2, 0.2, 0.2]), (5.0, [0.2, 0.4, 0.8])):
        node = ExecuteProcess(cmd=["node"])
        watch, waits = Respawn(node, "some_node"), []
        for _ in expected:
            now[0] += life
            event = ProcessExited(
                action=node, name="node", cmd=["node"], cwd=None, env=None, pid=1, returncode=-9
            )
            _, timer = watch._again(event, LaunchContext())
            waits.append(timer.period)
            now[0] += timer.period
        assert waits == expected
