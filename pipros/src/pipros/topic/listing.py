"""`ros2 topic list`."""

from __future__ import annotations

from dataclasses import dataclass

from pipros.names import is_hidden

from .session import Session

# A new node needs a moment until it has heard of the others.
DISCOVERY_SECONDS = 1.0


@dataclass(frozen=True)
class TopicListing:
    """A topic, its types (usually one) and how many publishers and subscriptions it has."""

    name: str
    types: tuple[str, ...]
    publishers: int
    subscriptions: int


def list_topics(*, hidden: bool = False, wait: float = DISCOVERY_SECONDS) -> list[TopicListing]:
    """Return the topics there are, by name.

    Args:
        hidden: Also those with a part that begins with an underscore.
        wait: Seconds to listen before.
    """
    with Session() as session:
        session.spin(timeout=wait)
        node = session.node
        return [
            TopicListing(name, tuple(types), node.count_publishers(name), node.count_subscribers(name))
            for name, types in node.get_topic_names_and_types()
            if hidden or not is_hidden(name)
        ]


def format_listing(topics: list[TopicListing], *, show_types: bool = False, verbose: bool = False) -> str:
    """Return what `ros2 topic list` prints, with -t or with -v."""
    if verbose:
        return _side("Published", topics, "publisher") + "\n\n" + _side("Subscribed", topics, "subscriber")
    return "\n".join(
        f"{topic.name} [{', '.join(topic.types)}]" if show_types else topic.name for topic in topics
    )


def _side(title: str, topics: list[TopicListing], noun: str) -> str:
    lines = [f"{title} topics:"]
    for topic in topics:
        count = topic.publishers if noun == "publisher" else topic.subscriptions
        if count:
            plural = "s" if count > 1 else ""
            lines.append(f" * {topic.name} [{', '.join(topic.types)}] {count} {noun}{plural}")
    return "\n".join(lines)
