"""Where the stand-in is used."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipros import OVERLAY, activate

CODE = """
from pipros import OVERLAY, activate
used = activate()
import rclpy
print(used, rclpy.__file__.startswith(str(OVERLAY)), activate() == used)
"""


def answer(folder: Path) -> list[str]:
    root = OVERLAY.parents[1]
    path = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    command = [sys.executable, "-c", CODE]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=True
    ).stdout.split()


def test_a_folder_named_rclpy_is_no_ros_2(tmp_path: Path) -> None:
    elsewhere = answer(tmp_path)
    (tmp_path / "rclpy").mkdir()
    (tmp_path / "rclpy" / "CMakeLists.txt").touch()
    assert answer(tmp_path) == elsewhere
    assert elsewhere in (["True", "True", "True"], ["False", "False", "True"])


@pytest.mark.skipif(not activate(), reason="a real ROS 2 is sourced")
def test_another_copy_of_pipros_is_no_ros_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "pipros" / "overlay"
    shutil.copytree(OVERLAY, other)
    monkeypatch.setenv("PYTHONPATH", str(other), prepend=os.pathsep)
    assert answer(tmp_path)[0] == "True"


def test_packages_of_the_overlay_are_known_by_their_names_in_ros_2_alone() -> None:
    """Twice there, `isinstance` would not know the objects of the one in the other."""
    assert [str(path) for path in OVERLAY.rglob("*.py") if "pipros.overlay" in path.read_text()] == []
