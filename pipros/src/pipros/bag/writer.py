"""Bags being written: safe against Ctrl-C, and against a kill up to the last second."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from rosbags.interfaces import Connection, Qos

from pipros.errors import PiprosError

from .storage import BagStorage, StorageOptions

_FLUSH_SECONDS = 1.0
_CACHE_BYTES = 256 << 20


class BagWriter:
    """A new bag. Messages are queued by `write` and written by a thread of its own.

    The file is brought up to date every second with a whole MCAP chunk, so that a bag whose recorder was
    killed can be read up to there. Where writing fails, what was written before stays to be read.

    Args:
        path: Folder to make.
        options: Compression and splitting.

    Attributes:
        dropped: Messages that were not written.
        failure: What ended the writing early, None while it goes on.
        full: Which limit of its options the bag has reached, in a few words; nothing is written from then on,
            and the bag is complete once it is closed. Empty before.

    Raises:
        PiprosError: It exists already or cannot be made.
    """

    def __init__(self, path: Path | str, options: StorageOptions = StorageOptions()) -> None:
        self.path = Path(path)
        self._storage = BagStorage(self.path, options=options)
        self.dropped = 0
        self.failure: Exception | None = None
        self.full = ""
        self._lock = threading.Lock()
        self._queue: queue.SimpleQueue[tuple[Connection, int, bytes] | None] = queue.SimpleQueue()
        self._queued_bytes = 0
        self._flushed = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="bag writer", daemon=True)
        self._thread.start()

    def add_topic(self, name: str, type_name: str, offered_qos: Sequence[Qos] = ()) -> Connection:
        """Register a topic and return what `write` wants of it.

        Raises:
            PiprosError: A type whose definition is not known; the disk failed.
        """
        with self._lock:
            try:
                return self._storage.add_topic(name, type_name, offered_qos)
            except OSError as error:
                self.failure = self.failure or error
                raise PiprosError(f"bag {self.path} cannot be written: {error.strerror or error}") from error

    def write(self, topic: Connection, stamp: int, data: bytes) -> bool:
        """Queue a message.

        Args:
            topic: From `add_topic`.
            stamp: When it was received, nanoseconds since 1970.
            data: CDR with its header.

        Returns:
            Whether it is to be written; not where the disk is so slow that the queue is full, nor once
            writing has failed or the bag is full.
        """
        if self.full:
            return False
        if self._queued_bytes + len(data) > _CACHE_BYTES or self.failure is not None:
            self.dropped += 1
            return False
        with self._lock:
            self._queued_bytes += len(data)
        self._queue.put((topic, stamp, data))
        return True

    def close(self) -> None:
        """Write what is queued, the index and the metadata.

        Raises:
            PiprosError: Writing failed at some time, or does now; there is no metadata.yaml then.
        """
        self._queue.put(None)
        self._thread.join()
        try:
            if self.failure is None:
                self._storage.close()
        except Exception as error:
            self.failure = error
        if self.failure is None:
            return
        while not self._queue.empty():
            self.dropped += self._queue.get() is not None
        with contextlib.suppress(Exception):
            self._storage.abort()
        if isinstance(self.failure, OSError):
            reason, remedy = self.failure.strerror or self.failure, "free the disk and record again"
        else:
            reason = " ".join(str(self.failure).split()) or type(self.failure).__name__
            remedy = "what was written before can be played"
        raise PiprosError(f"bag {self.path} is incomplete: {reason}; {remedy}") from self.failure

    def _run(self) -> None:
        try:
            while self._step():
                pass
        except Exception as error:
            # Whatever it is, nothing is written from here on, and who records has to hear of it.
            self.failure = error
            self.dropped += 1
            with contextlib.suppress(Exception), self._lock:
                self._storage.flush()

    def _step(self) -> bool:
        """Write the next message, and what is due; False at the end."""
        try:
            items = [self._queue.get(timeout=_FLUSH_SECONDS)]
        except queue.Empty:
            items = []
        with self._lock:
            for item in items:
                if item is None:
                    return False
                self._queued_bytes -= len(item[2])
                if not self.full:
                    self.full = self._storage.write(*item)
            if time.monotonic() - self._flushed >= _FLUSH_SECONDS:
                self._flushed = time.monotonic()
                self.full = self._storage.flush() or self.full
        return True
