"""Message and service classes by their names, as rosidl_runtime_py.utilities."""

from __future__ import annotations

from lss_bev_ros.errors import StandaloneError
from lss_bev_ros.standalone.interfaces import full_name
from lss_bev_ros.standalone.message import Message, message_class
from lss_bev_ros.standalone.service import Service, service_class


def get_message(identifier: str) -> type[Message]:
    """The class of `pkg/msg/Name` or `pkg/Name`; raises as rosidl does where there is none."""
    try:
        return message_class(full_name(identifier))
    except StandaloneError as error:
        raise ModuleNotFoundError(str(error)) from None


def get_service(identifier: str) -> type[Service]:
    """The class of `pkg/srv/Name`; raises as rosidl does where there is none."""
    try:
        return service_class(identifier)
    except StandaloneError as error:
        raise ModuleNotFoundError(str(error)) from None
