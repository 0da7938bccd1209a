"""Event handlers of `launch.event_handlers`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from launch.action import Action, LaunchDescriptionEntity
from launch.events import Event, Shutdown
from launch.events.process import ProcessExited, ProcessStarted

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext

__all__ = ["OnProcessExit", "OnProcessStart", "OnShutdown"]

SomeEntities: TypeAlias = "LaunchDescriptionEntity | Iterable[LaunchDescriptionEntity] | None"


def listed(entities: SomeEntities) -> list[LaunchDescriptionEntity]:
    """Return one, several or no entities as a list; TypeError for something that is no entity."""
    given = list(entities) if isinstance(entities, Iterable) else [entities]
    found = [entity for entity in given if entity is not None]
    for entity in found:
        if not isinstance(entity, LaunchDescriptionEntity):
            raise TypeError(f"expected a launch action, got {entity!r} ({type(entity).__name__})")
    return found


class EventHandler:
    """Visits entities, or what a function of event and context returns, on the events that match."""

    def __init__(
        self,
        *,
        matcher: Callable[[Event], bool],
        entities: SomeEntities | Callable[[Any, LaunchContext], SomeEntities] = None,
        handle_once: bool = False,
    ) -> None:
        self.matches = matcher
        self._pipros_handle_once = handle_once
        # An entity is never callable, so a callable is a function.
        self._pipros_function = entities if callable(entities) else None
        self.entities = [] if callable(entities) else listed(entities)

    def handle(self, event: Event, context: LaunchContext) -> SomeEntities:
        """Make the event known as `context.locals.event` and return what to visit."""
        context.extend_locals({"event": event})
        if self._pipros_handle_once:
            context.unregister_event_handler(self)
        return self.entities if self._pipros_function is None else self._pipros_function(event, context)


class OnProcessStart(EventHandler):
    """Reacts to the start of a process."""

    def __init__(
        self,
        *,
        target_action: Action | Callable[[Action], bool] | None = None,
        on_start: SomeEntities | Callable[[ProcessStarted, LaunchContext], SomeEntities],
        **kwargs: Any,
    ) -> None:
        super().__init__(matcher=_of(ProcessStarted, target_action), entities=on_start, **kwargs)


class OnProcessExit(EventHandler):
    """Reacts to the end of a process."""

    def __init__(
        self,
        *,
        target_action: Action | Callable[[Action], bool] | None = None,
        on_exit: SomeEntities | Callable[[ProcessExited, LaunchContext], SomeEntities],
        **kwargs: Any,
    ) -> None:
        super().__init__(matcher=_of(ProcessExited, target_action), entities=on_exit, **kwargs)


class OnShutdown(EventHandler):
    """Reacts to the end of the launch."""

    def __init__(
        self, *, on_shutdown: SomeEntities | Callable[[Shutdown, LaunchContext], SomeEntities], **kwargs: Any
    ) -> None:
        super().__init__(matcher=lambda event: isinstance(event, Shutdown), entities=on_shutdown, **kwargs)


def _of(kind: type[Event], target: Action | Callable[[Action], bool] | None) -> Callable[[Event], bool]:
    """Return a matcher of events of this kind from this action; None takes every action's."""

    def matches(event: Event) -> bool:
        if not isinstance(event, kind):
            return False
        if target is None or isinstance(target, Action):
            return target is None or event.action is target
        return target(event.action)

    if target is not None and not isinstance(target, Action) and not callable(target):
        raise TypeError(f"target_action must be an action or a function of one, got {target!r}")
    return matches
