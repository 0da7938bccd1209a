"""Values of the parameters that a launch file gives a node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from launch.substitution import Substitution
from launch.utilities import perform_text
from launch_ros import yaml_text
from launch_ros.parameter_descriptions import ParameterValue, uniform

if TYPE_CHECKING:
    from launch import LaunchContext


def evaluate_dict(context: LaunchContext, parameters: Mapping[Any, Any], prefix: str = "") -> dict[str, Any]:
    """Return names and values, nested mappings flattened with points.

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
    if isinstance(value, Substitution):
        return _from_text(perform_text(context, value), name)
    if isinstance(value, Sequence) and not isinstance(value, str):
        if any(isinstance(part, Substitution) for part in value) and all(
            isinstance(part, (str, Substitution)) for part in value
        ):
            return _from_text(perform_text(context, value), name)
        return uniform([_evaluate(context, part, name) for part in value], name)
    return uniform(value, name)


def _from_text(text: str, name: str) -> Any:
    return uniform(yaml_text.load(text), name)
