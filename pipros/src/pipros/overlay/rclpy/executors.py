"""Executors, as rclpy.executors: they wait for what nodes have to do and do it.

One DDS wait set holds the readers of all nodes and a guard that anything can set to have the set of
waited things looked at again. Nothing polls: an idle executor sleeps until a sample, a timer or a
guard wakes it.
"""

from __future__ import annotations

import inspect
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

from pipros.transport import Guard, WaitSet
from rclpy.context import Context
from rclpy.exceptions import NotInitializedException
from rclpy.task import Future, Task
from rclpy.utilities import get_default_context

if TYPE_CHECKING:
    from rclpy.node import Node


class TimeoutException(Exception):
    """Nothing became ready in time."""


class ShutdownException(Exception):
    """The executor was shut down."""


class ExternalShutdownException(Exception):
    """The context was shut down, e.g. by a signal."""

    def __init__(self) -> None:
        super().__init__("shutdown was called or the process was told to end")


class ConditionReachedException(Exception):
    """What was waited for came true."""


class Executor:
    """Base of the executors: finds work; how it is run is for the derived ones."""

    def __init__(self, *, context: Context | None = None) -> None:
        self._context = context or get_default_context()
        if not self._context.ok():
            raise NotInitializedException("an executor needs a valid context")
        self._nodes: list[Node] = []
        self._nodes_lock = threading.RLock()
        self._tasks: deque[Task] = deque()
        self._pipros_waiting = threading.Lock()
        self._is_shutdown = False
        self._pipros_running = 0
        self._pipros_idle = threading.Condition()
        self._pipros_thread = threading.local()
        self._guard: Guard | None = Guard(self._context._pipros_participant)
        self._pipros_wait_set = WaitSet(self._context._pipros_participant)
        self._context._pipros_wakes(self.wake)

    @property
    def context(self) -> Context:
        """The context."""
        return self._context

    def add_node(self, node: Node) -> bool:
        """Run a node's callbacks; False where it is here already."""
        with self._nodes_lock:
            if node in self._nodes:
                return False
            self._nodes.append(node)
        node.executor = self
        self.wake()
        return True

    def remove_node(self, node: Node) -> None:
        """Stop running a node's callbacks."""
        with self._nodes_lock:
            if node in self._nodes:
                self._nodes.remove(node)
        self._pipros_forget(set(node._pipros_executor_entities()))
        self.wake()

    def get_nodes(self) -> list[Node]:
        """The nodes it runs."""
        with self._nodes_lock:
            return list(self._nodes)

    def wake(self) -> None:
        """Look again at what to wait for."""
        guard = self._guard
        if guard is not None:
            guard.trigger()

    def create_task(self, callback: Callable, *args: object, **kwargs: object) -> Task:
        """Run a function or coroutine; the task is a future of its result."""
        task = Task(callback, args, kwargs, executor=self)
        self._pipros_enqueue(task)
        return task

    def spin(self) -> None:
        """Run callbacks until shutdown."""
        while self._context.ok() and not self._is_shutdown:
            self.spin_once()

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Wait for one callback, at most `timeout_sec` (None: for ever), and run it."""
        self._pipros_spin_once(timeout_sec, lambda: False)

    def spin_until_future_complete(self, future: Future, timeout_sec: float | None = None) -> None:
        """Run callbacks until a future is done, or for `timeout_sec`."""
        future.add_done_callback(lambda _: self.wake())
        end = None if timeout_sec is None or timeout_sec < 0 else time.monotonic() + timeout_sec
        while self._context.ok() and not future.done() and not future.cancelled() and not self._is_shutdown:
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                return
            self._pipros_spin_once(left, future.done)

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        """Stop and wait for running callbacks; False where they take longer than the timeout."""
        self._is_shutdown = True
        self.wake()
        mine = getattr(
            self._pipros_thread, "depth", 0
        )  # a callback that shuts its executor down is not waited for
        with self._pipros_idle:
            if not self._pipros_idle.wait_for(lambda: self._pipros_running <= mine, timeout_sec):
                return False
        self._pipros_forget({task._pipros_entity for task in self._tasks})
        with self._nodes_lock:
            self._nodes.clear()
        with self._pipros_waiting:
            guard, self._guard = self._guard, None
            if guard is not None:
                self._pipros_wait_set.close()
                guard.close()
        return True

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, *exception: object) -> None:
        self.shutdown()

    def _pipros_spin_once(self, timeout_sec: float | None, condition: Callable[[], bool]) -> None:
        raise NotImplementedError

    def _pipros_enqueue(self, task: Task) -> None:
        self._tasks.append(task)
        self.wake()

    def _pipros_next_task(self, timeout_sec: float | None, condition: Callable[[], bool]) -> Task:
        """Wait for something to do. Raises what rclpy raises on timeout and shutdown."""
        deadline = None if timeout_sec is None or timeout_sec < 0 else time.monotonic() + timeout_sec
        while True:
            # Cleared before anything is looked at: what changes from here on sets it again and ends the wait.
            guard = self._guard
            if guard is not None:
                guard.clear()
            if self._is_shutdown:
                raise ShutdownException
            if condition():
                raise ConditionReachedException
            try:
                return self._tasks.popleft()
            except IndexError:
                pass
            expired = deadline is not None and time.monotonic() >= deadline
            with self._pipros_waiting:
                if self._guard is None:
                    raise ShutdownException
                self._pipros_gather(0 if expired else deadline)
            if not self._context.ok():
                raise ShutdownException if self._is_shutdown else ExternalShutdownException
            if expired and not self._tasks:
                raise TimeoutException

    def _pipros_gather(self, deadline: float | None) -> None:
        """Wait until something is ready, or the deadline (0: do not wait), and queue what is."""
        waited: dict[Any, Any] = {}
        timers = []
        for entity in self._pipros_entities():
            if entity._executor_event or not entity.callback_group.can_execute(entity):
                continue
            if entity._pipros_source is not None:
                waited[entity._pipros_source] = entity
            elif (left := getattr(entity, "_pipros_wait_time", lambda: None)()) is not None:
                timers.append((left, entity))
        self._pipros_wait_set.set_conditions([*([] if self._guard is None else [self._guard]), *waited])
        timeouts = [left for left, _ in timers]
        if deadline is not None:
            timeouts.append(int((deadline - time.monotonic()) * 1e9))
        if not self._context.ok() or self._tasks:
            timeouts.append(0)
        ready = set(self._pipros_wait_set.wait(min(timeouts) if timeouts else None))
        for _, timer in sorted(timers, key=lambda each: each[0]):
            if timer.is_ready():
                self._pipros_queue(timer)
        for source, entity in waited.items():  # timers, subscriptions, guards, clients, services, as in rclpy
            if source in ready:
                self._pipros_queue(entity)

    def _pipros_entities(self) -> Iterator[Any]:
        for node in self.get_nodes():
            yield from node._pipros_executor_entities()

    def _pipros_queue(self, entity: Any) -> None:
        entity._executor_event = True  # until its handler has begun, or it would be found ready again
        task = Task(self._pipros_run, (entity,), executor=self)
        task._pipros_entity = entity
        self._tasks.append(task)

    def _pipros_forget(self, entities: set[object]) -> None:
        """Drop what was found ready for these but not begun; whoever waits for them next finds it again."""
        for task in [
            task
            for task in self._tasks
            if task._pipros_entity in entities and task._pipros_entity is not None
        ]:
            try:
                self._tasks.remove(task)
            except ValueError:
                continue  # another thread has just begun it
            task._pipros_entity._executor_event = False

    def _pipros_run(self, entity: Any) -> object:
        """Take what an entity has and call its callback, as its group allows."""
        group = entity.callback_group
        if self._is_shutdown or not group.beginning_execution(entity):
            entity._executor_event = False
            self.wake()
            return None
        with self._pipros_idle:
            self._pipros_running += 1
        self._pipros_thread.depth = getattr(self._pipros_thread, "depth", 0) + 1
        later: Awaitable[object] | None = None
        try:
            try:
                call = entity._pipros_take()
            finally:
                entity._executor_event = False
            result = call() if call is not None else None
            later = result if inspect.iscoroutine(result) else None
        finally:
            self._pipros_thread.depth -= 1
            if later is None:
                group.ending_execution(entity)
                self._pipros_done()
        return None if later is None else self._pipros_finish(later, entity)

    async def _pipros_finish(self, coroutine: Awaitable[object], entity: Any) -> None:
        try:
            await coroutine
        finally:
            entity.callback_group.ending_execution(entity)
            self._pipros_done()

    def _pipros_done(self) -> None:
        """A callback has ended."""
        with self._pipros_idle:
            self._pipros_running -= 1
            self._pipros_idle.notify_all()


class SingleThreadedExecutor(Executor):
    """Runs callbacks in the thread that spins."""

    def _pipros_spin_once(self, timeout_sec: float | None, condition: Callable[[], bool]) -> None:
        try:
            task = self._pipros_next_task(timeout_sec, condition)
        except (ShutdownException, TimeoutException, ConditionReachedException):
            return
        task()
        if task.done():
            task.result()  # raises what the callback raised
