"""Creating and destroying what belongs to a node: the part of rclpy.node that makes endpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pipros import idl
from pipros.graph import TOPIC, Graph, LocalNode, dds_topic_name
from pipros.interfaces import type_hash
from pipros.message import Message
from pipros.request_reply import ClientChannel, ServerChannel
from pipros.transport import Reader, Writer
from rclpy._rclpy_pybind11 import RCLError
from rclpy.callback_groups import CallbackGroup, MutuallyExclusiveCallbackGroup
from rclpy.client import Client
from rclpy.clock import Clock
from rclpy.context import Context
from rclpy.event_handler import EventHandler, PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.exceptions import InvalidHandle, InvalidServiceNameException
from rclpy.guard_condition import GuardCondition
from rclpy.logging import RcutilsLogger
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, qos_profile_services_default, to_endpoint
from rclpy.service import Service
from rclpy.subscription import Subscription, wants_info
from rclpy.timer import Timer


class EntityOwner:
    """Owns publishers, subscriptions, timers, services, clients and guard conditions.

    The node gives the context, its place in the graph, its clock, and resolves names.
    """

    _context: Context
    _pipros_graph: Graph
    _pipros_announcement: LocalNode
    _clock: Clock
    _pipros_name: str
    _logger: RcutilsLogger
    _pipros_resolve: Callable[..., str]

    def __init__(self) -> None:
        self._publishers: list[Publisher] = []
        self._subscriptions: list[Subscription] = []
        self._timers: list[Timer] = []
        self._services: list[Service] = []
        self._clients: list[Client] = []
        self._guards: list[GuardCondition] = []
        self._pipros_events: list[EventHandler] = []
        self._pipros_is_destroyed = False
        self._default_callback_group = MutuallyExclusiveCallbackGroup()

    @property
    def publishers(self) -> Iterator[Publisher]:
        """The node's publishers."""
        yield from list(self._publishers)

    @property
    def subscriptions(self) -> Iterator[Subscription]:
        """The node's subscriptions."""
        yield from list(self._subscriptions)

    @property
    def timers(self) -> Iterator[Timer]:
        """The node's timers."""
        yield from list(self._timers)

    @property
    def services(self) -> Iterator[Service]:
        """The node's services."""
        yield from list(self._services)

    @property
    def clients(self) -> Iterator[Client]:
        """The node's clients."""
        yield from list(self._clients)

    @property
    def guards(self) -> Iterator[GuardCondition]:
        """The node's guard conditions."""
        yield from list(self._guards)

    def _pipros_executor_entities(self) -> list[object]:
        """All that an executor waits for."""
        return [
            *self._timers,
            *self._subscriptions,
            *self._guards,
            *self._clients,
            *self._services,
            *self._pipros_events,
        ]

    def _pipros_topics_and_types(self, publishers: bool) -> list[tuple[str, str]]:
        """Topic and type of each publisher, or of each subscription."""
        endpoints = self._publishers if publishers else self._subscriptions
        return [(each.topic_name, _type_name(each.msg_type)) for each in list(endpoints)]

    def _pipros_meet(self, topic: str, writer: bytes) -> list[Reader]:
        """Repeat the acquaintance with a publisher on Fast DDS.

        Returns the readers that are to `part` later.
        """
        introduced = []
        for subscription in list(self._subscriptions):
            reader = subscription._pipros_source
            if reader is None or subscription.topic_name != topic:
                continue
            before = reader.guid
            if reader.renew(writer):
                self._pipros_graph.renew_endpoint(self._pipros_announcement, before, reader.guid)
                self._pipros_wake()
            elif reader.introduce(writer):
                introduced.append(reader)
        return introduced

    def create_publisher(
        self,
        msg_type: type[Message],
        topic: str,
        qos_profile: QoSProfile | int,
        *,
        callback_group: CallbackGroup | None = None,
        event_callbacks: PublisherEventCallbacks | None = None,
        qos_overriding_options: None = None,
    ) -> Publisher:
        """Publish messages of a type on a topic; an int for QoS is the depth of a reliable profile."""
        self._pipros_check_alive()
        _refuse("create_publisher", qos_overriding_options=qos_overriding_options)
        profile, name, type_name = _profile(qos_profile), self._pipros_resolve(topic), _type_name(msg_type)
        writer = self._context._pipros_participant.writer(
            dds_topic_name(TOPIC, name),
            idl.message_type(type_name),
            to_endpoint(profile),
            f"typehash={type_hash(type_name)};",
        )
        publisher = Publisher(self._context, writer, msg_type, name, profile)
        publisher.topic = topic  # as given
        self._publishers.append(publisher)
        self._pipros_watch(publisher, writer, event_callbacks or PublisherEventCallbacks(), callback_group)
        self._pipros_graph.add_endpoints(self._pipros_announcement, writers=[writer])
        return publisher

    def create_subscription(
        self,
        msg_type: type[Message],
        topic: str,
        callback: Callable[..., object],
        qos_profile: QoSProfile | int,
        *,
        callback_group: CallbackGroup | None = None,
        event_callbacks: SubscriptionEventCallbacks | None = None,
        qos_overriding_options: None = None,
        raw: bool = False,
    ) -> Subscription:
        """Call back with each message of a topic, or with its serialised bytes where `raw`."""
        self._pipros_check_alive()
        _refuse("create_subscription", qos_overriding_options=qos_overriding_options)
        wants_info(callback)  # a callback that takes neither is refused before anything is made
        profile, name, type_name = _profile(qos_profile), self._pipros_resolve(topic), _type_name(msg_type)
        reader = self._context._pipros_participant.reader(
            dds_topic_name(TOPIC, name),
            idl.message_type(type_name),
            to_endpoint(profile),
            f"typehash={type_hash(type_name)};",
        )
        group = self._pipros_group(callback_group)
        subscription = Subscription(reader, msg_type, name, callback, group, profile, raw, self._logger)
        subscription.topic = topic  # as given
        self._pipros_add(self._subscriptions, subscription)
        self._pipros_watch(subscription, reader, event_callbacks or SubscriptionEventCallbacks(), group)
        self._pipros_graph.add_endpoints(self._pipros_announcement, readers=[reader])
        return subscription

    def create_timer(
        self,
        timer_period_sec: float,
        callback: Callable[[], object],
        callback_group: CallbackGroup | None = None,
        clock: Clock | None = None,
        autostart: bool = True,
    ) -> Timer:
        """Call back at a fixed period, on the node's clock where none is given."""
        self._pipros_check_alive()
        if not self._context.ok():
            raise RCLError("failed to create timer: the given context is not valid")
        timer = Timer(
            callback,
            self._pipros_group(callback_group),
            int(float(timer_period_sec) * 1e9),
            clock or self._clock,
            context=self._context,
            autostart=autostart,
            wake=self._pipros_wake,
        )
        self._pipros_add(self._timers, timer)
        return timer

    def create_service(
        self,
        srv_type: type,
        srv_name: str,
        callback: Callable[[Message, Message], Message],
        *,
        qos_profile: QoSProfile = qos_profile_services_default,
        callback_group: CallbackGroup | None = None,
    ) -> Service:
        """Answer requests with what `callback(request, response)` returns."""
        self._pipros_check_alive()
        name = self._pipros_resolve(srv_name, InvalidServiceNameException)
        channel = ServerChannel(self._context._pipros_participant, srv_type, name, to_endpoint(qos_profile))
        service = Service(channel, srv_type, name, callback, self._pipros_group(callback_group), qos_profile)
        service.srv_name = srv_name  # as given
        self._pipros_add(self._services, service)
        self._pipros_graph.add_endpoints(self._pipros_announcement, [channel.reader], [channel.writer])
        return service

    def create_client(
        self,
        srv_type: type,
        srv_name: str,
        *,
        qos_profile: QoSProfile = qos_profile_services_default,
        callback_group: CallbackGroup | None = None,
    ) -> Client:
        """Call a service."""
        self._pipros_check_alive()
        name = self._pipros_resolve(srv_name, InvalidServiceNameException)
        channel = ClientChannel(self._context._pipros_participant, srv_type, name, to_endpoint(qos_profile))
        client = Client(
            self._context, channel, srv_type, name, qos_profile, self._pipros_group(callback_group)
        )
        client.srv_name = srv_name  # as given
        self._pipros_add(self._clients, client)
        self._pipros_graph.add_endpoints(self._pipros_announcement, [channel.reader], [channel.writer])
        return client

    def create_guard_condition(
        self, callback: Callable[[], object], callback_group: CallbackGroup | None = None
    ) -> GuardCondition:
        """Have a callback run by the executor when something triggers it."""
        self._pipros_check_alive()
        guard = GuardCondition(callback, self._pipros_group(callback_group), self._context)
        self._pipros_add(self._guards, guard)
        return guard

    def destroy_publisher(self, publisher: Publisher) -> bool:
        """Stop publishing; False where the publisher is not this node's."""
        return self._pipros_destroy(self._publishers, publisher, publisher._pipros_writer)

    def destroy_subscription(self, subscription: Subscription) -> bool:
        """Stop listening; False where the subscription is not this node's."""
        return self._pipros_destroy(self._subscriptions, subscription, subscription._pipros_source)

    def destroy_timer(self, timer: Timer) -> bool:
        """Stop a timer; False where it is not this node's."""
        return self._pipros_destroy(self._timers, timer)

    def destroy_service(self, service: Service) -> bool:
        """Stop serving; False where the service is not this node's."""
        channel = service._pipros_channel
        return self._pipros_destroy(
            self._services, service, *((channel.reader, channel.writer) if channel else ())
        )

    def destroy_client(self, client: Client) -> bool:
        """Stop a client; False where it is not this node's."""
        channel = client._pipros_channel
        return self._pipros_destroy(
            self._clients, client, *((channel.reader, channel.writer) if channel else ())
        )

    def _pipros_watch(
        self,
        owner: Publisher | Subscription,
        endpoint: Writer | Reader,
        callbacks: PublisherEventCallbacks | SubscriptionEventCallbacks,
        group: CallbackGroup | None,
    ) -> None:
        """Have the executor tell of others on the topic that do not fit."""
        owner.event_handlers = callbacks.create_event_handlers(
            self._pipros_group(group), endpoint, owner.topic_name, self._logger
        )
        for handler in owner.event_handlers:
            self._pipros_add(self._pipros_events, handler)
        self._context._pipros_type_watch.look(self)

    def _pipros_destroy_all(self) -> None:
        """Destroy everything."""
        self._pipros_is_destroyed = True
        self._pipros_events.clear()
        owners = (
            self._timers,
            self._subscriptions,
            self._services,
            self._clients,
            self._guards,
            self._publishers,
        )
        for owned in owners:
            while owned:
                owned.pop().destroy()

    def _pipros_check_alive(self) -> None:
        if self._pipros_is_destroyed:
            raise InvalidHandle(f"node {self._pipros_name!r} was destroyed")

    def _pipros_group(self, group: CallbackGroup | None) -> CallbackGroup:
        return group if group is not None else self._default_callback_group

    def _pipros_add(self, owned: list, entity: Any) -> None:
        entity.callback_group.add_entity(entity)
        owned.append(entity)
        self._pipros_wake()

    def _pipros_destroy(self, owned: list, entity: Any, *endpoints: Any) -> bool:
        if entity not in owned:
            return False
        owned.remove(entity)
        handlers = entity.event_handlers if isinstance(entity, (Publisher, Subscription)) else ()
        for handler in handlers:
            self._pipros_events.remove(handler)
        self._pipros_graph.remove_endpoints(
            self._pipros_announcement, [each.guid for each in endpoints if each is not None]
        )
        entity.destroy()
        self._pipros_wake()
        return True

    def _pipros_wake(self) -> None:
        """Have the executor look again at what to wait for."""
        raise NotImplementedError


def _profile(given: QoSProfile | int) -> QoSProfile:
    if isinstance(given, QoSProfile):
        return given
    if isinstance(given, bool) or not isinstance(given, int):
        raise TypeError(f"Expected QoSProfile or int, but received {type(given)!r}")
    if given < 0:
        raise ValueError("history depth must be greater than or equal to zero")
    return QoSProfile(depth=given)


def _type_name(msg_type: type[Message]) -> str:
    if not (isinstance(msg_type, type) and issubclass(msg_type, Message)):
        raise TypeError(f"{msg_type!r} is not a message class")
    return msg_type.definition.name


def _refuse(call: str, **arguments: object) -> None:
    for name, value in arguments.items():
        if value is not None:
            raise NotImplementedError(f"{call}({name}=...) is not in pipros")
