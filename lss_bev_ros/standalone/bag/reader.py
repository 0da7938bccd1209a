"""Bags being read, also those whose recorder was killed."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rosbags.interfaces import Connection, Qos
from rosbags.rosbag2 import ReaderError
from rosbags.rosbag2.reader import DirectoryReader
from rosbags.rosbag2.storage_mcap import McapReader
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lss_bev_ros.errors import StandaloneError

_MAGIC = b"\x89MCAP0\r\n"
# Of a record: a byte for its kind, eight for its length.
_RECORD_HEAD = 9


@dataclass(frozen=True)
class RecordedTopic:
    """A topic in a bag: its type, how many messages, what its publishers offered, the type's hash."""

    name: str
    type: str
    count: int
    offered_qos: tuple[Qos, ...]
    type_hash: str


class Bag:
    """A bag to read; use it in a `with`.

    Args:
        path: A rosbag2 folder with MCAP storage, or a single .mcap file.

    Raises:
        StandaloneError: No bag, a damaged one, or one with another storage.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.complete = True
        try:
            self._reader = self._open()
        except (ReaderError, OSError, ValueError, AssertionError) as error:
            raise StandaloneError(
                f"bag {self.path} cannot be read: {' '.join(str(error).split())}"
            ) from error
        self._connections: list[Connection] = list(self._reader.connections)
        metadata = self._reader.metadata
        self.message_count = metadata.message_count
        self.start = metadata.start_time if self.message_count else 0
        self.end = metadata.end_time - 1 if self.message_count else 0
        self.ros_distro = metadata.ros_distro or "unknown"
        self.topics = tuple(
            RecordedTopic(
                connection.topic,
                connection.msgtype,
                connection.msgcount,
                tuple(connection.ext.offered_qos_profiles),
                connection.digest,
            )
            for connection in sorted(self._connections, key=lambda connection: connection.topic)
        )

    def __enter__(self) -> Bag:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its files."""
        self._reader.close()

    @property
    def files(self) -> tuple[Path, ...]:
        """Its storage files."""
        return (self.path,) if self.path.is_file() else tuple(sorted(self.path.glob("*.mcap")))

    @property
    def size(self) -> int:
        """Bytes of the whole folder, or of the file."""
        files = (self.path,) if self.path.is_file() else self.path.iterdir()
        return sum(file.stat().st_size for file in files)

    def messages(
        self, topics: Collection[str] | None = None, start: int | None = None
    ) -> Iterator[tuple[str, int, bytes]]:
        """Yield topic, stamp and CDR bytes of messages in the order of their stamps.

        Args:
            topics: Names, None for all.
            start: Leave out those before, nanoseconds since 1970.

        Raises:
            StandaloneError: A damaged file.
        """
        wanted = [
            connection for connection in self._connections if topics is None or connection.topic in topics
        ]
        try:
            for connection, stamp, data in self._reader.messages(wanted, start) if wanted else ():
                yield connection.topic, stamp, data
        except (ReaderError, ValueError) as error:
            raise StandaloneError(f"bag {self.path} is damaged: {error}") from error

    def _open(self) -> Any:
        if not self.path.exists():
            raise StandaloneError(f"no bag at {self.path}")
        if self.path.is_file():
            if self.path.suffix != ".mcap":
                raise StandaloneError(f"{self.path} is no bag: only MCAP storage (.mcap) is supported")
            return self._open_file(self.path)
        if (self.path / "metadata.yaml").is_file():
            _check_storage(self.path / "metadata.yaml")
            # Metadata may stand beside a cut file where `ros2 bag reindex` made them.
            if len(self.files) != 1 or _has_end(self.files[0]):
                reader = DirectoryReader(self.path)
                reader.open()
                return reader
        files = self.files
        if len(files) != 1:
            what = f"{len(files)} MCAP files" if files else "no MCAP file"
            raise StandaloneError(f"{self.path} is no bag: it has no metadata.yaml and {what}")
        return self._open_file(files[0])

    def _open_file(self, file: Path) -> Any:
        """Open a storage file by its index, else up to its last whole record."""
        with file.open("rb") as stream:
            if stream.read(len(_MAGIC)) != _MAGIC:
                raise StandaloneError(f"{file} is no MCAP file")
        ended = _has_end(file)
        self.complete = ended and not self.path.is_dir()
        reader = McapReader(file) if ended else _CutMcapReader(file)
        reader.open()
        return reader


class _CutMcapReader(McapReader):
    """A file without its end: what there is is found record by record."""

    def _open(self) -> None:
        self.data_start = len(_MAGIC)
        self.data_end = _last_whole_record(self.path)
        self.meta_scan()
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


def _has_end(path: Path) -> bool:
    """Return whether a storage file was closed, so that it has its index."""
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(size - len(_MAGIC), len(_MAGIC)))
        return stream.read() == _MAGIC


def _last_whole_record(path: Path) -> int:
    """Return where the last record ends that is there in full."""
    size, end = path.stat().st_size, len(_MAGIC)
    with path.open("rb") as stream:
        while True:
            stream.seek(end)
            head = stream.read(_RECORD_HEAD)
            if len(head) < _RECORD_HEAD:
                return end
            after = end + _RECORD_HEAD + int.from_bytes(head[1:], "little")
            if after > size:
                return end
            end = after


def _check_storage(path: Path) -> None:
    try:
        metadata = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
        storage = metadata["rosbag2_bagfile_information"]["storage_identifier"]
    except (YAMLError, KeyError, TypeError, UnicodeDecodeError):
        raise StandaloneError(f"{path} is no rosbag2 metadata") from None
    if storage != "mcap":
        raise StandaloneError(
            f"bag {path.parent} has storage {storage}; only mcap is supported: convert it (ros2 bag convert)"
        )
