"""Severities of log messages, with rcutils' numbers."""

from __future__ import annotations

from enum import IntEnum


class LoggingSeverity(IntEnum):
    """A logger prints messages of its level and above."""

    UNSET = 0
    DEBUG = 10
    INFO = 20
    WARN = 30
    ERROR = 40
    FATAL = 50
