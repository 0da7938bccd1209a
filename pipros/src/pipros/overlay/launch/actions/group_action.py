"""Groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from launch.action import Action
from launch.actions.launch_configuration import (
    PopLaunchConfigurations,
    PushLaunchConfigurations,
)
from launch.actions.opaque_function import OpaqueFunction
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.utilities import perform_text

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class GroupAction(Action):
    """Actions together; scoped, what they set (configurations, environment) ends with the group.

    `launch_configurations` are set first; with `forwarding` false, nothing else from outside is seen
    inside.
    """

    def __init__(
        self,
        actions: Iterable[Action],
        *,
        scoped: bool = True,
        forwarding: bool = True,
        launch_configurations: Mapping[SomeSubstitutionsType, SomeSubstitutionsType] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._actions = list(actions)
        self._scoped = scoped
        self._forwarding = forwarding
        self._configurations = dict(launch_configurations or {})

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Return the actions."""
        return list(self._actions)

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        """Return the actions, between entering and leaving the scope."""
        enter = OpaqueFunction(function=self._enter)
        if not self._scoped:
            return [enter, *self._actions]
        leave = OpaqueFunction(function=lambda context: context._pop_environment())
        return [PushLaunchConfigurations(), enter, *self._actions, leave, PopLaunchConfigurations()]

    def _enter(self, context: LaunchContext) -> None:
        values = {
            perform_text(context, name): perform_text(context, value)
            for name, value in self._configurations.items()
        }
        if self._scoped:
            context._push_environment()
            if not self._forwarding:
                context._reset_environment()
                context.launch_configurations.clear()
        context.launch_configurations.update(values)
