"""What stands in for ROS 2 where it is not installed.

Layers, lowest first, each knowing only those before it: `interfaces` (what the types are),
`message` and `cdr` (their classes and their bytes), `idl` and `transport` (Cyclone DDS),
`discovery` and `graph` (who else is there), and `overlay/`, whose packages have the names and the
API of the parts of ROS 2 that this project uses.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

OVERLAY = Path(__file__).resolve().parent / "overlay"


def activate() -> bool:
    """Make `import rclpy` work: with ROS 2 where it is installed, with the overlay where it is not.

    A real ROS 2 always wins; then nothing changes. Returns whether the overlay is in use.
    """
    spec = importlib.util.find_spec("rclpy")
    if spec is None:
        sys.path.append(str(OVERLAY))
        importlib.invalidate_caches()
        return True
    return spec.origin is not None and Path(spec.origin).resolve().is_relative_to(OVERLAY)
