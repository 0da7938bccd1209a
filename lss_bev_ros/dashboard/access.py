"""Who is let in: whoever knows the token, and how often anybody may ask."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections import OrderedDict
from collections.abc import Callable
from urllib.parse import urlencode

from aiohttp import web

from .guard import Handler, refuse

_MOST_PEERS = 4096

REQUESTS = (100.0, 400.0)
"""Requests a second of one address, and how many at once: a page of twenty files is loaded twenty times."""

CONTROLS = (5.0, 20.0)
"""The same of what changes something."""

REFUSALS = (0.2, 20.0)
"""The same of wrong tokens."""


class Allowance:
    """How often each address may do something: a bucket of tokens each (Turner 1986, "leaky bucket")."""

    def __init__(
        self, rate: float, most: float, clock: Callable[[], float] = time.monotonic, peers: int = _MOST_PEERS
    ) -> None:
        """Allow `rate` times a second in the long run, `most` at once; `peers` addresses are remembered."""
        self._rate, self._most, self._clock, self._peers = rate, most, clock, peers
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def left(self, peer: str) -> float:
        """How often an address may still do it now."""
        amount, when = self._left.get(peer, (self._most, self._clock()))
        return min(self._most, amount + (self._clock() - when) * self._rate)

    def take(self, peer: str) -> bool:
        """Count one more of an address; False where it was one too many."""
        left = self.left(peer)
        allowed = left >= 1.0
        self._left[peer] = (left - 1.0 if allowed else left, self._clock())
        self._left.move_to_end(peer)
        if len(self._left) > self._peers:
            self._left.popitem(last=False)
        return allowed


class Access:
    """The checks before every request, after those of `guard`."""

    def __init__(self, token: str = "", secure: bool = False) -> None:
        """Let in whoever knows the token; everybody where it is empty.

        Args:
            token: as `?token=` once, which makes a cookie of it, or as `Authorization: Bearer` each time.
            secure: whether the page is served by TLS, so that the cookie goes nowhere else.
        """
        self._token, self._secure = token, secure
        # Cookies do not tell ports apart, and another car's page may be on this host.
        self._cookie = f"lss_bev_{hashlib.sha256(token.encode()).hexdigest()[:8]}"
        self._requests, self._controls, self._refusals = (
            Allowance(*allowed) for allowed in (REQUESTS, CONTROLS, REFUSALS)
        )

    @property
    def middleware(self) -> Callable:
        """Checks a request before it is handled."""

        @web.middleware
        async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
            peer = request.remote or ""
            if not self._requests.take(peer) or (request.method == "POST" and not self._controls.take(peer)):
                return _too_often()
            if not self._token:
                return await handler(request)
            if self._refusals.left(peer) < 1.0:
                return _too_often()
            if "token" in request.query and request.method in ("GET", "HEAD"):
                return self._admit(request, peer)
            scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
            shown = bearer.strip() if scheme.lower() == "bearer" else request.cookies.get(self._cookie, "")
            if not self._is_right(shown):
                if shown:
                    self._refusals.take(peer)
                return _unknown()
            return await handler(request)

        return check

    def _admit(self, request: web.Request, peer: str) -> web.Response:
        """Put the token of the address into a cookie and open the page without it."""
        if not self._is_right(request.query["token"]):
            self._refusals.take(peer)
            return _unknown()
        rest = urlencode([(name, value) for name, value in request.query.items() if name != "token"])
        # Relative, since a reverse proxy may have the page below another path.
        page = f"./{request.path.rpartition('/')[2]}"
        answer = web.Response(status=303, headers={"Location": f"{page}?{rest}" if rest else page})
        answer.headers["Cache-Control"] = "no-store"
        answer.set_cookie(
            self._cookie, self._token, httponly=True, samesite="Strict", secure=self._secure, path="/"
        )
        return answer

    def _is_right(self, shown: str) -> bool:
        return hmac.compare_digest(shown.encode("utf-8", "replace"), self._token.encode())


def _unknown() -> web.Response:
    answer = refuse(401, "this page needs its token: open it by the address that the node printed")
    answer.headers["WWW-Authenticate"] = 'Bearer realm="lss_bev"'
    return answer


def _too_often() -> web.Response:
    answer = refuse(429, "too many requests")
    answer.headers["Retry-After"] = "5"
    return answer
