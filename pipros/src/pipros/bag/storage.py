"""A bag on disk while it is written: MCAP files, their splitting and compression, and the metadata."""

from __future__ import annotations

import shutil
import struct
import sys
from binascii import crc32
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any, BinaryIO

from rosbags.interfaces import (
    Connection,
    ConnectionExtRosbag2,
    MessageDefinition,
    MessageDefinitionFormat,
    Qos,
    QosDurability,
)
from rosbags.rosbag2 import CompressionMode
from rosbags.rosbag2.metadata import dump_qos_v8
from rosbags.rosbag2.storage_mcap import McapWriter
from ruamel.yaml import YAML

from pipros.errors import PiprosError
from pipros.interfaces import type_store

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# Version 8 of the metadata is the newest that ROS 2 Humble can read; Jazzy reads it as well.
_VERSION = 8
# Kind of the record, its length, channel, sequence, log time and publish time of a message (MCAP, op=0x05).
_MESSAGE = struct.Struct("<BQHIQQ")
_MESSAGE_KIND, _MESSAGE_HEAD = 0x05, 22
# Bytes of the record at the end of the data, and of the footer from its numbers on.
_DATA_END, _FOOTER = 9 + 4, 20 + 8
# What the index takes a message, and the summary of a file a topic, with its definition; at most.
_INDEX_BYTES, _SUMMARY_BYTES = 40, 8192

LEAST_TOTAL = 1 << 20
_RING_FILES = 8
_RING_FILE = 64 << 20
_REPEATED = 10
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class StorageOptions:
    """How a bag is stored.

    Attributes:
        compression: `none`; `chunk`, inside the MCAP files, which every reader of MCAP understands; or
            `message` or `file`, as `ros2 bag record --compression-mode` means them. All with zstd.
        max_size: bytes after which a new file is begun, 0 for never.
        max_duration: seconds after which a new file is begun, 0 for never.
        repeat: full names of topics to how many of their last messages each new file begins with, so that
            it can be read without those before it.
        max_total: bytes of the whole bag, 0 for no limit.
        max_files: files of the whole bag, 0 for no limit.
        min_free: bytes of the disk that stay free.
        ring: at one of these limits the oldest file goes and recording goes on, instead of ending. What is
            latched is repeated in each file then.
        ring_duration: seconds that a ring reaches back at least, 0 for as far as its limits let it.
    """

    compression: str = "none"
    max_size: int = 0
    max_duration: float = 0.0
    repeat: Mapping[str, int] = field(default_factory=dict)
    max_total: int = 0
    max_files: int = 0
    min_free: int = 0
    ring: bool = False
    ring_duration: float = 0.0

    def __post_init__(self) -> None:
        if min(self.max_total, self.max_files, self.min_free) < 0 or not self.ring_duration >= 0:
            raise PiprosError("the limits of a bag are not below 0")
        if 0 < self.max_total < LEAST_TOTAL:
            raise PiprosError(f"the largest size of a bag is {LEAST_TOTAL} bytes or more")
        if self.ring and not (self.max_total or self.max_files or self.min_free or self.ring_duration):
            raise PiprosError(
                "a ring needs a limit: its size, number of files or duration, or the space to leave free"
            )
        if self.ring_duration and not self.ring:
            raise PiprosError("the duration of a ring needs a ring")
        if self.max_files and not self.ring and not (self.max_size or self.max_duration):
            raise PiprosError("a number of files needs their largest size or duration")
        if self.compression not in ("none", "chunk", "message", "file"):
            raise PiprosError(f"compression {self.compression!r} is not one of none, chunk, message and file")
        if self.max_size < 0 or not self.max_duration >= 0:
            raise PiprosError("the largest size and duration of a bag's files are not below 0")

    @property
    def file_size(self) -> int:
        """Bytes after which a new file is begun, 0 for never; a part of a ring, as it goes by files."""
        if not self.ring or self.max_size or self.max_duration:
            return self.max_size
        return self.max_total // _RING_FILES if self.max_total else _RING_FILE

    @property
    def file_duration(self) -> float:
        """Seconds after which a new file is begun, 0 for never."""
        if self.ring_duration and not (self.max_size or self.max_duration):
            return self.ring_duration / _RING_FILES
        return self.max_duration


@dataclass
class _File:
    """One file of the bag.

    Attributes:
        name: in the folder.
        start: nanoseconds of its first message.
        end: of its last one.
        counts: messages by number of topic.
        size: bytes, once it is complete.
    """

    name: str
    start: int = 0
    end: int = 0
    counts: dict[int, int] = field(default_factory=dict)
    size: int = 0

    @property
    def count(self) -> int:
        """Messages in it."""
        return sum(self.counts.values())


