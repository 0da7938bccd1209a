"""Declares on a node the parameters that `configuration` states.

A node's parameters are a frozen dataclass whose fields are made by `parameter`; `declare` turns them into
ROS 2 parameters with descriptions and ranges, and the values that come back into an instance of the class.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, ParameterType
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node

from ..errors import LssBevError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

P = TypeVar("P", bound="DataclassInstance")

_TYPES = {
    bool: ParameterType.PARAMETER_BOOL,
    int: ParameterType.PARAMETER_INTEGER,
    float: ParameterType.PARAMETER_DOUBLE,
    str: ParameterType.PARAMETER_STRING,
    list[str]: ParameterType.PARAMETER_STRING_ARRAY,
}
_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number with a decimal point, such as 2.0",
    str: "a string",
}


class ParameterError(LssBevError):
    """A parameter that has the wrong type or is out of range."""


def declare(node: Node, kind: type[P], **overrides: Any) -> P:
    """Declare every field of `kind` on the node and return the values it was started with.

    Args:
        node: the node.
        kind: a dataclass of `parameter` fields.
        overrides: defaults that differ from the class's, for tests.

    Raises:
        ParameterError: a value of the wrong type, out of its range or not among its choices.
    """
    hints = get_type_hints(kind)
    values = {}
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        default = overrides.get(field.name, _default_of(field))
        descriptor = _descriptor(field, hint)
        try:
            value = node.declare_parameter(field.name, default, descriptor).value
        except InvalidParameterTypeException:
            raise ParameterError(
                f"parameter {field.name}: {_given(node, field.name)} is not "
                f"{_WORDS.get(hint, 'a list of strings')}"
            ) from None
        except InvalidParameterValueException:
            low, high = field.metadata["bounds"]
            raise ParameterError(
                f"parameter {field.name}: {_given(node, field.name)} is not between {low} and {high}"
            ) from None
        if value is None and hint == list[str]:
            value = []  # an empty list, [], has no type in ROS 2, and so comes as no value
        elif value is None:
            raise ParameterError(f"parameter {field.name}: no value was given, it is {_WORDS[hint]}")
        choices = field.metadata["choices"]
        if isinstance(value, bool) and hint is str:
            value = str(value).lower()
        if choices and value not in choices:
            raise ParameterError(f"parameter {field.name}: {value!r} is not one of {', '.join(choices)}")
        values[field.name] = [item for item in value if item] if hint == list[str] else value
    return kind(**values)


def _default_of(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _descriptor(field: dataclasses.Field[Any], hint: Any) -> ParameterDescriptor:
    low, high = field.metadata["bounds"]
    choices = field.metadata["choices"] or ()
    # YAML, and so the command line, makes booleans of the words true and false.
    words = "true" in choices
    descriptor = ParameterDescriptor(
        name=field.name,
        type=ParameterType.PARAMETER_NOT_SET if words else _TYPES[hint],
        dynamic_typing=words,
        description=field.metadata["description"],
        additional_constraints=f"one of {', '.join(choices)}" if choices else "",
        read_only=not field.metadata["dynamic"],
    )
    if low is not None and hint is int:
        descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=0)]
    elif low is not None:
        descriptor.floating_point_range = [
            FloatingPointRange(from_value=float(low), to_value=float(high), step=0.0)
        ]
    return descriptor


def _given(node: Node, name: str) -> str:
    """The value that was asked for, as text."""
    override = getattr(node, "_parameter_overrides", {}).get(name)
    return repr(override.value) if override is not None else "its value"
