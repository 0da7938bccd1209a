"""MCAP files (mcap.dev/spec), whole or cut, with an index or without, by themselves.

The file decides which messages there are. Its records are walked over from the first to the last, where the
index helps to pass over chunks; so what stands beside chunks is found, and so is what a recorder that was
killed left behind: whole chunks, each with its own length.
"""

from __future__ import annotations

import heapq
import struct
import sys
from binascii import crc32
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from lz4.frame import decompress as lz4_decompress

from pipros.errors import PiprosError

from .channel import Channel, StoredMessage, Stretch
from .metadata import profiles

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_MAGIC = b"\x89MCAP0\r\n"
# Kind and length of a record.
_HEAD = struct.Struct("<BQ")
_FOOTER_SIZE = _HEAD.size + 20 + len(_MAGIC)
_FOOTER, _SCHEMA, _CHANNEL, _MESSAGE, _CHUNK = 0x02, 0x03, 0x04, 0x05, 0x06
_CHUNK_INDEX, _STATISTICS, _DATA_END = 0x08, 0x0B, 0x0F
# Channel, sequence, log time and publish time of a message.
_MESSAGE_HEAD = struct.Struct("<HIQQ")
# First and last time, size and checksum of what is in a chunk.
_CHUNK_HEAD = struct.Struct("<QQQI")
_GROUP_BYTES = 1 << 20
_LARGEST_STAMP = 2**63 - 1


@dataclass(frozen=True)
class _Chunk:
    """Where messages are in the file: a chunk, or messages that stand by themselves.

    `offset` and `size` are of the stored bytes, `start` and `end` the first and last stamp, which are not
    to be believed where `doubtful`.
    """

    offset: int
    size: int
    start: int
    end: int
    compression: str = ""
    unpacked: int = 0
    checksum: int = 0
    doubtful: bool = False


