"""`ros2 topic info`."""

from __future__ import annotations

from pipros.errors import PiprosError
from pipros.names import absolute

from .listing import DISCOVERY_SECONDS
from .offers import types_of
from .session import Session


def describe(topic: str, *, verbose: bool = False, wait: float = DISCOVERY_SECONDS) -> str:
    """Return what `ros2 topic info` prints, with -v also node and QoS of every publisher and subscription.

    Raises:
        PiprosError: Nobody has the topic.
    """
    topic = absolute(topic)
    with Session() as session:
        node = session.node
        session.spin(until=lambda: bool(types_of(node, topic)), timeout=wait)
        session.spin(timeout=0.2)  # others that have the topic too
        types = types_of(node, topic)
        if not types:
            raise PiprosError(f"Unknown topic '{topic}'")
        sides = [
            ("Publisher", node.count_publishers(topic), node.get_publishers_info_by_topic),
            ("Subscription", node.count_subscribers(topic), node.get_subscriptions_info_by_topic),
        ]
        blocks = [f"Type: {types[0] if len(types) == 1 else types}"]
        for noun, count, endpoints in sides:
            blocks.append(f"{noun} count: {count}")
            if verbose:
                blocks += [str(endpoint) for endpoint in endpoints(topic)]
    return ("\n\n" if verbose else "\n").join(blocks)
