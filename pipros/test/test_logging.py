"""Log messages look as those of ROS 2 and are filtered as there (passes on a real rclpy as well)."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable

LOG = """
import rclpy
from rclpy.logging import LoggingSeverity, get_logger
from rclpy.node import Node
rclpy.init()
node = Node("eyes", namespace="car")
log = node.get_logger()
log.info("seen")
log.debug("hidden")
log.get_child("left").warning("below")
for number in range(3):
    log.info(f"once {number}", once=True)
    log.info(f"skip {number}", skip_first=True)
    log.error(f"throttled {number}", throttle_duration_sec=60.0)
log.set_level(LoggingSeverity.ERROR)
log.warning("too low")
get_logger("other").fatal("other")
"""


def logged(start: Callable[..., subprocess.Popen], *arguments: str, **variables: str) -> list[str]:
    _, errors = start(LOG, *arguments, RCUTILS_COLORIZED_OUTPUT="0", **variables).communicate(timeout=20)
    return errors.splitlines()


def test_lines_have_severity_time_and_name(start: Callable[..., subprocess.Popen]) -> None:
    lines = logged(start)

    assert all(re.match(r"\[(INFO|WARN|ERROR|FATAL)\] \[\d+\.\d{9}\] \[[\w.]+\]: ", line) for line in lines)
    texts = [line.split("] ")[0][1:] + line.split("]", 2)[2] for line in lines]
    assert texts == [
        "INFO [car.eyes]: seen",
        "WARN [car.eyes.left]: below",
        "INFO [car.eyes]: once 0",
        "ERROR [car.eyes]: throttled 0",
        "INFO [car.eyes]: skip 1",
        "INFO [car.eyes]: skip 2",
        "FATAL [other]: other",
    ]


def test_the_level_can_be_given_on_the_command_line(start: Callable[..., subprocess.Popen]) -> None:
    assert any("hidden" in line for line in logged(start, "--ros-args", "--log-level", "debug"))
    assert [line.split()[0] for line in logged(start, "--ros-args", "--log-level", "fatal")][-1] == "[FATAL]"


def test_the_format_can_be_changed(start: Callable[..., subprocess.Popen]) -> None:
    lines = logged(start, RCUTILS_CONSOLE_OUTPUT_FORMAT="{name}|{message}")

    assert lines[0] == "car.eyes|seen"
