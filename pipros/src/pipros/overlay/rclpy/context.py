"""The life of a process in ROS, from init to shutdown, as rclpy.context.

A context also owns what rmw keeps for it: the DDS participant and the graph, made for the first node
or executor. They go when the context is shut down and its last node is destroyed, at the latest at
exit, so that others see the process leave at once.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import weakref
from collections.abc import Callable, Sequence

from pipros.arguments import Arguments
from pipros.discovery import Discovery
from pipros.errors import PiprosError
from pipros.graph import Graph
from pipros.transport import Participant
from rclpy import logging
from rclpy._rclpy_pybind11 import RCLInvalidROSArgsError, UnknownROSArgsError
from rclpy.exceptions import NotInitializedException
from rclpy.type_watch import TypeWatch

_RMW = "rmw_cyclonedds_cpp"  # what the stand-in speaks like
_contexts: weakref.WeakSet[Context] = weakref.WeakSet()


class Context:
    """State between init and shutdown."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._pipros_is_initialized = False
        self._pipros_is_shutdown = False
        self._callbacks: list[Callable[[], object]] = []
        self._pipros_sleepers: list[weakref.WeakMethod] = []
        self._pipros_discovery: Discovery | None = None
        self._pipros_held_participant: Participant | None = None
        self._pipros_held_graph: Graph | None = None
        self._pipros_held_type_watch: TypeWatch | None = None
        self._pipros_nodes = 0
        self._pipros_arguments = Arguments()
        _contexts.add(self)

    def init(
        self,
        args: Sequence[str] | None = None,
        *,
        initialize_logging: bool = True,
        domain_id: int | None = None,
    ) -> None:
        """Start. Arguments are sys.argv's where none are given."""
        with self._lock:
            if self.ok():
                raise RuntimeError("Context.init() must only be called once")
            arguments = parsed(sys.argv if args is None else args)
            self._pipros_discovery = Discovery.from_environment(os.environ, domain_id)
            self._pipros_arguments = arguments
            self._pipros_close()
            self._pipros_is_initialized, self._pipros_is_shutdown = True, False
            if initialize_logging:
                logging.configure(arguments.level, arguments.logger_levels, arguments.stdout)
            for line in self._pipros_discovery.warnings:
                logging.get_logger("rcl").warning(line)
            if (rmw := os.environ.get("RMW_IMPLEMENTATION")) not in (None, "", _RMW):
                logging.get_logger("rcl").warning(
                    f"RMW_IMPLEMENTATION={rmw} is not used: without ROS 2 there is {_RMW} alone; unset it"
                )

    def ok(self) -> bool:
        """Whether it is started and not shut down."""
        return self._pipros_is_initialized and not self._pipros_is_shutdown

    def shutdown(self) -> None:
        """Stop; executors return and `on_shutdown` callbacks are called."""
        if not self.ok():
            raise RuntimeError("Context must be initialized before it can be shutdown")
        self.try_shutdown()

    def try_shutdown(self) -> None:
        """Stop, unless stopped."""
        self._pipros_end(calls_back=True)

    def _pipros_end(self, calls_back: bool) -> None:
        with self._lock:
            if not self.ok():
                return
            self._pipros_is_shutdown = True
            callbacks, self._callbacks = self._callbacks, []
            sleepers, self._pipros_sleepers = self._pipros_sleepers, []
        try:
            for callback in callbacks if calls_back else ():
                callback()
        finally:
            for sleeper in sleepers:
                if (wake := sleeper()) is not None:
                    wake()
        with self._lock:
            if not self._pipros_nodes:
                self._pipros_close()

    def on_shutdown(self, callback: Callable[[], object]) -> None:
        """Call back once when the context is shut down; bound methods do not keep their object alive."""
        if not callable(callback):
            raise TypeError("callback should be a callable, got {type(callback)}")
        if hasattr(callback, "__self__") and not isinstance(callback, type(print)):
            method = weakref.WeakMethod(callback)

            def callback() -> None:
                bound = method()
                if bound is not None:
                    bound()

        with self._lock:
            if not self._pipros_is_shutdown:
                self._callbacks.append(callback)
                return
        callback()

    def _pipros_wakes(self, sleeper: Callable[[], object]) -> None:
        """Call a bound method, whose object this does not keep, whenever the context ends."""
        with self._lock:
            self._pipros_sleepers.append(weakref.WeakMethod(sleeper))

    @property
    def _pipros_participant(self) -> Participant:
        """The DDS participant."""
        with self._lock:
            if not self.ok():
                raise NotInitializedException("the context is not valid")
            if self._pipros_held_participant is None:
                if self._pipros_discovery is None:
                    raise NotInitializedException("the context has no domain")
                self._pipros_held_participant = Participant(self._pipros_discovery)
            return self._pipros_held_participant

    @property
    def _pipros_graph(self) -> Graph:
        """The ROS graph."""
        with self._lock:
            if self._pipros_held_graph is None:
                self._pipros_held_graph = Graph(self._pipros_participant)
            return self._pipros_held_graph

    @property
    def _pipros_type_watch(self) -> TypeWatch:
        """What warns of topics with several types."""
        with self._lock:
            if self._pipros_held_type_watch is None:
                self._pipros_held_type_watch = TypeWatch(self._pipros_participant)
            return self._pipros_held_type_watch

    def _pipros_add_node(self) -> None:
        with self._lock:
            self._pipros_nodes += 1

    def _pipros_remove_node(self) -> None:
        with self._lock:
            self._pipros_nodes -= 1
            if not self._pipros_nodes and not self.ok():
                self._pipros_close()

    def _pipros_close(self) -> None:
        """Leave the domain."""
        self._pipros_nodes = 0
        watch, self._pipros_held_type_watch = self._pipros_held_type_watch, None
        graph, self._pipros_held_graph = self._pipros_held_graph, None
        participant, self._pipros_held_participant = self._pipros_held_participant, None
        if watch is not None:
            watch.close()
        if graph is not None:
            graph.close()
        if participant is not None:
            participant.close()

    def __enter__(self) -> Context:
        if not self._pipros_is_initialized:
            self.init()
        return self

    def __exit__(self, *exception: object) -> None:
        self.try_shutdown()


def parsed(arguments: Sequence[str]) -> Arguments:
    """A command line's arguments, or rclpy's errors of wrong ones; not part of rclpy."""
    try:
        found = Arguments.parse(arguments)
    except PiprosError as error:
        raise RCLInvalidROSArgsError(str(error)) from None
    if found.unknown:
        raise UnknownROSArgsError(f"unknown ROS arguments: {' '.join(found.unknown)}")
    return found


def shutdown_all() -> None:
    """Shut every context down as a signal does, without `on_shutdown` callbacks; not part of rclpy."""
    for context in list(_contexts):
        context._pipros_end(calls_back=False)


def _leave_at_exit() -> None:
    for context in list(_contexts):
        context.try_shutdown()
        context._pipros_close()


atexit.register(_leave_at_exit)
