"""Data sets written straight to bags, without a replay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rclpy.serialization import serialize_message
from rosbags.interfaces import (
    Connection,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)

from pipros.bag import BagStorage, StorageOptions

from .. import topics
from ..dataset import NuScenesReader
from ..dataset.timeline import Event, Mounting, next_start, timeline, with_mountings
from ..errors import DatasetError, RosError
from ..files import replacing
from ..geometry import BevGrid

_UNLIMITED = QosTime(9223372036, 854775807)
_SWEEPS = "sweeps"


@dataclass
class Conversion:
    """What a conversion made.

    Attributes:
        bags: the folders.
        messages: how many in all.
        size: bytes on disk.
        left_out: an error for each recording whose file could not be read.
    """

    bags: list[Path] = field(default_factory=list)
    messages: int = 0
    size: int = 0
    left_out: list[str] = field(default_factory=list)


def convert(
    reader: NuScenesReader,
    out: Path,
    scenes: Sequence[str] = (),
    sweeps: bool | None = None,
    one_bag: bool = False,
    options: StorageOptions = StorageOptions(),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Conversion:
    """Write scenes as the replay node publishes them, with the recorded times as stamps.

    The bags are as if `ros2 bag record` had listened to a replay with `stamp: dataset`, only without the
    clock: `ros2 bag play --clock` makes it. In one bag, scenes follow each other after half a second.

    Args:
        reader: the data set.
        out: folder to make: of the bags, one a scene, or with `one_bag` the bag itself.
        scenes: names, all where none are given.
        sweeps: the recordings between keyframes too; None takes them where the data set has any.
        one_bag: all scenes into one bag.
        options: compression and splitting.
        progress: told how many of how many recordings are written.

    Returns:
        what was made; a recording whose file is damaged is left out and named there.

    Raises:
        DatasetError: an unknown scene; sweeps that are asked for and not there; no recordings at all.
        RosError: a folder that exists already, or a disk that fails.
    """
    scenes = tuple(scenes) or reader.scenes
    with_sweeps = sweeps is not False
    if with_sweeps:
        _check_sweeps(reader, scenes, bool(sweeps))
    shots = {scene: reader.count_shots(scene, with_sweeps) for scene in scenes}
    total = sum(count + reader.count_keyframes(scene) for scene, count in shots.items())
    if not any(shots.values()):
        raise DatasetError(f"{reader.dataroot}: no recordings in {', '.join(scenes)}")
    filled = [scene for scene in scenes if shots[scene]]
    if not one_bag and (odd := next((scene for scene in filled if not _names_a_folder(scene)), None)):
        raise DatasetError(f"scene {odd!r} cannot be the name of a bag's folder: convert it with --one-bag")
    made = Conversion()
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        progress(done, total)

    for name, together in [(out.name, filled)] if one_bag else [(scene, [scene]) for scene in filled]:
        target = out if one_bag else out / name
        if target.exists():
            raise RosError(f"bag {target} already exists; convert to another folder or remove it")
        with replacing(target, RosError) as partial:
            bag = _Bag(partial, target.name, options, made, reader.cameras)
            start = 0
            for scene in together:
                recorded = reader.shots(scene, with_sweeps)
                events = with_mountings(timeline(recorded, reader.keyframes(scene), start=start))
                bag.add(events, count)
                start = next_start(events)
            bag.close()
        made.bags.append(target)
        made.size += sum(file.stat().st_size for file in target.iterdir())
    return made


def _names_a_folder(name: str) -> bool:
    """Whether a name, which a data set may have from anybody, is that of a folder within another."""
    return name not in (".", "..") and name.isprintable() and not set(name) & set("/\\")


class _Bag:
    """One bag of scenes that follow each other."""

    def __init__(
        self, folder: Path, name: str, options: StorageOptions, made: Conversion, cameras: Sequence[str]
    ) -> None:
        self._storage = BagStorage(folder, name, options)
        self._topics: dict[str, Connection] = {}
        for topic in topics.all_topics(cameras=cameras):
            # In a bag names are absolute.
            full = f"/{topic.name.removeprefix('/')}"
            self._topics[topic.name] = self._storage.add_topic(
                full, topic.type_name, [_offered(topic.latched, topic.depth)]
            )
        self._grid = BevGrid()
        self._made = made
        self._begin: int | None = None

    def add(self, events: Sequence[Event], count: Callable[[], None]) -> None:
        """Write a scene; `count` is called after each recording."""
        if self._begin is None:
            self._begin = events[0].item.stamp
        for event in events:
            stamp = self._begin + event.stamp
            if isinstance(event.item, Mounting):
                mounted = topics.mounted(event.item, stamp)
                self._write(topics.TF_STATIC_TOPIC, stamp, mounted)
                continue
            self._write(topics.TF_TOPIC, stamp, topics.motion(event.item, stamp))
            try:
                for topic, message in topics.recording(event.item, stamp, self._grid):
                    self._write(topic, stamp, message)
            except DatasetError as error:
                self._made.left_out.append(str(error))
            count()

    def close(self) -> None:
        """Complete the bag."""
        self._storage.close()

    def _write(self, topic: str, stamp: int, message: object) -> None:
        self._storage.write(self._topics[topic], stamp, serialize_message(message))
        self._made.messages += 1


def _check_sweeps(reader: NuScenesReader, scenes: Sequence[str], asked: bool) -> None:
    """Refuse sweeps that are not there before the first one of thousands is missed."""
    first, count = None, 0
    for scene in scenes:
        for path in reader.sweeps(scene):
            if path.exists():
                return
            first, count = first or path, count + 1
    if first is not None:
        raise DatasetError(
            f"{reader.dataroot}: its tables name {count} sweeps, but the files are missing "
            f"({first}, ...); unpack the sweeps into the data root or give --no-sweeps"
        )
    if asked:
        raise DatasetError(f"{reader.dataroot}: has no sweeps, keyframes only; leave out --sweeps")


def _offered(latched: bool, depth: int) -> Qos:
    """What the replay node's publishers offer."""
    return Qos(
        QosHistory.KEEP_LAST,
        depth,
        QosReliability.RELIABLE,
        QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        _UNLIMITED,
        _UNLIMITED,
        QosLiveliness.AUTOMATIC,
        _UNLIMITED,
        False,
    )
