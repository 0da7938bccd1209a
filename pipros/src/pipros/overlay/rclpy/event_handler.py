"""Events of publishers and subscriptions, as rclpy.event_handler: offers and requests that do not fit.

As in rclpy they are warned of unless the user takes them: two ends of a topic that do not fit hear nothing of
each other and, without a word, nothing else tells of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from pipros.transport import Incompatibility, Reader, Writer
from rclpy.callback_groups import CallbackGroup
from rclpy.logging import RcutilsLogger
from rclpy.qos import QoSPolicyKind, qos_policy_name_from_kind


@dataclass(frozen=True)
class QoSRequestedIncompatibleQoSInfo:
    """How many endpoints did not fit so far, how many since the last event, and why the last one."""

    total_count: int
    total_count_change: int
    last_policy_kind: QoSPolicyKind


QoSOfferedIncompatibleQoSInfo = QoSRequestedIncompatibleQoSInfo


class EventHandler:
    """Calls back, in the executor, for each event of an endpoint."""

    def __init__(
        self,
        *,
        callback_group: CallbackGroup,
        callback: Callable[[QoSRequestedIncompatibleQoSInfo], object],
        endpoint: Reader | Writer,
    ) -> None:
        self.callback = callback
        self.callback_group = callback_group
        self._executor_event = False
        self._pipros_source: Incompatibility | None = Incompatibility(endpoint)

    def _pipros_take(self) -> Callable[[], object] | None:
        """The event with what to do with it."""
        event = self._pipros_source.take() if self._pipros_source is not None else None
        if event is None or event[1:] == (1, "TYPE"):  # which the context's TypeWatch tells, with the types
            return None
        total, change, policy = event
        return partial(self.callback, QoSRequestedIncompatibleQoSInfo(total, change, _kind(policy)))

    def destroy(self) -> None:
        """Stop. Its endpoint is destroyed by its owner."""
        self._pipros_source = None


class _EventCallbacks:
    """What is called for the events of one endpoint; None for what rclpy does."""

    _WARNING: str

    def __init__(
        self,
        *,
        incompatible_qos: Callable[[QoSRequestedIncompatibleQoSInfo], object] | None = None,
        use_default_callbacks: bool = True,
        **others: object,
    ) -> None:
        for name, value in others.items():
            if value is not None:
                raise NotImplementedError(f"{type(self).__name__}({name}=...) is not in pipros")
        self.incompatible_qos = incompatible_qos
        self.use_default_callbacks = use_default_callbacks

    def create_event_handlers(
        self, callback_group: CallbackGroup, endpoint: Reader | Writer, topic_name: str, logger: RcutilsLogger
    ) -> list[EventHandler]:
        """Handlers for an endpoint; `logger` is its node's."""
        callback = self.incompatible_qos
        if callback is None and self.use_default_callbacks:

            def callback(event: QoSRequestedIncompatibleQoSInfo) -> None:
                policy_name = qos_policy_name_from_kind(event.last_policy_kind)
                logger.warning(self._WARNING.format(topic_name, policy_name))

        if callback is None:
            return []
        return [EventHandler(callback_group=callback_group, callback=callback, endpoint=endpoint)]


class SubscriptionEventCallbacks(_EventCallbacks):
    """What is called for the events of a subscription."""

    _WARNING = (
        "New publisher discovered on topic '{}', offering incompatible QoS. No messages will be received "
        "from it. Last incompatible policy: {}"
    )


class PublisherEventCallbacks(_EventCallbacks):
    """What is called for the events of a publisher."""

    _WARNING = (
        "New subscription discovered on topic '{}', requesting incompatible QoS. No messages will be sent "
        "to it. Last incompatible policy: {}"
    )


def _kind(policy: str) -> QoSPolicyKind:
    return QoSPolicyKind.__members__.get(policy, QoSPolicyKind.INVALID)
