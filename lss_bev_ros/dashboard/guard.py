"""Who may ask what: the checks before every request."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlsplit

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_MAX_HEADERS = 16384
"""Bytes of all headers; aiohttp itself limits each one."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def host_allowed(host: str | None, names: Sequence[str]) -> bool:
    """Whether a Host header names this server: by an address, as localhost, or by one of `names`.

    A page of another site can have its own name resolve to this machine (DNS rebinding) and would then count
    as our origin; but its requests still carry its own name.
    """
    try:
        name = urlsplit(f"//{host}").hostname if host else None
    except ValueError:
        return False
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
    """Whether an Origin header is that of our own page, as the browser sees it."""
    try:
        parts = urlsplit(origin or "")
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and parts.netloc.lower() == host.lower()


def guard(names: Sequence[str]) -> Callable:
    """A middleware that refuses foreign hosts and origins and sets the security headers.

    Args:
        names: host names, besides addresses and localhost, by which the page may be opened.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if sum(len(name) + len(value) for name, value in request.raw_headers) > _MAX_HEADERS:
            return refuse(431, "too many headers")
        host, origin = request.headers.get("Host"), request.headers.get("Origin")
        if not host_allowed(host, names):
            return refuse(421, "unknown host name; open the page by address or name it in allowed_hosts")
        if request.method == "POST" and not same_origin(origin, host):
            return refuse(403, "control only from this page itself")
        if origin is not None and not same_origin(origin, host):
            return refuse(403, "not for pages of other sites")
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
