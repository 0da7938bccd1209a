"""One sender, many clients: what was made once is handed to all, and the slow ones skip."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager


class Subscription:
    """A client's place: the newest payload of each channel that it has not taken yet."""

    def __init__(self) -> None:
        """Start with nothing waiting."""
        self.skipped = 0
        self._waiting: dict[str, bytes | str] = {}
        self._something = asyncio.Event()

    def offer(self, channel: str, payload: bytes | str) -> bool:
        """Put a payload in place of one that waits; whether one was skipped. Never blocks."""
        skipped = channel in self._waiting
        self.skipped += skipped
        self._waiting[channel] = payload
        self._something.set()
        return skipped

    def forget(self, channel: str) -> None:
        """Drop what waits of a channel."""
        self._waiting.pop(channel, None)
        if not self._waiting:
            self._something.clear()

    async def next(self) -> bytes | str:
        """Wait for a payload and take it; channels take turns."""
        while not self._waiting:  # what had come may be forgotten again
            await self._something.wait()
        channel = next(iter(self._waiting))
        payload = self._waiting.pop(channel)
        if not self._waiting:
            self._something.clear()
        return payload


class Channel:
    """A stream of payloads. Belongs to one event loop.

    Attributes:
        published: payloads so far.
        skipped: payloads that some client was too slow for, summed over clients.
    """

    def __init__(self, name: str, on_join: Callable[[], None] = lambda: None) -> None:
        """Start without clients.

        Args:
            name: its key in a client's subscription.
            on_join: called when a client joins for whom nothing is ready.
        """
        self.name = name
        self.published = 0
        self.skipped = 0
        self._on_join = on_join
        self._clients: set[Subscription] = set()
        self._last: bytes | str | None = None

    @property
    def clients(self) -> int:
        """How many are joined."""
        return len(self._clients)

    @property
    def ready(self) -> bool:
        """Whether there is a payload for who joins."""
        return self._last is not None

    def publish(self, payload: bytes | str) -> None:
        """Hand a payload to every client."""
        self.published += 1
        self._last = payload
        for client in self._clients:
            self.skipped += client.offer(self.name, payload)

    def join(self, client: Subscription) -> None:
        """Add a client; it gets the last payload at once, if it is not out of date."""
        self._clients.add(client)
        if self._last is not None:
            client.offer(self.name, self._last)
        else:
            self._on_join()

    def leave(self, client: Subscription) -> None:
        """Remove a client; without any, the last payload is forgotten, since nothing keeps it fresh."""
        self._clients.discard(client)
        if not self._clients:
            self._last = None


@contextmanager
def subscribed(channels: Sequence[Channel]) -> Iterator[Subscription]:
    """A subscription to channels for as long as the context lasts."""
    client = Subscription()
    try:
        for channel in channels:
            channel.join(client)
        yield client
    finally:
        for channel in channels:
            channel.leave(client)
