"""Events of `launch.events`."""

from . import matchers, process
from .shutdown import Shutdown

__all__ = ["Shutdown", "matchers", "process"]
