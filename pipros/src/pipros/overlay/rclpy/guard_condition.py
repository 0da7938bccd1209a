"""Guard conditions, as rclpy.guard_condition: a callback that code triggers, run by the executor."""

from __future__ import annotations

from collections.abc import Callable

from pipros.transport import Guard
from rclpy.callback_groups import CallbackGroup
from rclpy.context import Context


class GuardCondition:
    """Runs its callback once after one or more triggers."""

    def __init__(
        self, callback: Callable[[], object] | None, callback_group: CallbackGroup | None, context: Context
    ) -> None:
        self.callback = callback
        self.callback_group = callback_group
        self._executor_event = False
        self._pipros_source = Guard(context._pipros_participant)

    def trigger(self) -> None:
        """Have the callback run."""
        self._pipros_source.trigger()

    def _pipros_take(self) -> Callable[[], object] | None:
        """What the executor is to run."""
        self._pipros_source.clear()
        return self.callback

    def destroy(self) -> None:
        """Free it."""
        self._pipros_source.close()
