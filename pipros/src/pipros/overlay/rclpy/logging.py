"""Log messages on the console, as rclpy.logging and rcutils print them.

`[INFO] [1700000000.123456789] [node]: text` on stderr, coloured where it is a terminal;
RCUTILS_CONSOLE_OUTPUT_FORMAT, RCUTILS_COLORIZED_OUTPUT and RCUTILS_LOGGING_USE_STDOUT are respected.
Loggers are named with dots, and one without a level of its own has that of the nearest above it.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from enum import IntEnum
from types import FrameType

__all__ = ["LoggingSeverity", "RcutilsLogger", "get_logger", "get_logger_effective_level", "set_logger_level"]

_FORMAT = "[{severity}] [{time}] [{name}]: {message}"
_COLOURS = {
    "DEBUG": "\x1b[32m",
    "INFO": "\x1b[0m",
    "WARN": "\x1b[33m",
    "ERROR": "\x1b[31m",
    "FATAL": "\x1b[31m",
}
_FILTERS = ("throttle_duration_sec", "throttle_time_source_type", "skip_first", "once")


class LoggingSeverity(IntEnum):
    """A logger prints messages of its level and above; the numbers are rcutils'."""

    UNSET = 0
    DEBUG = 10
    INFO = 20
    WARN = 30
    ERROR = 40
    FATAL = 50


# A log record for other outputs (/rosout): severity, logger name, text, time in ns, function, file, line.
Record = tuple[LoggingSeverity, str, str, int, str, str, int]


class _Console:
    """The process' log levels and outputs; rcutils keeps them for the process as well."""

    def __init__(self) -> None:
        self.levels: dict[str, LoggingSeverity] = {}
        self.default_level = LoggingSeverity.INFO
        self.enabled = True
        self.outputs: dict[str, Callable[[Record], None]] = {}

    def level(self, name: str) -> LoggingSeverity:
        while name:
            if name in self.levels:
                return self.levels[name]
            name = name.rpartition(".")[0]
        return self.levels.get("", self.default_level)

    def emit(self, record: Record) -> None:
        if self.enabled:
            self._print(record)
        name = record[1]
        while name:
            if name in self.outputs:
                self.outputs[name](record)
                return
            name = name.rpartition(".")[0]

    @staticmethod
    def _print(record: Record) -> None:
        severity, name, text, stamp, function, file, line = record
        stream = sys.stdout if os.environ.get("RCUTILS_LOGGING_USE_STDOUT") == "1" else sys.stderr
        seconds, nanoseconds = divmod(stamp, 10**9)
        tokens = {
            "severity": severity.name,
            "name": name,
            "message": text,
            "time": f"{seconds}.{nanoseconds:09d}",
            "time_as_nanoseconds": str(stamp),
            "function_name": function,
            "file_name": file,
            "line_number": str(line),
        }
        layout = os.environ.get("RCUTILS_CONSOLE_OUTPUT_FORMAT") or _FORMAT
        printed = re.sub(r"\{(\w+)\}", lambda match: tokens.get(match[1], match[0]), layout)
        colour = os.environ.get("RCUTILS_COLORIZED_OUTPUT")
        if colour == "1" or (colour != "0" and stream.isatty()):
            printed = f"{_COLOURS[severity.name]}{printed}\x1b[0m"
        try:
            stream.write(printed + "\n")
            stream.flush()
        except (OSError, ValueError):
            pass  # nobody reads the console any more; that must not stop a node


_console = _Console()


