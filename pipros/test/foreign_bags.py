"""Bags as other recorders and converters write them (mcap.dev/spec, rosbag2's metadata.yaml)."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from ruamel.yaml import YAML

MAGIC = b"\x89MCAP0\r\n"
STRING = "std_msgs/msg/String"
STRING_DEFINITION = b"string data\n"


@dataclass(frozen=True)
class Recorded:
    """A message to write; `channel` tells channels of one topic apart."""

    topic: str
    stamp: int
    data: bytes
    type: str = STRING
    encoding: str = "cdr"
    schema_encoding: str = "ros2msg"
    schema: bytes = STRING_DEFINITION
    qos: str | None = None
    channel: int = 0


def cdr(text: str) -> bytes:
    """A std_msgs/String on the wire, where DDS fills up four bytes."""
    data = text.encode() + b"\0"
    return b"\0\1\0\0" + len(data).to_bytes(4, "little") + data + bytes(-len(data) % 4)


def qos(*, words: bool = False, durability: int = 2, reliability: int = 1, depth: int = 10) -> str:
    """A profile of `offered_qos_profiles`, in the numbers of Humble or the words of Jazzy."""
    forever = "{sec: 9223372036, nsec: 854775807}"
    shown: dict[str, object] = {"history": 1, "reliability": reliability, "durability": durability}
    if words:
        shown = {
            "history": "keep_last",
            "reliability": ("", "reliable", "best_effort")[reliability],
            "durability": ("", "transient_local", "volatile")[durability],
        }
    lines = [f"{name}: {value}" for name, value in shown.items()]
    lines += [f"depth: {depth}", f"liveliness: {'automatic' if words else 1}"]
    lines += [f"{name}: {forever}" for name in ("deadline", "lifespan", "liveliness_lease_duration")]
    return "- " + "\n  ".join([*lines, "avoid_ros_namespace_conventions: false"])


def write_mcap(
    path: Path,
    messages: Sequence[Recorded],
    *,
    profile: str = "ros2",
    chunk: int | None = 3,
    summary: bool = True,
    statistics: bool = True,
    chunk_index: bool = True,
    repeated: bool = True,
    chunk_times: bool = True,
) -> None:
    """Write a file.

    Args:
        path: Of the file.
        messages: In the order in which they are stored.
        profile: Of the header.
        chunk: Messages of a chunk, None for none.
        summary: Whether there is a summary at all.
        statistics: Whether it has statistics.
        chunk_index: Whether it has the index of chunks.
        repeated: Whether it repeats schemas and channels.
        chunk_times: Whether chunks tell their times, as 0 where not.
    """
    schemas: dict[str, int] = {}
    channels: dict[tuple, int] = {}
    counts: dict[int, int] = {}
    learnt: list[bytes] = []
    indices: list[bytes] = []
    out = bytearray(MAGIC + _record(0x01, _text(profile) + _text("test")))
    size = len(messages) if chunk is None else chunk
    for at in range(0, len(messages), size or 1):
        body = bytearray()
        for message in messages[at : at + size]:
            if message.type and message.type not in schemas:
                schemas[message.type] = len(schemas) + 1
                content = _text(message.type) + _text(message.schema_encoding) + _block(message.schema)
                learnt.append(_record(0x03, struct.pack("<H", schemas[message.type]) + content))
                body += learnt[-1]
            key = (message.topic, message.type, message.channel)
            if key not in channels:
                channels[key] = len(channels) + 1
                told = {} if message.qos is None else {"offered_qos_profiles": message.qos}
                pairs = b"".join(_text(name) + _text(value) for name, value in told.items())
                head = struct.pack("<HH", channels[key], schemas.get(message.type, 0))
                content = _text(message.topic) + _text(message.encoding) + _block(pairs)
                learnt.append(_record(0x04, head + content))
                body += learnt[-1]
            number = channels[key]
            counts[number] = counts.get(number, 0) + 1
            head = struct.pack("<HIQQ", number, 0, message.stamp, message.stamp)
            body += _record(0x05, head + message.data)
        if chunk is None:
            out += body
            continue
        stamps = [message.stamp for message in messages[at : at + size]] if chunk_times else [0]
        times = struct.pack("<QQ", min(stamps), max(stamps))
        offset = len(out)
        packed = struct.pack("<QI", len(body), 0) + _text("") + struct.pack("<Q", len(body)) + body
        out += _record(0x06, times + packed)
        where = struct.pack("<QQ", offset, len(out) - offset) + struct.pack("<IQ", 0, 0)
        indices.append(_record(0x08, times + where + _text("") + struct.pack("<QQ", len(body), len(body))))
    out += _record(0x0F, struct.pack("<I", 0))
    begin = len(out)
    if summary:
        out += b"".join(learnt) if repeated else b""
        if statistics:
            stamps = [message.stamp for message in messages]
            head = struct.pack("<QHIIII", len(messages), len(schemas), len(channels), 0, 0, len(indices))
            head += struct.pack("<QQ", min(stamps, default=0), max(stamps, default=0))
            out += _record(
                0x0B, head + _block(b"".join(struct.pack("<HQ", *each) for each in counts.items()))
            )
        out += b"".join(indices) if chunk_index else b""
    out += _record(0x02, struct.pack("<QQI", begin if summary and len(out) > begin else 0, 0, 0)) + MAGIC
    path.write_bytes(bytes(out))


def write_metadata(
    folder: Path,
    files: Mapping[str, Sequence[Recorded]],
    *,
    offers: Mapping[str, object] | None = None,
    storage: str = "mcap",
    **changes: object,
) -> None:
    """Write a metadata.yaml for files and their messages; `changes` replace what it tells."""
    messages = [message for each in files.values() for message in each]
    stamps = [message.stamp for message in messages] or [0]
    topics: dict[str, list[Recorded]] = {}
    for message in messages:
        topics.setdefault(message.topic, []).append(message)
    told = {
        "version": 5,
        "storage_identifier": storage,
        "relative_file_paths": list(files),
        "starting_time": {"nanoseconds_since_epoch": min(stamps)},
        "duration": {"nanoseconds": max(stamps) - min(stamps)},
        "message_count": len(messages),
        "topics_with_message_count": [
            {
                "topic_metadata": {
                    "name": name,
                    "type": each[0].type,
                    "serialization_format": "cdr",
                    "offered_qos_profiles": (offers or {}).get(name, ""),
                },
                "message_count": len(each),
            }
            for name, each in topics.items()
        ],
        "compression_format": "",
        "compression_mode": "",
        **changes,
    }
    text = StringIO()
    YAML(typ="safe").dump({"rosbag2_bagfile_information": told}, text)
    (folder / "metadata.yaml").write_text(text.getvalue())


def _record(kind: int, body: bytes) -> bytes:
    return struct.pack("<BQ", kind, len(body)) + bytes(body)


def _text(text: str) -> bytes:
    return _block(text.encode())


def _block(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data
