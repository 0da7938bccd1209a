"""How much the sockets of a middleware hold, and what of best-effort images will be lost for that.

A best-effort image that comes while its reader is busy waits in the reader's socket; what does not fit there
is lost, and with one packet the whole image. Which of the kernel's limits counts depends on the middleware.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

STAND_IN, CYCLONE, FAST_DDS = "the stand-in", "rmw_cyclonedds_cpp", "rmw_fastrtps_cpp"

_MIB = 1 << 20
_ASKED = {STAND_IN: 16 * _MIB, CYCLONE: _MIB}  # bytes, unless set otherwise; Fast DDS asks for none
_UNITS = {"": 1, "B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3}


@dataclass(frozen=True)
class Sockets:
    """The kernel's limits, in bytes, and who uses them.

    Attributes:
        default: what a socket has that does not ask, net.core.rmem_default.
        most: what a socket may ask for, net.core.rmem_max.
        middleware: one of `STAND_IN`, `CYCLONE`, `FAST_DDS`, or another's name, of which nothing is known.
        asked: what it asks for; 0: nothing.
    """

    default: int
    most: int
    middleware: str
    asked: int = 0

    @classmethod
    def read(
        cls, environment: Mapping[str, str], stand_in: bool, proc: Path = Path("/proc/sys/net/core")
    ) -> Sockets | None:
        """This machine's, for a process with this environment; None where the system does not tell."""
        try:
            default, most = (int((proc / name).read_text()) for name in ("rmem_default", "rmem_max"))
        except (OSError, ValueError):
            return None
        middleware = STAND_IN if stand_in else environment.get("RMW_IMPLEMENTATION") or FAST_DDS
        asked = _ASKED.get(middleware, 0)
        if middleware == FAST_DDS:
            asked = _sockets_size(environment)
        return cls(default, most, middleware, asked)

    @property
    def holds(self) -> int:
        """Bytes that wait in a reader's socket at most; 0 where nothing is known of the middleware."""
        if self.middleware not in (STAND_IN, CYCLONE, FAST_DDS):
            return 0
        return max(self.default, min(self.asked, self.most))

    def loss(self, images: Mapping[str, int]) -> tuple[str, str] | None:
        """What will be lost of best-effort images that come at once, and the remedy; None where they fit.

        Args:
            images: bytes of one image of each topic.
        """
        together = sum(images.values())
        if not self.holds or together <= self.holds:
            return None
        too_large = [name for name, size in images.items() if size > self.holds]
        what = (
            f"most images of {', '.join(sorted(too_large))}"
            if too_large
            else f"some of the {len(images)} images that arrive at once, {together / 1e6:.1f} MB,"
        )
        limit = (
            "net.core.rmem_default" if self.middleware == FAST_DDS and not self.asked else "net.core.rmem_max"
        )
        return (
            f"{what} will be lost if they are best effort: a socket of {self.middleware} holds "
            f"{self.holds / 1e6:.1f} MB ({limit})",
            self._remedy(max(4 * _MIB, 1 << (2 * together - 1).bit_length())),
        )

    def _remedy(self, size: int) -> str:
        allow = f"sudo sysctl -w net.core.rmem_max={size}"
        steps = [allow] if self.most < size else []
        if self.middleware == FAST_DDS:
            # At the range LOCALHOST rmw_fastrtps makes its own transports; Humble knows no such variable.
            steps.append(
                f'export FASTDDS_BUILTIN_TRANSPORTS="DEFAULT?sockets_size={size}" for the subscriber (on '
                "Humble, or at ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST: sudo sysctl -w "
                f"net.core.rmem_default={size})"
            )
        elif self.middleware == CYCLONE:
            steps.append(
                "export CYCLONEDDS_URI='<Internal><SocketReceiveBufferSize max=\""
                f"{size}B\"/></Internal>' for the subscriber"
            )
        return "; ".join([*steps, "or use reliable subscriptions or compressed images"])


def _sockets_size(environment: Mapping[str, str]) -> int:
    """sockets_size in FASTDDS_BUILTIN_TRANSPORTS, in bytes; 0 where it is not given or does not count."""
    if environment.get("ROS_AUTOMATIC_DISCOVERY_RANGE") == "LOCALHOST":
        return 0
    given = environment.get("FASTDDS_BUILTIN_TRANSPORTS", "")
    match = re.search(r"[?&]sockets_size=(\d+)([KMG]?B)?", given, re.IGNORECASE)
    return int(match[1]) * _UNITS[(match[2] or "").upper()] if match else 0