class McapFile:
    """One MCAP file, open to be read.

    Attributes:
        channels: By id.
        counts: Messages by channel, as the file's own statistics have them, or counted.
        start: First stamp, nanoseconds; 0 without messages.
        end: Last stamp.
        whole: Whether its recorder ended it.

    Raises:
        PiprosError: It is not an MCAP file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.channels: dict[int, Channel] = {}
        self.counts: dict[int, int] = {}
        self.whole = False
        self._schemas: dict[int, tuple[str, str, bytes]] = {0: ("", "", b"")}
        self._chunks: list[_Chunk] = []
        self._damaged: dict[int, str] = {}
        self._size = path.stat().st_size
        self._stream = path.open("rb")
        try:
            if self._stream.read(len(_MAGIC)) != _MAGIC:
                what = "it is empty" if not self._size else f"{self._size} bytes of something else"
                raise PiprosError(f"{path} is not an MCAP file: {what}")
            self._open()
        except BaseException:
            self._stream.close()
            raise

    @property
    def lost(self) -> list[str]:
        """A line for each part of it that cannot be read."""
        return [self._damaged[offset] for offset in sorted(self._damaged)]

    def close(self) -> None:
        """Close it."""
        self._stream.close()

    def messages(
        self, channels: Collection[int], start: int | None = None, stop: int | None = None
    ) -> Iterator[StoredMessage]:
        """Yield messages of some channels in the order of their stamps, from `start` up to before `stop`."""
        low = -1 if start is None else start
        high = _LARGEST_STAMP if stop is None else stop - 1
        # One for all chunks, of which an hour of recording has thousands.
        wanted = frozenset(channels)
        sources = [
            self._source(number, chunk, wanted, low, high)
            for number, chunk in enumerate(self._chunks)
            if chunk.doubtful or (chunk.end >= low and chunk.start <= high)
        ]
        for _, _, place, message in heapq.merge(*sources):
            if place >= 0:
                yield message

    def verify(self) -> int:
        """Compare all data with its checksum, beyond what reading compares; what differs is in `lost`.

        Returns:
            Chunks that carry no checksum, as those of many recorders.
        """
        bare = sum(not chunk.checksum for chunk in self._chunks)
        begin = self._size - _FOOTER_SIZE
        if begin < len(_MAGIC):
            return bare
        self._stream.seek(begin)
        tail = self._stream.read(_FOOTER_SIZE)
        summary, _, checksum = struct.unpack_from("<QQI", tail, _HEAD.size)
        end = summary - _HEAD.size - 4
        if not tail.endswith(_MAGIC) or _HEAD.unpack_from(tail) != (_FOOTER, 20) or not 0 < end < begin:
            if self.whole:
                self._damaged.setdefault(begin, f"{self.path.name}: its end is damaged")
            return bare
        self._stream.seek(summary)
        if checksum and crc32(tail[: _HEAD.size + 16], crc32(self._stream.read(begin - summary))) != checksum:
            self._damaged[summary] = f"{self.path.name}: its index is damaged, which was read without"
        self._stream.seek(0)
        found, left = 0, end
        while left:
            block = self._stream.read(min(left, _GROUP_BYTES))
            found, left = crc32(block, found), left - len(block)
        kind, length = _HEAD.unpack(self._stream.read(_HEAD.size))
        (told,) = struct.unpack("<I", self._stream.read(4))
        if (kind, length) == (_DATA_END, 4) and told and told != found and not self._damaged:
            self._damaged[end] = (
                f"{self.path.name}: something of it has changed, though no message (the checksum of all data)"
            )
        return bare

    def stretches(self, longest: int) -> list[Stretch]:
        """Spans of messages in which no gap is longer than `longest` nanoseconds, not in order."""
        spans = []
        for chunk in self._chunks:
            if chunk.end - chunk.start <= longest:
                spans.append((chunk.start, chunk.end))
            else:
                spans += [(message.stamp, message.stamp) for message in self._messages_in(chunk)]
        return spans

    def _open(self) -> None:
        statistics, known, end = self._summary()
        self._walk(known, end)
        if statistics is not None and self.channels.keys() >= statistics.keys() and not self._damaged:
            self.counts = {channel: statistics.get(channel, 0) for channel in self.channels}
        else:
            self._count()
        self._check_ends()
        filled = [chunk for chunk in self._chunks if chunk.start <= chunk.end]
        self.start = min((chunk.start for chunk in filled), default=0)
        self.end = max((chunk.end for chunk in filled), default=0)

    def _summary(self) -> tuple[dict[int, int] | None, dict[int, tuple[int, int, int]], int]:
        """What stands at the end of the file, if it does and is what was written.

        Returns:
            Messages by channel; by the offset of a chunk that of what follows it, and its first and last
            stamp; where the data end.
        """
        begin = self._size - _FOOTER_SIZE
        if begin < len(_MAGIC):
            return None, {}, self._size
        self._stream.seek(begin)
        tail = self._stream.read(_FOOTER_SIZE)
        if not tail.endswith(_MAGIC) or _HEAD.unpack_from(tail) != (_FOOTER, 20):
            return None, {}, self._size
        (summary,) = struct.unpack_from("<Q", tail, _HEAD.size)
        if not len(_MAGIC) <= summary <= begin:
            return None, {}, begin
        self._stream.seek(summary)
        content = self._stream.read(begin - summary)
        (checksum,) = struct.unpack_from("<I", tail, _HEAD.size + 16)
        if checksum and crc32(tail[: _HEAD.size + 16], crc32(content)) != checksum:
            return None, {}, begin
        statistics, chunks = None, {}
        try:
            for kind, body in _records(content):
                if kind == _CHUNK_INDEX:
                    start, end, offset, length = struct.unpack_from("<QQQQ", body)
                    (channels,) = struct.unpack_from("<I", body, 32)
                    (index,) = struct.unpack_from("<Q", body, 36 + channels)
                    if length:  # else the index is damaged, and what is there tells of itself
                        chunks[offset] = offset + length + index, start, end
                elif kind == _STATISTICS:
                    # Seven numbers and two times, then the counts.
                    (length,) = struct.unpack_from("<I", body, 42)
                    statistics = dict(struct.iter_unpack("<HQ", body[46 : 46 + length]))
                else:
                    self._learn(kind, body)
        except (struct.error, UnicodeDecodeError, ValueError):
            self.channels.clear()
            return None, {}, summary
        return statistics, chunks, summary

    def _walk(self, known: dict[int, tuple[int, int, int]], end: int) -> None:
        """Go over the data from record to record."""
        stream, at, group = self._stream, len(_MAGIC), _Group()
        while at < end:
            if at in known:
                after, *stamps = known[at]
                if not self._take_chunk(at, tuple(stamps)):
                    break
                at = after
                continue
            stream.seek(at)
            head = stream.read(_HEAD.size)
            if len(head) < _HEAD.size:
                break
            kind, length = _HEAD.unpack(head)
            after = at + _HEAD.size + length
            if kind == 0 or after > end:
                break
            if kind == _CHUNK:
                if not self._take_chunk(at):
                    break
            elif kind == _MESSAGE:
                _, _, stamp, _ = _MESSAGE_HEAD.unpack(stream.read(_MESSAGE_HEAD.size))
                if group.is_full(at):
                    self._chunks += group.end()
                group.add(at, after, stamp)
            elif kind in (_SCHEMA, _CHANNEL):
                self._learn(kind, stream.read(length))
            elif kind in (_DATA_END, _FOOTER):
                # Nothing but the index comes after it.
                at = self._size
                break
            at = after
        self._chunks += group.end()
        self.whole = end < self._size
        if at < end:
            what = "" if self.whole else "its index and "
            self._damaged[at] = f"{self.path.name}: {what}the last {end - at} bytes, an unfinished record"

    def _take_chunk(self, at: int, told: tuple[int, ...] | None = None) -> bool:
        """Note the chunk whose record begins at an offset; False where there is none.

        Args:
            at: The offset.
            told: Its first and last stamp by the index.
        """
        self._stream.seek(at)
        head = self._stream.read(_HEAD.size + 128)
        try:
            kind, length = _HEAD.unpack_from(head)
            cursor = _Cursor(head[_HEAD.size :])
            first, last, unpacked = (cursor.number(8) for _ in range(3))
            checksum = cursor.number(4)
            compression = cursor.text()
            packed = cursor.number(8)
        except (struct.error, UnicodeDecodeError, ValueError):
            return False
        if kind != _CHUNK or cursor.at + packed > length or at + _HEAD.size + length > self._size:
            return False
        offset = at + _HEAD.size + cursor.at
        # Some writers leave 0 where there is no message, and some take a stamp of 0 for none.
        doubtful = (
            first == 0 or first > last or last > _LARGEST_STAMP or (told or (first, last)) != (first, last)
        )
        self._chunks.append(_Chunk(offset, packed, first, last, compression, unpacked, checksum, doubtful))
        return True

    def _check_ends(self) -> None:
        """Look into the chunks that say when the file begins and ends."""
        if not self._chunks:
            return
        first = min(range(len(self._chunks)), key=lambda number: self._chunks[number].start)
        last = max(range(len(self._chunks)), key=lambda number: self._chunks[number].end)
        doubtful = {number for number, chunk in enumerate(self._chunks) if chunk.doubtful}
        for number in {0, first, last, *doubtful}:
            chunk = self._chunks[number]
            stamps = [message.stamp for message in self._messages_in(chunk)]
            start, end = (min(stamps), max(stamps)) if stamps else (1, 0)
            self._chunks[number] = _Chunk(
                chunk.offset, chunk.size, start, end, chunk.compression, chunk.unpacked, chunk.checksum
            )
        self._chunks = [chunk for chunk in self._chunks if chunk.start <= chunk.end]

    def _count(self) -> None:
        """Read all there is, where nothing tells what is in it."""
        counts: dict[int, int] = {}
        for chunk in self._chunks:
            for kind, body in self._content(chunk):
                if kind == _MESSAGE:
                    (channel,) = struct.unpack_from("<H", body)
                    counts[channel] = counts.get(channel, 0) + 1
                else:
                    self._learn(kind, body)
        self.counts = {channel: counts.pop(channel, 0) for channel in self.channels}
        if counts:
            self._damaged[0] = (
                f"{self.path.name}: {sum(counts.values())} messages of a channel that it does not describe"
            )

    def _source(
        self, number: int, chunk: _Chunk, channels: frozenset[int], low: int, high: int
    ) -> Iterator[tuple[int, int, int, StoredMessage]]:
        """Messages of a chunk in order, behind a mark at its start: it is read only when it is due."""
        yield chunk.start, number, -1, StoredMessage(0, 0, b"")
        found = [
            (message.stamp, number, place, message)
            for place, message in enumerate(self._messages_in(chunk))
            if low <= message.stamp <= high and message.channel in channels
        ]
        yield from sorted(found, key=lambda entry: entry[0])

    def _messages_in(self, chunk: _Chunk) -> Iterator[StoredMessage]:
        for kind, body in self._content(chunk):
            if kind == _MESSAGE and len(body) >= _MESSAGE_HEAD.size:
                channel, _, stamp, _ = _MESSAGE_HEAD.unpack_from(body)
                yield StoredMessage(stamp, channel, body[_MESSAGE_HEAD.size :])

    def _content(self, chunk: _Chunk) -> Iterator[tuple[int, bytes]]:
        """Records in a chunk; what is damaged is noted and left out."""
        try:
            yield from _records(self._unpack(chunk))
        except (ValueError, RuntimeError, MemoryError, zstd.ZstdError, struct.error, EOFError) as error:
            self._damaged[chunk.offset] = (
                f"{self.path.name}: messages in the chunk of {chunk.size} bytes at byte {chunk.offset} "
                f"({' '.join(str(error).split())})"
            )

    def _unpack(self, chunk: _Chunk) -> bytes:
        self._stream.seek(chunk.offset)
        stored = self._stream.read(chunk.size)
        if chunk.compression == "zstd":
            data = zstd.decompress(stored)
        elif chunk.compression == "lz4":
            data = lz4_decompress(stored)
        elif not chunk.compression:
            data = stored
        else:
            raise ValueError(f"its compression {chunk.compression!r} is not known")
        if chunk.checksum and crc32(data) != chunk.checksum:
            raise ValueError("its checksum is wrong")
        return data

    def _learn(self, kind: int, body: bytes) -> None:
        """Take a schema or a channel."""
        cursor = _Cursor(body)
        if kind == _SCHEMA:
            self._schemas.setdefault(cursor.number(2), (cursor.text(), cursor.text(), cursor.block()))
        elif kind == _CHANNEL:
            number, schema = cursor.number(2), cursor.number(2)
            topic, encoding = cursor.text(), cursor.text()
            metadata = _Cursor(cursor.block()).texts()
            if schema not in self._schemas:
                return  # It comes with its schema in the data.
            name, schema_encoding, text = self._schemas[schema]
            offers = profiles(metadata.get("offered_qos_profiles", ""))
            type_hash = metadata.get("topic_type_hash", "")
            self.channels.setdefault(
                number, Channel(topic, name, encoding, schema_encoding, text, offers, type_hash)
            )


class _Group:
    """Messages outside of chunks that stand side by side."""

    def __init__(self) -> None:
        self._begin = self._after = self._first = self._last = 0

    def is_full(self, at: int) -> bool:
        """Whether a message at `at` is to begin another group."""
        return self._after > 0 and (at != self._after or at - self._begin > _GROUP_BYTES)

    def add(self, at: int, after: int, stamp: int) -> None:
        """Take the message between two offsets."""
        if not self._after:
            self._begin, self._first, self._last = at, stamp, stamp
        self._after = after
        self._first, self._last = min(self._first, stamp), max(self._last, stamp)

    def end(self) -> list[_Chunk]:
        """What there is, as a chunk without head; begins anew."""
        if not self._after:
            return []
        chunk = _Chunk(self._begin, self._after - self._begin, self._first, self._last)
        self._after = 0
        return [chunk]


class _Cursor:
    """Reads MCAP's values one after the other; ValueError where there are too few bytes."""

    def __init__(self, data: bytes) -> None:
        self._data, self.at = data, 0

    def number(self, size: int) -> int:
        return int.from_bytes(self._take(size), "little")

    def block(self) -> bytes:
        return self._take(self.number(4))

    def text(self) -> str:
        return self.block().decode()

    def texts(self) -> dict[str, str]:
        found = {}
        while self.at < len(self._data):
            key = self.text()
            found[key] = self.text()
        return found

    def _take(self, size: int) -> bytes:
        taken = self._data[self.at : self.at + size]
        if len(taken) < size:
            raise ValueError("a record ends too early")
        self.at += size
        return taken


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and content of records; ValueError where the last one is not whole."""
    at = 0
    while at < len(data):
        if at + _HEAD.size > len(data):
            raise ValueError("a record ends too early")
        kind, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        if at + length > len(data):
            raise ValueError("a record ends too early")
        yield kind, data[at : at + length]
        at += length
