"""A process that ends when the one that started it does, however that ended."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_DEATH_OF_PARENT = 1
"""PR_SET_PDEATHSIG of prctl(2)."""


def bound_to_this(number: int = signal.SIGTERM) -> Callable[[], None]:
    """What a new child of this process does first, so that it gets a signal when this process is gone.

    `subprocess.Popen(..., preexec_fn=bound_to_this())`: a killed process cannot end its children itself.
    On Linux alone; elsewhere the child does nothing. It is bound to the thread that started it, so start it
    from one that lasts.

    Args:
        number: of the signal.
    """
    if sys.platform != "linux":
        return lambda: None
    # Found here: a child of a process with threads must not load a library.
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def bind() -> None:
        prctl(_DEATH_OF_PARENT, int(number), 0, 0, 0)
        if os.getppid() != parent:  # gone before the call
            os._exit(1)

    return bind
