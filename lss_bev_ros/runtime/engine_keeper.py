"""An engine that is made again where it fails."""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Callable
from typing import TypeVar

from ..errors import LssBevError, RuntimeBackendError
from .engine import Engine

T = TypeVar("T")

SOON = 60.0
"""Seconds after a recovery within which a second failure says that it did not help."""


def is_of_engine(error: Exception) -> bool:
    """Whether an error is of what runs the network (a lost GPU, no memory, a library), no mistake of ours.

    PyTorch's errors of CUDA are RuntimeErrors, those of memory too; others' are of classes of their own,
    which cannot be named without importing them.
    """
    if isinstance(error, (LssBevError, NotImplementedError, RecursionError)):
        return False
    return isinstance(error, (RuntimeError, MemoryError, OSError)) or not type(error).__module__.startswith(
        ("builtins", __name__.partition(".")[0])
    )


class EngineKeeper:
    """Has work done by an engine, whatever becomes of the engine. For one thread at a time.

    An engine that fails is made again, and its frame tried again. One that cannot be made again or that fails
    again soon gives way to the processor's, which stays: what has lost its GPU gets it back when the process
    starts again.

    Attributes:
        engine: that works now.
        note: one line while it is not the one that was asked for; else empty.
        recoveries: engines that were made in place of one that failed.
    """

    def __init__(
        self,
        make: Callable[[], Engine],
        fall_back: Callable[[], Engine],
        changed: Callable[[Engine, str], None] = lambda engine, line: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make the engine.

        Args:
            make: makes the engine that was asked for.
            fall_back: makes one on the processor.
            changed: told each engine that takes another's place, and why in one line.
            clock: seconds.

        Raises:
            LssBevError: from `make`.
        """
        self._make, self._fall_back, self._changed, self._clock = make, fall_back, changed, clock
        self._recovered = -SOON
        self.note = ""
        self.recoveries = 0
        self.engine = make()

    def run(self, work: Callable[[Engine], T]) -> T:
        """Do some work with the engine; where it fails, again with another of its kind, then with the spare.

        Raises:
            LssBevError: of the work; the engine is good.
            RuntimeBackendError: no engine could be made any more.
            Exception: any other, of a mistake, or of the spare engine.
        """
        for _ in range(2):
            try:
                return work(self.engine)
            except Exception as error:
                if not is_of_engine(error):
                    raise
                self.recover(_line(error))
        return work(self.engine)

    def recover(self, reason: str, stuck: bool = False) -> None:
        """Put another engine in the place of this one.

        Args:
            reason: what is wrong with this one, in a few words.
            stuck: whether it is still at work on another thread; then it is left alone, and its kind not
                tried again.

        Raises:
            RuntimeBackendError: none could be made.
        """
        failed, soon = self.engine.name, self._clock() - self._recovered < SOON
        if not stuck:
            self._let_go()
        made: Engine | None = None
        if not stuck and not soon and not self.note:
            try:
                made = self._make()
                line = f"{failed} failed ({reason}) and was made again"
            except Exception as error:
                reason = f"{reason}; made again: {_line(error)}"
        if made is None:
            try:
                made = self._fall_back()
            except Exception as error:
                raise RuntimeBackendError(
                    f"{failed} failed ({reason}), and no engine runs in its place ({_line(error)}): start "
                    f"the node again"
                ) from error
            line = (
                f"{failed} failed ({reason}): {made.name} runs in its place; start the node again to go back"
            )
            self.note = line
        self.engine = made
        self.recoveries += 1
        self._recovered = self._clock()
        self._changed(made, line)

    def close(self) -> None:
        """Let go of the engine."""
        self.engine.close()

    def _let_go(self) -> None:
        """Free what a failed engine holds, as far as it lets."""
        with contextlib.suppress(Exception):
            self.engine.close()
        gc.collect()
        with contextlib.suppress(Exception):
            import torch

            if torch.cuda.is_initialized():
                torch.cuda.empty_cache()


def _line(error: Exception) -> str:
    """The first line of an error; what follows in PyTorch's is advice for those who debug it."""
    first = (str(error).strip().splitlines() or [""])[0].strip()
    return first[:200] or type(error).__name__
