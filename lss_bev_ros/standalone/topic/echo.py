"""`ros2 topic echo`."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

from lss_bev_ros.errors import StandaloneError

from .listening import listen, print_line
from .session import Session
from .text import Abridgement, to_csv, to_data, to_json, to_yaml

_FORMS = ("yaml", "csv", "json")
_DEPTH = 5


def echo(
    topic: str,
    *,
    once: bool = False,
    field: str | None = None,
    form: str = "yaml",
    no_arr: bool = False,
    no_str: bool = False,
    length: int | None = 128,
    timeout: float | None = None,
    write: Callable[[str], None] = print_line,
) -> int:
    """Write the messages of a topic until SIGINT or SIGTERM, waiting for the topic if it is not there yet.

    Unlike `ros2 topic echo`, which gives up where nobody publishes the topic.

    Args:
        topic: Name.
        once: Only the first message.
        field: Only this field; points go into messages, such as `header.stamp`.
        form: yaml (with --- after each message), csv or json (a line each).
        no_arr: Name arrays instead of showing them.
        no_str: Name the length of texts instead of showing them.
        length: Elements shown of arrays and texts, None for all.
        timeout: Seconds after which to stop.
        write: Where the text goes.

    Returns:
        Messages written.

    Raises:
        StandaloneError: A topic of several types or of an unknown one; a field that is not there.
    """
    if form not in _FORMS:
        raise StandaloneError(f"form {form} is not one of {', '.join(_FORMS)}")
    path = field.split(".") if field else []
    abridge = Abridgement(arrays=no_arr, strings=no_str, length=length)
    written = 0
    failures: list[StandaloneError] = []

    with Session() as session:

        def receive(message: Any) -> None:
            nonlocal written
            if failures or (once and written):
                return
            try:
                write(_format(_select(message, path, topic), form, abridge))
                written += 1
            except StandaloneError as error:
                failures.append(error)
            except BrokenPipeError:  # such as `| head`
                session.stop()

        if listen(session, topic, receive, depth=_DEPTH, timeout=timeout, warn=write):
            session.spin(until=lambda: bool(failures) or (once and written > 0), timeout=timeout)
    if failures:
        raise failures[0]
    return written


def _select(message: Any, path: list[str], topic: str) -> Any:
    try:
        return reduce(getattr, path, message)
    except AttributeError as error:
        raise StandaloneError(f"topic {topic} has no field {'.'.join(path)}: {error}") from None


def _format(value: Any, form: str, abridge: Abridgement) -> str:
    data = to_data(value, abridge)
    if form == "yaml":
        return f"{to_yaml(data)}---"
    return to_csv(data) if form == "csv" else to_json(data)
