"""Events of `launch.events`."""

from pipros.overlay.launch.events import matchers, process
from pipros.overlay.launch.events.shutdown import Shutdown

__all__ = ["Shutdown", "matchers", "process"]
