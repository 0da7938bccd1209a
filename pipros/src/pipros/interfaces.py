"""Interface definitions: which message and service types exist and what they are made of.

Stands in for what rosidl generates at build time. Everything comes from the rosbags type store of
ROS 2 Jazzy, from `definitions` and, for a package of the user's, from what `add` was given.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from rosbags.interfaces import Nodetype
from rosbags.typesys import Stores, TypesysError, get_types_from_msg, get_typestore

from pipros.definitions import SERVICES, VISION_MESSAGES
from pipros.errors import PiprosError

if TYPE_CHECKING:
    from rosbags.typesys.store import Typestore

# What rosidl calls its primitive types in `get_fields_and_field_types`.
_IDL_NAMES = {"bool": "boolean", "byte": "octet", "char": "uint8", "float32": "float", "float64": "double"}

# A message without fields has this one byte on the wire, as rosidl gives it.
PLACEHOLDER = "structure_needs_at_least_one_member"


@dataclass(frozen=True)
class Field:
    """One field of a message.

    `base` is a primitive's ROS name ("uint8", "string") or, where `nested`, a message's full name.
    `shape` is "scalar", "array" (of exactly `size`) or "sequence" (of at most `size`; 0: any). `limit` is
    the most characters a string may have (0: any).
    """

    name: str
    base: str
    nested: bool
    shape: str
    size: int
    limit: int = 0

    @property
    def type_name(self) -> str:
        """The type as rosidl writes it, e.g. `sequence<uint8>` or `double[9]`."""
        base = self.base.replace("/msg/", "/") if self.nested else _IDL_NAMES.get(self.base, self.base)
        if self.limit:
            base = f"{base}<{self.limit}>"
        if self.shape == "array":
            return f"{base}[{self.size}]"
        if self.shape == "sequence":
            return f"sequence<{base}, {self.size}>" if self.size else f"sequence<{base}>"
        return base


@dataclass(frozen=True)
class Definition:
    """A message's full name ("pkg/msg/Name"), its fields in order (perhaps none) and its constants."""

    name: str
    fields: tuple[Field, ...]
    constants: dict[str, object]


@lru_cache(maxsize=1)
def type_store() -> Typestore:
    """The rosbags type store of Jazzy, with vision_msgs and the services' requests and responses added."""
    store = get_typestore(Stores.ROS2_JAZZY)
    added = SERVICES | {f"vision_msgs/msg/{name}": text for name, text in VISION_MESSAGES.items()}
    for name, text in added.items():
        store.fielddefs.update(_parsed(name, text))
    return store


def add(name: str, text: str) -> None:
    """Make a type known that the store of Jazzy lacks.

    Args:
        name: its full name, such as "my_msgs/msg/Speed" or "my_msgs/srv/Reset".
        text: what its `.msg` or `.srv` file holds.

    Raises:
        PiprosError: the text cannot be read, or another type has that name.
    """
    for each, fields in _parsed(name, text).items():
        if type_store().fielddefs.setdefault(each, fields) != fields:
            raise PiprosError(f"{each} is another type already: give yours another name")


def _parsed(name: str, text: str) -> dict[str, tuple]:
    """What a definition adds to the type store: a message, or the two halves of a service."""
    package, kind, short = (*name.split("/"), "", "")[:3]
    if kind == "msg":
        halves = {short: text}
    elif kind == "srv" and text.count("---") == 1:
        halves = dict(zip((f"{short}_Request", f"{short}_Response"), text.split("---"), strict=True))
    else:
        raise PiprosError(f"{name!r} is no package/msg/Name, or package/srv/Name with one line of ---")
    found = {}
    for part, body in halves.items():
        try:
            # The parser knows messages only; a service's halves differ from them in their name alone.
            (parsed,) = get_types_from_msg(f"{body.strip()}\n", f"{package}/msg/{part}").values()
        except TypesysError as error:
            raise PiprosError(f"the definition of {name} cannot be read: {error}") from None
        found[f"{package}/{kind}/{part}"] = parsed[:2]
    return found


def names(package: str, kind: str) -> tuple[str, ...]:
    """Short names of a package's messages (`kind` "msg") or services (`kind` "srv"), sorted."""
    if kind == "srv":
        halves = (name for name in type_store().fielddefs if name.startswith(f"{package}/srv/"))
        found = [name.removesuffix("_Request") for name in halves if name.endswith("_Request")]
    else:
        found = [name for name in type_store().fielddefs if name.startswith(f"{package}/msg/")]
    return tuple(sorted(name.rpartition("/")[2] for name in found))


def full_name(name: str) -> str:
    """`pkg/msg/Name` for `pkg/Name` or itself."""
    parts = name.split("/")
    return f"{parts[0]}/msg/{parts[1]}" if len(parts) == 2 else name


@cache
def definition(name: str) -> Definition:
    """Look a message type up by its full name; PiprosError where there is none."""
    try:
        constants, fields = type_store().fielddefs[name]
    except KeyError:
        raise PiprosError(
            f"message type {name!r} is unknown: pipros has the common interfaces of ROS 2 Jazzy, and those "
            f"of your own packages that call `pipros.packages.fill`"
        ) from None
    return Definition(
        name,
        tuple(_field(field, description) for field, description in fields if field != PLACEHOLDER),
        {key: bytes([int(value)]) if kind == "byte" else value for key, kind, value in constants},
    )


def type_hash(name: str) -> str:
    """The RIHS01 hash (REP 2016) of a message type, `RIHS01_<64 hex digits>`."""
    return type_store().hash_rihs01(name)


def _field(name: str, description: tuple) -> Field:
    kind, detail = description
    if kind == Nodetype.BASE:
        return Field(name, detail[0], False, "scalar", 0, detail[1])
    if kind == Nodetype.NAME:
        return Field(name, detail, True, "scalar", 0)
    (inner_kind, inner), size = detail
    nested = inner_kind == Nodetype.NAME
    shape = "array" if kind == Nodetype.ARRAY else "sequence"
    return Field(name, inner if nested else inner[0], nested, shape, size, 0 if nested else inner[1])
