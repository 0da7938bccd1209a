"""Message classes by their names, as rosidl_runtime_py.utilities."""

from __future__ import annotations

import contextlib
import importlib

from pipros import activate
from pipros.errors import PiprosError
from pipros.interfaces import full_name
from pipros.message import message_class


def get_message(identifier: str) -> type:
    """The class of `pkg/msg/Name` or `pkg/Name`; raises as rosidl does where there is none."""
    if activate():
        try:
            return _known(full_name(identifier))
        except PiprosError as error:
            raise ModuleNotFoundError(str(error)) from None
    parts = full_name(identifier).split("/")
    if len(parts) != 3 or parts[1] != "msg":
        raise ValueError(f"Expected '{identifier}' to be a message type, such as pkg/msg/Name")
    return getattr(importlib.import_module(f"{parts[0]}.msg"), parts[2])


def _known(name: str) -> type:
    """A type of the store, or of a project's own package, which says what it has when it is imported."""
    try:
        return message_class(name)
    except PiprosError:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(f"{name.partition('/')[0]}.msg")
        return message_class(name)
