"""`ros2 topic echo`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipros.errors import PiprosError

from .condition import Condition
from .field import parse_field, select
from .listening import listen, print_line
from .request import Request
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
    request: Request | None = None,
    condition: str | None = None,
    raw: bool = False,
    write: Callable[[str], None] = print_line,
) -> int:
    """Write the messages of a topic until SIGINT or SIGTERM, waiting for the topic if it is not there yet.

    Unlike `ros2 topic echo`, which gives up where nobody publishes the topic.

    Args:
        topic: Name.
        once: Only the first message.
        field: Only this field; points go into messages and brackets into arrays, such as
            `transforms[0].child_frame_id`.
        form: yaml (with --- after each message), csv or json (a line each).
        no_arr: Name arrays instead of showing them.
        no_str: Name the length of texts instead of showing them.
        length: Elements shown of arrays and texts, None for all.
        timeout: Seconds after which to stop.
        request: Type and QoS that are asked for, by default what the publishers have.
        condition: A Python expression in `m`, the message or its field; only those are written for which
            it holds. See `condition`.
        raw: The bytes as they came.
        write: Where the text goes.

    Returns:
        Messages written.

    Raises:
        PiprosError: A topic of several types or of an unknown one; a field that is not there.
    """
    if form not in _FORMS:
        raise PiprosError(f"form {form} is not one of {', '.join(_FORMS)}")
    path = parse_field(field) if field else ()
    wanted = Condition(condition) if condition else None
    if raw and (path or wanted):
        raise PiprosError("raw bytes have no fields: leave out --raw, or --field and --filter")
    abridge = Abridgement(arrays=no_arr, strings=no_str, length=length)
    written = 0
    failures: list[PiprosError] = []

    with Session() as session:

        def receive(message: Any) -> None:
            nonlocal written
            if failures or (once and written):
                return
            try:
                value = bytes(message) if raw else select(message, path, topic)
                if wanted is not None and not wanted(value):
                    return
                write(f"{value!r}\n---" if raw else _format(value, form, abridge))
                written += 1
            except PiprosError as error:
                failures.append(error)
            except BrokenPipeError:  # such as `| head`
                session.stop()

        if listen(
            session, topic, receive, depth=_DEPTH, raw=raw, timeout=timeout, request=request, warn=write
        ):
            session.spin(until=lambda: bool(failures) or (once and written > 0), timeout=timeout)
    if failures:
        raise failures[0]
    return written


def _format(value: Any, form: str, abridge: Abridgement) -> str:
    data = to_data(value, abridge)
    if form == "yaml":
        return f"{to_yaml(data)}---"
    return to_csv(data) if form == "csv" else to_json(data)
