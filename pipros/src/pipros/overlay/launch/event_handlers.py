"""Event handlers of `launch.event_handlers`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from launch.action import Action
from launch.event import Event
from launch.event_handler import CallableEventHandler, SomeEntities
from launch.events import Shutdown
from launch.events.process import ProcessExited, ProcessStarted

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext

__all__ = [
    "OnProcessExit",
    "OnProcessStart",
    "OnShutdown",
]


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


class OnProcessStart(CallableEventHandler):
    """React to the start of a process."""

    def __init__(
        self,
        *,
        target_action: Action | Callable[[Action], bool] | None = None,
        on_start: SomeEntities | Callable[[ProcessStarted, LaunchContext], SomeEntities],
        **kwargs: Any,
    ) -> None:
        super().__init__(matcher=_of(ProcessStarted, target_action), do=on_start, **kwargs)


class OnProcessExit(CallableEventHandler):
    """React to the end of a process."""

    def __init__(
        self,
        *,
        target_action: Action | Callable[[Action], bool] | None = None,
        on_exit: SomeEntities | Callable[[ProcessExited, LaunchContext], SomeEntities],
        **kwargs: Any,
    ) -> None:
        super().__init__(matcher=_of(ProcessExited, target_action), do=on_exit, **kwargs)


class OnShutdown(CallableEventHandler):
    """React to the end of the launch."""

    def __init__(
        self, *, on_shutdown: SomeEntities | Callable[[Shutdown, LaunchContext], SomeEntities], **kwargs: Any
    ) -> None:
        super().__init__(matcher=lambda event: isinstance(event, Shutdown), do=on_shutdown, **kwargs)
