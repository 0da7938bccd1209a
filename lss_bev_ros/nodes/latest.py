"""Handing work from the executor to a thread, newest first."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class LatestSlot(Generic[T]):
    """Holds the newest item until it is taken; an item that is replaced before that is dropped.

    Attributes:
        dropped: items that were never taken.
    """

    def __init__(self) -> None:
        """Start empty."""
        self.dropped = 0
        self._condition = threading.Condition()
        self._item: T | None = None
        self._closed = False

    def put(self, item: T) -> None:
        """Offer an item, in place of one that waits; never blocks."""
        with self._condition:
            if self._item is not None:
                self.dropped += 1
            self._item = item
            self._condition.notify()

    def take(self) -> T | None:
        """Wait for an item; None once the slot is closed."""
        with self._condition:
            self._condition.wait_for(lambda: self._closed or self._item is not None)
            item, self._item = self._item, None
            return None if self._closed else item

    def close(self) -> None:
        """Wake the taker for the last time."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