class RcutilsLogger:
    """A named logger. Its calls take `throttle_duration_sec`, `skip_first` and `once`, each by call site."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self._pipros_sites: dict[tuple[str, int], float] = {}

    def get_child(self, name: str) -> RcutilsLogger:
        """A logger named below this one."""
        if not name:
            raise ValueError("Child logger name must not be empty.")
        return RcutilsLogger(f"{self.name}.{name}" if self.name else name)

    def set_level(self, level: LoggingSeverity | int) -> None:
        """Print messages of this level and above; UNSET: as the logger above."""
        set_logger_level(self.name, level)

    def is_enabled_for(self, severity: LoggingSeverity | int) -> bool:
        """Whether messages of this severity are printed."""
        return severity >= _console.level(self.name)

    def debug(self, message: str, **filters: object) -> bool:
        """Log with severity DEBUG."""
        return self.log(message, LoggingSeverity.DEBUG, **filters)

    def info(self, message: str, **filters: object) -> bool:
        """Log with severity INFO."""
        return self.log(message, LoggingSeverity.INFO, **filters)

    def warning(self, message: str, **filters: object) -> bool:
        """Log with severity WARN."""
        return self.log(message, LoggingSeverity.WARN, **filters)

    def warn(self, message: str, **filters: object) -> bool:
        """Log with severity WARN."""
        return self.log(message, LoggingSeverity.WARN, **filters)

    def error(self, message: str, **filters: object) -> bool:
        """Log with severity ERROR."""
        return self.log(message, LoggingSeverity.ERROR, **filters)

    def fatal(self, message: str, **filters: object) -> bool:
        """Log with severity FATAL."""
        return self.log(message, LoggingSeverity.FATAL, **filters)

    def log(self, message: str, severity: LoggingSeverity | int, **filters: object) -> bool:
        """Log a message; False where its severity is too low or a filter holds it back."""
        if not self.is_enabled_for(severity):
            return False
        unknown = set(filters) - {*_FILTERS, "name"}
        if unknown:
            raise TypeError(f"{unknown} are not among the recognized logging options {_FILTERS}")
        frame = _caller(sys._getframe(1))
        if not self._pipros_passes((frame.f_code.co_filename, frame.f_lasti), filters):
            return False
        record = (
            LoggingSeverity(severity),
            str(filters.get("name", self.name)),
            str(message),
            time.time_ns(),
            frame.f_code.co_name,
            frame.f_code.co_filename,
            frame.f_lineno,
        )
        _console.emit(record)
        return True

    def _pipros_passes(self, site: tuple[str, int], filters: dict) -> bool:
        """Whether the filters let a call through; remembers when, on the filter's clock, it last did."""
        throttle = filters.get("throttle_duration_sec")
        first = site not in self._pipros_sites
        if throttle:
            clock = filters.get("throttle_time_source_type")
            now = clock.now().nanoseconds / 1e9 if clock is not None else time.monotonic()
            if not first and now < self._pipros_sites[site] + throttle:
                return False
            self._pipros_sites[site] = now
        elif filters.get("skip_first") or filters.get("once"):
            self._pipros_sites[site] = 0.0
        if filters.get("skip_first") and first:
            return False
        return first or not filters.get("once")


def _caller(frame: FrameType) -> FrameType:
    while frame.f_code.co_filename == __file__ and frame.f_back is not None:
        frame = frame.f_back
    return frame


def get_logger(name: str) -> RcutilsLogger:
    """A logger by its name."""
    if not name:
        raise ValueError("Logger name must not be empty.")
    return RcutilsLogger(name)


def set_logger_level(name: str, level: LoggingSeverity | int) -> None:
    """Set a logger's level; UNSET makes it follow the logger above; the name "" is the root's."""
    severity = LoggingSeverity(level)
    if severity is LoggingSeverity.UNSET:
        _console.levels.pop(name, None)
    else:
        _console.levels[name] = severity


def get_logger_effective_level(name: str) -> LoggingSeverity:
    """A logger's level, perhaps of a logger above."""
    return _console.level(name)


def configure(level: int | None, logger_levels: dict[str, int], stdout: bool) -> None:
    """Take the settings of the command line; not part of rclpy."""
    _console.enabled = stdout
    if level is not None:
        set_logger_level("", level)
    for name, logger_level in logger_levels.items():
        set_logger_level(name, logger_level)


def add_output(name: str, output: Callable[[Record], None]) -> None:
    """Send what a logger, and those below it, print to `output` too; not part of rclpy."""
    _console.outputs[name] = output


def remove_output(name: str) -> None:
    """End `add_output`; not part of rclpy."""
    _console.outputs.pop(name, None)
