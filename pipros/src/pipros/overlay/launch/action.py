"""What a launch description is made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from launch.conditions import Condition
    from launch.launch_context import LaunchContext


class LaunchDescriptionEntity:
    """Something that can be visited: an action, or a whole description."""

    def visit(self, context: LaunchContext) -> Iterable[LaunchDescriptionEntity] | None:
        """Do this entity's work and return the entities to visit next, depth first."""
        raise NotImplementedError(f"{type(self).__name__}.visit")

    def describe_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Return the entities inside, as far as they are known before the launch."""
        return []

    def describe_conditional_sub_entities(self) -> list[tuple[str, Iterable[LaunchDescriptionEntity]]]:
        """Return the entities inside that may or may not be visited, each list with its condition."""
        return []


class Action(LaunchDescriptionEntity):
    """Something to do when it is visited, unless its condition is false."""

    def __init__(self, *, condition: Condition | None = None) -> None:
        self.condition = condition

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Return the entities inside, whatever the condition."""
        return []

    def describe_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Return the entities inside, none where they depend on a condition."""
        return self.get_sub_entities() if self.condition is None else []

    def describe_conditional_sub_entities(self) -> list[tuple[str, Iterable[LaunchDescriptionEntity]]]:
        """Return the entities inside that depend on the condition."""
        return [] if self.condition is None else [("condition", self.get_sub_entities())]

    def visit(self, context: LaunchContext) -> Iterable[LaunchDescriptionEntity] | None:
        """Execute the action if its condition holds."""
        if self.condition is None or self.condition.evaluate(context):
            return self.execute(context)
        return None

    def execute(self, context: LaunchContext) -> Iterable[LaunchDescriptionEntity] | None:
        """Do the work; the entities returned are visited next."""
        raise NotImplementedError(f"{type(self).__name__}.execute")
