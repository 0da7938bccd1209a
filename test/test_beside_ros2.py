"""What the command line says of a real ROS 2 that cannot be used: one line that names the remedy.

Which rclpy is used, and what it is given, `pipros/test/test_real_ros2.py` holds.
"""

from __future__ import annotations

import importlib.util
import os
import site
import subprocess
import sys
from pathlib import Path

import pytest

from pipros import activate

ROOT = Path(__file__).resolve().parents[1]
REAL = not activate()
LACKS_TF2 = REAL and "beside_ros2" in str(importlib.util.find_spec("tf2_msgs").origin)

# The extra ros2 puts one where no PYTHONPATH takes it away.
INSTALLED = any((Path(entry) / "rclpy").is_dir() for entry in site.getsitepackages())
alone = pytest.mark.skipif(INSTALLED, reason="there is a ROS 2 among the installed packages")


def package(folder: Path, name: str, text: str = "") -> Path:
    """Make an empty Python package in a folder."""
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(text)
    return folder / name


def run(path: list[Path], *command: str, **variables: str) -> subprocess.CompletedProcess:
    """Run Python with these folders on its path, as on a machine with nothing else of ROS 2."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ROS_")}
    environment["PYTHONPATH"] = os.pathsep.join(map(str, [*path, ROOT, ROOT / "pipros" / "src"]))
    return subprocess.run(
        [sys.executable, *command], env={**environment, **variables}, capture_output=True, text=True
    )


def command_line(path: list[Path], *arguments: str, **variables: str) -> str:
    """What `lss-bev` says when it fails: one line."""
    done = run(path, "-m", "lss_bev_ros.cli", *arguments, **variables)
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    return line


def test_an_rclpy_of_another_python_is_named(tmp_path: Path) -> None:
    folder = package(tmp_path, "rclpy", "raise ImportError('no module _rclpy_pybind11')")
    (folder / "_rclpy_pybind11.cpython-399-x86_64-linux-gnu.so").touch()
    line = command_line([tmp_path], "launch", "demo")
    assert line.startswith(f"error: the rclpy in {folder} is for Python 3.99, not 3.")
    assert f"take {tmp_path} off PYTHONPATH" in line


@alone
def test_an_rclpy_without_the_messages_that_it_needs_is_named(tmp_path: Path) -> None:
    package(tmp_path, "rclpy", "import builtin_interfaces.msg")
    line = command_line([tmp_path], "launch", "demo", ROS_DISTRO="jazzy")
    assert "lacks builtin_interfaces" in line
    assert "apt install ros-jazzy-builtin-interfaces" in line


@alone
def test_an_rclpy_without_a_library_that_it_needs_is_named(tmp_path: Path) -> None:
    text = "raise ImportError('librcl.so: cannot open shared object file\\nThe C extension failed')"
    package(tmp_path, "rclpy", text)
    line = command_line([tmp_path], "topic", "list")
    assert "librcl.so: cannot open shared object file" in line
    assert "source its setup.bash" in line


@pytest.mark.skipif(REAL, reason="there is a ROS 2 on the path already")
def test_two_distributions_that_do_not_fit_are_both_named(tmp_path: Path) -> None:
    package(tmp_path / "kilted", "rclpy", "raise ImportError('libfastdds.so.3.2: cannot open')")
    package(tmp_path / "jazzy", "rclpy")
    line = command_line([tmp_path / "kilted", tmp_path / "jazzy"], "launch", "demo")
    assert f"two ROS 2 are on the path, {tmp_path / 'kilted'} and {tmp_path / 'jazzy'}" in line
    assert "unset PYTHONPATH" in line


@alone
@pytest.mark.skipif(not LACKS_TF2, reason="no ROS 2 without tf2_msgs is on the path")
def test_without_a_compiler_the_message_that_is_missing_is_named(tmp_path: Path) -> None:
    ros2 = [Path(entry) for entry in os.environ["PYTHONPATH"].split(os.pathsep)]
    line = command_line(ros2, "launch", "demo", PATH=str(tmp_path), XDG_CACHE_HOME=str(tmp_path))
    assert "lacks tf2_msgs; making it needs a C and a C++ compiler" in line
    assert "apt install g++" in line
