"""What the C library keeps of memory that was freed (glibc; others are left as they are)."""

from __future__ import annotations

import contextlib
import ctypes

_ARENA_MAX = -8
"""`M_ARENA_MAX` of glibc's malloc.h."""


def use_one_heap() -> None:
    """Let all threads take memory from one heap: each would keep what it once needed in one of its own."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)


def give_back_memory() -> None:
    """Give free memory back to the system, after work that is not done again."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
