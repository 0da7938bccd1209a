"""Launch files inside launch files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from launch.action import Action
from launch.actions.launch_configuration import SetLaunchConfiguration
from launch.actions.opaque_function import OpaqueFunction
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.launch_description_source import LaunchDescriptionSource
from launch.launch_description_sources import AnyLaunchDescriptionSource
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.utilities import perform_text

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class IncludeLaunchDescription(Action):
    """Include a launch description, giving it arguments.

    As in ROS 2, the arguments are set as launch configurations and stay set afterwards; put the
    include into a GroupAction to keep them inside.

    Raises (when visited):
        RuntimeError: An argument without a default is not given.
    """

    def __init__(
        self,
        launch_description_source: LaunchDescriptionSource | SomeSubstitutionsType,
        *,
        launch_arguments: Iterable[tuple[SomeSubstitutionsType, SomeSubstitutionsType]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(launch_description_source, LaunchDescriptionSource):
            launch_description_source = AnyLaunchDescriptionSource(launch_description_source)
        self.launch_description_source = launch_description_source
        self.launch_arguments = tuple(launch_arguments or ())

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Return the description, where it is known already."""
        description = self.launch_description_source.try_get_launch_description_without_context()
        return [] if description is None else [description]

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        """Return what sets the arguments, and the description."""
        description = self.launch_description_source.get_launch_description(context)
        given = [(perform_text(context, name), value) for name, value in self.launch_arguments]
        names = {name for name, _ in given} | _names_given_inside(description)
        for argument in description.get_launch_arguments():
            if argument.default_value is None and not argument._conditionally_included:
                self._require(argument.name, argument.description, names)
        names_of_file = ("current_launch_file_path", "current_launch_file_directory")
        outer = {name: context.get_locals_as_dict().get(name) for name in names_of_file}
        path = os.path.abspath(self.launch_description_source.location)
        context.extend_locals(dict(zip(names_of_file, (path, os.path.dirname(path)), strict=True)))
        return [
            *(SetLaunchConfiguration(name, value) for name, value in given),
            description,
            OpaqueFunction(function=lambda context: context.extend_locals(outer)),
        ]

    def _require(self, name: str, description: str, given: set[str]) -> None:
        if name not in given:
            raise RuntimeError(
                f"{self.launch_description_source.location} misses its required argument '{name}' "
                f"({description})"
            )


def _names_given_inside(entity: LaunchDescriptionEntity) -> set[str]:
    """Return the arguments that includes further in are given by their own launch file."""
    names: set[str] = set()
    if isinstance(entity, IncludeLaunchDescription):
        names.update(name for name, _ in entity.launch_arguments if isinstance(name, str))
    for sub_entity in entity.describe_sub_entities():
        names |= _names_given_inside(sub_entity)
    return names
