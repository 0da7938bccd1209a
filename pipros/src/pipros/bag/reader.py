"""Bags being read, also those whose recorder was killed or whose files were cut."""

from __future__ import annotations

import heapq
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rosbags.interfaces import Qos

from pipros.errors import PiprosError

from .channel import Channel, StoredMessage, Stretch
from .mcap import McapFile
from .metadata import Metadata, read_metadata
from .sqlite import SqliteFile

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_PACKED = ".zstd"
_STORAGES: dict[str, tuple[str, type[McapFile | SqliteFile]]] = {
    ".mcap": ("mcap", McapFile),
    ".db3": ("sqlite3", SqliteFile),
}
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
# Nanoseconds by which a recorder may be wrong about the begin of its own bag.
_SAME_TIME = 1000
LONG_GAP = 3600 * 10**9
"""A pause in the stamps that no recording has: a clock was set, or had not begun."""


@dataclass(frozen=True)
class RecordedTopic:
    """A topic in a bag: its type, how many messages, what its publishers offered, the type's hash.

    `schema` is the definition of the type, in the notation `schema_encoding`, where the file holds it.
    """

    name: str
    type: str
    count: int
    offered_qos: tuple[Qos, ...]
    type_hash: str
    schema_encoding: str = ""
    schema: bytes = b""


@dataclass(frozen=True)
class PassedOver:
    """Messages in a bag that are none of ROS 2, or cannot be told from others of their topic."""

    topic: str
    type: str
    count: int
    reason: str

    def __str__(self) -> str:
        return f"{self.topic} ({self.type or 'no type'}, {self.count} messages): {self.reason}"


