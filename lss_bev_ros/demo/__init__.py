"""The demonstration: the launch file, a bag and a live status, on a real ROS 2 or without one."""

from .run import demo_weights, run_demo, synthetic_scene

__all__ = ["demo_weights", "run_demo", "synthetic_scene"]
