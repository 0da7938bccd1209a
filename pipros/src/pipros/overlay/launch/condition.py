"""The path at which `launch` has it."""

from launch.conditions import Condition as Condition
