"""Nodes, as rclpy.node."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from rcl_interfaces.msg import Log, ParameterEvent

from lss_bev_ros.standalone import idl, names
from lss_bev_ros.standalone.arguments import Arguments
from lss_bev_ros.standalone.graph import TOPIC, dds_topic_name
from lss_bev_ros.standalone.interfaces import type_hash
from lss_bev_ros.standalone.message import Message
from lss_bev_ros.standalone.request_reply import ClientChannel, ServerChannel
from rclpy import logging
from rclpy.callback_groups import CallbackGroup, MutuallyExclusiveCallbackGroup
from rclpy.client import Client
from rclpy.clock import Clock, ROSClock
from rclpy.context import Context
from rclpy.duration import Duration
from rclpy.exceptions import (
    InvalidHandle,
    InvalidNamespaceException,
    InvalidNodeNameException,
    InvalidServiceNameException,
    InvalidTopicNameException,
    NotInitializedException,
)
from rclpy.guard_condition import GuardCondition
from rclpy.node_graph import GraphQueries
from rclpy.parameter import Parameter
from rclpy.parameter_holder import ParameterHolder
from rclpy.parameter_service import ParameterService
from rclpy.publisher import Publisher
from rclpy.qos import (
    DurabilityPolicy,
    QoSProfile,
    qos_profile_parameter_events,
    qos_profile_services_default,
    to_endpoint,
)
from rclpy.service import Service
from rclpy.subscription import Subscription
from rclpy.time import Time
from rclpy.time_source import TimeSource
from rclpy.timer import Rate, Timer
from rclpy.utilities import get_default_context

if TYPE_CHECKING:
    from rclpy.executors import Executor

_ROSOUT_QOS = QoSProfile(
    depth=1000, durability=DurabilityPolicy.TRANSIENT_LOCAL, lifespan=Duration(seconds=10)
)


class Node(GraphQueries, ParameterHolder):
    """A node; publishers, subscriptions, timers, services, clients and parameters belong to one."""

    def __init__(
        self,
        node_name: str,
        *,
        context: Context | None = None,
        cli_args: Sequence[str] | None = None,
        namespace: str | None = None,
        use_global_arguments: bool = True,
        enable_rosout: bool = True,
        start_parameter_services: bool = True,
        parameter_overrides: Sequence[Parameter] | None = None,
        allow_undeclared_parameters: bool = False,
        automatically_declare_parameters_from_overrides: bool = False,
    ) -> None:
        self._context = context or get_default_context()
        if not self._context.ok():
            raise NotInitializedException("cannot create node")
        self._arguments = self._merged_arguments(cli_args, use_global_arguments)
        namespace = "/" + (namespace or "").strip("/")
        self._check_name(node_name, namespace)
        self._name = self._arguments.node_name(node_name)
        self._namespace = self._arguments.namespace(node_name, namespace)
        overrides = {
            name: Parameter(name, None, value)
            for name, value in self._arguments.parameters(self._name, self._namespace).items()
        }
        overrides.update({parameter.name: parameter for parameter in parameter_overrides or ()})
        ParameterHolder.__init__(self, overrides, allow_undeclared_parameters)
        self._publishers: list[Publisher] = []
        self._subscriptions: list[Subscription] = []
        self._timers: list[Timer] = []
        self._services: list[Service] = []
        self._clients: list[Client] = []
        self._guards: list[GuardCondition] = []
        self._executor: weakref.ref | None = None
        self._is_destroyed = False
        self._default_callback_group = MutuallyExclusiveCallbackGroup()
        self._graph = self._context.graph
        self._context._add_node()
        self._announcement = self._graph.add_node(self._name, self._namespace)
        self._logger = logging.get_logger(self.get_fully_qualified_name()[1:].replace("/", "."))
        self._clock = ROSClock()
        if enable_rosout and self._arguments.rosout:
            self._start_rosout()
        self._event_publisher = self.create_publisher(
            ParameterEvent, "/parameter_events", qos_profile_parameter_events
        )
        if automatically_declare_parameters_from_overrides:
            for name, parameter in overrides.items():
                self.declare_parameter(name, parameter.value)
        self._time_source = TimeSource(self, self._clock)
        if start_parameter_services:
            ParameterService(self)

    # Names and belongings

    def get_name(self) -> str:
        """The name, after remaps."""
        return self._name

    def get_namespace(self) -> str:
        """The namespace, after remaps."""
        return self._namespace

    def get_fully_qualified_name(self) -> str:
        """Namespace and name."""
        return names.qualify(self._namespace, self._name)

    def get_logger(self) -> logging.RcutilsLogger:
        """The node's logger."""
        return self._logger

    def get_clock(self) -> Clock:
        """The node's clock; simulated with `use_sim_time`."""
        return self._clock

    @property
    def context(self) -> Context:
        """The context."""
        return self._context

    @property
    def default_callback_group(self) -> CallbackGroup:
        """The group of everything that is given none; mutually exclusive."""
        return self._default_callback_group

    @property
    def executor(self) -> Executor | None:
        """The executor that runs the node."""
        return self._executor() if self._executor is not None else None

    @executor.setter
    def executor(self, new_executor: Executor | None) -> None:
        previous = self.executor
        if previous is new_executor:
            return
        if previous is not None:
            previous.remove_node(self)
        self._executor = None if new_executor is None else weakref.ref(new_executor)
        if new_executor is not None:
            new_executor.add_node(self)

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

    def executor_entities(self) -> list[object]:
        """All that an executor waits for; not part of rclpy."""
        return [*self._timers, *self._subscriptions, *self._guards, *self._clients, *self._services]

    def resolve_topic_name(self, topic: str, *, only_expand: bool = False) -> str:
        """A topic's absolute name, after remaps."""
        problem = names.problem_with_topic_name(topic)
        if problem:
            raise InvalidTopicNameException(topic, problem)
        expanded = names.expand(topic, self._name, self._namespace)
        return expanded if only_expand else self._arguments.remap(expanded, self._name, self._namespace)

    def resolve_service_name(self, service: str, *, only_expand: bool = False) -> str:
        """A service's absolute name, after remaps."""
        try:
            return self.resolve_topic_name(service, only_expand=only_expand)
        except InvalidTopicNameException:
            raise InvalidServiceNameException(service, names.problem_with_topic_name(service)) from None

    # Creating

    def create_publisher(
        self,
        msg_type: type[Message],
        topic: str,
        qos_profile: QoSProfile | int,
        *,
        callback_group: CallbackGroup | None = None,
        event_callbacks: None = None,
        qos_overriding_options: None = None,
    ) -> Publisher:
        """Publish messages of a type on a topic; an int for QoS is the depth of a reliable profile."""
        self._check_alive()
        _refuse(
            "create_publisher", event_callbacks=event_callbacks, qos_overriding_options=qos_overriding_options
        )
        profile, name, type_name = _profile(qos_profile), self.resolve_topic_name(topic), _type_name(msg_type)
        writer = self._context.participant.writer(
            dds_topic_name(TOPIC, name),
            idl.message_type(type_name),
            to_endpoint(profile),
            f"typehash={type_hash(type_name)};",
        )
        publisher = Publisher(writer, msg_type, name, profile)
        self._publishers.append(publisher)
        self._graph.add_endpoints(self._announcement, writers=[writer])
        return publisher

    def create_subscription(
        self,
        msg_type: type[Message],
        topic: str,
        callback: Callable[..., object],
        qos_profile: QoSProfile | int,
        *,
        callback_group: CallbackGroup | None = None,
        event_callbacks: None = None,
        qos_overriding_options: None = None,
        raw: bool = False,
    ) -> Subscription:
        """Call back with each message of a topic, or with its serialised bytes where `raw`."""
        self._check_alive()
        _refuse(
            "create_subscription",
            event_callbacks=event_callbacks,
            qos_overriding_options=qos_overriding_options,
        )
        profile, name, type_name = _profile(qos_profile), self.resolve_topic_name(topic), _type_name(msg_type)
        reader = self._context.participant.reader(
            dds_topic_name(TOPIC, name),
            idl.message_type(type_name),
            to_endpoint(profile),
            f"typehash={type_hash(type_name)};",
        )
        group = self._group(callback_group)
        subscription = Subscription(reader, msg_type, name, callback, group, profile, raw)
        self._add(self._subscriptions, subscription)
        self._graph.add_endpoints(self._announcement, readers=[reader])
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
        self._check_alive()
        timer = Timer(
            callback,
            self._group(callback_group),
            int(float(timer_period_sec) * 1e9),
            clock or self._clock,
            context=self._context,
            autostart=autostart,
            wake=self._wake,
        )
        self._add(self._timers, timer)
        return timer

    def create_rate(self, frequency: float, clock: Clock | None = None) -> Rate:
        """Sleep to a beat of so many Hz; another thread must spin the node."""
        if frequency <= 0:
            raise ValueError("frequency must be > 0")
        return Rate(self.create_timer(1.0 / frequency, lambda: None, None, clock), context=self._context)

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
        self._check_alive()
        name = self.resolve_service_name(srv_name)
        channel = ServerChannel(self._context.participant, srv_type, name, to_endpoint(qos_profile))
        service = Service(channel, srv_type, name, callback, self._group(callback_group), qos_profile)
        self._add(self._services, service)
        self._graph.add_endpoints(self._announcement, [channel.reader], [channel.writer])
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
        self._check_alive()
        name = self.resolve_service_name(srv_name)
        channel = ClientChannel(self._context.participant, srv_type, name, to_endpoint(qos_profile))
        client = Client(self._context, channel, srv_type, name, qos_profile, self._group(callback_group))
        self._add(self._clients, client)
        self._graph.add_endpoints(self._announcement, [channel.reader], [channel.writer])
        return client

    def create_guard_condition(
        self, callback: Callable[[], object], callback_group: CallbackGroup | None = None
    ) -> GuardCondition:
        """Have a callback run by the executor when something triggers it."""
        self._check_alive()
        guard = GuardCondition(callback, self._group(callback_group), self._context)
        self._add(self._guards, guard)
        return guard

    # Destroying

    def destroy_publisher(self, publisher: Publisher) -> bool:
        """Stop publishing; False where the publisher is not this node's."""
        return self._destroy(self._publishers, publisher, publisher._writer)

    def destroy_subscription(self, subscription: Subscription) -> bool:
        """Stop listening; False where the subscription is not this node's."""
        return self._destroy(self._subscriptions, subscription, subscription.source)

    def destroy_timer(self, timer: Timer) -> bool:
        """Stop a timer; False where it is not this node's."""
        return self._destroy(self._timers, timer)

    def destroy_rate(self, rate: Rate) -> bool:
        """Stop a rate; False where it is not this node's."""
        return self.destroy_timer(rate._timer)

    def destroy_service(self, service: Service) -> bool:
        """Stop serving; False where the service is not this node's."""
        channel = service._channel
        return self._destroy(self._services, service, *((channel.reader, channel.writer) if channel else ()))

    def destroy_client(self, client: Client) -> bool:
        """Stop a client; False where it is not this node's."""
        channel = client._channel
        return self._destroy(self._clients, client, *((channel.reader, channel.writer) if channel else ()))

    def destroy_guard_condition(self, guard: GuardCondition) -> bool:
        """Stop a guard condition; False where it is not this node's."""
        return self._destroy(self._guards, guard)

    def destroy_node(self) -> None:
        """Destroy the node with all that belongs to it."""
        if self._is_destroyed:
            return
        self._is_destroyed = True
        if self.executor is not None:
            self.executor.remove_node(self)
        logging.remove_output(self._logger.name)
        self._graph.remove_node(self._announcement)
        for owned in (
            self._timers,
            self._subscriptions,
            self._services,
            self._clients,
            self._guards,
            self._publishers,
        ):
            while owned:
                owned.pop().destroy()
        self._context._remove_node()

    def __enter__(self) -> Node:
        return self

    def __exit__(self, *exception: object) -> None:
        self.destroy_node()

    # Inner workings

    def _merged_arguments(self, cli_args: Sequence[str] | None, use_global: bool) -> Arguments:
        """The node's own arguments, which come first, with the process' behind them."""
        own = Arguments.parse(cli_args or ())
        if use_global:
            process = self._context.arguments
            own.remaps += process.remaps
            own.overrides = process.overrides + own.overrides
            own.rosout = own.rosout and process.rosout
        return own

    @staticmethod
    def _check_name(name: str, namespace: str) -> None:
        problem = names.problem_with_node_name(name)
        if problem:
            raise InvalidNodeNameException(name, problem)
        problem = names.problem_with_namespace(namespace)
        if problem:
            raise InvalidNamespaceException(namespace, problem)

    def _check_alive(self) -> None:
        if self._is_destroyed:
            raise InvalidHandle(f"node {self._name!r} was destroyed")

    def _group(self, group: CallbackGroup | None) -> CallbackGroup:
        return group if group is not None else self._default_callback_group

    def _add(self, owned: list, entity: object) -> None:
        entity.callback_group.add_entity(entity)
        owned.append(entity)
        self._wake()

    def _destroy(self, owned: list, entity: object, *endpoints: object) -> bool:
        if entity not in owned:
            return False
        owned.remove(entity)
        self._graph.remove_endpoints(
            self._announcement, [each.guid for each in endpoints if each is not None]
        )
        entity.destroy()
        self._wake()
        return True

    def _wake(self) -> None:
        executor = self.executor
        if executor is not None:
            executor.wake()

    def _publish_parameter_event(self, event: ParameterEvent) -> None:
        event.node = self.get_fully_qualified_name()
        event.stamp = self._clock.now().to_msg()
        self._event_publisher.publish(event)

    def _start_rosout(self) -> None:
        publisher = self.create_publisher(Log, "/rosout", _ROSOUT_QOS)
        logging.add_output(self._logger.name, partial(_publish_log, publisher))


def _publish_log(publisher: Publisher, record: logging.Record) -> None:
    severity, name, text, stamp, function, file, line = record
    publisher.publish(
        Log(
            stamp=Time(nanoseconds=stamp).to_msg(),
            level=int(severity),
            name=name,
            msg=text,
            file=file,
            function=function,
            line=line,
        )
    )


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
            raise NotImplementedError(f"{call}({name}=...) is not in the standalone runtime")
