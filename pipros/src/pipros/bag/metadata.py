"""metadata.yaml of a rosbag2 folder, and the quality of service that it and the files tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from rosbags.interfaces import Qos
from rosbags.rosbag2.metadata import parse_qos
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipros.errors import PiprosError

# Where a profile leaves something out, it was not set.
_UNSET = {
    "history": "unknown",
    "depth": 0,
    "reliability": "unknown",
    "durability": "unknown",
    "liveliness": "unknown",
    "avoid_ros_namespace_conventions": False,
}
_DURATIONS = ("deadline", "lifespan", "liveliness_lease_duration")
_INFINITE = {"sec": 9223372036, "nsec": 854775807}
# The middlewares of Foxy wrote "infinite" as about 2**31 seconds, each a little different.
_FOXY_INFINITE = 2**31 - 1


@dataclass(frozen=True)
class Metadata:
    """What metadata.yaml claims of a bag; the files are right where they disagree.

    Attributes:
        files: Names of the storage files, in their order, without folders: a bag may have moved.
        storage: mcap or sqlite3.
        start: Nanoseconds of the first message, None where it is not told.
        duration: Nanoseconds, None where it is not told.
        counts: Messages by topic.
        offers: Profiles of the publishers by topic.
        hashes: Type hashes by topic.
        ros_distro: Who recorded.
        message_count: Of all topics, None where it is not told.
        compression: Format of what is packed, empty where nothing is.
    """

    files: tuple[str, ...]
    storage: str
    start: int | None = None
    duration: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    offers: Mapping[str, tuple[Qos, ...]] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)
    ros_distro: str = ""
    message_count: int | None = None
    compression: str = ""


def read_metadata(path: Path) -> Metadata:
    """Read a metadata.yaml of any version.

    Raises:
        PiprosError: These are no metadata of a rosbag2 bag.
    """
    try:
        data = YAML(typ="safe").load(path.read_text(encoding="utf-8"))["rosbag2_bagfile_information"]
        files = tuple(PurePosixPath(str(name)).name for name in data.get("relative_file_paths") or ())
        storage = str(data["storage_identifier"])
        entries = data.get("topics_with_message_count") or ()
        told = {entry["topic_metadata"]["name"]: entry["topic_metadata"] for entry in entries}
        if not all(isinstance(name, str) for name in told):
            raise ValueError("a topic without a name")
        counts = {entry["topic_metadata"]["name"]: int(entry.get("message_count") or 0) for entry in entries}
        total = data.get("message_count")
        return Metadata(
            files,
            storage,
            _number(data.get("starting_time"), "nanoseconds_since_epoch"),
            _number(data.get("duration"), "nanoseconds"),
            counts,
            {name: profiles(topic.get("offered_qos_profiles")) for name, topic in told.items()},
            {name: str(topic.get("type_description_hash") or "") for name, topic in told.items()},
            str(data.get("ros_distro") or ""),
            None if total is None else int(total),
            str(data.get("compression_format") or ""),
        )
    except (YAMLError, AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError):
        raise PiprosError(f"{path} is not rosbag2 metadata") from None


def profiles(recorded: object) -> tuple[Qos, ...]:
    """Return the profiles of `offered_qos_profiles`, as text or as data, in numbers or in words.

    What cannot be understood is no profile: how a topic was offered never decides whether it is played.
    """
    return _of_text(recorded) if isinstance(recorded, str) else _of_data(recorded)


@lru_cache(maxsize=256)
def _of_text(text: str) -> tuple[Qos, ...]:
    try:
        return _of_data(YAML(typ="safe").load(text))
    except YAMLError:
        return ()


def _of_data(data: object) -> tuple[Qos, ...]:
    found: list[Qos] = []
    for item in data if isinstance(data, list) else ():
        if not isinstance(item, Mapping):
            continue
        try:
            times = {name: _duration(item.get(name)) for name in _DURATIONS}
            profile: Any = {**_UNSET, **item, **times}
            found += parse_qos([profile])
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
    return tuple(found)


def _duration(time: Any) -> dict[str, int]:
    if not isinstance(time, Mapping) or int(time.get("sec") or 0) >= _FOXY_INFINITE:
        return _INFINITE
    return {"sec": int(time.get("sec") or 0), "nsec": int(time.get("nsec") or 0)}


def _number(data: Any, name: str) -> int | None:
    value = data.get(name) if isinstance(data, Mapping) else None
    return None if value is None else int(value)
