"""Text out of substitutions, as `launch.utilities` does it."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike, fspath
from typing import TYPE_CHECKING

from launch.some_substitutions_type import SomeSubstitutionsType
from launch.substitution import Substitution

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


def normalize_to_list_of_substitutions(subs: SomeSubstitutionsType | PathLike) -> list[Substitution]:
    """Turn text, a path, a substitution or an iterable of them into a list of substitutions."""
    from launch.substitutions import TextSubstitution

    if isinstance(subs, Substitution):
        return [subs]
    if isinstance(subs, (str, PathLike)):
        return [TextSubstitution(text=fspath(subs))]
    if isinstance(subs, Iterable):
        return [part for sub in subs for part in normalize_to_list_of_substitutions(sub)]
    raise TypeError(f"expected text or a substitution, got {subs!r} ({type(subs).__name__})")


def perform_substitutions(context: LaunchContext, subs: Iterable[Substitution]) -> str:
    """Perform all and join their texts."""
    return "".join(sub.perform(context) for sub in subs)


def perform_text(context: LaunchContext, subs: SomeSubstitutionsType | PathLike) -> str:
    """Return the text of whatever may stand for one."""
    return perform_substitutions(context, normalize_to_list_of_substitutions(subs))


def perform_boolean(context: LaunchContext, value: bool | SomeSubstitutionsType) -> bool:
    """Return a truth that may be given as a bool or as text (true, 1, false, 0).

    Raises:
        InvalidConditionExpressionError: Other text.
    """
    from launch.conditions import evaluate_condition_expression

    if isinstance(value, bool):
        return value
    return evaluate_condition_expression(context, normalize_to_list_of_substitutions(value))


def perform_number(context: LaunchContext, value: float | SomeSubstitutionsType) -> float:
    """Return a number that may be given as one or as text."""
    return float(value) if isinstance(value, (int, float)) else float(perform_text(context, value))
