"""Base of all event handlers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from launch.event import Event
from launch.launch_description_entity import LaunchDescriptionEntity

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext

SomeEntities = LaunchDescriptionEntity | Iterable[LaunchDescriptionEntity] | None


def listed(entities: SomeEntities) -> list[LaunchDescriptionEntity]:
    """Return one, several or no entities as a list.

    Raises:
        TypeError: Something that is no entity.
    """
    found = list(entities) if isinstance(entities, Iterable) else [entities]
    found = [entity for entity in found if entity is not None]
    for entity in found:
        if not isinstance(entity, LaunchDescriptionEntity):
            raise TypeError(f"expected a launch action, got {entity!r} ({type(entity).__name__})")
    return found


class BaseEventHandler:
    """Something to do on the events that match."""

    def __init__(self, *, matcher: Callable[[Event], bool], handle_once: bool = False) -> None:
        self._matcher = matcher
        self._handle_once = handle_once

    def matches(self, event: Event) -> bool:
        """Return whether this handler takes the event."""
        return self._matcher(event)

    def handle(self, event: Event, context: LaunchContext) -> SomeEntities:
        """Make the event known as `context.locals.event`; subclasses return what to visit."""
        context.extend_locals({"event": event})
        if self._handle_once:
            context.unregister_event_handler(self)
        return None

    def entities_of(self) -> list[LaunchDescriptionEntity]:
        """Return the entities that are known before the event."""
        return []


class EventHandler(BaseEventHandler):
    """Visit entities on the events that match."""

    def __init__(
        self,
        *,
        matcher: Callable[[Event], bool],
        entities: SomeEntities = None,
        handle_once: bool = False,
    ) -> None:
        super().__init__(matcher=matcher, handle_once=handle_once)
        self._entities = listed(entities)

    def handle(self, event: Event, context: LaunchContext) -> SomeEntities:
        """Return the entities."""
        super().handle(event, context)
        return self._entities

    def entities_of(self) -> list[LaunchDescriptionEntity]:
        """Return the entities."""
        return self._entities


class CallableEventHandler(BaseEventHandler):
    """Visit entities, or what a function of event and context returns, on the events that match."""

    def __init__(
        self,
        *,
        matcher: Callable[[Event], bool],
        do: SomeEntities | Callable[[Event, LaunchContext], SomeEntities],
        handle_once: bool = False,
    ) -> None:
        super().__init__(matcher=matcher, handle_once=handle_once)
        # An entity is never callable, so a callable is a function.
        self._function = do if callable(do) else None
        self._entities = [] if callable(do) else listed(do)

    def handle(self, event: Event, context: LaunchContext) -> SomeEntities:
        """Return the entities, or call the function."""
        super().handle(event, context)
        return self._entities if self._function is None else self._function(event, context)

    def entities_of(self) -> list[LaunchDescriptionEntity]:
        """Return the entities, none for a function."""
        return self._entities
