"""Subscribing to a topic that may not be there yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipros.errors import PiprosError
from pipros.names import absolute

from .offers import message_class, types_of
from .request import Request
from .session import Session

# How long a new node may take to hear of a topic before the user is told that it is not there, seconds.
_PATIENCE = 3.0
# Discovery tells of a topic's publishers one by one.
_SETTLE = 0.2


def print_line(text: object) -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)


def listen(
    session: Session,
    topic: str,
    receive: Callable[[Any], None],
    *,
    depth: int,
    raw: bool = False,
    timeout: float | None = None,
    request: Request | None = None,
    warn: Callable[[str], None] = print_line,
) -> bool:
    """Wait for a topic, then subscribe so that all its publishers are heard.

    Args:
        session: Whose node subscribes.
        topic: Name.
        receive: Called with each message, as bytes where `raw`.
        depth: Messages that may wait.
        raw: Do not decode messages.
        timeout: Seconds to wait for the topic, None for as long as it takes.
        request: Type and QoS that are asked for; with a type the topic is not waited for.
        warn: Told that the topic is not there yet, in the words of ros2.

    Returns:
        Whether the topic came.

    Raises:
        PiprosError: A topic of several types or of an unknown one.
    """
    node, name = session.node, absolute(topic)
    request = Request() if request is None else request
    asked = message_class(request.type_name) if request.type_name else None

    def published() -> bool:
        return bool(types_of(node, name))

    patience = _PATIENCE if timeout is None else min(_PATIENCE, timeout)
    if not session.spin(until=published, timeout=patience):
        if session.stopped:
            return False
        if asked is None:
            warn(f"WARNING: topic [{topic}] does not appear to be published yet")
            if not session.spin(until=published, timeout=timeout):
                return False
    session.spin(timeout=_SETTLE)
    types = types_of(node, name)
    if asked is None and len(types) > 1:
        raise PiprosError(
            f"topic {topic} contains more than one type: [{', '.join(types)}]; stop the wrong publisher"
        )
    kind = message_class(types[0]) if asked is None else asked
    if types and asked is not None and kind not in [_class_or_none(each) for each in types]:
        warn(f"WARNING: topic [{topic}] is published as [{', '.join(types)}], not as {request.type_name}")
    qos = request.qos(node, name, depth=depth, warn=warn)
    node.create_subscription(kind, name, receive, qos, raw=raw)
    return True


def _class_or_none(type_name: str) -> type | None:
    try:
        return message_class(type_name)
    except PiprosError:
        return None
