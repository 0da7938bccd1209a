"""How much the sockets of a middleware hold, and what of best-effort images will be lost for that.

A best-effort image that comes while its reader is busy waits in the reader's socket; what does not fit there
is lost, and with one packet the whole image. Which of the kernel's limits counts depends on the middleware.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .fast_dds import TRANSPORTS, setting

STAND_IN, CYCLONE, FAST_DDS = "the stand-in", "rmw_cyclonedds_cpp", "rmw_fastrtps_cpp"

_MIB = 1 << 20
_ASKED = {STAND_IN: 16 * _MIB, CYCLONE: _MIB}  # bytes, unless set otherwise; Fast DDS asks for none


@dataclass(frozen=True)
class Sockets:
    """The kernel's limits, in bytes, and who uses them.

    Attributes:
        default: what a socket has that does not ask, net.core.rmem_default.
        most: what a socket may ask for, net.core.rmem_max.
        middleware: one of `STAND_IN`, `CYCLONE`, `FAST_DDS`, or another's name, of which nothing is known.
        asked: what it asks for; 0: nothing.
        source: on Fast DDS, the file or variable that says so.
    """

    default: int
    most: int
    middleware: str
    asked: int = 0
    source: str = ""

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
        asked, source = _ASKED.get(middleware, 0), ""
        if middleware == FAST_DDS:
            asked, source = setting(environment, "sockets_size", "receiveBufferSize")
        return cls(default, most, middleware, asked, source)

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
        limit = "what it asks for" if self.default < self.asked < self.most else "net.core.rmem_max"
        if self.middleware == FAST_DDS and not self.asked:
            limit = "net.core.rmem_default"
        return (
            f"{what} will be lost if they are best effort: a socket of {self.middleware} holds "
            f"{self.holds / 1e6:.1f} MB ({limit})",
            self._remedy(max(4 * _MIB, 1 << (2 * together - 1).bit_length())),
        )

    def _remedy(self, size: int) -> str:
        steps = [f"sudo sysctl -w net.core.rmem_max={size}"] if self.most < size else []
        if self.middleware == FAST_DDS and not self.asked:
            # FASTDDS_BUILTIN_TRANSPORTS would do it too, but turns off the profile, and its shared memory.
            steps = [f"sudo sysctl -w net.core.rmem_default={size}"]
        elif self.middleware == FAST_DDS and self.asked < size:
            name = "sockets_size" if self.source == TRANSPORTS else "receiveBufferSize"
            steps.append(f"set {name} in {self.source} to {size} for the subscriber")
        elif self.middleware == CYCLONE:
            steps.append(
                "export CYCLONEDDS_URI='<Internal><SocketReceiveBufferSize max=\""
                f"{size}B\"/></Internal>' for the subscriber"
            )
        return "; ".join([*steps, "or use reliable subscriptions or compressed images"])
