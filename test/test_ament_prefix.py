"""Where ament is real, a package that colcon did not build is found all the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lss_bev_ros.ament_prefix import offer_package
from pipros import activate, child_environment

pytestmark = pytest.mark.skipif(activate(), reason="no ROS 2 is sourced")


def test_the_package_and_its_nodes_are_found(monkeypatch):
    from ament_index_python.packages import get_package_prefix, get_package_share_directory

    known = os.environ.get("AMENT_PREFIX_PATH", "").split(":")
    without = [path for path in known if not os.path.isdir(f"{path}/share/lss_bev_ros")]
    monkeypatch.setenv("AMENT_PREFIX_PATH", ":".join(without))
    offer_package()
    assert os.path.isfile(f"{get_package_share_directory('lss_bev_ros')}/launch/demo.launch.py")
    node = f"{get_package_prefix('lss_bev_ros')}/lib/lss_bev_ros/replay_node"
    ended = subprocess.run(
        [node], env=child_environment(os.environ), capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    assert "no data root given" in ended.stderr
    assert sys.executable in Path(node).read_text()
