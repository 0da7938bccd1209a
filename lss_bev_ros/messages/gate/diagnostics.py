"""diagnostic_msgs/DiagnosticArray."""

from __future__ import annotations

from typing import Any

from .numbers import check_count

_MOST_STATUSES = 1000
_MOST_VALUES = 1000


def check_diagnostics(message: Any) -> None:
    """Check how much a node says of itself.

    Raises:
        MessageError: more statuses, or more values of one, than anybody reads.
    """
    check_count("status", len(message.status), _MOST_STATUSES)
    for status in message.status:
        check_count("status.values", len(status.values), _MOST_VALUES)
