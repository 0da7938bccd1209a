"""Service classes with the API of those that rosidl generates: a `Request` and a `Response`."""

from __future__ import annotations

from functools import cache

from pipros.definitions import SERVICES
from pipros.errors import PiprosError
from pipros.interfaces import names
from pipros.message import Message, message_class


class Service:
    """Base of all service classes; they are never instantiated. `name` is "pkg/srv/Name"."""

    name: str
    Request: type[Message]
    Response: type[Message]


@cache
def service_class(name: str) -> type[Service]:
    """The class of a service type, by its full name; PiprosError where there is no such type."""
    package, kind, short = (*name.split("/"), "", "")[:3]
    if kind != "srv" or short not in names(package, kind):
        raise PiprosError(f"service type {name!r} is unknown: pipros has {', '.join(SERVICES)}")
    return type(
        short,
        (Service,),
        {
            "name": name,
            "Request": message_class(f"{name}_Request"),
            "Response": message_class(f"{name}_Response"),
            "__module__": f"{package}.{kind}",
        },
    )
