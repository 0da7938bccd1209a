"""How a program of this package ends where an import fails."""

from __future__ import annotations

import sys
from types import TracebackType

from .missing import of_pip


def tell_at_exit() -> None:
    """Let this process end with the line, not with a traceback, where an import fails."""
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        line = _line(error) if isinstance(error, ImportError) else None
        if line is None:
            before(kind, error, trace)
        else:
            print(f"error: {line}", file=sys.stderr)

    sys.excepthook = hook


def _line(error: ImportError) -> str | None:
    line = of_pip(error)
    if line is None:
        from .ros2 import USER_ERRORS, explain

        try:
            explain(error)
        except USER_ERRORS as told:
            line = str(told)
    return line
