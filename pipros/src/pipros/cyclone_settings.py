"""What a user's own Cyclone DDS configuration (CYCLONEDDS_URI) sets, so that ours stays out of its way.

Cyclone replaces some settings by later ones, but adds others up (interfaces, peers) or checks them against
each other (watermarks, buffer sizes), and it aborts the process on a peer without an address. The text is
read as Cyclone reads it (ddsi_config.c, xmlparser.c): files and pieces of XML separated by commas, names in
any case and, in pieces of XML, shortened; `${VARIABLE}` in values; domains with another id left out.
"""

from __future__ import annotations

import html
import ipaddress
import os
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipros.errors import PiprosError

_TOKEN = re.compile(
    r"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|<![^>]*>"
    r"|</\s*(?P<close>[^>\s]*)\s*>"
    r"|<\s*(?P<open>[A-Za-z_][^\s/>]*)(?P<attributes>(?:[^<>\"'“”]|\"[^\"]*\"|'[^']*'|“[^”]*”)*?)(?P<end>/?)>",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"([^\s=\"'“]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|“([^”]*)”)")
_VARIABLE = re.compile(r"\$\{([^:}]*)(?::([-+?])((?:[^{}]|\{[^}]*\})*))?\}")
_TRANSPORTS = {"udp", "udp6", "tcp", "tcp6"}


@dataclass(frozen=True)
class UserSettings:
    """What the user's configuration says about a domain.

    Attributes:
        names: the elements that it has, in lower case.
        peers: addresses of its `Peer` elements.
        ipv6: whether addresses are IPv6.
        has_addresses: whether its transport has hosts at all; `raweth` and `none` have not.
    """

    names: frozenset[str] = frozenset()
    peers: tuple[str, ...] = ()
    ipv6: bool = False
    has_addresses: bool = True

    def sets(self, *names: str) -> bool:
        """Whether it has any of these elements, shortened or not."""
        wanted = [name.lower() for name in names]
        return any(name.startswith(given) for given in self.names for name in wanted)

    @classmethod
    def read(cls, configuration: str, domain_id: int, environment: Mapping[str, str]) -> UserSettings:
        """Read a CYCLONEDDS_URI.

        Raises:
            PiprosError: a file that cannot be read, as one line.
        """
        names, peers, ipv6, has_addresses = set(), [], False, True
        for text in _sources(configuration):
            for name, attributes, content in _elements(text, domain_id, environment):
                value = _expanded(content, environment).strip().lower()
                if (name, value) == ("allowmulticast", "false"):  # which goes with every interface
                    continue
                names.add(name)
                if "peer".startswith(name):
                    peers += [
                        _expanded(given, environment)
                        for key, given in attributes.items()
                        if "address".startswith(key)
                    ]
                elif name == "useipv6":
                    ipv6 = value == "true"
                elif name == "transport":
                    ipv6, has_addresses = value in ("udp6", "tcp6"), value not in ("raweth", "none")
        return cls(frozenset(names), tuple(peers), ipv6, has_addresses)


def peer_address(peer: str, ipv6: bool) -> str:
    """The numeric address (`ADDRESS` or `ADDRESS:PORT`) of a peer, its name looked up.

    Raises:
        ValueError: why it has none, in words that follow its name.
    """
    transport, slash, host = peer.rpartition("/")
    if slash and transport not in _TRANSPORTS:
        raise ValueError("is a subnet or no address; Cyclone DDS takes single hosts")
    if not ipv6 and host.count(":") > 1:
        raise ValueError("is an IPv6 address, but Cyclone DDS is set to IPv4 (General/Transport)")
    host, port = _host_and_port(host, ipv6)
    if port is not None and not (port.isdecimal() and 1 <= int(port) <= 65535):
        raise ValueError("has no port from 1 to 65535")
    family = socket.AF_INET6 if ipv6 else socket.AF_INET
    try:
        address = str(socket.getaddrinfo(host, None, family, socket.SOCK_DGRAM)[0][4][0]) if host else ""
    except (OSError, UnicodeError) as error:
        raise ValueError(f"cannot be resolved ({getattr(error, 'strerror', None) or error})") from None
    if not address or ipaddress.ip_address(address.partition("%")[0]).is_unspecified:
        raise ValueError("is no host's address")
    shown = f"[{address}]" if ipv6 and port is not None else address
    return shown if port is None else f"{shown}:{port}"


