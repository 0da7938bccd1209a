"""Bags being written: safe against Ctrl-C, and against a kill up to the last second."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rosbags.interfaces import Connection, Qos
from rosbags.rosbag2 import StoragePlugin, Writer, WriterError

from lss_bev_ros.errors import StandaloneError
from lss_bev_ros.standalone.interfaces import type_store

if TYPE_CHECKING:
    from rosbags.rosbag2.storage_mcap import McapWriter

# Version 8 of the metadata is the newest that ROS 2 Humble can read; Jazzy reads it as well.
_VERSION = 8
_FLUSH_SECONDS = 1.0
_CACHE_BYTES = 256 << 20


class BagWriter:
    """A new bag. Messages are queued by `write` and written by a thread of its own.

    The file is brought up to date every second with a whole MCAP chunk, so that a bag whose recorder was
    killed can be read up to there.

    Args:
        path: Folder to make.

    Raises:
        StandaloneError: It exists already or cannot be made.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        try:
            self._writer = Writer(self.path, version=_VERSION, storage_plugin=StoragePlugin.MCAP)
            self._writer.open()
            # The name that `ros2 bag record` gives its first file, and `ros2 bag reindex` looks for.
            self._storage.path = self._storage.path.rename(self.path / f"{self.path.name}_0.mcap")
        except WriterError:
            raise StandaloneError(
                f"bag {self.path} exists already; record to another folder or remove it"
            ) from None
        except OSError as error:
            raise StandaloneError(f"bag {self.path} cannot be made: {error.strerror}") from error
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
        if type_name not in type_store().fielddefs:
            raise StandaloneError(
                f"topic {name} has type {type_name}, whose definition is not known; exclude it"
            )
        with self._lock:
            return self._writer.add_connection(
                name, type_name, typestore=type_store(), offered_qos_profiles=list(offered_qos)
            )

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
                _mark_empty(self._storage)
                self._writer.close()
        except OSError as error:
            self.failure = error
        if self.failure is not None:
            self._writer.abort()
            raise StandaloneError(
                f"bag {self.path} is incomplete: {self.failure.strerror}; free the disk and record again"
            ) from self.failure

    @property
    def _storage(self) -> McapWriter:
        return self._writer.storage

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
                        self._writer.write(*item)
                    if time.monotonic() - flushed >= _FLUSH_SECONDS:
                        flushed = time.monotonic()
                        self._flush()
            except OSError as error:
                self.failure = error
                return

    def _flush(self) -> None:
        # rosbags ends a chunk by size alone. A chunk is what a reader can rely on, so end it by time too.
        if self._storage.chunk.msgs:
            self._storage.close_chunk()
        self._storage.bio.flush()


def _mark_empty(storage: McapWriter) -> None:
    """Give the last chunk and the statistics the times that MCAP asks for where there is no message: 0.

    A chunk of new topics alone, and so a whole bag without messages, would else span a negative time.
    """
    if not storage.chunk.msgs:
        storage.chunk.message_start_time = 0
    if not any(storage.channel_stats.values()):
        storage.message_start_time = 0
