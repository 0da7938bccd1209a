"""The services by which others see and set a node's parameters (`ros2 param`), as rclpy's."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from rcl_interfaces.msg import ListParametersResult, SetParametersResult
from rcl_interfaces.srv import (
    DescribeParameters,
    GetParameters,
    GetParameterTypes,
    ListParameters,
    SetParameters,
    SetParametersAtomically,
)

from rclpy.exceptions import ParameterNotDeclaredException, ParameterUninitializedException
from rclpy.parameter import PARAMETER_SEPARATOR_STRING, Parameter
from rclpy.qos import qos_profile_parameters

if TYPE_CHECKING:
    from rcl_interfaces.msg import Parameter as ParameterMessage

    from rclpy.node import Node


class ParameterService:
    """Six services below the node's name."""

    def __init__(self, node: Node) -> None:
        self._node = node
        for srv_type, name, callback in (
            (DescribeParameters, "describe_parameters", self._describe),
            (GetParameters, "get_parameters", self._get),
            (GetParameterTypes, "get_parameter_types", self._get_types),
            (ListParameters, "list_parameters", self._list),
            (SetParameters, "set_parameters", self._set),
            (SetParametersAtomically, "set_parameters_atomically", self._set_atomically),
        ):
            node.create_service(srv_type, f"~/{name}", callback, qos_profile=qos_profile_parameters)

    # As in rclpy, one name that there is not leaves the answer without all.

    def _describe(self, request: Any, response: Any) -> object:
        with contextlib.suppress(ParameterNotDeclaredException):
            response.descriptors = [self._node.describe_parameter(name) for name in request.names]
        return response

    def _get(self, request: Any, response: Any) -> object:
        with contextlib.suppress(ParameterNotDeclaredException, ParameterUninitializedException):
            response.values = [self._node.get_parameter(name).get_parameter_value() for name in request.names]
        return response

    def _get_types(self, request: Any, response: Any) -> object:
        if all(self._node.has_parameter(name) for name in request.names):
            response.types = [self._node.get_parameter_or(name).type_.value for name in request.names]
        return response

    def _list(self, request: Any, response: Any) -> object:
        found, prefixes = [], []
        for name in self._node._parameters:
            if not _is_listed(name, request.prefixes, request.depth):
                continue
            found.append(name)
            prefix = name.rpartition(PARAMETER_SEPARATOR_STRING)[0]
            if prefix and prefix not in prefixes:
                prefixes.append(prefix)
        response.result = ListParametersResult(names=found, prefixes=prefixes)
        return response

    def _set(self, request: Any, response: Any) -> object:
        response.results = [self._try_set([message]) for message in request.parameters]
        return response

    def _set_atomically(self, request: Any, response: Any) -> object:
        response.result = self._try_set(request.parameters)
        return response

    def _try_set(self, messages: list[ParameterMessage]) -> SetParametersResult:
        try:
            return self._node.set_parameters_atomically(
                [Parameter.from_parameter_msg(each) for each in messages]
            )
        except (ParameterNotDeclaredException, TypeError, ValueError) as error:
            return SetParametersResult(successful=False, reason=str(error))


def _is_listed(name: str, prefixes: list[str], depth: int) -> bool:
    """Whether a parameter is below one of the prefixes (none: all) and at most `depth` deep (0: any)."""
    for prefix in prefixes or [""]:
        start = prefix + PARAMETER_SEPARATOR_STRING if prefix else ""
        is_below = name == prefix or name.startswith(start)
        if is_below and (not depth or name[len(start) :].count(PARAMETER_SEPARATOR_STRING) < depth):
            return True
    return False
