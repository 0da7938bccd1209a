"""A node's parameters: declaring, checking and setting them, with rclpy's rules and messages.

This is the part of rclpy.node that deals with parameters.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor, ParameterEvent, SetParametersResult

from rclpy.exceptions import (
    InvalidParameterException,
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterAlreadyDeclaredException,
    ParameterNotDeclaredException,
    ParameterUninitializedException,
)
from rclpy.parameter import Parameter

Setter = Callable[[list[Parameter]], SetParametersResult]


class ParameterHolder:
    """Parameters by name, each with its descriptor; `overrides` come from the command line and files."""

    PARAM_REL_TOL = 1e-6

    def __init__(self, overrides: dict[str, Parameter]) -> None:
        self._parameter_overrides = overrides
        self._parameters: dict[str, Parameter] = {}
        self._descriptors: dict[str, ParameterDescriptor] = {}
        self._on_set_parameters_callbacks: list[Setter] = []

    def declare_parameter(
        self,
        name: str,
        value: object = None,
        descriptor: ParameterDescriptor | None = None,
        ignore_override: bool = False,
    ) -> Parameter:
        """Declare a parameter with a default, or a type (`Parameter.Type`) and no default.

        An override must have the default's type unless the descriptor allows `dynamic_typing`.
        """
        if value is None and descriptor is None:
            _warn_of_a_name_alone(name)
            descriptor = ParameterDescriptor(dynamic_typing=True)
        descriptor = ParameterDescriptor() if descriptor is None else descriptor
        return self.declare_parameters("", [(name, value, descriptor)], ignore_override)[0]

    def declare_parameters(
        self, namespace: str, parameters: list[tuple], ignore_override: bool = False
    ) -> list[Parameter]:
        """Declare several: tuples of a name, a default or type, and perhaps a descriptor."""
        declared = []
        for index, entry in enumerate(parameters):
            place = f"at index {index} in parameters list"
            if not 1 <= len(entry) <= 3:
                raise TypeError(
                    f"Invalid parameter tuple length {place}: {entry}; expecting length between 1 and 3"
                )
            name, value = entry[0], entry[1] if len(entry) > 1 else None
            descriptor = entry[2] if len(entry) == 3 else ParameterDescriptor(dynamic_typing=len(entry) == 1)
            if not isinstance(name, str):
                raise TypeError(f"First element {name} {place} is not a str.")
            name = f"{namespace}.{name}" if namespace else name
            if not name:
                raise InvalidParameterException(name)
            if not isinstance(descriptor, ParameterDescriptor):
                raise TypeError(f"Third element {descriptor} {place} is not a ParameterDescriptor.")
            if len(entry) == 1:
                _warn_of_a_name_alone(name)
            self._pipros_set_declared_type(name, value, descriptor)
            if isinstance(value, Parameter.Type):
                value = None
            if not ignore_override and name in self._parameter_overrides:
                value = self._parameter_overrides[name].value
            declared.append((self._pipros_typed(name, value, descriptor), descriptor))
        if known := [parameter.name for parameter, _ in declared if parameter.name in self._parameters]:
            raise ParameterAlreadyDeclaredException(known)
        for parameter, descriptor in declared:
            self._pipros_declare(parameter, descriptor)
        return [self._parameters[parameter.name] for parameter, _ in declared]

    def has_parameter(self, name: str) -> bool:
        """Whether it is declared."""
        return name in self._parameters

    def get_parameter(self, name: str) -> Parameter:
        """A declared parameter that has a value."""
        if name not in self._parameters:
            raise ParameterNotDeclaredException(name)
        parameter = self._parameters[name]
        if parameter.type_ is Parameter.Type.NOT_SET and not self._descriptors[name].dynamic_typing:
            raise ParameterUninitializedException(name)
        return parameter

    def get_parameter_or(self, name: str, alternative_value: Parameter | None = None) -> Parameter:
        """A parameter, or the alternative where it is undeclared or has no value."""
        parameter = self._parameters.get(name)
        if parameter is None or parameter.type_ is Parameter.Type.NOT_SET:
            return alternative_value or Parameter(name, Parameter.Type.NOT_SET, None)
        return parameter

    def describe_parameter(self, name: str) -> ParameterDescriptor:
        """The descriptor of a declared parameter."""
        if name in self._descriptors:
            return self._descriptors[name]
        raise ParameterNotDeclaredException(name)

    def set_parameters(self, parameter_list: list[Parameter]) -> list[SetParametersResult]:
        """Set parameters one by one; each result says whether it was taken and why not."""
        return [self.set_parameters_atomically([parameter]) for parameter in parameter_list]

    def set_parameters_atomically(self, parameter_list: list[Parameter]) -> SetParametersResult:
        """Set all of the parameters or none."""
        undeclared = [each.name for each in parameter_list if each.name not in self._parameters]
        if undeclared:
            raise ParameterNotDeclaredException(undeclared)
        for parameter in parameter_list:
            descriptor = self._descriptors.get(parameter.name, ParameterDescriptor(dynamic_typing=True))
            reason = (
                f"Trying to set a read-only parameter: {parameter.name}." if descriptor.read_only else None
            )
            reason = reason or self._pipros_objection(parameter, descriptor)
            if reason:
                return SetParametersResult(successful=False, reason=reason)
        return self._pipros_store(parameter_list, {})

    def add_on_set_parameters_callback(self, callback: Setter) -> None:
        """Let a callback reject parameters; also asked when they are declared."""
        self._on_set_parameters_callbacks.insert(0, callback)

    def remove_on_set_parameters_callback(self, callback: Callable) -> None:
        """Take a callback back."""
        self._on_set_parameters_callbacks.remove(callback)

    def _pipros_publish_parameter_event(self, event: ParameterEvent) -> None:
        """Tell others of a change; the node does."""

    def _pipros_set_declared_type(self, name: str, value: object, descriptor: ParameterDescriptor) -> None:
        """Fix a parameter's type from its default, unless it is typed dynamically."""
        if isinstance(value, Parameter.Type):
            if value is Parameter.Type.NOT_SET:
                raise ValueError(f"Cannot declare parameter {{{name}}} as statically typed of type NOT_SET")
            if descriptor.dynamic_typing:
                raise ValueError(
                    f"When declaring parameter {{{name}}} passing a descriptor with`dynamic_typing=True` is "
                    "not allowed when the parameter type is provided"
                )
            descriptor.type = value.value
        elif not descriptor.dynamic_typing:
            descriptor.type = Parameter.Type.from_parameter_value(value).value
            if descriptor.type == Parameter.Type.NOT_SET.value:
                raise ValueError(
                    "Cannot declare a statically typed parameter with default value of type PARAMETER_NOT_SET"
                )

    @staticmethod
    def _pipros_typed(name: str, value: object, descriptor: ParameterDescriptor) -> Parameter:
        declared = Parameter.Type(descriptor.type)
        if isinstance(value, list) and not value and declared.name.endswith("_ARRAY"):
            return Parameter(name, declared, value)  # an empty list has no type of its own
        return Parameter(name, None, value)

    def _pipros_declare(self, parameter: Parameter, descriptor: ParameterDescriptor) -> None:
        descriptor.name = parameter.name
        reason = self._pipros_objection(parameter, descriptor)
        if reason and reason.startswith("Wrong parameter type"):
            raise InvalidParameterTypeException(parameter, Parameter.Type(descriptor.type).name)
        if not reason:
            result = self._pipros_store([parameter], {parameter.name: descriptor})
            reason = None if result.successful else result.reason
        if reason is not None:
            raise InvalidParameterValueException(parameter.name, parameter.value, reason)

    def _pipros_store(
        self, parameters: list[Parameter], descriptors: dict[str, ParameterDescriptor]
    ) -> SetParametersResult:
        """Ask the callbacks, then keep checked parameters and tell of them."""
        for callback in self._on_set_parameters_callbacks:
            result = callback(parameters)
            if not isinstance(result, SetParametersResult):
                return SetParametersResult(successful=False, reason="Callback returned an invalid type")
            if not result.successful:
                return result
        event = ParameterEvent()
        for parameter in parameters:
            name = parameter.name
            if parameter.type_ is Parameter.Type.NOT_SET and name not in descriptors:
                event.deleted_parameters.append(parameter.to_parameter_msg())
                self._parameters.pop(name, None)
                self._descriptors.pop(name, None)
                continue
            known = self.get_parameter_or(name).type_ is not Parameter.Type.NOT_SET
            (event.changed_parameters if known else event.new_parameters).append(parameter.to_parameter_msg())
            default = ParameterDescriptor(name=name, dynamic_typing=True)
            self._descriptors[name] = descriptors.get(name) or self._descriptors.get(name, default)
            self._parameters[name] = parameter
        self._pipros_publish_parameter_event(event)
        return SetParametersResult(successful=True)

    def _pipros_objection(self, parameter: Parameter, descriptor: ParameterDescriptor) -> str | None:
        """Why a descriptor does not allow a parameter's value, or None."""
        not_set = parameter.type_ is Parameter.Type.NOT_SET
        if descriptor.dynamic_typing:
            descriptor.type = parameter.type_.value
        elif not_set and parameter.name in self._parameters:
            return "Static parameter cannot be undeclared"
        elif not not_set and parameter.type_.value != descriptor.type:
            return (
                f"Wrong parameter type, expected '{Parameter.Type(descriptor.type)}' got '{parameter.type_}'"
            )
        if parameter.type_ is Parameter.Type.INTEGER and descriptor.integer_range:
            return self._pipros_range_objection(
                parameter, descriptor.integer_range[0], 0.0, ".", "a valid step"
            )
        if parameter.type_ is Parameter.Type.DOUBLE and descriptor.floating_point_range:
            return self._pipros_range_objection(
                parameter,
                descriptor.floating_point_range[0],
                self.PARAM_REL_TOL,
                "",
                "close enough to a valid step",
            )
        return None

    @staticmethod
    def _pipros_range_objection(
        parameter: Parameter, allowed: Any, tolerance: float, stop: str, step: str
    ) -> str | None:
        """Why a range does not allow a number; its words have a `stop` and a name for a `step`."""
        low, high = sorted((allowed.from_value, allowed.to_value))
        value = parameter.value
        if math.isclose(value, low, rel_tol=tolerance) or math.isclose(value, high, rel_tol=tolerance):
            return None
        if not low < value < high:
            return f"Parameter {parameter.name} out of range{stop} Min: {low}, Max: {high}, value: {value}"
        if allowed.step:
            nearest = low + round((value - low) / allowed.step) * allowed.step
            if not math.isclose(nearest, value, rel_tol=tolerance):
                return (
                    f"The parameter value for {parameter.name} is not {step}. "
                    f"Min: {low}, max: {high}, value: {value}, step: {allowed.step}"
                )
        return None


def _warn_of_a_name_alone(name: str) -> None:
    warnings.warn(
        f"when declaring parameter named '{name}', declaring a parameter only providing its name is "
        "deprecated: give a default, a type or a descriptor with dynamic_typing=True",
        stacklevel=3,
    )
