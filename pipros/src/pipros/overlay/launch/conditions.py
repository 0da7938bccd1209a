"""Conditions of `launch.conditions`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from launch.substitutions import (
    SomeSubstitutionsType,
    Substitution,
    normalize_to_list_of_substitutions,
    perform_substitutions,
)

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext

__all__ = [
    "IfCondition",
    "InvalidConditionExpressionError",
    "UnlessCondition",
    "evaluate_condition_expression",
]

_TRUE, _FALSE = ("true", "1"), ("false", "0")


class InvalidConditionExpressionError(RuntimeError):
    """Text that is neither true nor false."""


class Condition:
    """A yes or no, decided when the action that has it is visited."""

    def __init__(self, *, predicate: Callable[[LaunchContext], bool]) -> None:
        self._pipros_predicate = predicate

    def evaluate(self, context: LaunchContext) -> bool:
        """Decide."""
        return self._pipros_predicate(context)


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
