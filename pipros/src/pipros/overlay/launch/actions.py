"""Actions of `launch.actions`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from launch import events
from launch.action import Action, LaunchDescriptionEntity
from launch.event_handlers import EventHandler, OnShutdown
from launch.events.process import ProcessExited
from launch.execute_process import ExecuteProcess
from launch.launch_description_sources import AnyLaunchDescriptionSource, LaunchDescriptionSource
from launch.logging import get_logger
from launch.substitutions import (
    SomeSubstitutionsType,
    normalize_to_list_of_substitutions,
    perform_substitutions,
    perform_text,
)

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext

__all__ = [
    "DeclareLaunchArgument",
    "EmitEvent",
    "ExecuteProcess",
    "IncludeLaunchDescription",
    "LogInfo",
    "OpaqueFunction",
    "RegisterEventHandler",
    "SetEnvironmentVariable",
    "SetLaunchConfiguration",
    "Shutdown",
    "TimerAction",
]


class DeclareLaunchArgument(Action):
    """Declare an argument: afterwards the launch configuration of its name has a value.

    Raises (when visited):
        RuntimeError: No value and no default, or a value that is no choice.
    """

    def __init__(
        self,
        name: str,
        *,
        default_value: SomeSubstitutionsType | None = None,
        description: str | None = None,
        choices: list[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if choices is not None and not choices:
            raise RuntimeError(f'argument "{name}" has an empty list of choices; leave choices out instead')
        if choices is not None and isinstance(default_value, str) and default_value not in choices:
            raise RuntimeError(
                f'Provided default_value "{default_value}" is not in provided choices "{choices}".'
            )
        self.name = name
        self.default_value = (
            None if default_value is None else normalize_to_list_of_substitutions(default_value)
        )
        self.choices = choices
        self.description = _description(description, choices)
        self._conditionally_included = False

    def execute(self, context: LaunchContext) -> None:
        configurations = context.launch_configurations
        if self.name not in configurations:
            if self.default_value is None:
                raise RuntimeError(
                    f'Required launch argument "{self.name}" (description: "{self.description}") '
                    "was not provided."
                )
            configurations[self.name] = perform_substitutions(context, self.default_value)
        if self.choices is not None and configurations[self.name] not in self.choices:
            raise RuntimeError(
                f'Argument "{self.name}" provided value "{configurations[self.name]}" is not valid. '
                f"Valid options are: {self.choices}"
            )


def _description(description: str | None, choices: list[str] | None) -> str:
    if choices is None:
        return "no description given" if description is None else description
    if description is None:
        return f"One of: {choices}"
    return f"{description.rstrip('.')}. Valid choices are: {choices}"


class _Assign(Action):
    """Set a value by name."""

    def __init__(self, name: SomeSubstitutionsType, value: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name, self.value = name, value

    def execute(self, context: LaunchContext) -> None:
        self._pipros_values(context)[perform_text(context, self.name)] = perform_text(context, self.value)


class SetLaunchConfiguration(_Assign):
    """Set a launch configuration: the value of a launch argument, or other text by name."""

    @staticmethod
    def _pipros_values(context: LaunchContext) -> dict[str, Any]:
        return context.launch_configurations


class SetEnvironmentVariable(_Assign):
    """Set an environment variable, for this process and the children that start afterwards."""

    @staticmethod
    def _pipros_values(context: LaunchContext) -> Any:
        return context.environment


class LogInfo(Action):
    """Log a line at level INFO."""

    def __init__(self, *, msg: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.msg = msg

    def execute(self, context: LaunchContext) -> None:
        get_logger("launch.user").info(perform_text(context, self.msg))


class OpaqueFunction(Action):
    """Call a function with the context; what it returns is visited next."""

    def __init__(
        self,
        *,
        function: Callable[..., Iterable[LaunchDescriptionEntity] | None],
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        **action: Any,
    ) -> None:
        super().__init__(**action)
        self._pipros_function, self._pipros_args, self._pipros_kwargs = (
            function,
            tuple(args or ()),
            dict(kwargs or {}),
        )

    def execute(self, context: LaunchContext) -> Iterable[LaunchDescriptionEntity] | None:
        return self._pipros_function(context, *self._pipros_args, **self._pipros_kwargs)


class RegisterEventHandler(Action):
    """Add an event handler."""

    def __init__(self, event_handler: EventHandler, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.event_handler = event_handler

    def execute(self, context: LaunchContext) -> None:
        context.register_event_handler(self.event_handler)

    def describe_conditional_sub_entities(self) -> list[tuple[str, Iterable[LaunchDescriptionEntity]]]:
        return [("event", self.event_handler.entities)]


class EmitEvent(Action):
    """Emit an event."""

    def __init__(self, *, event: events.Event, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.event = event

    def execute(self, context: LaunchContext) -> None:
        context.emit_event_sync(self.event)


class Shutdown(EmitEvent):
    """End the launch; where a process's end is the cause, say so."""

    def __init__(self, *, reason: str = "reason not given", **kwargs: Any) -> None:
        super().__init__(event=events.Shutdown(reason=reason), **kwargs)

    def execute(self, context: LaunchContext) -> None:
        cause = context.get_locals_as_dict().get("event")
        if isinstance(cause, ProcessExited):
            get_logger(cause.process_name).info(
                f"process[{cause.process_name}] was required: shutting down launched system"
            )
        super().execute(context)


