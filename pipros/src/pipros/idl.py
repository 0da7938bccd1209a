"""Cyclone DDS types for ROS messages.

Stands in for the DDS type support that rosidl generates. Names are mangled as every ROS 2 middleware
does: `sensor_msgs/msg/Image` is `sensor_msgs::msg::dds_::Image_` on the wire. Cyclone uses these types
to check what it sends and receives; others are told their names alone (`transport`), as by every
ROS 2 node on Cyclone DDS. The bytes themselves come from `cdr`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from cyclonedds.idl import IdlStruct, make_idl_struct, types

from pipros.interfaces import PLACEHOLDER, Field, definition

_PRIMITIVES = {
    "bool": bool,
    "string": str,
    "byte": types.uint8,
    "char": types.uint8,
    **{
        name: getattr(types, name)
        for name in (
            "int8",
            "uint8",
            "int16",
            "uint16",
            "int32",
            "uint32",
            "int64",
            "uint64",
            "float32",
            "float64",
        )
    },
}


@cache
def message_type(name: str) -> type[IdlStruct]:
    """The DDS type of a message, by its full name (pkg/msg/Name)."""
    return _struct(name, _annotations(name))


@cache
def service_type(name: str) -> type[IdlStruct]:
    """The DDS type of one half of a service (pkg/srv/Name_Request), behind rmw_cyclonedds' header.

    The header is the client's id and the request's number, 8 bytes each.
    """
    return _struct(name, {"header_client": types.uint64, "header_number": types.int64, **_annotations(name)})


def dds_type_name(name: str) -> str:
    """`pkg::msg::dds_::Name_` for `pkg/msg/Name`."""
    package, kind, short = name.split("/")
    return f"{package}::{kind}::dds_::{short}_"


def ros_type_name(dds_name: str) -> str | None:
    """The inverse of `dds_type_name`; None for a type that is not ROS's."""
    parts = dds_name.split("::")
    if len(parts) != 4 or parts[2] != "dds_" or not parts[3].endswith("_"):
        return None
    return f"{parts[0]}/{parts[1]}/{parts[3][:-1]}"


def _struct(name: str, fields: dict[str, Any]) -> type[IdlStruct]:
    short = name.rpartition("/")[2]
    return make_idl_struct(f"{short}_", dds_type_name(name).replace("::", "."), fields, dataclassify=False)


def _annotations(name: str) -> dict[str, Any]:
    return {field.name: _annotation(field) for field in definition(name).fields} or {PLACEHOLDER: types.uint8}


def _annotation(field: Field) -> Any:
    # The binding makes types of these by indexing, which no annotation can say.
    made: Any = types
    base = message_type(field.base) if field.nested else _PRIMITIVES[field.base]
    if field.limit:
        base = made.bounded_str[field.limit]
    if field.shape == "array":
        return made.array[base, field.size]
    if field.shape == "sequence":
        return made.sequence[base, field.size] if field.size else made.sequence[base]
    return base
