"""What a node tells systemd: that it serves, and that it lives (sd_notify(3)).

A service with `WatchdogSec` is started again when it has said nothing for so long. The protocol is one
datagram on the socket that NOTIFY_SOCKET names. The node is a child of the launch that systemd started, so
the unit says `NotifyAccess=all`, and WATCHDOG_PID, which names the launch, does not count.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping

_SHARE = 3.0
"""How often the watchdog is told within its time."""


class ServiceManager:
    """Where there is no systemd, whatever is told goes nowhere.

    Attributes:
        period: seconds between two signs of life; None where nobody waits for them.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """Read NOTIFY_SOCKET and WATCHDOG_USEC of an environment."""
        self._address = environment.get("NOTIFY_SOCKET", "")
        microseconds = environment.get("WATCHDOG_USEC", "")
        self.period: float | None = None
        if self._address and microseconds.isdecimal() and int(microseconds) > 0:
            self.period = int(microseconds) / 1e6 / _SHARE

    def ready(self) -> None:
        """The service serves."""
        self._tell("READY=1")

    def alive(self) -> None:
        """The service lives."""
        self._tell("WATCHDOG=1")

    def status(self, line: str) -> None:
        """One line for `systemctl status`."""
        self._tell(f"STATUS={' '.join(line.split())}")

    def stopping(self) -> None:
        """The service ends."""
        self._tell("STOPPING=1")

    def _tell(self, text: str) -> None:
        if not self._address:
            return
        # An abstract address begins with a zero byte, which no environment can hold.
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.settimeout(1.0)
            out.sendto(text.encode(), address)
