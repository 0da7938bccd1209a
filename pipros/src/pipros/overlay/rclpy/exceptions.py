"""Exceptions with rclpy's names, hierarchy and wording."""

from __future__ import annotations

from typing import Any


class NotInitializedException(Exception):
    """rclpy.init() has not been called, or shutdown has."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__("rclpy.init() has not been called" + (f": {message}" if message else ""))


class InvalidHandle(Exception):
    """Something that was destroyed is used."""


class NameValidationException(Exception):
    """A name that ROS 2 does not allow."""

    def __init__(self, name_type: str, name: str, error_msg: str, invalid_index: int = 0) -> None:
        super().__init__(f"Invalid {name_type}: {error_msg}:\n  '{name}'\n   {' ' * invalid_index}^")
        self.reason = error_msg  # not part of rclpy


class InvalidNamespaceException(NameValidationException):
    """A namespace that ROS 2 does not allow."""

    def __init__(self, name: str, error_msg: str, invalid_index: int = 0) -> None:
        super().__init__("namespace", name, error_msg, invalid_index)


class InvalidNodeNameException(NameValidationException):
    """A node name that ROS 2 does not allow."""

    def __init__(self, name: str, error_msg: str, invalid_index: int = 0) -> None:
        super().__init__("node name", name, error_msg, invalid_index)


class InvalidTopicNameException(NameValidationException):
    """A topic name that ROS 2 does not allow."""

    def __init__(self, name: str, error_msg: str, invalid_index: int = 0) -> None:
        super().__init__("topic name", name, error_msg, invalid_index)


class InvalidServiceNameException(NameValidationException):
    """A service name that ROS 2 does not allow."""

    def __init__(self, name: str, error_msg: str, invalid_index: int = 0) -> None:
        super().__init__("service name", name, error_msg, invalid_index)


class ParameterException(Exception):
    """Base of all errors with parameters."""

    def __init__(self, error_msg: str, parameters: str | list[str]) -> None:
        super().__init__(f"{error_msg}: {parameters}")


class ParameterNotDeclaredException(ParameterException):
    """A parameter is used that was not declared."""

    def __init__(self, parameters: str | list[str]) -> None:
        super().__init__("Invalid access to undeclared parameter(s)", parameters)


class ParameterAlreadyDeclaredException(ParameterException):
    """A parameter is declared twice."""

    def __init__(self, parameters: str | list[str]) -> None:
        super().__init__("Parameter(s) already declared", parameters)


class InvalidParameterException(ParameterException):
    """A parameter's name is not allowed."""

    def __init__(self, parameter_name: str) -> None:
        super().__init__("Invalid parameter name", parameter_name)


class InvalidParameterTypeException(ParameterException):
    """A parameter is given a value of another type than it was declared with."""

    def __init__(self, desired_parameter: Any, expected_type: str) -> None:
        super().__init__(
            f"Trying to set parameter '{desired_parameter.name}' to '{desired_parameter.value}' of type "
            f"'{desired_parameter.type_.name}', expecting type '{expected_type}'",
            desired_parameter.name,
        )


class InvalidParameterValueException(ParameterException):
    """A parameter's value is out of its range or was rejected by a callback."""

    def __init__(self, parameter: str, value: object, reason: str) -> None:
        super().__init__(f"Invalid parameter value ({value}) for parameter. Reason: {reason}", parameter)


class ParameterUninitializedException(ParameterException):
    """A parameter that was declared without a value is read before it has one."""

    def __init__(self, parameter_name: str) -> None:
        super().__init__(f"The parameter '{parameter_name}' is not initialized", parameter_name)
