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
    """State between init and shutdown. `arguments` are those of the command line."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._is_initialized = False
        self._is_shutdown = False
        self._callbacks: list[Callable[[], object]] = []
        self._sleepers: list[weakref.WeakMethod] = []
        self._discovery: Discovery | None = None
        self._participant: Participant | None = None
        self._graph: Graph | None = None
        self._type_watch: TypeWatch | None = None
        self._nodes = 0
        self.arguments = Arguments()
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
            self._discovery = Discovery.from_environment(os.environ, domain_id)
            self.arguments = arguments
            self._close()
            self._is_initialized, self._is_shutdown = True, False
            if initialize_logging:
                logging.configure(arguments.level, arguments.logger_levels, arguments.stdout)
            for line in self._discovery.warnings:
                logging.get_logger("rcl").warning(line)
            if (rmw := os.environ.get("RMW_IMPLEMENTATION")) not in (None, "", _RMW):
                logging.get_logger("rcl").warning(
                    f"RMW_IMPLEMENTATION={rmw} is not used: without ROS 2 there is {_RMW} alone; unset it"
                )

    def ok(self) -> bool:
        """Whether it is started and not shut down."""
        return self._is_initialized and not self._is_shutdown

    def shutdown(self) -> None:
        """Stop; executors return and `on_shutdown` callbacks are called."""
        if not self.ok():
            raise RuntimeError("Context must be initialized before it can be shutdown")
        self.try_shutdown()

    def try_shutdown(self) -> None:
        """Stop, unless stopped."""
        self._end(calls_back=True)

    def _end(self, calls_back: bool) -> None:
        with self._lock:
            if not self.ok():
                return
            self._is_shutdown = True
            callbacks, self._callbacks = self._callbacks, []
            sleepers, self._sleepers = self._sleepers, []
        try:
            for callback in callbacks if calls_back else ():
                callback()
        finally:
            for sleeper in sleepers:
                if (wake := sleeper()) is not None:
                    wake()
        with self._lock:
            if not self._nodes:
                self._close()

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
            if not self._is_shutdown:
                self._callbacks.append(callback)
                return
        callback()

    def _wakes(self, sleeper: Callable[[], object]) -> None:
        """Call a bound method, whose object this does not keep, whenever the context ends."""
        with self._lock:
            self._sleepers.append(weakref.WeakMethod(sleeper))

    @property
    def participant(self) -> Participant:
        """The DDS participant; not part of rclpy."""
        with self._lock:
            if not self.ok():
                raise NotInitializedException("the context is not valid")
            if self._participant is None:
                if self._discovery is None:
                    raise NotInitializedException("the context has no domain")
                self._participant = Participant(self._discovery)
            return self._participant

    @property
    def graph(self) -> Graph:
        """The ROS graph; not part of rclpy."""
        with self._lock:
            if self._graph is None:
                self._graph = Graph(self.participant)
            return self._graph

    @property
    def type_watch(self) -> TypeWatch:
        """What warns of topics with several types; not part of rclpy."""
        with self._lock:
            if self._type_watch is None:
                self._type_watch = TypeWatch(self.participant)
            return self._type_watch

    def _add_node(self) -> None:
        with self._lock:
            self._nodes += 1

    def _remove_node(self) -> None:
        with self._lock:
            self._nodes -= 1
            if not self._nodes and not self.ok():
                self._close()

    def _close(self) -> None:
        """Leave the domain."""
        self._nodes = 0
        watch, self._type_watch = self._type_watch, None
        graph, self._graph = self._graph, None
        participant, self._participant = self._participant, None
        if watch is not None:
            watch.close()
        if graph is not None:
            graph.close()
        if participant is not None:
            participant.close()

    def __enter__(self) -> Context:
        if not self._is_initialized:
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
        context._end(calls_back=False)


def _leave_at_exit() -> None:
    for context in list(_contexts):
        context.try_shutdown()
        context._close()


atexit.register(_leave_at_exit)
