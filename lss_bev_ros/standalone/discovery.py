"""Whom this process can find: ROS 2's discovery settings as a Cyclone DDS configuration.

Stands in for rcl's reading of ROS_DOMAIN_ID, ROS_AUTOMATIC_DISCOVERY_RANGE and ROS_STATIC_PEERS and
for what rmw_cyclonedds makes of them. The one difference: LOCALHOST is the default range here, so that
a demonstration does not join whatever else runs on the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

from lss_bev_ros.errors import StandaloneError

RANGES = ("SUBNET", "LOCALHOST", "OFF", "SYSTEM_DEFAULT")
MAX_DOMAIN_ID = 232

# Participants (processes) that can find one another on one machine; rmw_cyclonedds allows 32.
_MAX_PARTICIPANTS = 99

# A frame set is near a megabyte: let a few wait for slow readers before the writer does.
_WRITER_WATERMARKS = (
    "<Watermarks><WhcLow>1MB</WhcLow><WhcHighInit>8MB</WhcHighInit><WhcHigh>8MB</WhcHigh></Watermarks>"
)
# As much of this as the kernel's limits (net.core.rmem_max, wmem_max) allow.
_SOCKET_BUFFERS = (
    '<SocketReceiveBufferSize min="default" max="16MB"/><SocketSendBufferSize min="64KiB" max="4MB"/>'
)

# Loopback packets may be large: everything over the default of 14 kB is a saved system call.
_LOOPBACK = (
    '<Interfaces><NetworkInterface address="127.0.0.1"/></Interfaces>'
    "<MaxMessageSize>30000B</MaxMessageSize><FragmentSize>29000B</FragmentSize>"
)
# With the 208 kB that Linux gives a socket unless told otherwise, a frame set overflows the receiver. On
# one machine there is no reason to wait with asking for what was lost (defaults: 10 and 100 ms, up to 8 s).
_QUICK_REPAIR = (
    "<NackDelay>2 ms</NackDelay>"
    '<HeartbeatInterval min="2 ms" minsched="5 ms" max="8 s">20 ms</HeartbeatInterval>'
)


@dataclass(frozen=True)
class Discovery:
    """Discovery settings of a process."""

    domain_id: int
    range: str
    static_peers: tuple[str, ...] = ()
    extra: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], domain_id: int | None = None) -> Discovery:
        """Read the settings as ROS 2 does; StandaloneError names the variable that is wrong."""
        if domain_id is None:
            domain_id = _domain_id(environment.get("ROS_DOMAIN_ID", ""))
        elif not 0 <= domain_id <= MAX_DOMAIN_ID:
            raise StandaloneError(f"domain_id is {domain_id}: use a number from 0 to {MAX_DOMAIN_ID}")
        given = environment.get("ROS_AUTOMATIC_DISCOVERY_RANGE") or "LOCALHOST"
        if given.upper() not in RANGES:
            raise StandaloneError(
                f"ROS_AUTOMATIC_DISCOVERY_RANGE is {given!r}: use one of {', '.join(RANGES)}"
            )
        if environment.get("ROS_LOCALHOST_ONLY") == "1":
            given = "LOCALHOST"
        peers = tuple(peer for peer in environment.get("ROS_STATIC_PEERS", "").split(";") if peer)
        return cls(domain_id, given.upper(), peers, environment.get("CYCLONEDDS_URI", ""))

    def configuration(self, process_id: int) -> str:
        """The Cyclone DDS configuration for these settings, as its XML; the user's own comes last."""
        general, discovery = [], []
        if self.range in ("LOCALHOST", "OFF"):
            general.append("<AllowMulticast>false</AllowMulticast>")
        stays_here = self.range == "LOCALHOST" and not self.static_peers
        if stays_here:
            general.append(_LOOPBACK)
        if self.range == "OFF":
            discovery.append(
                f"<ParticipantIndex>none</ParticipantIndex><Tag>ros_discovery_off_{process_id}</Tag>"
            )
        elif self.range != "SYSTEM_DEFAULT":
            discovery.append(
                "<ParticipantIndex>auto</ParticipantIndex>"
                f"<MaxAutoParticipantIndex>{_MAX_PARTICIPANTS}</MaxAutoParticipantIndex>"
            )
            peers = (("localhost",) if self.range == "LOCALHOST" else ()) + self.static_peers
            if peers:
                discovery.append(
                    f"<Peers>{''.join(f'<Peer address={quoteattr(peer)}/>' for peer in peers)}</Peers>"
                )
        ours = (
            f"<CycloneDDS><Domain><General>{''.join(general)}</General>"
            f"<Discovery>{''.join(discovery)}</Discovery>"
            f"<Internal>{_WRITER_WATERMARKS}{_SOCKET_BUFFERS}{_QUICK_REPAIR if stays_here else ''}</Internal>"
            "</Domain></CycloneDDS>"
        )
        return f"{ours},{self.extra}" if self.extra else ours


def _domain_id(given: str) -> int:
    remedy = f"set it to a number from 0 to {MAX_DOMAIN_ID} or unset it"
    try:
        domain_id = int(given or "0")
    except ValueError:
        raise StandaloneError(f"ROS_DOMAIN_ID is {given!r}: {remedy}") from None
    if not 0 <= domain_id <= MAX_DOMAIN_ID:
        raise StandaloneError(f"ROS_DOMAIN_ID is {domain_id}: {remedy}")
    return domain_id
