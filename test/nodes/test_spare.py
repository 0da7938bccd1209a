"""A node whose parent has loaded its modules comes back without loading them again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lss_bev_ros.nodes import spare
from lss_bev_ros.nodes.exit_code import FAILURE, MISTAKE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is a spare on Linux alone")

# Writes a line as it starts, and ends as the line's number in `endings` says, or when it is interrupted.
NODE = """
import os, signal, sys, time
from lss_bev_ros.nodes import spare
spare._LONG_ENOUGH, spare._GPUS = float(sys.argv[3]), ()
path, endings = sys.argv[1], sys.argv[2].split()

def serve():
    with open(path, "a") as file:
        file.write(f"{os.getpid()} {os.getppid()} {' '.join(sys.argv[4:])}\\n")
    with open(path) as file:
        number = len(file.readlines()) - 1
    ending = endings[number]
    if ending == "serves":
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            return 0
    if ending == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    return int(ending)

def load():
    with open(path + ".loaded", "a") as file:
        file.write("loaded\\n")

sys.exit(spare.with_spare(serve, load))
"""


class Launched:
    """A node as a launch starts it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "starts"

    def start(self, *endings: str, long_enough: float = 0.0, asked: bool = True) -> subprocess.Popen:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        environment.pop(spare.WANTED, None)
        if asked:
            environment |= spare.environment(["-p", "paused:=false"])
        command = [sys.executable, "-c", NODE, str(self.path), " ".join(endings), str(long_enough), "given"]
        return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)

    def lines(self, count: int) -> list[list[str]]:
        deadline = time.monotonic() + 30
        while not self.path.exists() or len(self.path.read_text().splitlines()) < count:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return [line.split(" ", 2) for line in self.path.read_text().splitlines()]


@pytest.fixture
def launched(tmp_path: Path) -> Launched:
    return Launched(tmp_path)


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def test_what_was_killed_or_failed_comes_back_from_the_same_parent(launched: Launched) -> None:
    process = launched.start("killed", str(FAILURE), "0")
    _, said = process.communicate(timeout=60)
    starts = launched.lines(3)
    assert process.returncode == 0
    assert len({pid for pid, _, _ in starts}) == 3
    assert {parent for _, parent, _ in starts} == {str(process.pid)}
    assert [rest for _, _, rest in starts] == ["given"] + ["given -p paused:=false"] * 2
    assert Path(f"{launched.path}.loaded").read_text() == "loaded\n"
    assert "ended (signal 9)" in said
    assert f"ended (exit code {FAILURE})" in said


@pytest.mark.parametrize("code", [0, MISTAKE])
def test_what_finished_or_only_the_user_can_mend_ends(launched: Launched, code: int) -> None:
    assert launched.start(str(code)).wait(60) == code
    assert len(launched.lines(1)) == 1


def test_short_lives_are_left_to_the_launch_which_sees_how_they_ended(launched: Launched) -> None:
    assert launched.start("killed", "0", long_enough=60.0).wait(60) == -signal.SIGKILL
    assert len(launched.lines(1)) == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, -signal.SIGTERM)])
def test_a_signal_to_the_parent_reaches_the_node_and_nothing_comes_back(
    launched: Launched, number: int, code: int
) -> None:
    process = launched.start("serves", "serves", long_enough=60.0)
    ((first, _, _),) = launched.lines(1)
    time.sleep(0.2)
    process.send_signal(number)
    assert process.wait(30) == code
    assert gone(int(first))
    assert len(launched.lines(1)) == 1


def test_a_node_does_not_outlive_its_parent(launched: Launched) -> None:
    process = launched.start("serves")
    ((first, _, _),) = launched.lines(1)
    process.kill()
    process.wait()
    assert gone(int(first))


def test_without_being_asked_for_there_is_none(launched: Launched) -> None:
    process = launched.start("0", asked=False)
    assert process.wait(60) == 0
    ((pid, _, _),) = launched.lines(1)
    assert pid == str(process.pid)
    assert not Path(f"{launched.path}.loaded").exists()


def test_beside_a_gpu_none_is_risked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(spare.WANTED, "")
    monkeypatch.setattr(spare, "_GPUS", (str(tmp_path),))
    assert not spare.is_wanted()
