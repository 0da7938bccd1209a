"""Bags being written: safe against Ctrl-C, and against a kill up to the last second."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from rosbags.interfaces import Connection, Qos

from lss_bev_ros.errors import StandaloneError

from .storage import BagStorage, StorageOptions

_FLUSH_SECONDS = 1.0
_CACHE_BYTES = 256 << 20


class BagWriter:
    """A new bag. Messages are queued by `write` and written by a thread of its own.

    The file is brought up to date every second with a whole MCAP chunk, so that a bag whose recorder was
    killed can be read up to there.

    Args:
        path: Folder to make.
        options: Compression and splitting.

    Raises:
        StandaloneError: It exists already or cannot be made.
    """

    def __init__(self, path: Path | str, options: StorageOptions = StorageOptions()) -> None:
        self.path = Path(path)
        self._storage = BagStorage(self.path, options=options)
        self.dropped = 0
        self.failure: OSError | None = None
        self._lock = threading.Lock()
        self._queue: queue.SimpleQueue[tuple[Connection, int, bytes] | None] = queue.SimpleQueue()
        self._queued_bytes = 0
        self._thread = threading.Thread(target=self._run, name="bag writer", daemon=True)
        self._thread.start()

    def add_topic(self, name: str, type_name: str, offered_qos: Sequence[Qos] = ()) -> Connection:
        """Register a topic and return what `write` wants of it.

        Raises:
            StandaloneError: A type whose definition is not known.
        """
        with self._lock:
            return self._storage.add_topic(name, type_name, offered_qos)

    def write(self, topic: Connection, stamp: int, data: bytes) -> bool:
        """Queue a message.

        Args:
            topic: From `add_topic`.
            stamp: When it was received, nanoseconds since 1970.
            data: CDR with its header.

        Returns:
            Whether it will be written; not where the disk is so slow that the queue is full.
        """
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
            StandaloneError: The disk failed at some time, or does now.
        """
        self._queue.put(None)
        self._thread.join()
        try:
            if self.failure is None:
                self._storage.close()
        except OSError as error:
            self.failure = error
        if self.failure is not None:
            self._storage.abort()
            raise StandaloneError(
                f"bag {self.path} is incomplete: {self.failure.strerror}; free the disk and record again"
            ) from self.failure

    def _run(self) -> None:
        flushed = time.monotonic()
        while True:
            try:
                item = self._queue.get(timeout=_FLUSH_SECONDS)
            except queue.Empty:
                item = ()
            if item is None:
                return
            try:
                with self._lock:
                    if item:
                        self._queued_bytes -= len(item[2])
                        self._storage.write(*item)
                    if time.monotonic() - flushed >= _FLUSH_SECONDS:
                        flushed = time.monotonic()
                        self._storage.flush()
            except OSError as error:
                self.failure = error
                return
