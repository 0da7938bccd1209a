"""What a launch description is made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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


def visit_all(entity: LaunchDescriptionEntity, context: LaunchContext) -> None:
    """Visit an entity and, depth first, all that it yields."""
    for sub_entity in entity.visit(context) or ():
        visit_all(sub_entity, context)
