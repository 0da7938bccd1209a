"""Signals end a node as in ROS 2 (passes on a real rclpy as well)."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import rclpy

from pipros import OVERLAY

SPIN = """
import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
rclpy.init()
node = Node("node")
calls = []
def inside():
    calls.append(None)
    if len(calls) == 2:
        print("ready", flush=True)
    # A real rclpy (7.1.6, 9.1.2) wakes its executor first and shuts down after that. Where the executor is
    # back at its wait in between, it sleeps until something else wakes it, as this timer does.
    if len(calls) == 2 and "overlay" in rclpy.__file__:
        timer.cancel()
timer = node.create_timer(0.05, inside)
executor = SingleThreadedExecutor()
executor.add_node(node)
try:
    executor.spin()
    print("returned", rclpy.ok())
except KeyboardInterrupt:
    print("KeyboardInterrupt", rclpy.ok())
except ExternalShutdownException:
    print("ExternalShutdownException", rclpy.ok())
except RuntimeError as error:
    # rclpy of Jazzy fails where the signal comes between its look at the context and its wait
    if rclpy.ok() or "overlay" in rclpy.__file__:
        raise
    print("returned", False)
node.destroy_node()
rclpy.try_shutdown()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_an_idle_spin(start: Callable[..., subprocess.Popen], number: signal.Signals) -> None:
    process = start(SPIN)
    assert process.stdout.readline() == "ready\n"

    process.send_signal(number)
    output, errors = process.communicate(timeout=20)

    how = output.split()[0]
    assert (
        how == "KeyboardInterrupt"
        if number == signal.SIGINT
        else how in ("returned", "ExternalShutdownException")
    )
    assert process.returncode == 0
    assert "Traceback" not in errors


def test_a_signal_ends_a_busy_callback(start: Callable[..., subprocess.Popen]) -> None:
    code = """
import time, rclpy
from rclpy.node import Node
rclpy.init()
node = Node("node")
def work():
    print("ready", flush=True)
    while rclpy.ok():
        time.sleep(0.01)
    print("stopped", flush=True)
node.create_timer(0.01, work)
try:
    rclpy.spin(node)
except BaseException as error:
    print(type(error).__name__)
"""
    process = start(code)
    assert process.stdout.readline() == "ready\n"

    process.terminate()

    assert process.communicate(timeout=20)[0].split()[0] == "stopped"
    assert process.returncode == 0


def test_a_forked_child_keeps_its_own_signals(start: Callable[..., subprocess.Popen]) -> None:
    if not Path(rclpy.__file__).is_relative_to(OVERLAY):
        pytest.skip("a real rclpy's forked child keeps the parent's handlers")
    code = """
import os, signal, time, rclpy
rclpy.init()
child = os.fork()
if not child:
    time.sleep(30)
    os._exit(0)
time.sleep(0.2)
os.kill(child, signal.SIGTERM)
_, status = os.waitpid(child, 0)
time.sleep(0.2)
print(os.WIFSIGNALED(status), rclpy.ok())
"""
    output, _ = start(code).communicate(timeout=20)

    assert output.split() == ["True", "True"]


def test_a_signal_calls_no_callback_of_the_shutdown(start: Callable[..., subprocess.Popen]) -> None:
    """As in rclpy 7.1.6 and 9.1.2: a program that stops its motors there would not stop them."""
    code = """
import rclpy, time
from rclpy.node import Node
rclpy.init()
node = Node("node")
rclpy.get_default_context().on_shutdown(lambda: print("called", flush=True))
print("ready", flush=True)
while rclpy.ok():
    time.sleep(0.01)
rclpy.try_shutdown()
print("ended", flush=True)
"""
    process = start(code)
    assert process.stdout.readline() == "ready\n"

    process.terminate()

    assert process.communicate(timeout=20)[0].split() == ["ended"]
