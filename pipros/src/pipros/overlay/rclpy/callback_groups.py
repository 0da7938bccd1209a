"""Which callbacks may run at the same time, as rclpy.callback_groups."""

from __future__ import annotations

import threading
import weakref


class CallbackGroup:
    """Base of the groups; decides whether an entity's callback may start."""

    def __init__(self) -> None:
        self.entities: set[weakref.ref] = set()

    def add_entity(self, entity: object) -> None:
        """Put an entity into the group."""
        self.entities.add(weakref.ref(entity, self.entities.discard))

    def can_execute(self, entity: object) -> bool:
        """Whether the entity's callback may start now."""
        raise NotImplementedError

    def beginning_execution(self, entity: object) -> bool:
        """Claim the right to run the entity's callback; False where it may not start."""
        raise NotImplementedError

    def ending_execution(self, entity: object) -> None:
        """Give the right back."""
        raise NotImplementedError


class ReentrantCallbackGroup(CallbackGroup):
    """Callbacks may run at any time, also with themselves."""

    def can_execute(self, entity: object) -> bool:
        """Always."""
        return True

    def beginning_execution(self, entity: object) -> bool:
        """Always."""
        return True

    def ending_execution(self, entity: object) -> None:
        """Nothing to give back."""


class MutuallyExclusiveCallbackGroup(CallbackGroup):
    """One callback at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._active_entity: object = None
        self._lock = threading.Lock()

    def can_execute(self, entity: object) -> bool:
        """While no callback of the group runs."""
        return self._active_entity is None

    def beginning_execution(self, entity: object) -> bool:
        """Claim the group; False where a callback of it runs."""
        with self._lock:
            if self._active_entity is not None:
                return False
            self._active_entity = entity
            return True

    def ending_execution(self, entity: object) -> None:
        """Free the group."""
        with self._lock:
            if self._active_entity is entity:
                self._active_entity = None
