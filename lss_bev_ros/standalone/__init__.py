"""What stands in for ROS 2 where it is not installed.

Layers, lowest first, each knowing only those before it: `interfaces` (what the types are),
`message` and `cdr` (their classes and their bytes), `idl` and `transport` (Cyclone DDS),
`discovery` and `graph` (who else is there), and `overlay/`, whose packages have the names and the
API of the parts of ROS 2 that this project uses.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping
from pathlib import Path

OVERLAY = Path(__file__).resolve().parent / "overlay"


def activate() -> bool:
    """Make `import rclpy` work: with ROS 2 where it is installed, with the overlay where it is not.

    A real ROS 2 always wins; then nothing changes. Returns whether the overlay is in use.
    """
    spec = importlib.util.find_spec("rclpy")
    if spec is None or spec.origin is None:  # no origin: a mere folder of that name, such as its repository
        sys.path.append(str(OVERLAY))
        importlib.invalidate_caches()
        return True
    return Path(spec.origin).resolve().is_relative_to(OVERLAY)


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which a Python child finds what this process found.

    Args:
        environment: to start from, such as `os.environ`.

    Returns:
        A copy with the overlay last on PYTHONPATH where the overlay is in use, unchanged on a real ROS 2.
    """
    path = [part for part in environment.get("PYTHONPATH", "").split(os.pathsep) if part]
    if activate() and str(OVERLAY) not in path:
        path.append(str(OVERLAY))
    return {**environment, "PYTHONPATH": os.pathsep.join(path)}
