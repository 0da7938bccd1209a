"""Which ROS 2 the package runs on.

A real ROS 2 on Python's path always wins. `pipros`, the second distribution of this repository, stands in
for it where there is none, and fills in, package by package, what it lacks. Nothing else of this package
asks which of the two is in use.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
from collections.abc import Mapping
from types import ModuleType

from . import missing
from .ament_prefix import offer_package, share
from .errors import LssBevError, RosError

# What the nodes import.
_MESSAGES = ("std_msgs", "geometry_msgs", "sensor_msgs", "nav_msgs", "diagnostic_msgs", "visualization_msgs")
_USED = (*(f"{name}.msg" for name in _MESSAGES), "rosgraph_msgs.msg", "std_srvs.srv", "tf2_msgs.msg")

# ROS 2's default middleware is Fast DDS; the variable that names its profiles changed with version 3.
_FAST_DDS = ("", "rmw_fastrtps_cpp", "rmw_fastrtps_dynamic_cpp")
_WITH_VERSION_2 = ("humble", "iron", "jazzy")
_PROFILES_2, _PROFILES_3 = "FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"
_TRANSPORTS = "FASTDDS_BUILTIN_TRANSPORTS"
# Each of them, and the bytes of /dev/shm that a process takes with it.
_ROOMS = {"fastdds.xml": 36_000_000, "fastdds_small.xml": 4_500_000}
_PROCESSES = 8  # nodes, camera drivers and tools

_SPEC = importlib.util.find_spec("pipros")
if _SPEC is None or _SPEC.origin is None:  # a mere folder of that name is that of this repository
    pipros: ModuleType | None = None
else:
    pipros = importlib.import_module("pipros")


def prepare() -> None:
    """Make `import rclpy` and `ros2 launch lss_bev_ros` work, in this process and in its children.

    Where there is neither a ROS 2 nor pipros it does nothing: most commands need no ROS.
    """
    if pipros is not None and pipros.activate():
        return
    if importlib.util.find_spec("rclpy") is None:
        return
    with contextlib.suppress(RosError):  # without launch files all but `lss-bev launch` works, which says so
        offer_package()
    # The launch of ROS 2 passes both on.
    os.environ.update(room_for_images(os.environ))
    if pipros is not None:
        os.environ.update(pipros.child_environment(os.environ))


def room_for_images(environment: Mapping[str, str]) -> dict[str, str]:
    """The variable that gives Fast DDS shared memory for whole frame sets, see config/fastdds.xml.

    A process takes its shared memory when it starts. Where /dev/shm has none left it goes without, with
    three lines of errors, and its images by UDP; so what is given fits all processes.

    Args:
        environment: in which nodes are to run.

    Returns:
        Nothing where another middleware is in use, where the user has configured this one, where the
        package lacks its files, or where /dev/shm is too small even for a set of JPEG images each.
    """
    configured = any(environment.get(name) for name in (_PROFILES_2, _PROFILES_3, _TRANSPORTS))
    if configured or environment.get("RMW_IMPLEMENTATION", "") not in _FAST_DDS:
        return {}
    free = _free_shared_memory()
    fitting = (name for name, taken in _ROOMS.items() if free is None or _PROCESSES * taken <= free)
    name = next(fitting, None)
    if name is None:
        return {}
    variable = _PROFILES_2 if environment.get("ROS_DISTRO") in _WITH_VERSION_2 else _PROFILES_3
    with contextlib.suppress(RosError):
        return {variable: str(share() / "config" / name)}
    return {}


def _free_shared_memory() -> int | None:
    """Bytes; None where there is no such folder."""
    try:
        found = os.statvfs("/dev/shm")
    except OSError:
        return None
    return found.f_bavail * found.f_frsize


def check() -> None:
    """See that there is a ROS 2, and that it can be imported with all that the nodes use.

    Raises:
        RosError: there is none.
        PiprosError: there is one that cannot be used; one line says what to install or to unset.
    """
    if pipros is not None:
        if not pipros.activate():
            pipros.check(_USED)
        elif importlib.util.find_spec("cyclonedds") is None:
            raise RosError(missing.of_pip(ModuleNotFoundError(name="cyclonedds")))
    elif importlib.util.find_spec("rclpy") is None:
        raise RosError("there is no ROS 2 here: source its setup.bash, or pip install ./pipros")


def explain(error: ImportError) -> None:
    """Raise what an import that failed means for the user.

    Raises:
        RosError, PiprosError: one line with the remedy, where there is one.
    """
    line, of_ros = missing.of_pip(error), missing.of_ros(error)
    if line is not None:
        raise RosError(line) from error
    check()  # knows more of a real one
    if of_ros is not None:
        raise RosError(of_ros) from error


USER_ERRORS: tuple[type[Exception], ...] = (LssBevError, *(() if pipros is None else (pipros.PiprosError,)))
"""Errors whose message is one line for the user."""
