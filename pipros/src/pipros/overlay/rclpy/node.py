"""Nodes, as rclpy.node."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from rcl_interfaces.msg import Log, ParameterEvent

from pipros import names
from pipros.arguments import Arguments
from rclpy import logging
from rclpy._rclpy_pybind11 import RCLError
from rclpy.clock import Clock, ROSClock
from rclpy.context import Context, parsed
from rclpy.duration import Duration
from rclpy.exceptions import (
    InvalidNamespaceException,
    InvalidNodeNameException,
    InvalidServiceNameException,
    InvalidTopicNameException,
    NameValidationException,
    NotInitializedException,
)
from rclpy.node_entities import EntityOwner
from rclpy.node_graph import GraphQueries
from rclpy.parameter import Parameter
from rclpy.parameter_holder import ParameterHolder
from rclpy.parameter_service import ParameterService
from rclpy.publisher import Publisher
from rclpy.qos import (
    DurabilityPolicy,
    QoSProfile,
    qos_profile_parameter_events,
)
from rclpy.time import Time
from rclpy.time_source import TimeSource
from rclpy.utilities import get_default_context

if TYPE_CHECKING:
    from rclpy.executors import Executor

_ROSOUT_QOS = QoSProfile(
    depth=1000, durability=DurabilityPolicy.TRANSIENT_LOCAL, lifespan=Duration(seconds=10)
)


class Node(EntityOwner, GraphQueries, ParameterHolder):
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
    ) -> None:
        self._context = context or get_default_context()
        if not self._context.ok():
            raise NotInitializedException("cannot create node")
        self._pipros_arguments = self._pipros_merged_arguments(cli_args, use_global_arguments)
        namespace = namespace or ""
        namespace = namespace if namespace.startswith("/") else f"/{namespace}"
        self._pipros_check_name(node_name, namespace)
        self._pipros_name = self._pipros_arguments.node_name(node_name)
        self._pipros_namespace = self._pipros_arguments.namespace(node_name, namespace)
        overrides = {
            name: Parameter(name, None, None if value == [] else value)  # of no type, so there is no value
            for name, value in self._pipros_arguments.parameters(
                self._pipros_name, self._pipros_namespace
            ).items()
        }
        overrides.update({parameter.name: parameter for parameter in parameter_overrides or ()})
        ParameterHolder.__init__(self, overrides)
        EntityOwner.__init__(self)
        self._pipros_executor: weakref.ref | None = None
        self._pipros_graph = self._context._pipros_graph
        self._context._pipros_add_node()
        self._pipros_announcement = self._pipros_graph.add_node(self._pipros_name, self._pipros_namespace)
        self._logger = logging.get_logger(self.get_fully_qualified_name()[1:].replace("/", "."))
        self._clock = ROSClock()
        if enable_rosout and self._pipros_arguments.rosout:
            self._pipros_start_rosout()
        self._parameter_event_publisher = self.create_publisher(
            ParameterEvent, "/parameter_events", qos_profile_parameter_events
        )
        self._time_source = TimeSource(self, self._clock)
        if start_parameter_services:
            ParameterService(self)

    # Names and belongings

    def get_name(self) -> str:
        """The name, after remaps."""
        self._pipros_check_alive()
        return self._pipros_name

    def get_namespace(self) -> str:
        """The namespace, after remaps."""
        self._pipros_check_alive()
        return self._pipros_namespace

    def get_fully_qualified_name(self) -> str:
        """Namespace and name."""
        self._pipros_check_alive()
        return names.qualify(self._pipros_namespace, self._pipros_name)

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
    def executor(self) -> Executor | None:
        """The executor that runs the node."""
        return self._pipros_executor() if self._pipros_executor is not None else None

    @executor.setter
    def executor(self, new_executor: Executor | None) -> None:
        previous = self.executor
        if previous is new_executor:
            return
        if previous is not None:
            previous.remove_node(self)
        self._pipros_executor = None if new_executor is None else weakref.ref(new_executor)
        if new_executor is not None:
            new_executor.add_node(self)

    def resolve_topic_name(self, topic: str, *, only_expand: bool = False) -> str:
        """A topic's absolute name, after remaps."""
        return self._pipros_resolved(topic, only_expand, InvalidTopicNameException)

    def resolve_service_name(self, service: str, *, only_expand: bool = False) -> str:
        """A service's absolute name, after remaps."""
        return self._pipros_resolved(service, only_expand, InvalidServiceNameException)

    def _pipros_resolved(self, name: str, only_expand: bool, refusal: type[NameValidationException]) -> str:
        try:
            return self._pipros_resolve(name, refusal, only_expand)
        except NameValidationException as error:
            raise RCLError(f"failed to resolve name: {error.reason}") from None
        except ValueError as error:
            raise RCLError(f"failed to resolve name: {str(error).partition(' is invalid: ')[2]}") from None

    def _pipros_resolve(
        self,
        name: str,
        refusal: type[NameValidationException] = InvalidTopicNameException,
        only_expand: bool = False,
    ) -> str:
        """The same with the errors of those who make endpoints; `refusal` tells topics from services."""
        if problem := names.problem_with_topic_name(name):
            raise refusal(problem.name, problem.reason, problem.index)
        if unknown := names.unknown_substitution(name):
            raise ValueError(f"topic name '{name}' is invalid: unknown substitution: {unknown}")
        full = names.expand(name, self._pipros_name, self._pipros_namespace)
        if not only_expand:
            kind = "service" if refusal is InvalidServiceNameException else "topic"
            full = self._pipros_arguments.remap(full, self._pipros_name, self._pipros_namespace, kind)
        if problem := names.problem_with_full_topic_name(full):
            raise refusal(problem.name, problem.reason, problem.index)
        return full

    # Ending

    def destroy_node(self) -> None:
        """Destroy the node with all that belongs to it."""
        if self._pipros_is_destroyed:
            return
        if self.executor is not None:
            self.executor.remove_node(self)
        logging.remove_output(self._logger.name)
        self._pipros_graph.remove_node(self._pipros_announcement)
        self._pipros_destroy_all()
        self._context._pipros_remove_node()

    # Inner workings

    def _pipros_merged_arguments(self, cli_args: Sequence[str] | None, use_global: bool) -> Arguments:
        """The node's own arguments, which come first, with the process' behind them."""
        own = parsed(cli_args or ())
        if use_global:
            process = self._context._pipros_arguments
            own.remaps += process.remaps
            own.overrides = process.overrides + own.overrides
            own.rosout = own.rosout and process.rosout
        return own

    @staticmethod
    def _pipros_check_name(name: str, namespace: str) -> None:
        if problem := names.problem_with_node_name(name):
            raise InvalidNodeNameException(problem.name, problem.reason, problem.index)
        if problem := names.problem_with_namespace(namespace):
            raise InvalidNamespaceException(problem.name, problem.reason, problem.index)

    def _pipros_wake(self) -> None:
        executor = self.executor
        if executor is not None:
            executor.wake()

    def _pipros_publish_parameter_event(self, event: ParameterEvent) -> None:
        event.node = self.get_fully_qualified_name()
        event.stamp = self._clock.now().to_msg()
        self._parameter_event_publisher.publish(event)

    def _pipros_start_rosout(self) -> None:
        publisher = self.create_publisher(Log, "/rosout", _ROSOUT_QOS)
        logging.add_output(self._logger.name, partial(_publish_log, publisher))


def _publish_log(publisher: Publisher, record: logging.Record) -> None:
    if not publisher._pipros_context.ok():
        return
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
