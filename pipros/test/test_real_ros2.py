"""Which rclpy is used: a real one always wins, and gets what it lacks."""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipros import OVERLAY, PiprosError, activate, ros2

ROOT = OVERLAY.parents[1]
REAL = not activate()
LACKS_TF2 = REAL and "beside_ros2" in str(importlib.util.find_spec("tf2_msgs").origin)

WHERE = """
import importlib.util, sys
for name in sys.argv[1:]:
    spec = importlib.util.find_spec(name)
    print(name, spec.origin if spec else None)
"""
STARTED = (
    "import os, subprocess, sys\n"
    "from pipros import activate, child_environment\n"
    "print(activate(), flush=True)\n"
    f"here = [sys.executable, '-c', {WHERE!r}, *sys.argv[1:]]\n"
    "subprocess.check_call(here, env=child_environment(os.environ))\n"
)


def package(folder: Path, name: str, text: str = "") -> Path:
    """Make an empty Python package in a folder."""
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(text)
    return folder / name


def run(path: list[Path], *command: str, **variables: str) -> subprocess.CompletedProcess:
    """Run Python with these folders on its path, as on a machine with nothing else of ROS 2."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ROS_")}
    environment["PYTHONPATH"] = os.pathsep.join(map(str, [*path, ROOT]))
    return subprocess.run(
        [sys.executable, *command], env={**environment, **variables}, capture_output=True, text=True
    )


def test_a_real_rclpy_wins_and_gets_only_the_packages_that_it_lacks(tmp_path: Path) -> None:
    """Even in a child of a launch, where PYTHONPATH comes before the site-packages of wheels."""
    for name in ("rclpy", "tf2_ros"):
        package(tmp_path / "ros", name)
    done = run([tmp_path / "ros"], "-c", STARTED, "rclpy", "tf2_ros", "launch", "cv_bridge")
    stands_in, *lines = done.stdout.splitlines()
    found = {name: Path(origin).resolve() for name, origin in map(str.split, lines)}
    assert stands_in == "False"
    assert found["rclpy"].is_relative_to(tmp_path)
    assert found["tf2_ros"].is_relative_to(tmp_path)
    assert found["launch"].is_relative_to(OVERLAY)
    assert found["cv_bridge"].is_relative_to(OVERLAY)


def test_beside_a_real_rclpy_the_overlays_rclpy_is_nowhere_on_the_path(tmp_path: Path) -> None:
    package(tmp_path / "ros", "rclpy")
    code = "from pipros import activate; import sys; activate(); print(*sys.path, sep='\\n')"
    entries = [Path(line) for line in run([tmp_path / "ros"], "-c", code).stdout.splitlines() if line]
    assert any(entry.parent.name == "beside_ros2" for entry in entries)
    assert not [entry for entry in entries if (entry / "rclpy").resolve().is_relative_to(OVERLAY)]


@pytest.mark.skipif(not LACKS_TF2, reason="no ROS 2 without tf2_msgs is on the path")
@pytest.mark.parametrize(
    ("package", "message", "digest"),
    [
        ("tf2_msgs", "TFMessage", "e369d0f05a23ae52508854b66f6aa0437f3449d652e8cbf22d5abe85d020f087"),
        ("vision_msgs", "LabelInfo", "3d37df4015cdf660cc851c51897f2acd957e1ca6205ba0a99aebffb9406b0783"),
        (
            "vision_msgs",
            "Detection3DArray",
            "793f5eab9595ac1c0da07873cc859db42eae51f0ee76056db8562515d830e018",
        ),
    ],
)
def test_a_message_made_here_is_the_one_of_ros_2(
    ros: None, open_node: object, package: str, message: str, digest: str
) -> None:
    """By its hash, which tells whether two definitions are the same (REP 2016)."""
    kind = getattr(importlib.import_module(f"{package}.msg"), message)
    with open_node("sender") as node:
        node.create_publisher(kind, "/made", 1)
        (offer,) = node.get_publishers_info_by_topic("/made")
    assert bytes(offer.topic_type_hash.value).hex() == digest


@pytest.mark.skipif(not LACKS_TF2, reason="no ROS 2 without these services is on the path")
def test_a_service_made_here_is_served(ros: None, open_node: object, spin_until: object) -> None:
    from rosbag2_interfaces.srv import SetRate

    with open_node("player") as node:

        def answer(request: SetRate.Request, response: SetRate.Response) -> SetRate.Response:
            response.success = request.rate == 2.5
            return response

        node.create_service(SetRate, "set_rate", answer)
        client = node.create_client(SetRate, "set_rate")
        assert spin_until(client.service_is_ready, node, timeout=30.0)
        future = client.call_async(SetRate.Request(rate=2.5))
        assert spin_until(future.done, node, timeout=30.0)
    assert future.result().success


def test_a_middleware_that_is_not_installed_is_named(start: object) -> None:
    process = start("import rclpy; rclpy.init()", RMW_IMPLEMENTATION="rmw_nowhere_cpp")
    _, said = process.communicate(timeout=60)
    assert "rmw_nowhere_cpp" in said
    assert bool(process.returncode) is REAL  # rcl ends the process itself; without ROS 2 it is a warning


def test_what_is_imported_from_a_cache_is_in_a_folder_of_ones_own(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(ros2.tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    assert ros2.cache_folder() == tmp_path / "cache" / "pipros"
    monkeypatch.setattr(ros2.os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(PiprosError, match="set XDG_CACHE_HOME to a folder of yours"):
        ros2.cache_folder()
