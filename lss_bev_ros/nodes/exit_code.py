"""What the exit status of a node says to whoever may start it again."""

from __future__ import annotations

MISTAKE = 1
"""The user can mend it: a parameter, a file, a port. Started again, it would end again."""

FAILURE = 70
"""The node's own fault (EX_SOFTWARE of sysexits.h): started again, it may serve."""


def is_worth_another(returncode: int) -> bool:
    """Whether to start a node again that ended with this, negative where a signal ended it."""
    return returncode not in (0, MISTAKE)
