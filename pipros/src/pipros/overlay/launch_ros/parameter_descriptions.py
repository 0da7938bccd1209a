"""Parameters of `launch_ros.parameter_descriptions`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin

from launch.substitutions import SomeSubstitutionsType, Substitution, perform_text
from launch_ros import yaml_text

if TYPE_CHECKING:
    from launch import LaunchContext

__all__ = ["ParameterFile", "ParameterValue"]

_SCALARS = (bool, int, float, str)


class ParameterValue:
    """A value that is, or whose text is, of a given type.

    `value_type` is bool, int, float, str, List of one of them, or None: then the text's YAML decides.
    With `str`, text that looks like a number stays text.
    """

    def __init__(self, value: Any, *, value_type: Any = None) -> None:
        self.value, self.value_type = value, value_type

    def evaluate(self, context: LaunchContext) -> Any:
        """Return the value.

        Raises:
            ValueError: A value of another type.
        """
        value = self.value
        if isinstance(value, list) and not any(isinstance(part, Substitution) for part in value):
            return self._pipros_checked(tuple(value))
        if isinstance(value, (bool, int, float, tuple)):
            return self._pipros_checked(value)
        text = perform_text(context, value)
        return text if self.value_type is str else self._pipros_checked(yaml_text.load(text))

    def _pipros_checked(self, value: Any) -> Any:
        """Return the value as the type wanted; a whole number will do for a float."""
        wanted = self.value_type
        if wanted is None:
            return uniform(value, "ParameterValue")
        if get_origin(wanted) in (list, list):
            item = get_args(wanted)[0]
            if isinstance(value, (list, tuple)):
                return tuple(ParameterValue(part, value_type=item)._pipros_checked(part) for part in value)
        elif wanted is float and type(value) is int:
            return float(value)
        elif type(value) is wanted:
            return value
        raise ValueError(f"parameter value {value!r} is not of type {wanted}")


class ParameterFile:
    """A YAML file of parameters."""

    def __init__(
        self,
        param_file: PathLike | SomeSubstitutionsType,
        *,
        allow_substs: bool | SomeSubstitutionsType = False,
    ) -> None:
        if allow_substs is not False:
            raise NotImplementedError("ParameterFile(allow_substs=...) without ROS 2")
        self.param_file = param_file

    def evaluate(self, context: LaunchContext) -> Path:
        """Return the path."""
        return Path(perform_text(context, self.param_file))


def evaluate_dict(context: LaunchContext, parameters: Mapping[Any, Any], prefix: str = "") -> dict[str, Any]:
    """Return names and values, nested mappings flattened with points; not part of launch_ros.

    Text stays text. The text of a substitution, or of a list of substitutions and text, is read as
    YAML, so that `rate:=2.0` becomes a number.

    Raises:
        TypeError: A value that no ROS parameter can have.
    """
    values: dict[str, Any] = {}
    for key, value in parameters.items():
        name = prefix + perform_text(context, key)
        if isinstance(value, Mapping):
            values.update(evaluate_dict(context, value, f"{name}."))
        else:
            values[name] = _evaluate(context, value, name)
    return values


def _evaluate(context: LaunchContext, value: Any, name: str) -> Any:
    if isinstance(value, ParameterValue):
        return value.evaluate(context)
    parts = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    is_text = all(isinstance(part, (str, Substitution)) for part in parts)
    if is_text and any(isinstance(part, Substitution) for part in parts):
        return uniform(yaml_text.load(perform_text(context, value)), name)
    return uniform([_evaluate(context, part, name) for part in parts] if parts is value else value, name)


def uniform(value: Any, name: str) -> Any:
    """Return a scalar as it is and a list as a tuple.

    Raises:
        TypeError: Neither bool, int, float nor str, or a list that is empty or of several types.
    """
    if type(value) in _SCALARS:
        return value
    if isinstance(value, (list, tuple)) and value:
        if {type(part) for part in value} == {int, float}:
            return tuple(float(part) for part in value)
        if len({type(part) for part in value}) == 1 and type(value[0]) in _SCALARS:
            return tuple(value)
    raise TypeError(
        f"parameter {name} cannot be {value!r}: ROS 2 takes bool, int, float, str and lists of one of them "
        "that are not empty; for text use ParameterValue(..., value_type=str)"
    )
