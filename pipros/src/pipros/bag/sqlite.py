"""SQLite files, the storage of rosbag2 up to Humble."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from pathlib import Path
from urllib.parse import quote

from pipros.errors import PiprosError

from .channel import Channel, StoredMessage, Stretch
from .metadata import profiles

# Also where its own message quotes what is no text.
_ERRORS = (sqlite3.Error, UnicodeDecodeError)
_STAMPED = "FROM messages WHERE typeof(timestamp) = 'integer'"


class SqliteFile:
    """One SQLite file of rosbag2, open to be read; attributes and methods as of McapFile.

    Raises:
        PiprosError: It is none, or damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.whole = True
        self.lost: list[str] = []
        self.channels: dict[int, Channel] = {}
        self.counts: dict[int, int] = {}
        self.start = self.end = 0
        try:
            self._database = self._connect()
        except _ERRORS as error:
            raise PiprosError(f"{path} is no SQLite bag, or damaged: {error}") from error
        try:
            self._read_topics()
        except _ERRORS as error:
            self.close()
            raise PiprosError(f"{path} is not an SQLite bag, or damaged: {error}") from error

    def close(self) -> None:
        """Close it."""
        self._database.close()

    def messages(
        self, channels: Collection[int], start: int | None = None, stop: int | None = None
    ) -> Iterator[StoredMessage]:
        """Yield messages of some channels in the order of their stamps, from `start` up to before `stop`."""
        numbers = ",".join(str(int(channel)) for channel in channels)
        query = f"SELECT timestamp, topic_id, data FROM messages WHERE topic_id IN ({numbers})"
        limits = [("timestamp >= ?", start), ("timestamp < ?", stop)]
        query += "".join(f" AND {text}" for text, value in limits if value is not None)
        values = [value for _, value in limits if value is not None]
        damaged = 0
        try:
            for stamp, channel, data in self._database.execute(f"{query} ORDER BY timestamp, id", values):
                # A column has whatever type the record of a row says.
                if isinstance(stamp, int) and isinstance(data, bytes):
                    yield StoredMessage(stamp, channel, data)
                else:
                    damaged += 1
        except _ERRORS as error:
            self.lost.append(f"{self.path.name}: what comes after a damaged page ({error})")
        if damaged:
            self.lost.append(f"{self.path.name}: {damaged} damaged messages, without a stamp or bytes")

    def verify(self) -> int:
        """Look through the whole database, whose pages carry no checksum; what is wrong is in `lost`.

        Returns:
            1, for the file that is without.
        """
        try:
            said = [row[0] for row in self._database.execute("PRAGMA integrity_check(10)")]
        except _ERRORS as error:
            said = [str(error)]
        self.lost += [f"{self.path.name}: {' '.join(line.split())}" for line in said if line != "ok"]
        return 1

    def stretches(self, longest: int) -> list[Stretch]:
        """Spans of messages in which no gap is longer than `longest` nanoseconds, in order."""
        if self.end - self.start <= longest:
            return [(self.start, self.end)] if any(self.counts.values()) else []
        found: list[Stretch] = []
        for (stamp,) in self._database.execute(f"SELECT timestamp {_STAMPED} ORDER BY timestamp"):
            if found and stamp - found[-1][1] <= longest:
                found[-1] = found[-1][0], stamp
            else:
                found.append((stamp, stamp))
        return found

    def _connect(self) -> sqlite3.Connection:
        address = f"file:{quote(str(self.path.absolute()))}"
        beside = self.path.with_name(f"{self.path.name}-wal")
        if not beside.exists() or not beside.stat().st_size:
            # Nothing but the file counts, and no file is made beside it.
            return sqlite3.connect(f"{address}?immutable=1", uri=True, check_same_thread=False)
        self.whole = False
        try:
            # With the messages that a recorder which was killed left in the file beside it.
            database = sqlite3.connect(f"{address}?mode=ro", uri=True, check_same_thread=False)
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
            return database
        except sqlite3.OperationalError:
            self.lost.append(f"{beside.name}: the last messages, to be read in a writable folder")
            return sqlite3.connect(f"{address}?immutable=1", uri=True, check_same_thread=False)

    def _read_topics(self) -> None:
        database = self._database
        columns = {row[1] for row in database.execute("PRAGMA table_info(topics)")}
        if not {"id", "name", "type", "serialization_format"} <= columns:
            raise PiprosError(f"{self.path} is not an SQLite bag: it has no table of topics")
        offers = "offered_qos_profiles" if "offered_qos_profiles" in columns else "''"
        hashes = "type_description_hash" if "type_description_hash" in columns else "''"
        definitions = self._definitions()
        counts = dict(database.execute("SELECT topic_id, count(*) FROM messages GROUP BY topic_id"))
        query = f"SELECT id, name, type, serialization_format, {offers}, {hashes} FROM topics ORDER BY id"
        for number, topic, kind, encoding, offered, type_hash in database.execute(query):
            if not all(isinstance(text, str) for text in (topic, kind, encoding)):
                raise PiprosError(f"{self.path} is damaged: topic {number} has no name, type or encoding")
            offered, type_hash = (text if isinstance(text, str) else "" for text in (offered, type_hash))
            schema = definitions.get(kind, ("", b""))
            self.channels[number] = Channel(topic, kind, encoding, *schema, profiles(offered), type_hash)
            self.counts[number] = counts.pop(number, 0)
        if counts:
            self.lost.append(
                f"{self.path.name}: {sum(counts.values())} messages of a topic that it does not describe"
            )
        first, last = database.execute(f"SELECT MIN(timestamp), MAX(timestamp) {_STAMPED}").fetchone()
        self.start, self.end = first or 0, last or 0

    def _definitions(self) -> dict[str, tuple[str, bytes]]:
        """Encoding and text of message definitions by type, which Iron and later store."""
        try:
            rows = self._database.execute(
                "SELECT topic_type, encoding, encoded_message_definition FROM message_definitions"
            )
            return {
                name: (encoding, text.encode())
                for name, encoding, text in rows
                if all(isinstance(each, str) for each in (name, encoding, text))
            }
        except sqlite3.OperationalError:
            return {}
