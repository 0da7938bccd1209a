"""A node that is there again at once: its parent has loaded what a node needs, and forks it.

Most of a node's start is the loading of modules, PyTorch's two seconds of the processor first of all. The
parent does that once, starts no thread and joins no ROS domain; when its child is killed or fails it forks
another, which shares the modules' memory. A launch file asks for it where it respawns nodes.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from ..parent import bound_to_this
from .exit_code import is_worth_another

WANTED = "LSS_BEV_SPARE"
"""Of the environment: asks for it. What it holds are arguments, by spaces, of a node that comes back."""

_LONG_ENOUGH = 5.0
"""Seconds; who has not lived for so long is left to the launch, which waits before it tries again."""

_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_GPUS = ("/dev/nvidiactl", "/dev/nvgpu", "/dev/nvhost-gpu")


def with_spare(serve: Callable[[], int], load: Callable[[], object] = lambda: None) -> int:
    """Run a node in a child that is forked again when it was killed or failed, where that is asked for.

    Args:
        serve: runs the node; its exit status.
        load: imports what a node will need, and starts no thread.

    Returns:
        The exit status of the last child, or of `serve` here.
    """
    if not is_wanted():
        return serve()
    load()
    gc.collect()
    gc.freeze()  # so that looking for garbage does not copy what is shared
    on_return = os.environ[WANTED].split()
    while True:
        began = time.monotonic()
        status, asked = _in_child(serve)
        lived = time.monotonic() - began
        if asked or not is_worth_another(status) or lived < _LONG_ENOUGH:
            return _end_like(status)
        how = f"exit code {status}" if status > 0 else f"signal {-status}"
        print(
            f"{Path(sys.argv[0]).name} ended ({how}) after {lived:.0f} s and is started again from its spare",
            file=sys.stderr,
            flush=True,
        )
        sys.argv += on_return
        on_return = []


def is_wanted() -> bool:
    """Whether the environment asks for it. A GPU's driver does not survive a fork, so that none is risked."""
    return sys.platform == "linux" and not gpu_is_here() and WANTED in os.environ


def gpu_is_here() -> bool:
    """Whether there is a GPU of NVIDIA's."""
    return any(map(os.path.exists, _GPUS))


def environment(on_return: Sequence[str] = ()) -> dict[str, str]:
    """What asks for it.

    Args:
        on_return: arguments, without spaces, of a node that comes back beside its first ones.
    """
    return {WANTED: " ".join(on_return)}


def _in_child(serve: Callable[[], int]) -> tuple[int, bool]:
    """Fork, and wait for the child.

    Returns:
        Its exit status, negative where a signal ended it, and whether this process was asked to end it.
    """
    asked, bind = False, bound_to_this(signal.SIGKILL)
    # A signal that comes before the handlers are in place waits until they are.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
    child = os.fork()
    if not child:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        bind()
        _leave(serve)

    def pass_on(number: int, _: object) -> None:
        nonlocal asked
        asked = True
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)

    handlers = {number: signal.signal(number, pass_on) for number in _PASSED_ON}
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    _, status = os.waitpid(child, 0)
    for number, handler in handlers.items():
        signal.signal(number, handler)
    return os.waitstatus_to_exitcode(status), asked


def _leave(serve: Callable[[], int]) -> NoReturn:
    """Run the node and end the child as a process of its own ends."""
    sys.exit(serve())


def _end_like(status: int) -> int:
    """End as a child did, by the same signal too."""
    if status < 0:
        with contextlib.suppress(OSError):  # SIGKILL has no handler
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status
