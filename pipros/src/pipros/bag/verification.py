"""Whether a bag is what was written."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from .reader import Bag


@dataclass(frozen=True)
class Verification:
    """What was found in a bag.

    Attributes:
        messages: Read, of all topics.
        topics: That they are of.
        bare: Chunks, or SQLite files, without a checksum: a changed byte in them is not found.
        complete: Whether its recorder ended it.
        lost: A line for each thing that is damaged or missing.
        notes: A line for each thing in which metadata.yaml disagrees with the files.
    """

    messages: int
    topics: int
    bare: int
    complete: bool
    lost: tuple[str, ...]
    notes: tuple[str, ...]


def verify(path: Path | str) -> Verification:
    """Read all of a bag and compare it with its checksums.

    Raises:
        PiprosError: No bag, or none of which anything can be read.
    """
    with Bag(path) as bag:
        read = Counter(topic for topic, _, _ in bag.messages())
        bare = bag.verify()
        missing = tuple(
            f"{topic.name}: {topic.count - read[topic.name]} of {topic.count} messages"
            for topic in bag.topics
            if read[topic.name] < topic.count
        )
        lost = (*bag.lost, *missing)
        return Verification(read.total(), len(read), bare, bag.complete, lost, tuple(bag.notes))
