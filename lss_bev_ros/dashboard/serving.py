"""The web server on a thread of its own, which waits for its port where that is taken."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import ipaddress
import logging
import ssl
import threading
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp import web

    from .server import DashboardServer

_FIRST_RETRY = 1.0
_LAST_RETRY = 30.0
_MAX_CONNECTIONS = 512


class Serving:
    """Runs a `DashboardServer` until it is closed.

    Attributes:
        address: where the page is, empty while it is nowhere.
        problem: why it is nowhere, one line; empty while it is served.
    """

    def __init__(
        self,
        make: Callable[[], DashboardServer],
        host: str,
        port: int,
        report: Callable[[str, bool], None] = lambda line, good: None,
        patience: float = 10.0,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """Start.

        Args:
            make: the server, called on the thread's event loop.
            host: address to listen on.
            port: 0 takes a free one.
            report: told each change as a line, and whether it is a good one; called on the thread.
            patience: seconds within which a connection must have asked for something.
            context: of TLS; None to serve without.
        """
        self.address = ""
        self.problem = "starting"
        self.server: DashboardServer | None = None
        self._make = make
        self._host, self._port = host, port
        self._report = report
        self._patience = patience
        self._context = context
        self._end: Callable[[], object] | None = None
        self._thread: threading.Thread | None = None
        try:
            importlib.import_module("aiohttp")
        except ModuleNotFoundError:  # then there is no page, and everything else goes on
            self._fail("no page: aiohttp is not installed; pip install aiohttp")
            return
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="page", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving and wait for the thread."""
        if self._end is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                self._end()
        if self._thread is not None:
            self._thread.join(timeout=5.0)

    async def _run(self) -> None:
        from aiohttp import web

        closing = asyncio.Event()
        self._end = partial(asyncio.get_running_loop().call_soon_threadsafe, closing.set)
        self.server = self._make()
        connections = _Connections(self._patience)
        self.server.app.middlewares.append(connections.middleware)
        # Who stays connected without asking is cut off, at the start and between requests.
        runner = web.AppRunner(
            self.server.app,
            access_log=None,
            logger=_complaints(self._report),
            keepalive_timeout=self._patience,
        )
        await runner.setup()
        try:
            assert runner.server is not None, "there is one after setup"
            listener = await self._listen(connections.protocols(runner.server), closing)
            if listener is None:
                return
            self.server.start()
            await closing.wait()
            listener.close()
        finally:
            self.address = ""
            await self.server.stop()
            await runner.cleanup()

    async def _listen(
        self, protocols: Callable[[], asyncio.Protocol], closing: asyncio.Event
    ) -> asyncio.Server | None:
        """Take the port, however long that takes; None when closing."""
        delay, loop = _FIRST_RETRY, asyncio.get_running_loop()
        while not closing.is_set():
            try:
                listener = await loop.create_server(
                    protocols, self._host, self._port, backlog=64, ssl=self._context
                )
            except (OSError, OverflowError, UnicodeError) as error:
                reason = (getattr(error, "strerror", "") or str(error)).lower()
                self._fail(f"no page: cannot listen on {self._host}:{self._port} ({reason}); retrying")
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(closing.wait(), delay)
                delay = min(2 * delay, _LAST_RETRY)
                continue
            port = listener.sockets[0].getsockname()[1]
            scheme = "http" if self._context is None else "https"
            self.address, self.problem = f"{scheme}://{_readable(self._host)}:{port}", ""
            self._report(f"open {self.address}{_exposure(self._host)}", True)
            return listener
        return None

    def _fail(self, problem: str) -> None:
        if problem != self.problem:
            self.problem = problem
            self._report(problem, False)


def _complaints(report: Callable[[str, bool], None]) -> logging.Logger:
    """A logger for aiohttp: a traceback for each request that is none becomes a line now and then."""
    logger = logging.Logger("page")
    logger.addHandler(_Complaints(report))
    return logger


class _Complaints(logging.Handler):
    """Counts what aiohttp complains of and tells of it now and then, in one line."""

    def __init__(self, report: Callable[[str, bool], None], period: float = 60.0) -> None:
        super().__init__(logging.WARNING)
        self._report = report
        self._period = period
        self._count = 0
        self._told: float | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        self._count += 1
        now = time.monotonic()
        if self._told is not None and now - self._told < self._period:
            return
        self._told = now
        error = record.exc_info[1] if record.exc_info else None
        reason = " ".join((str(error) if error is not None else record.getMessage()).split())[:150]
        kind = f"{type(error).__name__}: " if error is not None else ""
        self._report(f"page: a request could not be answered ({self._count} so far): {kind}{reason!r}", False)


class _Connections:
    """Cuts off connections that ask for nothing, and those that are too many.

    aiohttp itself waits for the first request for ever where only half of it comes.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._silent: set[asyncio.Protocol] = set()

    def protocols(self, server: web.Server) -> Callable[[], asyncio.Protocol]:
        """Make the protocol of each new connection."""

        def make() -> asyncio.Protocol:
            protocol = server()
            loop = asyncio.get_running_loop()
            self._silent.add(protocol)
            patience = self._patience if len(server.connections) < _MAX_CONNECTIONS else 0.0
            loop.call_later(patience, self._cut, protocol)
            return protocol

        return make

    @property
    def middleware(self) -> Callable:
        """Notes who has asked."""
        from aiohttp import web

        @web.middleware
        async def note(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            self._silent.discard(request.protocol)
            return await handler(request)

        return note

    def _cut(self, protocol: asyncio.Protocol) -> None:
        transport = getattr(protocol, "transport", None)
        if protocol in self._silent and transport is not None:
            transport.abort()
        self._silent.discard(protocol)


def _readable(host: str) -> str:
    """A host as an address of the browser; of all addresses the machine's own."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return "127.0.0.1"
    return f"[{address}]" if address.version == 6 else str(address)


def _exposure(host: str) -> str:
    """A word of caution where others than this machine can open the page."""
    try:
        alone = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        alone = False
    return "" if alone else f" (listening on {host}: whoever has the token can watch and control)"
