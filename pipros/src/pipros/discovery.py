"""Whom this process can find: ROS 2's discovery settings as a Cyclone DDS configuration.

Stands in for rcl's reading of ROS_DOMAIN_ID, ROS_AUTOMATIC_DISCOVERY_RANGE, ROS_LOCALHOST_ONLY and
ROS_STATIC_PEERS (domain_id.c, discovery_options.c, localhost.c, init.c) and for what rmw_cyclonedds makes
of them and of CYCLONEDDS_URI (rmw_node.cpp, check_create_domain). Two differences: LOCALHOST is the default
range here, so that what is tried out does not join whatever else runs on the network; and settings that
only make it faster are added, each unless the user sets it or what it is checked against.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

from pipros.cyclone_settings import UserSettings, check_peers, peer_address
from pipros.errors import PiprosError

RANGES = ("SUBNET", "LOCALHOST", "OFF", "SYSTEM_DEFAULT")
MAX_DOMAIN_ID = 232

# Participants (processes) that can find one another on one machine; rmw_cyclonedds allows 32.
_MAX_PARTICIPANTS = 99
_RMW_PARTICIPANTS = 32

# Real nodes of the default range, SUBNET, announce themselves by multicast alone. A node of LOCALHOST does
# not hear that, so it must go on announcing itself. Cyclone does so for 30 s, every 30 s, unless told
# otherwise.
_ANNOUNCE_INTERVAL = "<SPDPInterval>1 s</SPDPInterval>"
# The same for this machine's own address, which Cyclone adds to the peers: nodes of Cyclone 11 at SUBNET hear
# nothing else.
_NEVER_GIVE_UP = "<InitialLocatorPruneDelay>inf</InitialLocatorPruneDelay>"

# A frame set is near a megabyte: let a few wait for slow readers before the writer does.
_WRITER_WATERMARKS = (
    "<Watermarks><WhcLow>1MB</WhcLow><WhcHighInit>8MB</WhcHighInit><WhcHigh>8MB</WhcHigh></Watermarks>"
)
# As much of this as the kernel's limits (net.core.rmem_max, wmem_max) allow.
_RECEIVE_BUFFER = '<SocketReceiveBufferSize min="default" max="16MB"/>'
_SEND_BUFFER = '<SocketSendBufferSize min="64KiB" max="4MB"/>'

# Cyclone lets each writer that is deleted wait a second for readers that are behind, one after the other.
# Ours wait together, before (`transport.Participant`).
_NO_LINGERING = "<WriterLingerDuration>0 s</WriterLingerDuration>"

# What says itself where packets go.
_NETWORK_SETTINGS = (
    "NetworkInterface",
    "NetworkInterfaceAddress",
    "AssumeMulticastCapable",
    "MulticastRecvNetworkInterfaceAddresses",
    "AllowMulticast",
    "PreferMulticast",
    "SPDPMulticastAddress",
    "ExternalNetworkAddress",
    "Peers",
    "Transport",
    "UseIPv6",
    "TCP",
)
# Loopback packets may be large: everything over the default of 14 kB is a saved system call.
_LARGE_PACKETS = "<MaxMessageSize>30000B</MaxMessageSize><FragmentSize>29000B</FragmentSize>"
# With the 208 kB that Linux gives a socket unless told otherwise, a frame set overflows the receiver. On
# one machine there is no reason to wait with asking for what was lost (defaults: 10 and 100 ms, up to 8 s).
_QUICK_NACK = "<NackDelay>2 ms</NackDelay>"
_QUICK_HEARTBEAT = '<HeartbeatInterval min="2 ms" minsched="5 ms" max="8 s">20 ms</HeartbeatInterval>'

# strtoul with base 0: blanks, a sign, then hexadecimal, octal or decimal digits; what follows is ignored.
_NUMBER = re.compile(r"[ \t\n\v\f\r]*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)")


@dataclass(frozen=True)
class Discovery:
    """Discovery settings of a process.

    Attributes:
        domain_id: 0 to 232.
        range: one of `RANGES`.
        static_peers: numeric addresses, with a port where one was given.
        extra: the user's own Cyclone DDS configuration, CYCLONEDDS_URI.
        user: what `extra` sets.
        warnings: what of the settings is not followed, a line each.
    """

    domain_id: int
    range: str
    static_peers: tuple[str, ...] = ()
    extra: str = ""
    user: UserSettings = UserSettings()
    warnings: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], domain_id: int | None = None) -> Discovery:
        """Read the settings as ROS 2 does; PiprosError names the variable that is wrong."""
        warnings: list[str] = []
        if domain_id is None:
            domain_id = _domain_id(environment.get("ROS_DOMAIN_ID", ""), warnings)
        elif not 0 <= domain_id <= MAX_DOMAIN_ID:
            raise PiprosError(f"domain_id is {domain_id}: use a number from 0 to {MAX_DOMAIN_ID}")
        extra = environment.get("CYCLONEDDS_URI", "")
        user = UserSettings.read(extra, domain_id, environment)
        check_peers(user)
        reach = _range(environment, warnings)
        peers = _static_peers(environment, reach, user.ipv6, warnings)
        return cls(domain_id, reach, peers, extra, user, tuple(warnings))

    def configuration(self, process_id: int) -> str:
        """The Cyclone DDS configuration for these settings, as its XML; the user's own comes last."""
        sections = {
            "General": self._general(),
            "Discovery": self._discovery(process_id),
            "Internal": self._internal(),
        }
        inner = "".join(f"<{name}>{''.join(settings)}</{name}>" for name, settings in sections.items())
        ours = f"<CycloneDDS><Domain>{inner}</Domain></CycloneDDS>"
        return f"{ours},{self.extra}" if self.extra else ours

    @property
    def _stays_here(self) -> bool:
        """Whether packets stay on this machine.

        No interface is named for that, as rmw_cyclonedds names none: Cyclone 11 takes no announcement that
        came over an interface other than its own, so a node on 127.0.0.1 and those of ROS 2 Lyrical would
        never meet. What is sent to an address of the machine itself goes over the loopback anyway.
        """
        return self.range == "LOCALHOST" and not self.static_peers and not self.user.sets(*_NETWORK_SETTINGS)

    def _general(self) -> list[str]:
        settings = []
        if self.range in ("LOCALHOST", "OFF"):
            settings.append("<AllowMulticast>false</AllowMulticast>")
        sizes = ("MaxMessageSize", "MaxRexmitMessageSize", "FragmentSize")
        if self._stays_here and not self.user.sets(*sizes):
            settings.append(_LARGE_PACKETS)
        return settings

    def _discovery(self, process_id: int) -> list[str]:
        if self.range == "SYSTEM_DEFAULT":
            return []
        if self.range == "OFF":
            tag = f"<Tag>ros_discovery_off_{process_id}</Tag>"
            return [f"<ParticipantIndex>none</ParticipantIndex>{tag}"]
        settings = []
        if not self.user.sets("ManySocketsMode"):
            settings.append("<ParticipantIndex>auto</ParticipantIndex>")
        settings.append(f"<MaxAutoParticipantIndex>{self._max_participant_index()}</MaxAutoParticipantIndex>")
        localhost = "::1" if self.user.ipv6 else "127.0.0.1"  # not its name: Cyclone aborts where that fails
        peers = ((localhost,) if self.range == "LOCALHOST" else ()) + self.static_peers
        if peers and self.user.has_addresses:
            listed = "".join(f"<Peer address={quoteattr(peer)}/>" for peer in peers)
            settings.append(f"<Peers>{listed}</Peers>")
        if not self.user.sets("SPDPInterval"):
            settings.append(_ANNOUNCE_INTERVAL)
        if not self.user.sets("InitialLocatorPruneDelay"):
            settings.append(_NEVER_GIVE_UP)
        return settings

    def _max_participant_index(self) -> int:
        """So many that the last one's ports exist: 7400 + 250 domain + 11 + 2 index (DDSI-RTPS 9.6.1)."""
        if self.user.sets("Ports"):
            return _RMW_PARTICIPANTS
        return min(_MAX_PARTICIPANTS, (65535 - 7400 - 250 * self.domain_id - 11) // 2)

    def _internal(self) -> list[str]:
        candidates = [
            (_WRITER_WATERMARKS, ("Watermarks", "WhcLow", "WhcHigh", "WhcHighInit", "WhcAdaptive")),
            (_RECEIVE_BUFFER, ("SocketReceiveBufferSize", "MinimumSocketReceiveBufferSize")),
            (_SEND_BUFFER, ("SocketSendBufferSize", "MinimumSocketSendBufferSize")),
            (_NO_LINGERING, ("WriterLingerDuration",)),
        ]
        if self._stays_here:
            candidates += [(_QUICK_NACK, ("NackDelay",)), (_QUICK_HEARTBEAT, ("HeartbeatInterval",))]
        return [setting for setting, names in candidates if not self.user.sets(*names)]


def _domain_id(given: str, warnings: list[str]) -> int:
    """rcl_get_default_domain_id: the C library's number, so 0x4B is 75 and 075 is 61."""
    if not given:
        return 0
    remedy = f"set it to a number from 0 to {MAX_DOMAIN_ID} or unset it"
    match = _NUMBER.match(given)
    digits = match[2] if match else ""
    is_octal = digits.startswith("0") and not digits.lower().startswith("0x")
    number = int(digits, 8 if is_octal else 0) if digits else 0
    rest = given[match.end() :] if match else given
    if number == 0 and rest:
        raise PiprosError(f"ROS_DOMAIN_ID is {given!r}, not an integral number: {remedy}")
    is_negative = match is not None and match[1] == "-"
    if (is_negative and number) or number > MAX_DOMAIN_ID:
        raise PiprosError(f"ROS_DOMAIN_ID is {given}, out of range: {remedy}")
    if rest or (is_octal and digits != "0"):
        warnings.append(f"ROS_DOMAIN_ID is {given!r}, which ROS 2 reads as {number}")
    return number


def _range(environment: Mapping[str, str], warnings: list[str]) -> str:
    """How far discovery reaches, with rcl's words for what it does not follow."""
    given = environment.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "")
    if environment.get("ROS_LOCALHOST_ONLY", "").startswith("1"):
        if given not in ("", "LOCALHOST") or environment.get("ROS_STATIC_PEERS"):
            warnings.append(
                "ROS_LOCALHOST_ONLY is enabled, ROS_AUTOMATIC_DISCOVERY_RANGE and ROS_STATIC_PEERS will be "
                "ignored."
            )
        return "LOCALHOST"
    if given and given not in RANGES:
        warnings.append(
            f"Invalid value {given!r} specified for 'ROS_AUTOMATIC_DISCOVERY_RANGE', assuming localhost "
            f"only; use one of {', '.join(RANGES)}"
        )
    return given if given in RANGES else "LOCALHOST"


def _static_peers(
    environment: Mapping[str, str], reach: str, ipv6: bool, warnings: list[str]
) -> tuple[str, ...]:
    """Addresses of ROS_STATIC_PEERS; what has none is named and left out, since Cyclone aborts on it."""
    given = [peer.strip() for peer in re.split("[;,]", environment.get("ROS_STATIC_PEERS", ""))]
    given = [peer for peer in given if peer]
    if environment.get("ROS_LOCALHOST_ONLY", "").startswith("1"):
        return ()
    if given and reach in ("OFF", "SYSTEM_DEFAULT"):
        warnings.append(
            f"ROS_AUTOMATIC_DISCOVERY_RANGE is set to {reach}, but found static peers in ROS_STATIC_PEERS. "
            "ROS_STATIC_PEERS will be ignored."
        )
        return ()
    addresses = []
    for peer in given:
        try:
            addresses.append(peer_address(peer, ipv6))
        except ValueError as error:
            warnings.append(f"ROS_STATIC_PEERS: {peer} {error}; it is left out")
    return tuple(dict.fromkeys(addresses))
