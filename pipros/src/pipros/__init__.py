"""The part of ROS 2's Python API that a small ROS 2 project uses, from pip: no ROS 2 is installed.

A real ROS 2 on the path always wins; pipros then fills in what that lacks. The public face is what `__all__`
names here and in `launching`, `bag` and `topic`; README.md lists it.

Layers, lowest first, each knowing only those before it: `interfaces` (what the types are),
`message` and `cdr` (their classes and their bytes), `idl` and `transport` (Cyclone DDS),
`discovery` and `graph` (who else is there), and `overlay/`, whose packages have the names and the
API of the parts of ROS 2. Beside them, `ros2` and `built_messages`: a real rclpy.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping

from .errors import PiprosError
from .ros2 import OVERLAY, additions, check, origin

__all__ = ["OVERLAY", "PiprosError", "activate", "check", "child_environment"]
__version__ = "0.2.0"


def activate() -> bool:
    """Make `import rclpy` work: with ROS 2 where it is installed, with the overlay where it is not.

    A real ROS 2 always wins, package by package: of the overlay, only the packages that it lacks are added,
    last on the path. Returns whether the overlay's rclpy is in use.
    """
    stands_in = origin("rclpy") is None
    folder = OVERLAY if stands_in else additions()
    if folder is not None and str(folder) not in sys.path:
        sys.path.append(str(folder))
        importlib.invalidate_caches()
    return stands_in


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which a Python child finds what this process found.

    Args:
        environment: to start from, such as `os.environ`.

    Returns:
        A copy whose PYTHONPATH ends with the overlay, or beside a real ROS 2 with what that lacks.
    """
    path = [part for part in environment.get("PYTHONPATH", "").split(os.pathsep) if part]
    folder = OVERLAY if activate() else additions()
    if folder is not None and str(folder) not in path:
        path.append(str(folder))
    return {**environment, "PYTHONPATH": os.pathsep.join(path)}
