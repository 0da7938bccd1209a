"""What a real ROS 2 is given: enough shared memory for a frame set on Fast DDS, unless the user chose."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lss_bev_ros import ros2
from lss_bev_ros.ros2 import room_for_images

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("distribution", "variable"),
    [("jazzy", "FASTRTPS_DEFAULT_PROFILES_FILE"), ("kilted", "FASTDDS_DEFAULT_PROFILES_FILE")],
)
@pytest.mark.parametrize(
    ("free", "least"),
    [(None, 6 * 1600 * 900 * 3), (2**30, 6 * 1600 * 900 * 3), (64 * 10**6, 6 * 400_000)],
    ids=["no /dev/shm: six raw images", "1 GB: six raw images", "a container: six JPEG images"],
)
def test_fast_dds_gets_room_for_a_frame_set(distribution, variable, free, least, monkeypatch):
    monkeypatch.setattr(ros2, "_free_shared_memory", lambda: free)
    given = room_for_images({"ROS_DISTRO": distribution})
    assert list(given) == [variable]
    profile = ElementTree.fromstring(Path(given[variable]).read_text())
    (room,) = profile.iter("{http://www.eprosima.com}segment_size")
    assert int(room.text) > least
    assert free is None or 8 * int(room.text) < free


def test_where_no_process_would_find_room_fast_dds_stays_as_it_is(monkeypatch):
    monkeypatch.setattr(ros2, "_free_shared_memory", lambda: 10**6)
    assert room_for_images({"ROS_DISTRO": "jazzy"}) == {}


@pytest.mark.parametrize(
    "own",
    [
        {"RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp"},
        {"FASTRTPS_DEFAULT_PROFILES_FILE": "mine.xml"},
        {"FASTDDS_DEFAULT_PROFILES_FILE": "mine.xml"},
        {"FASTDDS_BUILTIN_TRANSPORTS": "UDPv4"},
    ],
)
def test_another_middleware_and_the_users_own_choice_stay(own):
    assert room_for_images({"ROS_DISTRO": "jazzy", **own}) == {}


@pytest.mark.parametrize("known", [True, False], ids=["colcon", "pip to another prefix"])
@pytest.mark.parametrize("whole", [True, False], ids=["with its files", "without"])
def test_an_installed_package_gives_its_own_file(tmp_path, known, whole):
    """There the modules lie in lib/, far from launch/ and config/ in share/."""
    modules = tmp_path / "lib" / "python3" / "site-packages" / "lss_bev_ros"
    share = tmp_path / "share" / "lss_bev_ros"
    modules.mkdir(parents=True)
    for module in ("__init__", "ament_prefix", "errors", "missing", "ros2"):
        shutil.copy(ROOT / "lss_bev_ros" / f"{module}.py", modules)
    (share / "config").mkdir(parents=True)
    if whole:
        (share / "package.xml").touch()
    (tmp_path / "ros" / "rclpy").mkdir(parents=True)
    (tmp_path / "ros" / "rclpy" / "__init__.py").touch()
    code = "import os\nfrom lss_bev_ros.ros2 import prepare\nprepare()\nprint(os.environ.get({!r}))"
    ours = ("ROS_", "RMW_", "FAST", "AMENT_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    path = (modules.parent, tmp_path / "ros", ROOT / "pipros" / "src")
    environment |= {
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "AMENT_PREFIX_PATH": str(tmp_path if known else ""),
    }
    done = subprocess.run(
        [sys.executable, "-c", code.format("FASTDDS_DEFAULT_PROFILES_FILE")],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    (given,) = done.stdout.split() or [done.stderr]
    assert Path(given).parent == (share / "config" if whole else Path()), done.stderr
