"""Parameter values and their types, as rclpy.parameter."""

from __future__ import annotations

import array
from enum import Enum

from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.msg import ParameterType, ParameterValue

from pipros import parameter_file

PARAMETER_SEPARATOR_STRING = "."


class Parameter:
    """A parameter's name, type and value; immutable."""

    class Type(Enum):
        """What a parameter can hold; the numbers are rcl_interfaces/ParameterType's."""

        NOT_SET = ParameterType.PARAMETER_NOT_SET
        BOOL = ParameterType.PARAMETER_BOOL
        INTEGER = ParameterType.PARAMETER_INTEGER
        DOUBLE = ParameterType.PARAMETER_DOUBLE
        STRING = ParameterType.PARAMETER_STRING
        BYTE_ARRAY = ParameterType.PARAMETER_BYTE_ARRAY
        BOOL_ARRAY = ParameterType.PARAMETER_BOOL_ARRAY
        INTEGER_ARRAY = ParameterType.PARAMETER_INTEGER_ARRAY
        DOUBLE_ARRAY = ParameterType.PARAMETER_DOUBLE_ARRAY
        STRING_ARRAY = ParameterType.PARAMETER_STRING_ARRAY

        @classmethod
        def from_parameter_value(cls, parameter_value: object) -> Parameter.Type:
            """The type of a Python value; an empty list is BYTE_ARRAY, as in rclpy. TypeError for others."""
            if parameter_value is None:
                return cls.NOT_SET
            if isinstance(parameter_value, (list, tuple, array.array)):
                for kind, type_ in _ARRAYS:
                    if all(isinstance(item, kind) for item in parameter_value):
                        return cls[type_]
                raise TypeError(
                    f"The given value is not a list of one of the allowed types '{parameter_value}'."
                )
            for kind, type_ in _SCALARS:
                if isinstance(parameter_value, kind):
                    return cls[type_]
            raise TypeError(f"The given value is not one of the allowed types '{parameter_value}'.")

        def check(self, parameter_value: object) -> bool:
            """Whether a Python value fits the type; an empty list fits every array."""
            if isinstance(parameter_value, (list, tuple, array.array)) and not len(parameter_value):
                return self.name.endswith("_ARRAY")
            try:
                found = Parameter.Type.from_parameter_value(parameter_value)
            except TypeError:
                return False
            # In Python a bool is an int.
            return found is self or (found.name, self.name) in (
                ("BOOL", "INTEGER"),
                ("BOOL_ARRAY", "INTEGER_ARRAY"),
            )

    def __init__(self, name: str, type_: Parameter.Type | None = None, value: object = None) -> None:
        if type_ is None:
            type_ = Parameter.Type.from_parameter_value(value)
        if not isinstance(type_, Parameter.Type):
            raise TypeError(f"type must be an instance of '{Parameter.Type!r}'")
        if not type_.check(value):
            raise ValueError(f"Type '{type_}' and value '{value}' do not agree")
        self._name, self._type_, self._value = name, type_, value

    @property
    def name(self) -> str:
        """The name, dots included."""
        return self._name

    @property
    def type_(self) -> Parameter.Type:
        """The type."""
        return self._type_

    @property
    def value(self) -> object:
        """The value; None where not set."""
        return self._value

    @classmethod
    def from_parameter_msg(cls, param_msg: ParameterMessage) -> Parameter:
        """From a rcl_interfaces/Parameter."""
        value = parameter_value_to_python(param_msg.value)
        return cls(param_msg.name, cls.Type(param_msg.value.type), value)

    def to_parameter_msg(self) -> ParameterMessage:
        """As a rcl_interfaces/Parameter."""
        return ParameterMessage(name=self._name, value=self.get_parameter_value())

    def get_parameter_value(self) -> ParameterValue:
        """As a rcl_interfaces/ParameterValue."""
        message = ParameterValue(type=self._type_.value)
        if self._type_ is not Parameter.Type.NOT_SET:
            setattr(message, f"{self._type_.name.lower()}_value", self._value)
        return message

    def __repr__(self) -> str:
        return f"Parameter(name={self._name!r}, type={self._type_.name}, value={self._value!r})"


_ARRAYS = (
    (bytes, "BYTE_ARRAY"),
    (bool, "BOOL_ARRAY"),
    (int, "INTEGER_ARRAY"),
    (float, "DOUBLE_ARRAY"),
    (str, "STRING_ARRAY"),
)
_SCALARS = ((bool, "BOOL"), (int, "INTEGER"), (float, "DOUBLE"), (str, "STRING"))


def parameter_value_to_python(parameter_value: ParameterValue) -> object:
    """The Python value in a rcl_interfaces/ParameterValue; None where not set."""
    type_ = Parameter.Type(parameter_value.type)
    if type_ is Parameter.Type.NOT_SET:
        return None
    value = getattr(parameter_value, f"{type_.name.lower()}_value")
    return list(value) if type_.name.endswith("_ARRAY") else value


def get_parameter_value(string_value: str) -> ParameterValue:
    """The rcl_interfaces/ParameterValue that text on a command line stands for."""
    value = parameter_file.parse_value(string_value, f"parameter value {string_value!r}")
    return Parameter("", None, value).get_parameter_value()
