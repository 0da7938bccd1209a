"""Service classes with the API of those that rosidl generates: a `Request` and a `Response`."""

from __future__ import annotations

from functools import cache

from lss_bev_ros.errors import StandaloneError
from lss_bev_ros.standalone.definitions import SERVICES
from lss_bev_ros.standalone.message import Message, message_class


class Service:
    """Base of all service classes; they are never instantiated. `name` is "pkg/srv/Name"."""

    name: str
    Request: type[Message]
    Response: type[Message]


@cache
def service_class(name: str) -> type[Service]:
    """The class of a service type, by its full name; StandaloneError where there is no such type."""
    if name not in SERVICES:
        raise StandaloneError(
            f"service type {name!r} is unknown: the standalone runtime has {', '.join(SERVICES)}"
        )
    package, kind, short = name.split("/")
    return type(Service)(
        short,
        (Service,),
        {
            "name": name,
            "Request": message_class(f"{name}_Request"),
            "Response": message_class(f"{name}_Response"),
            "__module__": f"{package}.{kind}",
        },
    )
