"""`lss-bev launch` on the package's own parts."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def test_rviz_where_it_is_missing_is_one_line_and_the_launch_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "view.launch.py"
    file.write_text(
        "from launch import LaunchDescription\n"
        "from launch.actions import DeclareLaunchArgument, LogInfo\n"
        "from lss_bev_ros.nodes.launching import rviz\n"
        "def generate_launch_description():\n"
        "    simulated = DeclareLaunchArgument('use_sim_time', default_value='false')\n"
        "    return LaunchDescription([simulated, *rviz(), LogInfo(msg='went on')])\n"
    )
    if shutil.which("rviz2"):
        pytest.skip("RViz2 is installed")
    command = [sys.executable, "-m", "lss_bev_ros.cli", "launch", str(file)]
    for argument, said in (("rviz:=true", True), ("rviz:=false", False)):
        result = subprocess.run([*command, argument], capture_output=True, text=True, timeout=60)
        output = result.stdout + result.stderr
        assert result.returncode == 0, output
        assert ("rviz2 is not installed here" in output) == said
        assert "went on" in output
