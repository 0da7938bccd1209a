"""A camera that looks ahead, and down."""

from __future__ import annotations

import math

import numpy as np

from lss_bev_ros.geometry import Camera, Pose


def tilted(degrees: float, focal: float = 1250.0, roll: float = 0.0) -> Camera:
    """A camera 1.5 m over the ground that looks ahead, so many degrees down."""
    ahead = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
    (c, s), (d, t) = ((math.cos(math.radians(a)), math.sin(math.radians(a))) for a in (degrees, roll))
    down = np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])
    turned = np.array([[d, -t, 0.0], [t, d, 0.0], [0.0, 0.0, 1.0]])
    k = np.array([[focal, 0, 800.0], [0, focal, 450.0], [0, 0, 1]])
    return Camera(f"cam_{degrees:g}", k, 1600, 900, Pose(ahead @ down.T @ turned, np.array([0.0, 0.0, 1.5])))