class TimerAction(Action):
    """Visit actions after some time, unless the launch ends before.

    Args:
        period: Seconds.
        actions: What is visited then.
    """

    def __init__(
        self, *, period: float, actions: Iterable[LaunchDescriptionEntity], **unsupported: Any
    ) -> None:
        condition = unsupported.pop("condition", None)
        if unsupported:
            raise NotImplementedError(f"TimerAction({', '.join(sorted(unsupported))}=...) without ROS 2")
        super().__init__(condition=condition)
        self.period = float(period)
        self.actions = list(actions)

    def execute(self, context: LaunchContext) -> None:
        stopping = asyncio.Event()
        ending = OnShutdown(on_shutdown=lambda _event, _context: stopping.set())
        elapsed = EventHandler(
            matcher=lambda event: isinstance(event, events.TimerEvent) and event.timer_action is self,
            entities=self.actions,
            handle_once=True,
        )
        context.register_event_handler(ending)
        context.register_event_handler(elapsed)
        assert context.asyncio_loop is not None, "actions are visited while the launch runs"
        waiting = context.asyncio_loop.create_task(self._pipros_wait(context, stopping, ending))
        context.add_completion_future(waiting)

    async def _pipros_wait(
        self, context: LaunchContext, stopping: asyncio.Event, ending: EventHandler
    ) -> None:
        try:
            await asyncio.wait_for(stopping.wait(), timeout=self.period)
        except asyncio.TimeoutError:
            context.unregister_event_handler(ending)
            context.emit_event_sync(events.TimerEvent(timer_action=self))

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Return what is visited in the end."""
        return list(self.actions)


class IncludeLaunchDescription(Action):
    """Include a launch description, giving it arguments.

    As in ROS 2, the arguments are set as launch configurations and stay set afterwards.

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
        location = self.launch_description_source.location
        given = [(perform_text(context, name), value) for name, value in self.launch_arguments]
        names = {name for name, _ in given} | _names_given_inside(description)
        for argument in description.get_launch_arguments():
            required = argument.default_value is None and not argument._conditionally_included
            if required and argument.name not in names:
                raise RuntimeError(
                    f"{location} misses its required argument '{argument.name}' ({argument.description})"
                )
        names_of_file = ("current_launch_file_path", "current_launch_file_directory")
        outer = {name: context.get_locals_as_dict().get(name) for name in names_of_file}
        path = os.path.abspath(location)
        context.extend_locals(dict(zip(names_of_file, (path, os.path.dirname(path)), strict=True)))
        return [
            *(SetLaunchConfiguration(name, value) for name, value in given),
            description,
            OpaqueFunction(function=lambda context: context.extend_locals(outer)),
        ]


def _names_given_inside(entity: LaunchDescriptionEntity) -> set[str]:
    """Return the arguments that includes further in are given by their own launch file."""
    names: set[str] = set()
    if isinstance(entity, IncludeLaunchDescription):
        names.update(name for name, _ in entity.launch_arguments if isinstance(name, str))
    for sub_entity in entity.describe_sub_entities():
        names |= _names_given_inside(sub_entity)
    return names