def check_peers(settings: UserSettings) -> None:
    """Refuse peers for which Cyclone would abort the process.

    Raises:
        PiprosError: a peer without an address, by name.
    """
    for given in settings.peers:
        for peer in given.split(","):
            try:
                if not settings.has_addresses:
                    raise ValueError("is of no use to General/Transport")
                peer_address(peer.partition(";")[0], settings.ipv6)
            except ValueError as error:
                raise PiprosError(
                    f"CYCLONEDDS_URI: Discovery/Peers/Peer {peer!r} {error}: correct it or take it out"
                ) from None


def _host_and_port(text: str, ipv6: bool) -> tuple[str, str | None]:
    if ipv6 and text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, rest[1:] if rest.startswith(":") else None
    if ipv6 and text.count(":") > 1:
        return text, None
    host, colon, port = text.rpartition(":")
    return (host, port) if colon else (text, None)


def _sources(configuration: str) -> Iterator[str]:
    """The XML of each file and piece of a CYCLONEDDS_URI."""
    rest = configuration.lstrip(" \t\r\n\f\v,")
    while rest:
        if rest.startswith("<"):
            end = _end_of_element(rest)
            yield rest[:end]
            rest = rest[end:]
        else:
            name, _, rest = rest.partition(",")
            yield _read(name)
        rest = rest.lstrip(" \t\r\n\f\v,")


def _read(name: str) -> str:
    path = name
    if not os.path.exists(name) and name.startswith("file://"):
        path = name.removeprefix("file://")
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise PiprosError(
            f"CYCLONEDDS_URI: cannot read the configuration file {name} ({reason}): correct or unset it"
        ) from None


def _end_of_element(text: str) -> int:
    """Where the first element of a text ends."""
    depth = 0
    for token in _TOKEN.finditer(text):
        if token["open"] is not None:
            depth += not token["end"]
        elif token["close"] is not None:
            depth -= 1
        else:
            continue
        if depth <= 0:
            return token.end()
    return len(text)


def _elements(
    text: str, domain_id: int, environment: Mapping[str, str]
) -> Iterator[tuple[str, dict[str, str], str]]:
    """Name, attributes and text of each element but those of other domains; keys in lower case."""
    depth, skipped_from = 0, None
    for token in _TOKEN.finditer(text):
        if token["close"] is not None:
            depth -= 1
            if skipped_from is not None and depth < skipped_from:
                skipped_from = None
        if token["open"] is None:
            continue
        name = token["open"].lower()
        attributes = {
            key.lower(): html.unescape(next(each for each in values if each is not None))
            for key, *values in (match.groups() for match in _ATTRIBUTE.finditer(token["attributes"]))
        }
        content = html.unescape(text[token.end() : text.find("<", token.end()) % (len(text) + 1)])
        if skipped_from is None:
            if name == "domain" and _is_other(attributes.get("id", ""), domain_id, environment):
                skipped_from = depth + 1
            elif name == "id" and _is_other(content, domain_id, environment):
                skipped_from = depth
            else:
                yield name, attributes, "" if token["end"] else content
        depth += not token["end"]
        if token["end"] and skipped_from == depth + 1:
            skipped_from = None


def _is_other(given: str, domain_id: int, environment: Mapping[str, str]) -> bool:
    value = _expanded(given, environment).strip()
    return value.isdecimal() and int(value) != domain_id


def _expanded(value: str, environment: Mapping[str, str]) -> str:
    """A value with its `${NAME}`, `${NAME:-else}` and `${NAME:+then}` replaced."""

    def replace(match: re.Match[str]) -> str:
        name, operator, other = match.groups()
        found = environment.get(name, "")
        if operator == "+":
            return _expanded(other, environment) if found else ""
        return found or _expanded(other or "", environment)

    return _VARIABLE.sub(replace, value)