@dataclass
class _Written:
    """One topic: its connection and how many messages were written of it in all files."""

    connection: Connection
    qos: str
    kept: deque[bytes]


class BagStorage:
    """The files of a new bag, written by the thread that calls.

    Args:
        path: folder to make.
        name: what the files are called, `<name>_0.mcap` and on; the folder's name if not given.
        options: compression and splitting.

    Raises:
        PiprosError: the folder exists already or cannot be made.
    """

    def __init__(self, path: Path | str, name: str = "", options: StorageOptions = StorageOptions()) -> None:
        self.path = Path(path)
        self._name = name or self.path.name
        self._options = options
        self._topics: dict[int, _Written] = {}
        self._files: list[_File] = []
        self._begun = 0
        try:
            self.path.mkdir(parents=True)
            self._mcap = self._begin_file()
        except FileExistsError:
            raise PiprosError(
                f"bag {self.path} already exists; record to another folder or remove it"
            ) from None
        except OSError as error:
            raise PiprosError(f"bag {self.path} cannot be made: {error.strerror}") from error
        free = self._free()
        if options.min_free > free:
            self.abort()
            shutil.rmtree(self.path, ignore_errors=True)
            raise PiprosError(
                f"bag {self.path}: {free} bytes of the disk are free and {options.min_free} are to stay so; "
                f"free some or record to another disk"
            )

    def add_topic(self, name: str, type_name: str, offered_qos: Sequence[Qos] = ()) -> Connection:
        """Register a topic and return what `write` wants of it.

        Raises:
            PiprosError: a type whose definition is not known.
        """
        store = type_store()
        if type_name not in store.fielddefs:
            raise PiprosError(f"topic {name} has type {type_name}, whose definition is not known; exclude it")
        definition, _ = store.generate_msgdef(type_name, ros_version=2)
        connection = Connection(
            id=len(self._topics) + 1,
            topic=name,
            msgtype=type_name,
            msgdef=MessageDefinition(MessageDefinitionFormat.MSG, definition),
            digest=store.hash_rihs01(type_name),
            msgcount=0,
            ext=ConnectionExtRosbag2(serialization_format="cdr", offered_qos_profiles=list(offered_qos)),
            owner=None,
        )
        self._topics[connection.id] = _Written(
            connection, _qos_text(tuple(offered_qos)), deque(maxlen=self._repeated(name, offered_qos))
        )
        self._announce(self._topics[connection.id])
        return connection

    def write(self, topic: Connection, stamp: int, data: bytes) -> str:
        """Write a message: CDR with its header, received at `stamp` nanoseconds since 1970.

        Returns:
            Empty, or the limit that the bag has reached, in a few words; the message is not written then.

        Raises:
            OSError: the disk failed.
        """
        if self._options.compression == "message":
            data = zstd.compress(data)
        if self._is_full(stamp):
            most = 0 if self._options.ring else self._options.max_files
            if most and len(self._files) >= most:
                return f"it has {most} files"
            self._next_file(stamp)
        largest = self._options.max_total
        while largest and self._total() + len(data) + _INDEX_BYTES + _MESSAGE.size > largest:
            if not self._options.ring:
                return f"it has the largest size of {largest} bytes"
            if not self._forget_oldest(stamp):
                return f"a message of {len(data)} bytes does not fit into a ring of {largest}"
        self._topics[topic.id].kept.append(data)
        self._put(self._topics[topic.id], stamp, data)
        return ""

    def _next_file(self, stamp: int) -> None:
        """End the present file and begin another, with what is repeated."""
        self._end_file()
        self._mcap = self._begin_file()
        for written in self._topics.values():
            self._announce(written)
        for written in self._topics.values():
            for kept in written.kept:
                self._put(written, stamp, kept)
        if not self._options.ring:
            return
        reach = stamp - round(self._options.ring_duration * 1e9)
        while (self._options.max_files and len(self._files) > self._options.max_files) or (
            self._options.ring_duration and len(self._files) > 2 and self._files[1].start <= reach
        ):
            self._forget_oldest(stamp)

    def _forget_oldest(self, stamp: int) -> bool:
        """Remove the oldest file of a ring, the present one where it is alone; False if that is empty."""
        if len(self._files) == 1:
            if not self._files[0].counts:
                return False
            if self._files[0].count <= sum(len(written.kept) for written in self._topics.values()):
                for written in self._topics.values():
                    written.kept.clear()  # what is repeated fills the ring
            self._next_file(stamp)
        oldest = self._files.pop(0)
        (self.path / oldest.name).unlink(missing_ok=True)
        return True

    def _total(self) -> int:
        """Bytes of the bag as it would be if it were completed now."""
        present = self._files[-1]
        index = _INDEX_BYTES * present.count + _SUMMARY_BYTES * (1 + len(self._topics))
        return sum(file.size for file in self._files[:-1]) + self._size() + index

    def _size(self) -> int:
        """Bytes of the present file so far."""
        return int(self._mcap.bio.tell() + self._mcap.chunk.bio.tell())

    def _free(self) -> int:
        return shutil.disk_usage(self.path if self.path.exists() else self.path.parent).free

    def _repeated(self, name: str, offered: Sequence[Qos]) -> int:
        """How many of a topic's last messages each new file begins with."""
        given = self._options.repeat.get(name)
        if given is not None or not self._options.ring:
            return given or 0
        # Discovery tells no depth, and other publishers of the topic may come.
        latched = any(qos.durability is QosDurability.TRANSIENT_LOCAL for qos in offered)
        return _REPEATED if latched else 0

    def _put(self, written: _Written, stamp: int, data: bytes) -> None:
        self._mcap.write(written.connection, stamp, data)
        file, number = self._files[-1], written.connection.id
        file.start = min(file.start, stamp) if file.counts else stamp
        file.end = max(file.end, stamp)
        file.counts[number] = file.counts.get(number, 0) + 1

    def flush(self) -> str:
        """Bring the file up to date with a whole chunk, which is what a reader of a cut file relies on.

        Returns:
            Empty, or why nothing more may be written: the disk has no more than is to stay free.
        """
        if self._mcap.chunk.msgs:
            self._mcap.close_chunk()
        self._mcap.bio.flush()
        while self._options.min_free and self._free() < self._options.min_free:
            if not self._options.ring or not self._forget_oldest(self._files[-1].end):
                return f"no more than {self._options.min_free} bytes of the disk are free"
        return ""

    def close(self) -> None:
        """Write the index and the metadata.

        Raises:
            OSError: the disk failed.
        """
        self._end_file()
        unfinished = self.path / "metadata.yaml.tmp"
        unfinished.write_text(_yaml({"rosbag2_bagfile_information": self._metadata(self._files)}), "utf-8")
        unfinished.replace(self.path / "metadata.yaml")

    def abort(self) -> None:
        """Close the file as it is."""
        self._mcap.abort()

    def _begin_file(self) -> McapWriter:
        inside = CompressionMode.STORAGE if self._options.compression == "chunk" else CompressionMode.NONE
        mcap = _Mcap(self.path, inside)
        # The name that `ros2 bag record` gives its files, and `ros2 bag reindex` looks for.
        self._files.append(_File(f"{self._name}_{self._begun}.mcap"))
        self._begun += 1
        mcap.path = mcap.path.rename(self.path / self._files[-1].name)
        return mcap

    def _end_file(self) -> None:
        _mark_empty(self._mcap)
        # Each file carries the metadata of itself, as rosbag2_storage_mcap writes it.
        self._mcap.close(_VERSION, _yaml(self._metadata(self._files[-1:])).strip())
        if self._options.compression == "file":
            plain = self._mcap.path
            packed = plain.with_name(f"{plain.name}.zstd")
            with plain.open("rb") as source, zstd.open(packed, "wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
            plain.unlink()
            self._files[-1].name = packed.name
        self._files[-1].size = (self.path / self._files[-1].name).stat().st_size

    def _announce(self, written: _Written) -> None:
        """Tell the present file of a topic."""
        if all(schema.name != written.connection.msgtype for schema in self._mcap.schemas):
            self._mcap.add_msgtype(written.connection)
        self._mcap.add_connection(written.connection, written.qos)

    def _is_full(self, stamp: int) -> bool:
        options, file = self._options, self._files[-1]
        if not file.count:
            return False
        return bool(options.file_size and self._size() >= options.file_size) or bool(
            options.file_duration and stamp - file.start >= options.file_duration * 1e9
        )

    def _metadata(self, files: Sequence[_File]) -> dict[str, Any]:
        filled = [file for file in files if file.count]
        start = min((file.start for file in filled), default=0)
        end = max((file.end for file in filled), default=0)
        packed = self._options.compression in ("message", "file")
        return {
            "version": _VERSION,
            "storage_identifier": "mcap",
            "relative_file_paths": [file.name for file in files],
            **_span(start, end),
            "message_count": sum(file.count for file in files),
            "topics_with_message_count": [
                {
                    "topic_metadata": {
                        "name": written.connection.topic,
                        "type": written.connection.msgtype,
                        "serialization_format": "cdr",
                        "offered_qos_profiles": written.qos,
                        "type_description_hash": written.connection.digest,
                    },
                    "message_count": sum(file.counts.get(number, 0) for file in files),
                }
                for number, written in self._topics.items()
            ],
            "compression_format": "zstd" if packed else "",
            "compression_mode": self._options.compression if packed else "",
            "files": [
                {"path": file.name, **_span(file.start, file.end), "message_count": file.count}
                for file in files
            ],
            "custom_data": None,
            "ros_distro": "rosbags",
        }


class _Mcap(McapWriter):
    """rosbags' writer, with checksums, and each message copied once instead of three times on its way.

    MCAP has a CRC-32 of each chunk, of all data and of the summary; rosbags leaves them 0, which is none.
    """

    bio: Any

    def __init__(self, path: Path, compression: CompressionMode) -> None:
        super().__init__(path, compression)
        self.bio.flush()
        self.bio = _Summed(self.bio, crc32(self.path.read_bytes()))

    def close_chunk(self) -> None:
        """End the chunk, with its checksum, in one write."""
        checksum = crc32(self.chunk.bio.getvalue())
        file, self.bio = self.bio, _Ahead(self.bio.tell())
        try:
            super().close_chunk()
        finally:
            written, self.bio = self.bio, file
        content = written.getbuffer()
        # A record's kind and length, the chunk's times and size.
        struct.pack_into("<I", content, 9 + 24, checksum)
        file.write(content)

    def close(self, version: int, metadata: str) -> None:
        """End the file, with the checksums of all data and of the summary."""
        if self.chunk.bio.tell():
            self.close_chunk()
        file, begin = self.bio, self.bio.tell()
        self.bio = _Ahead(begin)
        try:
            super().close(version, metadata)
        finally:
            written, self.bio = self.bio, file
        content = written.getbuffer()
        # The footer: where the summary starts, two numbers of 8 and 4 bytes, and the magic ones.
        (summary,) = struct.unpack_from("<Q", content, len(content) - _FOOTER)
        data_end = summary - begin - _DATA_END
        struct.pack_into("<I", content, data_end + 9, crc32(content[:data_end], file.checksum))
        end = len(content) - _FOOTER + 16
        struct.pack_into("<I", content, end, crc32(content[summary - begin : end]))
        file.write(content)
        file.close()

    def write(self, connection: Connection, timestamp: int, data: bytes | memoryview) -> None:
        chunk = self.chunk
        at = chunk.bio.tell()
        try:
            size = _MESSAGE_HEAD + len(data)
            chunk.bio.write(_MESSAGE.pack(_MESSAGE_KIND, size, connection.id, 0, timestamp, timestamp))
            chunk.bio.write(data)
        except BaseException:
            # Half a message would make the whole chunk unreadable.
            chunk.bio.seek(at)
            chunk.bio.truncate()
            raise
        self.message_start_time = min(timestamp, self.message_start_time)
        self.message_end_time = max(timestamp, self.message_end_time)
        self.channel_stats[connection.id] += 1
        chunk.message_start_time = min(timestamp, chunk.message_start_time)
        chunk.message_end_time = max(timestamp, chunk.message_end_time)
        chunk.msgs[connection.id].append((timestamp, at))
        if chunk.bio.tell() > _CHUNK_BYTES:
            self.close_chunk()


class _Summed:
    """A file that keeps the checksum of what is written to it."""

    def __init__(self, file: BinaryIO, checksum: int) -> None:
        self._file = file
        self.checksum = checksum
        self.tell, self.flush, self.close = file.tell, file.flush, file.close

    def write(self, data: bytes | memoryview) -> int:
        """Write and add up."""
        self.checksum = crc32(data, self.checksum)
        return self._file.write(data)


class _Ahead(BytesIO):
    """What is to be written to a file from a place on, so that something can be put into it before."""

    def __init__(self, begin: int) -> None:
        super().__init__()
        self._begin = begin

    def tell(self) -> int:
        """The place in the file."""
        return self._begin + super().tell()

    def close(self) -> None:
        """It is still to be read."""


@lru_cache(maxsize=64)
def _qos_text(offered: tuple[Qos, ...]) -> str:
    # Most topics are offered alike, and YAML is slow to write.
    return dump_qos_v8(list(offered))


def _span(start: int, end: int) -> dict[str, Any]:
    return {
        "duration": {"nanoseconds": end - start},
        "starting_time": {"nanoseconds_since_epoch": start},
    }


def _yaml(data: dict[str, Any]) -> str:
    yaml = YAML(typ="safe")
    yaml.default_flow_style = False
    text = StringIO()
    yaml.dump(data, text)
    return text.getvalue()


def _mark_empty(mcap: McapWriter) -> None:
    """Give the last chunk and the statistics the times that MCAP asks for where there is no message: 0.

    A chunk of new topics alone, and so a whole bag without messages, would else span a negative time.
    """
    if not mcap.chunk.msgs:
        mcap.chunk.message_start_time = 0
    if not any(mcap.channel_stats.values()):
        mcap.message_start_time = 0
