"""Conditions of `launch.conditions`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from launch.condition import Condition
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.substitution import Substitution
from launch.utilities import (
    normalize_to_list_of_substitutions,
    perform_substitutions,
    perform_text,
)

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext

__all__ = [
    "IfCondition",
    "InvalidConditionExpressionError",
    "LaunchConfigurationEquals",
    "LaunchConfigurationNotEquals",
    "UnlessCondition",
    "evaluate_condition_expression",
]

_TRUE = ("true", "1")
_FALSE = ("false", "0")


class InvalidConditionExpressionError(RuntimeError):
    """Text that is neither true nor false."""


def evaluate_condition_expression(context: LaunchContext, expression: Iterable[Substitution]) -> bool:
    """Decide whether text means true; case and surrounding blanks do not count.

    Raises:
        InvalidConditionExpressionError: Text other than true, 1, false, 0.
    """
    text = perform_substitutions(context, expression).strip().lower()
    if text not in _TRUE + _FALSE:
        raise InvalidConditionExpressionError(
            f"'{text}' is not a condition; expected one of {', '.join(_TRUE + _FALSE)}"
        )
    return text in _TRUE


class IfCondition(Condition):
    """Holds where the text means true."""

    def __init__(self, predicate_expression: SomeSubstitutionsType) -> None:
        expression = normalize_to_list_of_substitutions(predicate_expression)
        super().__init__(predicate=lambda context: evaluate_condition_expression(context, expression))


class UnlessCondition(Condition):
    """Holds where the text means false."""

    def __init__(self, predicate_expression: SomeSubstitutionsType) -> None:
        expression = normalize_to_list_of_substitutions(predicate_expression)
        super().__init__(predicate=lambda context: not evaluate_condition_expression(context, expression))


class LaunchConfigurationEquals(Condition):
    """Holds where a launch configuration has the value; None means that it is not set."""

    def __init__(self, launch_configuration_name: str, expected_value: SomeSubstitutionsType | None) -> None:
        self._name = launch_configuration_name
        self._expected = expected_value
        super().__init__(predicate=self._equals)

    def _equals(self, context: LaunchContext) -> bool:
        expected = None if self._expected is None else perform_text(context, self._expected)
        return context.launch_configurations.get(self._name) == expected


class LaunchConfigurationNotEquals(LaunchConfigurationEquals):
    """Holds where a launch configuration has another value."""

    def evaluate(self, context: LaunchContext) -> bool:
        """Decide."""
        return not super().evaluate(context)
