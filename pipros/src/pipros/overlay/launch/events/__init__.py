"""Events of `launch.events`."""

from launch.events import matchers, process
from launch.events.shutdown import Shutdown

__all__ = ["Shutdown", "matchers", "process"]
