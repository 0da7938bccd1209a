"""Message and service classes by their names, as rosidl_runtime_py.utilities."""

from __future__ import annotations

import importlib

from pipros import activate
from pipros.errors import PiprosError


def get_message(identifier: str) -> type:
    """The class of `pkg/msg/Name` or `pkg/Name`; raises as rosidl does where there is none."""
    if not activate():
        return _imported(identifier, "msg")
    from pipros.interfaces import full_name
    from pipros.message import message_class

    try:
        return message_class(full_name(identifier))
    except PiprosError as error:
        raise ModuleNotFoundError(str(error)) from None


def get_service(identifier: str) -> type:
    """The class of `pkg/srv/Name`; raises as rosidl does where there is none."""
    if not activate():
        return _imported(identifier, "srv")
    from pipros.service import service_class

    try:
        return service_class(identifier)
    except PiprosError as error:
        raise ModuleNotFoundError(str(error)) from None


def _imported(identifier: str, kind: str) -> type:
    """The class that rosidl made, where the rclpy is a real one."""
    parts = identifier.split("/")
    if len(parts) == 2:
        parts.insert(1, kind)
    if len(parts) != 3 or parts[1] != kind:
        raise ValueError(f"Expected '{identifier}' to be a {kind} type, such as pkg/{kind}/Name")
    return getattr(importlib.import_module(f"{parts[0]}.{kind}"), parts[2])
