"""What a launch file returns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from launch.action import LaunchDescriptionEntity

if TYPE_CHECKING:
    from launch.actions import DeclareLaunchArgument
    from launch.launch_context import LaunchContext


class LaunchDescription(LaunchDescriptionEntity):
    """A list of entities, visited in their order."""

    def __init__(self, initial_entities: Iterable[LaunchDescriptionEntity] | None = None) -> None:
        self.entities = list(initial_entities or ())

    def visit(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        return self.entities

    def describe_sub_entities(self) -> list[LaunchDescriptionEntity]:
        return self.entities

    def add_entity(self, entity: LaunchDescriptionEntity) -> None:
        self.entities.append(entity)

    def get_launch_arguments(self, conditional_inclusion: bool = False) -> list[DeclareLaunchArgument]:
        """Return the arguments that are declared here and in all that is included.

        The first declaration of a name counts. An included file that cannot be read without running
        the launch is passed over. `_conditionally_included` of each tells whether its declaration
        depends on a condition.
        """
        from launch.actions import DeclareLaunchArgument

        arguments: dict[str, DeclareLaunchArgument] = {}

        def collect(entities: Iterable[LaunchDescriptionEntity], conditional: bool) -> None:
            for entity in entities:
                if isinstance(entity, DeclareLaunchArgument) and entity.name not in arguments:
                    entity._conditionally_included = conditional or entity.condition is not None
                    arguments[entity.name] = entity
                collect(entity.describe_sub_entities(), conditional)
                for _, sub_entities in entity.describe_conditional_sub_entities():
                    collect(sub_entities, True)

        collect(self.entities, conditional_inclusion)
        return list(arguments.values())
