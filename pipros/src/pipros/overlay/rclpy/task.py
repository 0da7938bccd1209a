"""Futures and tasks, as rclpy.task."""

from __future__ import annotations

import inspect
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Generator
from typing import Any


class Future:
    """A result that may not be there yet. Done callbacks run in the executor where there is one."""

    def __init__(self, *, executor: Any = None) -> None:
        self._pipros_done = False
        self._pipros_cancelled = False
        self._result: object = None
        self._exception: BaseException | None = None
        self._exception_fetched = False
        self._callbacks: list[Callable[[Future], object]] = []
        self._lock = threading.Lock()
        self._set_executor(executor)

    def __del__(self) -> None:
        if getattr(self, "_exception", None) is not None and not self._exception_fetched:
            print(f"The following exception was never retrieved: {self._exception}", file=sys.stderr)

    def __await__(self) -> Generator[Future, None, object]:
        while not self._pipros_done:
            yield self
        return self.result()

    def cancel(self) -> None:
        """Cancel it unless it is done."""
        with self._lock:
            if not self._pipros_done:
                self._pipros_cancelled = True
        self._pipros_run_callbacks()

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self._pipros_cancelled

    def done(self) -> bool:
        """Whether there is a result or an exception."""
        return self._pipros_done

    def result(self) -> object:
        """The result (None while there is none); raises the exception where there is one."""
        if self._exception is not None:
            self._exception_fetched = True
            raise self._exception
        return self._result

    def exception(self) -> BaseException | None:
        """The exception, if there is one."""
        self._exception_fetched = True
        return self._exception

    def set_result(self, result: object) -> None:
        """Finish with a result."""
        with self._lock:
            self._result, self._pipros_done, self._pipros_cancelled = result, True, False
        self._pipros_run_callbacks()

    def set_exception(self, exception: BaseException) -> None:
        """Finish with an exception."""
        with self._lock:
            self._exception, self._exception_fetched = exception, False
            self._pipros_done, self._pipros_cancelled = True, False
        self._pipros_run_callbacks()

    def add_done_callback(self, callback: Callable[[Future], object]) -> None:
        """Call `callback(self)` when done; at once where it is done already."""
        with self._lock:
            if not self._pipros_done:
                self._callbacks.append(callback)
                return
        self._pipros_run_callback(callback)

    def _set_executor(self, executor: Any) -> None:
        self._executor = (lambda: None) if executor is None else weakref.ref(executor)

    def _pipros_run_callbacks(self) -> None:
        with self._lock:
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            try:
                self._pipros_run_callback(callback)
            except Exception as error:
                warnings.warn(f"Unhandled exception in done callback: {error}", stacklevel=2)

    def _pipros_run_callback(self, callback: Callable[[Future], object]) -> None:
        executor = self._executor()
        if executor is not None:
            executor.create_task(callback, self)
        else:
            callback(self)


class Task(Future):
    """A function or coroutine that an executor runs; made by `Executor.create_task`.

    A coroutine that awaits a future which is not done gives way, and the executor resumes it when it is.
    """

    def __init__(
        self, handler: Callable, args: tuple = (), kwargs: dict | None = None, executor: Any = None
    ) -> None:
        super().__init__(executor=executor)
        self._pipros_call = (handler, tuple(args), kwargs or {})
        self._pipros_coroutine: Any = handler if inspect.iscoroutine(handler) else None
        self._pipros_running = threading.Lock()
        self._pipros_entity: object = None  # whose callback this is, for the executor

    def __call__(self) -> None:
        """Run, or resume after what was awaited is done."""
        if self._pipros_done or self._pipros_cancelled or not self._pipros_running.acquire(blocking=False):
            return
        try:
            if self._pipros_coroutine is None:
                handler, args, kwargs = self._pipros_call
                result = handler(*args, **kwargs)
                if not inspect.iscoroutine(result):
                    self.set_result(result)
                    return
                self._pipros_coroutine = result
            awaited = self._pipros_coroutine.send(None)
        except StopIteration as stop:
            self.set_result(stop.value)
        except Exception as error:
            self.set_exception(error)
        else:
            self._pipros_resume_after(awaited)
        finally:
            self._pipros_running.release()

    def executing(self) -> bool:
        """Whether it runs now."""
        return self._pipros_running.locked()

    def _pipros_resume_after(self, awaited: Any) -> None:
        executor = self._executor()
        if executor is None:
            raise RuntimeError("a task that awaits needs its executor, which is gone")
        if isinstance(awaited, Future):
            awaited.add_done_callback(lambda _: executor._pipros_enqueue(self))
        else:
            executor._pipros_enqueue(self)
