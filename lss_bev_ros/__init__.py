"""Lift-Splat-Shoot bird's-eye-view occupancy for ROS 2."""

import os
import sys

__version__ = "0.2.0"

if sys.version_info < (3, 10):  # noqa: UP036 - a checkout or colcon asks no pip
    here = ".".join(map(str, sys.version_info[:2]))
    sys.exit(f"error: lss_bev_ros needs Python 3.10 to 3.14, this is {here}: run it with one of those")

# Python says "-m" while it imports this for `python -m lss_bev_ros.nodes.replay`; the others are our scripts.
_PROGRAMS = ("-m", "lss-bev", "replay_node", "inference_node", "evaluation_node", "dashboard_node")
if sys.argv and os.path.basename(sys.argv[0]) in _PROGRAMS:
    from .ending import tell_at_exit

    tell_at_exit()