class Bag:
    """A bag to read, split and compressed ones too; use it in a `with`.

    The storage files decide which messages there are. metadata.yaml tells in which order the files were
    written and how topics were offered; what else it claims is compared with the files.

    Args:
        path: A rosbag2 folder, or a single .mcap or .db3 file.

    Attributes:
        complete: Whether its recorder ended it: metadata are there and every file was closed.
        notes: A line for each thing in which metadata.yaml disagrees with the files.
        passed_over: Messages that are none of ROS 2.
        topics: By name, one of each name.

    Raises:
        PiprosError: No bag, or a damaged one.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.complete = True
        self.notes: list[str] = []
        self._lost: list[str] = []
        self._metadata: Metadata | None = None
        self._unpacked: tempfile.TemporaryDirectory | None = None
        self._storages: list[McapFile | SqliteFile] = []
        try:
            self.files = tuple(self._find_files())
            self._open_files()
        except (OSError, zstd.ZstdError) as error:
            self.close()
            raise PiprosError(f"bag {self.path} cannot be read: {' '.join(str(error).split())}") from error
        except BaseException:
            self.close()
            raise
        channels = self._describe()
        self.message_count = sum(topic.count for topic in self.topics)
        filled = [storage for storage in self._storages if any(storage.counts.values())]
        self.start = min((storage.start for storage in filled), default=0)
        self.end = max((storage.end for storage in filled), default=0)
        self.ros_distro = (self._metadata and self._metadata.ros_distro) or "unknown"
        self._compare(channels)

    def __enter__(self) -> Bag:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its files."""
        for storage in self._storages:
            storage.close()
        if self._unpacked is not None:
            self._unpacked.cleanup()
            self._unpacked = None

    @property
    def storage(self) -> str:
        """What kind its files are: mcap or sqlite3."""
        return _STORAGES[_plain(self.files[0]).suffix][0]

    @property
    def size(self) -> int:
        """Bytes of the whole folder, or of the file."""
        files = (self.path,) if self.path.is_file() else self.path.iterdir()
        return sum(file.stat().st_size for file in files)

    @property
    def lost(self) -> tuple[str, ...]:
        """A line for each part of its files that is missing or was found damaged so far."""
        return (*self._lost, *(line for storage in self._storages for line in storage.lost))

    def messages(
        self, topics: Collection[str] | None = None, start: int | None = None, stop: int | None = None
    ) -> Iterator[tuple[str, int, bytes]]:
        """Yield topic, stamp and CDR bytes of messages in the order of their stamps.

        Args:
            topics: Names, None for all.
            start: Leave out those before, nanoseconds since 1970.
            stop: Leave out those from then on.
        """
        sources = [
            self._named(storage, topics, start, stop, number) for number, storage in enumerate(self._storages)
        ]
        for stamp, _, topic, data in heapq.merge(*sources, key=lambda message: message[:2]):
            # CDR begins with a zero byte, so the two cannot be confused.
            if data.startswith(_ZSTD_MAGIC):
                try:
                    data = zstd.decompress(data)
                except (EOFError, zstd.ZstdError) as error:
                    line = f"{topic}: a damaged message at {stamp / 1e9:.9f} ({error})"
                    if line not in self._lost:
                        self._lost.append(line)
                    continue
            yield topic, stamp, data

    def verify(self) -> int:
        """Compare its files with the checksums that are beyond those of reading; what differs is in `lost`.

        Returns:
            Parts of its files that carry no checksum.
        """
        return sum(storage.verify() for storage in self._storages)

    def stretches(self, longest: int = LONG_GAP) -> list[Stretch]:
        """First and last stamps of messages between which no gap is longer than `longest` ns, in order."""
        found: list[Stretch] = []
        for start, end in sorted(span for storage in self._storages for span in storage.stretches(longest)):
            if found and start - found[-1][1] <= longest:
                found[-1] = found[-1][0], max(end, found[-1][1])
            else:
                found.append((start, end))
        return found

    def _find_files(self) -> Sequence[Path]:
        """Its storage files, in the order in which they were written."""
        if not self.path.exists():
            raise PiprosError(f"no bag at {self.path}")
        if self.path.is_file():
            if _plain(self.path).suffix not in _STORAGES:
                hint = "; convert it (rosbags-convert)" if self.path.suffix == ".bag" else ""
                raise PiprosError(
                    f"{self.path} is not a bag: only MCAP (.mcap) and SQLite (.db3) storage is "
                    f"supported{hint}"
                )
            return [self.path]
        found = self._in_folder()
        path = self.path / "metadata.yaml"
        if not path.is_file():
            if not found:
                raise PiprosError(f"{self.path} is not a bag: it has no metadata.yaml and no MCAP file")
            self.complete = False
            return found
        try:
            self._metadata = read_metadata(path)
        except PiprosError as error:
            if not found:
                raise
            self.complete = False
            self.notes.append(f"{error}; the files are read without it")
            return found
        if self._metadata.storage not in {name for name, _ in _STORAGES.values()} and not found:
            raise PiprosError(
                f"bag {self.path} has storage {self._metadata.storage}; only mcap and sqlite3 are supported: "
                "convert it (ros2 bag convert)"
            )
        if self._metadata.compression not in ("", "zstd"):
            raise PiprosError(
                f"bag {self.path} is packed with {self._metadata.compression}; only zstd is supported: "
                "convert it (ros2 bag convert)"
            )
        return self._listed(found)

    def _in_folder(self) -> list[Path]:
        """Storage files of the folder, a packed one only where it is not there unpacked, by their numbers."""
        files: dict[str, Path] = {}
        for file in sorted(self.path.iterdir()):
            if _plain(file).suffix in _STORAGES and file.is_file():
                files.setdefault(_plain(file).name, file)
        return sorted(files.values(), key=_natural)

    def _listed(self, found: Sequence[Path]) -> Sequence[Path]:
        """The files that the metadata list, wherever they are now; all there are where one is missing."""
        here = {_plain(file).name: file for file in found}
        files = self._metadata.files if self._metadata is not None else ()
        names = list(dict.fromkeys(_plain(Path(name)).name for name in files))
        listed = [
            self.path / name if (self.path / name).is_file() else here.get(_plain(Path(name)).name)
            for name in files
        ]
        others = [file.name for name, file in here.items() if name not in names]
        whole = [file for file in listed if file is not None]
        if listed and len(whole) == len(listed):
            if others:
                self.notes.append(f"left out, since metadata.yaml does not list them: {', '.join(others)}")
            return list(dict.fromkeys(whole))
        if not found:
            raise PiprosError(f"{self.path} is not a bag: it has none of the MCAP files of its metadata")
        missing = [name for name, file in zip(files, listed, strict=True) if file is None]
        self.complete = False
        if len(others) >= len(missing):
            # Renamed, so that nothing tells which is which.
            self.notes.append(
                f"metadata.yaml lists {', '.join(missing) or 'no files'}; read instead: {', '.join(others)}"
            )
        else:
            self._lost += [f"{name}: the file is missing" for name in missing]
        return found

    def _open_files(self) -> None:
        for file in self.files:
            plain = self._unpack(file) if file.suffix == _PACKED else file
            try:
                self._storages.append(_STORAGES[plain.suffix][1](plain))
            except PiprosError as error:
                if len(self.files) == 1:
                    raise
                self._lost.append(f"{file.name}: {str(error).removeprefix(f'{plain} is ')}")
        self.complete = self.complete and not self._lost and all(each.whole for each in self._storages)

    def _unpack(self, file: Path) -> Path:
        if self._unpacked is None:
            self._unpacked = tempfile.TemporaryDirectory()
        plain = Path(self._unpacked.name, file.stem)
        with zstd.open(file, "rb") as source, plain.open("wb") as target:
            try:
                shutil.copyfileobj(source, target, 1 << 20)
            except (EOFError, zstd.ZstdError):
                self._lost.append(
                    f"{file.name}: what comes after {target.tell()} bytes, unpacked, cannot be read"
                )
        return plain

    def _describe(self) -> dict[str, list[tuple[Channel, int]]]:
        """Tell topics from what is none; returns the channels of each topic with their counts."""
        counts: Counter[tuple[str, str, str, bool]] = Counter()
        channels: dict[str, list[tuple[Channel, int]]] = {}
        for storage in self._storages:
            for number, channel in storage.channels.items():
                count = storage.counts.get(number, 0)
                counts[channel.topic, channel.full_type, channel.encoding, channel.is_ros2] += count
                channels.setdefault(channel.topic, []).append((channel, count))
        kinds: dict[str, str] = {}
        for (topic, kind, _, is_ros2), _ in counts.most_common():
            if is_ros2:
                kinds.setdefault(topic, kind)
        self._kinds = kinds
        self.topics = tuple(self._topic(name, kinds[name], channels[name]) for name in sorted(kinds))
        self.passed_over = tuple(
            PassedOver(topic, kind, count, _reason(kind, encoding, kinds.get(topic)))
            for (topic, kind, encoding, is_ros2), count in sorted(counts.items())
            if not is_ros2 or kind != kinds.get(topic)
        )
        return channels

    def _topic(self, name: str, kind: str, channels: Sequence[tuple[Channel, int]]) -> RecordedTopic:
        mine = [each for each in channels if each[0].is_ros2 and each[0].full_type == kind]
        offers = (self._metadata.offers.get(name) if self._metadata else None) or tuple(
            dict.fromkeys(offer for channel, _ in mine for offer in channel.offered_qos)
        )
        told = self._metadata.hashes.get(name, "") if self._metadata else ""
        schema = next((channel for channel, _ in mine if channel.schema), mine[0][0])
        return RecordedTopic(
            name,
            kind,
            sum(count for _, count in mine),
            offers,
            told or next((channel.type_hash for channel, _ in mine if channel.type_hash), ""),
            schema.schema_encoding,
            schema.schema,
        )

    def _compare(self, channels: dict[str, list[tuple[Channel, int]]]) -> None:
        """Note in what the metadata are wrong."""
        if self._metadata is None:
            return
        held = {name: sum(count for _, count in each) for name, each in channels.items()}
        for name, claimed in sorted(self._metadata.counts.items()):
            if held.get(name, 0) != claimed:
                line = f"{name}: metadata.yaml claims {claimed} messages, the files hold {held.get(name, 0)}"
                (self._lost if held.get(name, 0) < claimed else self.notes).append(line)
        for name, count in sorted(held.items()):
            if count and name not in self._metadata.counts:
                self.notes.append(f"{name}: {count} messages that metadata.yaml does not list")
        told, total = self._metadata.message_count, sum(held.values())
        if not self._metadata.counts and told is not None and told > total:
            self._lost.append(f"metadata.yaml claims {told} messages, the files hold {total}")
        start, duration = self._metadata.start, self._metadata.duration
        if self.message_count and start is not None and abs(start - self.start) > _SAME_TIME:
            self.notes.append(
                f"metadata.yaml says that it begins at {start / 1e9:.9f}, its first message is of "
                f"{self.start / 1e9:.9f}"
            )
        elif self.message_count and duration is not None:
            true = self.end - self.start
            if abs(duration - true) > _SAME_TIME:
                self.notes.append(
                    f"metadata.yaml says that it lasts {duration / 1e9:.9f} s; it is {true / 1e9:.9f} s"
                )

    def _named(
        self,
        storage: McapFile | SqliteFile,
        topics: Collection[str] | None,
        start: int | None,
        stop: int | None,
        number: int,
    ) -> Iterator[tuple[int, int, str, bytes]]:
        names = {
            channel: each.topic
            for channel, each in storage.channels.items()
            if each.is_ros2
            and self._kinds.get(each.topic) == each.full_type
            and (topics is None or each.topic in topics)
        }
        message: StoredMessage
        for message in storage.messages(names, start, stop) if names else ():
            yield message.stamp, number, names[message.channel], message.data


def _plain(file: Path) -> Path:
    """A file's path without what tells that it is packed."""
    return file.with_suffix("") if file.suffix == _PACKED else file


def _natural(file: Path) -> list[tuple[int, int, str]]:
    """Sorts by the numbers in names: `<name>_<number>.mcap`, `<number>_<name>_<time>.mcap`."""
    parts = re.split(r"(\d+)", file.name)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts if part]


def _reason(kind: str, encoding: str, chosen: str | None) -> str:
    if encoding == "ros1":
        return "messages of ROS 1; convert the bag (rosbags-convert)"
    if encoding.lower() not in ("cdr", ""):
        return f"encoded as {encoding}, which ROS 2 does not know"
    if not kind:
        return "no type is told"
    if chosen is None:
        return "its encoding is not stated"
    return f"the topic has more messages of type {chosen}"
