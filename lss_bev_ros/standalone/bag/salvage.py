"""Storage files read without the metadata beside them, up to where they were cut.

An MCAP file ends with an index and a footer (mcap.dev/spec). A recorder that was killed wrote neither;
what it did write are whole chunks, each with its own length, so they can be walked over.
"""

from __future__ import annotations

import heapq
import os
import struct
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from rosbags.interfaces import Connection
from rosbags.rosbag2.metadata import ReaderMetadata
from rosbags.rosbag2.storage_mcap import ChunkInfo, McapReader

from lss_bev_ros.errors import StandaloneError

_MAGIC = b"\x89MCAP0\r\n"
# Of a record: a byte for its kind, eight for its length.
_RECORD_HEAD = 9
_CHUNK = 0x06
# Of a chunk: first and last time, size and checksum of what is in it, length of the compression's name.
_CHUNK_HEAD = struct.Struct("<QQQII")
_NO_TIME = 2**63 - 1
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


def has_end(path: Path) -> bool:
    """Whether a storage file was closed, so that it has its index."""
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(size - len(_MAGIC), len(_MAGIC)))
        return stream.read() == _MAGIC


class FilesReader:
    """MCAP files as one bag, with the methods of rosbags' readers.

    Args:
        files: In the order in which they were written.
        decompress: For messages that are compressed one by one, which only the metadata would tell.

    Attributes:
        lost: A line for each file of which something is missing.
    """

    def __init__(self, files: Sequence[Path], decompress: Callable[[bytes], bytes]) -> None:
        self._paths = tuple(files)
        self._decompress = decompress
        self._readers: list[McapReader] = []
        self.lost: list[str] = []
        self.connections: list[Connection] = []
        self.metadata = ReaderMetadata(0, _NO_TIME, 0, 0, None, None, None, None)

    def open(self) -> None:
        """Open the files.

        Raises:
            StandaloneError: None of them is an MCAP file.
        """
        for path in self._paths:
            with path.open("rb") as stream:
                begins = stream.read(len(_MAGIC)) == _MAGIC
            if not begins:
                if len(self._paths) == 1:
                    raise StandaloneError(f"{path} is no MCAP file")
                self.lost.append(f"{path.name}: no MCAP file, {path.stat().st_size} bytes of something else")
                continue
            reader = McapReader(path) if has_end(path) else _CutMcapReader(path)
            reader.open()
            self._readers.append(reader)
            if isinstance(reader, _CutMcapReader):
                self.lost.append(reader.loss)
        counts: dict[tuple[str, str], int] = {}
        for reader in self._readers:
            for connection in reader.connections:
                key = (connection.topic, connection.msgtype)
                if key not in counts:
                    self.connections.append(connection)
                counts[key] = counts.get(key, 0) + connection.msgcount
        self.connections = [
            connection._replace(msgcount=counts[connection.topic, connection.msgtype])
            for connection in self.connections
        ]
        filled = [reader.metadata for reader in self._readers if reader.metadata.message_count]
        if filled:
            start = min(metadata.start_time for metadata in filled)
            end = max(metadata.end_time for metadata in filled)
            self.metadata = self.metadata._replace(
                message_count=sum(metadata.message_count for metadata in filled),
                start_time=start,
                end_time=end,
                duration=end - start,
            )

    def close(self) -> None:
        """Close the files."""
        for reader in self._readers:
            reader.close()
        self._readers.clear()

    def messages(
        self, connections: Collection[Connection], start: int | None = None, stop: int | None = None
    ) -> Iterator[tuple[Connection, int, bytes]]:
        """Yield connection, stamp and CDR bytes in the order of the stamps."""
        wanted = {(connection.topic, connection.msgtype): connection for connection in connections}
        streams = []
        for reader in self._readers:
            own = [each for each in reader.connections if (each.topic, each.msgtype) in wanted]
            if own:
                streams.append(reader.messages(own, start, stop))
        for connection, stamp, data in heapq.merge(*streams, key=lambda message: message[1]):
            # CDR begins with a zero byte, so the two cannot be confused.
            if data.startswith(_ZSTD_MAGIC):
                data = self._decompress(data)
            yield wanted[connection.topic, connection.msgtype], stamp, data


class _CutMcapReader(McapReader):
    """A file without its end: what there is is found record by record."""

    loss = ""

    def _open(self) -> None:
        self.data_start = len(_MAGIC)
        self.data_end, chunks = _walk(self.path)
        self.meta_scan()
        # With the chunks known, messages come in the order of their stamps even where they were written
        # in another, and nothing but what is asked for is read.
        known = {connection.id: 1 for connection in self.connections}
        self.chunks = [chunk._replace(channel_count=known) for chunk in chunks]
        counts = self.statistics.channel_message_counts
        self.connections = [
            connection._replace(msgcount=counts.get(connection.id, 0)) for connection in self.connections
        ]
        if self.statistics.message_count:
            start, end = self.statistics.start_time, self.statistics.end_time
            self.metadata = self.metadata._replace(
                message_count=self.statistics.message_count,
                start_time=start,
                end_time=end + 1,
                duration=end - start + 1,
            )
        cut = self.path.stat().st_size - self.data_end
        self.loss = f"{self.path.name}: its index and the last {cut} bytes, an unfinished record"
        if not cut:
            self.loss = f"{self.path.name}: its index, and what was not yet written"


def _walk(path: Path) -> tuple[int, list[ChunkInfo]]:
    """Where the last record ends that is there in full and sound, and the chunks up to there."""
    size, end = path.stat().st_size, len(_MAGIC)
    chunks = []
    with path.open("rb") as stream:
        while True:
            stream.seek(end)
            head = stream.read(_RECORD_HEAD)
            if len(head) < _RECORD_HEAD:
                return end, chunks
            length = int.from_bytes(head[1:], "little")
            after = end + _RECORD_HEAD + length
            if after > size:
                return end, chunks
            if head[0] == _CHUNK:
                chunk = _chunk(stream.read(min(length, 128)), end, length)
                if chunk is None:
                    return end, chunks
                if chunk.message_start_time != _NO_TIME:
                    chunks.append(chunk)
            end = after


def _chunk(data: bytes, offset: int, length: int) -> ChunkInfo | None:
    """The chunk whose record begins at `offset`; None where it is none."""
    try:
        first, last, inside, _, name_length = _CHUNK_HEAD.unpack_from(data)
        at = _CHUNK_HEAD.size
        name = data[at : at + name_length].decode()
        (packed,) = struct.unpack_from("<Q", data, at + name_length)
    except (struct.error, UnicodeDecodeError):
        return None
    if at + name_length + 8 + packed > length:
        return None
    return ChunkInfo(first, last, offset, _RECORD_HEAD + length, {}, 0, name, packed, inside, {})
