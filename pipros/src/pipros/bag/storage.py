"""A bag on disk while it is written: MCAP files, their splitting and compression, and the metadata."""

from __future__ import annotations

import shutil
import struct
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Any

from rosbags.interfaces import (
    Connection,
    ConnectionExtRosbag2,
    MessageDefinition,
    MessageDefinitionFormat,
    Qos,
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
    """

    compression: str = "none"
    max_size: int = 0
    max_duration: float = 0.0
    repeat: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.compression not in ("none", "chunk", "message", "file"):
            raise PiprosError(f"compression {self.compression!r} is not one of none, chunk, message and file")
        if self.max_size < 0 or not self.max_duration >= 0:
            raise PiprosError("the largest size and duration of a bag's files are not below 0")


@dataclass
class _File:
    """One file of the bag: nanoseconds of its first and last message, and how many there are."""

    name: str
    start: int = 0
    end: int = 0
    count: int = 0


@dataclass
class _Written:
    """One topic: its connection and how many messages were written of it in all files."""

    connection: Connection
    qos: str
    kept: deque[bytes]
    count: int = 0


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
        try:
            self.path.mkdir(parents=True)
            self._mcap = self._begin_file()
        except FileExistsError:
            raise PiprosError(
                f"bag {self.path} already exists; record to another folder or remove it"
            ) from None
        except OSError as error:
            raise PiprosError(f"bag {self.path} cannot be made: {error.strerror}") from error

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
            connection, _qos_text(tuple(offered_qos)), deque(maxlen=self._options.repeat.get(name, 0))
        )
        self._announce(self._topics[connection.id])
        return connection

    def write(self, topic: Connection, stamp: int, data: bytes) -> None:
        """Write a message: CDR with its header, received at `stamp` nanoseconds since 1970.

        Raises:
            OSError: the disk failed.
        """
        if self._is_full(stamp):
            self._end_file()
            self._mcap = self._begin_file()
            for written in self._topics.values():
                self._announce(written)
            for written in self._topics.values():
                for kept in written.kept:
                    self._put(written, stamp, kept)
        if self._options.compression == "message":
            data = zstd.compress(data)
        self._topics[topic.id].kept.append(data)
        self._put(self._topics[topic.id], stamp, data)

    def _put(self, written: _Written, stamp: int, data: bytes) -> None:
        self._mcap.write(written.connection, stamp, data)
        file = self._files[-1]
        file.start = min(file.start, stamp) if file.count else stamp
        file.end = max(file.end, stamp)
        file.count += 1
        written.count += 1

    def flush(self) -> None:
        """Bring the file up to date with a whole chunk, which is what a reader of a cut file relies on."""
        if self._mcap.chunk.msgs:
            self._mcap.close_chunk()
        self._mcap.bio.flush()

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
        self._files.append(_File(f"{self._name}_{len(self._files)}.mcap"))
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

    def _announce(self, written: _Written) -> None:
        """Tell the present file of a topic."""
        if all(schema.name != written.connection.msgtype for schema in self._mcap.schemas):
            self._mcap.add_msgtype(written.connection)
        self._mcap.add_connection(written.connection, written.qos)

    def _is_full(self, stamp: int) -> bool:
        options, file = self._options, self._files[-1]
        if not file.count:
            return False
        size = self._mcap.bio.tell() + self._mcap.chunk.bio.tell()
        return bool(options.max_size and size >= options.max_size) or bool(
            options.max_duration and stamp - file.start >= options.max_duration * 1e9
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
                    "message_count": written.count,
                }
                for written in self._topics.values()
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
    """rosbags' writer, with each message copied once instead of three times on its way into the chunk."""

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
