"""Lift-Splat-Shoot bird's-eye-view occupancy for ROS 2."""

__version__ = "0.2.0"
