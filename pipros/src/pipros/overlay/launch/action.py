"""Base of all actions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from launch.condition import Condition
from launch.launch_description_entity import LaunchDescriptionEntity

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class Action(LaunchDescriptionEntity):
    """Something to do when it is visited, unless its condition is false."""

    def __init__(self, *, condition: Condition | None = None) -> None:
        self._condition = condition

    @property
    def condition(self) -> Condition | None:
        """The condition, None where the action is always done."""
        return self._condition

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Return the entities inside, whatever the condition."""
        return []

    def describe_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Return the entities inside, none where they depend on a condition."""
        return self.get_sub_entities() if self._condition is None else []

    def describe_conditional_sub_entities(self) -> list[tuple[str, Iterable[LaunchDescriptionEntity]]]:
        """Return the entities inside that depend on the condition."""
        return [] if self._condition is None else [("condition", self.get_sub_entities())]

    def visit(self, context: LaunchContext) -> Iterable[LaunchDescriptionEntity] | None:
        """Execute the action if its condition holds."""
        if self._condition is None or self._condition.evaluate(context):
            return self.execute(context)
        return None

    def execute(self, context: LaunchContext) -> Iterable[LaunchDescriptionEntity] | None:
        """Do the work; the entities returned are visited next."""
        raise NotImplementedError(f"{type(self).__name__}.execute")
