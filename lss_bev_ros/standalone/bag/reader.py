"""Bags being read, also those whose recorder was killed or whose files were cut."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rosbags.interfaces import Connection, Qos
from rosbags.rosbag2 import ReaderError
from rosbags.rosbag2.reader import DirectoryReader
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lss_bev_ros.errors import StandaloneError

from .salvage import FilesReader, has_end

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_PACKED = ".zstd"


@dataclass(frozen=True)
class RecordedTopic:
    """A topic in a bag: its type, how many messages, what its publishers offered, the type's hash."""

    name: str
    type: str
    count: int
    offered_qos: tuple[Qos, ...]
    type_hash: str


class Bag:
    """A bag to read, split and compressed ones too; use it in a `with`.

    Args:
        path: A rosbag2 folder with MCAP storage, or a single .mcap file.

    Attributes:
        complete: Whether its recorder ended it: metadata are there and every file has its index.
        lost: A line for each file of which something is missing.

    Raises:
        StandaloneError: No bag, a damaged one, or one with another storage.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.complete = True
        self.lost: tuple[str, ...] = ()
        self._unpacked: tempfile.TemporaryDirectory | None = None
        try:
            self._reader = self._open()
        except (ReaderError, OSError, ValueError, AssertionError, zstd.ZstdError) as error:
            self._clean()
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
        self._clean()

    @property
    def files(self) -> tuple[Path, ...]:
        """Its storage files, in the order in which they were written."""
        if self.path.is_file():
            return (self.path,)
        found = [*self.path.glob("*.mcap"), *self.path.glob(f"*.mcap{_PACKED}")]
        return tuple(sorted(found, key=_place))

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
        except (ReaderError, ValueError, zstd.ZstdError) as error:
            raise StandaloneError(f"bag {self.path} is damaged: {error}") from error

    def _open(self) -> Any:
        if not self.path.exists():
            raise StandaloneError(f"no bag at {self.path}")
        if self.path.is_file():
            if not self.path.name.endswith((".mcap", f".mcap{_PACKED}")):
                raise StandaloneError(f"{self.path} is no bag: only MCAP storage (.mcap) is supported")
            return self._open_files([self.path])
        metadata = self.path / "metadata.yaml"
        if metadata.is_file():
            listed = [self.path / name for name in _listed_files(metadata)]
            # Metadata may stand beside a cut file where `ros2 bag reindex` made them.
            if all(file.exists() and (file.suffix == _PACKED or has_end(file)) for file in listed):
                return _opened(DirectoryReader(self.path))
            missing = [file.name for file in listed if not file.exists()]
            self.lost = tuple(f"{name}: the file is missing" for name in missing)
        if not self.files:
            told = (
                "none of the MCAP files of its metadata"
                if metadata.is_file()
                else "no metadata.yaml and no MCAP file"
            )
            raise StandaloneError(f"{self.path} is no bag: it has {told}")
        return self._open_files(self.files)

    def _open_files(self, files: Collection[Path]) -> FilesReader:
        """Open storage files by themselves: by their index, else up to their last whole record."""
        plain = [self._unpack(file) if file.suffix == _PACKED else file for file in files]
        reader = _opened(FilesReader(plain, zstd.decompress))
        self.lost += tuple(reader.lost)
        self.complete = not self.lost and self.path.is_file()
        return reader

    def _unpack(self, file: Path) -> Path:
        if self._unpacked is None:
            self._unpacked = tempfile.TemporaryDirectory()
        plain = Path(self._unpacked.name, file.stem)
        with zstd.open(file, "rb") as source, plain.open("wb") as target:
            try:
                shutil.copyfileobj(source, target, 1 << 20)
            except (EOFError, zstd.ZstdError):
                self.lost += (
                    f"{file.name}: what comes after {target.tell()} bytes, unpacked, cannot be read",
                )
        return plain

    def _clean(self) -> None:
        if self._unpacked is not None:
            self._unpacked.cleanup()
            self._unpacked = None


def _opened(reader: Any) -> Any:
    reader.open()
    return reader


def _place(file: Path) -> tuple[int, str]:
    """Where a file stands in its bag: `<name>_<number>.mcap`."""
    number = re.search(r"_(\d+)\.mcap", file.name)
    return (int(number[1]) if number else 0, file.name)


def _listed_files(path: Path) -> list[str]:
    """Names of the files that the metadata list.

    Raises:
        StandaloneError: These are no metadata of a rosbag2 bag, or of one with another storage.
    """
    try:
        metadata = YAML(typ="safe").load(path.read_text(encoding="utf-8"))["rosbag2_bagfile_information"]
        storage, files = metadata["storage_identifier"], metadata["relative_file_paths"]
        names = [Path(name).name for name in files]
    except (YAMLError, KeyError, TypeError, UnicodeDecodeError):
        raise StandaloneError(f"{path} is no rosbag2 metadata") from None
    if storage != "mcap":
        raise StandaloneError(
            f"bag {path.parent} has storage {storage}; only mcap is supported: convert it (ros2 bag convert)"
        )
    return names
