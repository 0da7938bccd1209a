"""The keys of `ros2 bag play`: space pauses, the right arrow steps, up and down change the rate."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
from collections.abc import Iterator

from .playback import Playback

_HELP = "space: pause or resume; right: next message while paused; up, down: 10 % faster, slower"


@contextlib.contextmanager
def keys(playback: Playback) -> Iterator[str]:
    """Listen to the terminal while the block runs; yields the line that says which keys there are.

    Where standard input is no terminal nothing is listened to, and the line is empty.
    """
    try:
        import termios
        import tty

        before = termios.tcgetattr(sys.stdin.fileno())
    except (ImportError, OSError, ValueError, termios.error):
        yield ""
        return
    descriptor = sys.stdin.fileno()
    ended = threading.Event()
    actions = {
        b" ": playback.toggle,
        b"\x1b[C": playback.step,
        b"\x1b[A": lambda: playback.set_rate(playback.rate * 1.1),
        b"\x1b[B": lambda: playback.set_rate(playback.rate / 1.1),
    }

    def listen() -> None:
        while not ended.is_set():
            if select.select([descriptor], [], [], 0.1)[0]:
                actions.get(os.read(descriptor, 3), lambda: None)()

    thread = threading.Thread(target=listen, name="keyboard", daemon=True)
    tty.setcbreak(descriptor)
    thread.start()
    try:
        yield _HELP
    finally:
        ended.set()
        thread.join(timeout=1.0)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
