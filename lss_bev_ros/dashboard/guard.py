"""Who may ask what: the checks before every request."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Mapping, Sequence
from urllib.parse import urlsplit

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_MAX_HEADERS = 16384
"""Bytes of all headers; aiohttp itself limits each one."""

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def host_allowed(host: str | None, names: Sequence[str]) -> bool:
    """Whether a Host header names this server: by an address, as localhost, or by one of `names`.

    A page of another site can have its own name resolve to this machine (DNS rebinding) and would then count
    as our origin; but its requests still carry its own name.
    """
    name, _ = _name_and_port(host or "")
    if not name:
        return False
    if name == "localhost" or name in {allowed.lower() for allowed in names}:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def same_origin(origin: str | None, host: str | None) -> bool:
    """Whether an Origin header is that of our own page, as the browser sees it.

    A browser leaves its scheme's default port out of the Origin, and a reverse proxy may write it into the
    Host or leave it out there: `https://robot` is `robot:443` (RFC 6454, section 4). Any other port counts.
    """
    scheme, separator, authority = (origin or "").lower().partition("://")
    if not separator or scheme not in _DEFAULT_PORTS:
        return False
    name, port = _name_and_port(authority)
    own_name, own_port = _name_and_port(host or "")
    default = _DEFAULT_PORTS[scheme]
    return name is not None and (name, port or default) == (own_name, own_port or default)


def own_hosts(headers: Mapping[str, str]) -> list[str | None]:
    """The names by which the browser may know this server: its Host, and what a reverse proxy says it was.

    Pages of other sites cannot set the proxy's headers: a browser asks first (CORS), and is refused.
    """
    hosts = [headers.get("Host")]
    forwarded = headers.get("X-Forwarded-Host", "").partition(",")[0].strip()
    if forwarded:
        hosts.append(forwarded)
    port = headers.get("X-Forwarded-Port", "").partition(",")[0].strip()
    if port.isdecimal():
        hosts += [f"{host}:{port}" for host in hosts if host and _name_and_port(host)[1] is None]
    return hosts


def _name_and_port(authority: str) -> tuple[str | None, int | None]:
    """Host name, in lower case, and port of `name:port`; None and None for anything else."""
    try:
        parts = urlsplit(f"//{authority}")
        name, port = parts.hostname, parts.port
    except ValueError:
        return None, None
    return (None, None) if parts.netloc != authority or "@" in authority else (name, port)


def guard(names: Sequence[str]) -> Callable:
    """A middleware that refuses foreign hosts and origins and sets the security headers.

    Args:
        names: host names, besides addresses and localhost, by which the page may be opened.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if sum(len(name) + len(value) for name, value in request.raw_headers) > _MAX_HEADERS:
            return refuse(431, "too many headers")
        hosts, origin = own_hosts(request.headers), request.headers.get("Origin")
        if not all(host_allowed(host, names) for host in hosts):
            return refuse(
                421, "unknown host name; open the page by IP address, or add the name to allowed_hosts"
            )
        is_own = any(same_origin(origin, host) for host in hosts)
        if request.method == "POST" and not is_own:
            return refuse(403, "controls work only from this page itself")
        if origin is not None and not is_own:
            return refuse(403, "pages of other sites are not allowed")
        try:
            return await handler(request)
        except web.HTTPException as error:
            return refuse(error.status, error.reason)

    return check


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Put the security headers on a response that is about to start."""
    response.headers.update(HEADERS)


def refuse(status: int, reason: str) -> web.Response:
    """A refusal as one line of text."""
    return web.Response(status=status, text=f"{reason}\n", headers={"Cache-Control": "no-store"})
