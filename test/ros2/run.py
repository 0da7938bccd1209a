"""Run tests under a real ROS 2: `python test/ros2/run.py jazzy [--all] [arguments of pytest]`.

The rclpy is that of the unofficial wheels on PyPI, with Fast DDS, put once into a folder of its own
beside this Python, which has all the rest. Where there are no wheels, this says so and ends with 0.

Without `--all` and without paths it runs what tells most in a short time: what differs most easily
between an rclpy and its stand-in. `--all` runs every test that meets rclpy.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ALL = (
    "test/nodes",
    "pipros/test",
    "test/test_beside_ros2.py",
    "test/test_messages.py",
    "test/bags/test_frames.py",
)
CHOSEN = (
    "test/test_beside_ros2.py",
    "pipros/test/test_names_in_use.py",
    "pipros/test/test_parameters.py",
    "pipros/test/test_rclpy.py",
    "pipros/test/test_real_ros2.py",
    "pipros/test/test_services.py",
    "pipros/test/test_signals.py",
    "pipros/test/test_tf2.py",
    "test/nodes/test_audience.py",
    "test/nodes/test_configuration.py",
    "test/nodes/test_diagnostics.py",
    "test/nodes/test_namespaces.py",
    "test/nodes/test_process.py",
    "test/nodes/test_replay.py",
    "test/nodes/test_two_cars.py",
)


def main(distribution: str, *arguments: str) -> int:
    """Run pytest; its exit code, or 0 where it cannot be run."""
    try:
        folder = installed(distribution)
    except RuntimeError as reason:
        print(f"skipped: tests under ROS 2 {distribution.capitalize()}: {reason}", flush=True)
        return 0
    given = [each for each in arguments if each != "--all"]
    if not any((ROOT / each.partition("::")[0]).exists() for each in given):
        given += ALL if "--all" in arguments else CHOSEN
    return subprocess.call([sys.executable, "-m", "pytest", *given], cwd=ROOT, env=environment(folder))


def installed(distribution: str) -> Path:
    """The folder with the wheels, filled at the first call; RuntimeError says why there is none."""
    requirements = HERE / f"{distribution}.txt"
    if not requirements.is_file():
        known = ", ".join(sorted(path.stem for path in HERE.glob("*.txt")))
        raise RuntimeError(f"no wheels are known for it, only for {known}")
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise RuntimeError(
            f"its wheels are for x86-64 Linux, this is {platform.machine()} {platform.system()}"
        )
    if sys.implementation.name != "cpython" or not (3, 10) <= sys.version_info[:2] <= (3, 14):
        raise RuntimeError(f"its wheels are for CPython 3.10 to 3.14, this is {platform.python_version()}")
    folder = Path(os.environ.get("ROS2_WHEELS", Path(sys.prefix) / "ros2")) / distribution
    made_from = folder / "requirements.txt"
    if made_from.is_file() and made_from.read_bytes() == requirements.read_bytes():
        return folder
    unfinished = folder.with_name(f".{distribution}-{os.getpid()}")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    # empy, of pure Python, has no wheel.
    pip += ["--require-hashes", "--no-build-isolation", "--ignore-installed"]
    # Not --target, which leaves out whatever a wheel has for lib/.
    pip += ["--prefix", str(unfinished), "-r", str(requirements)]
    done = subprocess.run(pip, capture_output=True, text=True)
    if done.returncode:
        shutil.rmtree(unfinished, ignore_errors=True)
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["pip failed"]
        raise RuntimeError(f"its wheels cannot be had ({lines[-1]})")
    shutil.copy(requirements, unfinished / "requirements.txt")
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.replace(folder)
    return folder


def environment(folder: Path) -> dict[str, str]:
    """As the wheels' own start-up file sets it, which Python runs in its site-packages only."""
    (rclpy,) = folder.glob("**/rclpy/__init__.py")
    packages = rclpy.parents[1]
    libraries = [folder / "lib", *sorted(packages.glob("ros_*.libs"))]
    made = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, [ROOT, ROOT / "pipros" / "src", packages])),
        "LD_LIBRARY_PATH": os.pathsep.join(map(str, libraries)),
        "AMENT_PREFIX_PATH": str(folder),
        "ROS_DISTRO": folder.name,
        "RMW_IMPLEMENTATION": "rmw_fastrtps_cpp",
    }
    # As `lss-bev` gives it to the nodes that it starts, and users theirs.
    sys.path.insert(0, str(ROOT))
    from lss_bev_ros.ros2 import room_for_images

    made.update(room_for_images(made))
    # Tests that silently ran on the stand-in would say nothing.
    subprocess.check_call([sys.executable, "-c", "import rclpy.node"], env=made)
    return made


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
