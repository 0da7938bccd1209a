"""What runs a launch."""

from __future__ import annotations

import asyncio
import signal
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from launch.action import LaunchDescriptionEntity
from launch.event_handlers import OnShutdown, listed
from launch.events import Event, Shutdown
from launch.launch_context import LaunchContext
from launch.launch_description import LaunchDescription
from launch.logging import LaunchLog, get_logger


class LaunchService:
    """Visit launch descriptions, deal with events and end when all is done or somebody asks for it.

    SIGINT (Ctrl-C), SIGTERM, SIGQUIT and SIGHUP end the launch: its processes are told to end, and the
    launch waits for them. In ROS 2, SIGTERM leaves the processes behind; here nothing is left.
    """

    def __init__(
        self, *, argv: Iterable[str] | None = None, noninteractive: bool = False, debug: bool = False
    ) -> None:
        self._pipros_context = LaunchContext(argv=argv, noninteractive=noninteractive)
        self._pipros_debug = debug
        self._pipros_logger = get_logger("launch")
        self._pipros_included: list[LaunchDescription] = []
        self._pipros_return_code = 0
        self._pipros_context.register_event_handler(OnShutdown(on_shutdown=self._pipros_begin_to_end))

    @property
    def context(self) -> LaunchContext:
        """The context of all that is visited."""
        return self._pipros_context

    def include_launch_description(self, launch_description: LaunchDescription) -> None:
        """Visit a description when the launch runs, or at once where it runs already."""
        self._pipros_included.append(launch_description)
        self.emit_event(Event())

    def emit_event(self, event: Event) -> None:
        """Queue an event, from any thread."""
        loop = self._pipros_context.asyncio_loop
        if loop is None:
            self._pipros_context.emit_event_sync(event)
        else:
            loop.call_soon_threadsafe(self._pipros_context.emit_event_sync, event)

    def shutdown(self, force_sync: bool = False) -> None:
        """End the launch, from any thread."""
        self.emit_event(Shutdown(reason="LaunchService.shutdown() called"))

    def run(self, *, shutdown_when_idle: bool = True) -> int:
        """Run in the main thread until the launch has ended.

        Returns:
            0, or 1 where an action failed. A process that failed does not count, as in ROS 2.

        Raises:
            RuntimeError: Not called in the main thread.
        """
        return asyncio.run(self.run_async(shutdown_when_idle=shutdown_when_idle))

    async def run_async(self, *, shutdown_when_idle: bool = True) -> int:
        """Do what `run` does, inside a running event loop of the main thread."""
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("LaunchService can only be run in the main thread.")
        context = self._pipros_context
        log = LaunchLog(debug=self._pipros_debug)
        context._event_arrived = asyncio.Event()
        context.asyncio_loop = asyncio.get_running_loop()
        try:
            with self._pipros_signals():
                await self._pipros_until_done(shutdown_when_idle)
        finally:
            context.asyncio_loop = None
            log.close()
        return self._pipros_return_code

    async def _pipros_until_done(self, shutdown_when_idle: bool) -> None:
        context = self._pipros_context
        while True:
            while context._events:
                self._pipros_attempt(self._pipros_process_event, context._events.popleft())
            running = self._pipros_running()
            if not running and context.is_shutdown and not context._events:
                return
            if not running and shutdown_when_idle and not context._events:
                self._pipros_shut_down("idle")
                continue
            context._event_arrived.clear()
            arrived = asyncio.ensure_future(context._event_arrived.wait())
            if not context._events:
                await asyncio.wait([arrived, *running], return_when=asyncio.FIRST_COMPLETED)
            arrived.cancel()

    def _pipros_running(self) -> list[asyncio.Future]:
        """Return what the launch waits for; what has failed meanwhile ends it."""
        futures = self._pipros_context._completion_futures
        done = [future for future in futures if future.done()]
        self._pipros_context._completion_futures = [future for future in futures if not future.done()]
        for future in done:
            self._pipros_attempt(future.result)
        return self._pipros_context._completion_futures

    def _pipros_attempt(self, do: Callable[..., object], *args: object) -> None:
        """Call a function; whatever it raises is the launch file's fault and ends the launch."""
        try:
            do(*args)
        except (Exception, asyncio.CancelledError) as error:
            self._pipros_logger.debug(traceback.format_exc())
            text = f"Caught exception in launch (see debug for traceback): {error or type(error).__name__}"
            self._pipros_logger.error(text)
            self._pipros_return_code = 1
            self._pipros_shut_down(text)

    def _pipros_process_event(self, event: Event) -> None:
        included, self._pipros_included = self._pipros_included, []
        self._pipros_visit(included)
        for handler in tuple(self._pipros_context._event_handlers):
            if handler.matches(event):
                self._pipros_context._push_locals()
                try:
                    self._pipros_visit(listed(handler.handle(event, self._pipros_context)))
                finally:
                    self._pipros_context._pop_locals()

    def _pipros_visit(self, entities: Iterable[LaunchDescriptionEntity]) -> None:
        """Visit entities and, depth first, all that they yield."""
        for entity in entities:
            self._pipros_visit(entity.visit(self._pipros_context) or ())

    def _pipros_shut_down(self, reason: str, *, due_to_sigint: bool = False) -> None:
        if not self._pipros_context.is_shutdown:
            self._pipros_context.is_shutdown = True
            self._pipros_context.emit_event_sync(Shutdown(reason=reason, due_to_sigint=due_to_sigint))

    def _pipros_begin_to_end(self, event: Event, context: LaunchContext) -> None:
        context.is_shutdown = True

    @contextmanager
    def _pipros_signals(self) -> Iterator[None]:
        """Let signals end the launch in order; a second one changes nothing."""
        loop = self._pipros_context.asyncio_loop

        def interrupted() -> None:
            again = " again, ignoring..." if self._pipros_context.is_shutdown else ""
            self._pipros_logger.warning(f"user interrupted with ctrl-c (SIGINT){again}")
            self._pipros_shut_down("ctrl-c (SIGINT)", due_to_sigint=True)

        def terminated(signum: signal.Signals) -> None:
            self._pipros_logger.warning(f"received {signum.name}, terminating...")
            self._pipros_shut_down(f"received {signum.name}")

        signums = (signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP)
        before = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, *signums)}
        loop.add_signal_handler(signal.SIGINT, interrupted)
        for signum in signums:
            loop.add_signal_handler(signum, terminated, signum)
        try:
            yield
        finally:
            for signum, handler in before.items():
                loop.remove_signal_handler(signum)
                signal.signal(signum, handler)
