"""Screen and log file of a launch, as `launch.logging` has them.

The screen shows `[LEVEL] [name]: text` of the launch itself and `[process-1] text` of its processes.
The file holds both with times, and the output of processes that is not shown: it is
`<log folder>/launch.log`, the log folder being one a launch under ROS_LOG_DIR, else ROS_HOME/log, else
~/.ros/log.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

# Below one logger of our own, so that the root logger of a program that uses launch is left alone.
_ROOT = "ros2_launch"
_PLACES = {
    "screen": {"stdout": {"screen"}, "stderr": {"screen"}},
    "log": {"stdout": {"log"}, "stderr": {"screen", "log"}},
    "both": {"stdout": {"screen", "log"}, "stderr": {"screen", "log"}},
}


class _Format(logging.Formatter):
    """Lines of the launch have level and name, lines of a process have their own form."""

    def __init__(self, *, times: bool) -> None:
        super().__init__()
        self._times = times

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        if not hasattr(record, "places"):
            text = f"[{record.levelname}] [{record.name.removeprefix(_ROOT + '.')}]: {text}"
        return f"{record.created:.7f} {text}" if self._times else text


class _Screen(logging.Handler):
    """Write to what `sys.stdout` is at that time, a line at once."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(_Format(times=False))
        self.addFilter(lambda record: "screen" in getattr(record, "places", {"screen"}))

    def emit(self, record: logging.LogRecord) -> None:
        # A terminal that has gone or a closed pipe must not end the launch before its processes.
        with suppress(OSError, ValueError):
            sys.stdout.write(self.format(record) + "\n")
            sys.stdout.flush()


def _parent() -> logging.Logger:
    parent = logging.getLogger(_ROOT)
    if not parent.handlers:
        parent.propagate = False
        parent.setLevel(logging.INFO)
        parent.addHandler(_Screen())
    return parent


def get_logger(name: str | None = None) -> logging.Logger:
    """Return the logger of this name; its lines go to the screen and to the launch's log file."""
    _parent()
    return logging.getLogger(f"{_ROOT}.{name or 'launch'}")


class LaunchLog:
    """Log file of one launch and its folder; closed with the launch."""

    def __init__(self, *, debug: bool = False) -> None:
        parent = _parent()
        parent.setLevel(logging.DEBUG if debug else logging.INFO)
        self._handler: logging.Handler | None = None
        micros, host = time.time_ns() // 1000 % 1000000, socket.gethostname() or "localhost"
        stamp = f"{time.strftime('%Y-%m-%d-%H-%M-%S')}-{micros:06}"
        self.folder = _log_root() / f"{stamp}-{host}-{os.getpid()}"
        logger = get_logger("launch")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._handler = logging.FileHandler(self.folder / "launch.log", encoding="utf-8")
        except OSError as error:
            logger.warning(
                f"no log file in {self.folder}: {error.strerror}; set ROS_LOG_DIR to another folder"
            )
            return
        self._handler.setFormatter(_Format(times=True))
        self._handler.addFilter(lambda record: "log" in getattr(record, "places", {"log"}))
        parent.addHandler(self._handler)
        logger.info(f"All log files can be found below {self.folder}")
        logger.info(f"Default logging verbosity is set to {logging.getLevelName(parent.level)}")

    def close(self) -> None:
        """Close the file."""
        if self._handler is not None:
            logging.getLogger(_ROOT).removeHandler(self._handler)
            self._handler.close()
            self._handler = None


class ProcessOutput:
    """Where the lines of one process go: stdout and stderr each to the screen, the log file or both.

    Args:
        name: Name of the process.
        output: screen, log (the file, and stderr to the screen too), both, or a place for each of
            stdout and stderr (or for "both" of them).
        output_format: Format of a line, with the names `line` and `this` (the action).
    """

    def __init__(self, name: str, output: str | Mapping[str, str], output_format: str) -> None:
        self._logger = get_logger(name)
        self._format = output_format
        self._places = _places(output)

    def write(self, stream: str, line: str, this: object) -> None:
        """Write one line of "stdout" or "stderr"."""
        self._logger.info(
            "%s", self._format.format(line=line, this=this), extra={"places": self._places[stream]}
        )


def _places(output: str | Mapping[str, str]) -> dict[str, set[str]]:
    """Return the places of stdout and stderr.

    Raises:
        NotImplementedError: A kind of output that the stand-in does not have.
    """
    if isinstance(output, Mapping):
        places = {stream: output.get(stream, output.get("both", "log")) for stream in ("stdout", "stderr")}
        if set(output) <= {"stdout", "stderr", "both"} and set(places.values()) <= {"screen", "log"}:
            return {stream: {place} for stream, place in places.items()}
    elif output in _PLACES:
        return _PLACES[output]
    raise NotImplementedError(f"launch output={output!r} without ROS 2; use {', '.join(_PLACES)}")


def _log_root() -> Path:
    if os.environ.get("ROS_LOG_DIR"):
        return Path(os.environ["ROS_LOG_DIR"]).expanduser()
    if os.environ.get("ROS_HOME"):
        return Path(os.environ["ROS_HOME"]).expanduser() / "log"
    return Path("~/.ros/log").expanduser()
