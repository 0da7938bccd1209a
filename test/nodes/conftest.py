"""Real nodes in real processes, watched over real DDS: on ROS 2 where it is sourced, else on the stand-in."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import defaultdict
from pathlib import Path

import pytest
import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from pipros import child_environment


class Processes:
    """Starts nodes and launch files and sees to it that they end."""

    def __init__(self, folder):
        self.folder = folder
        self.running = []
        self._mark = f"LSS_BEV_TEST={uuid.uuid4()}"

    def start(self, *command):
        """Run `python -m COMMAND` in a process group of its own, its output in a file."""
        output = (self.folder / f"{len(self.running)}.log").open("w+")
        process = subprocess.Popen(
            [sys.executable, "-m", *map(str, command)],
            env=child_environment(os.environ) | dict([self._mark.split("=")]),
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        process.log = output
        self.running.append(process)
        return process

    def node(self, name, *arguments, **parameters):
        """Run a node with parameters."""
        given = [text for key, value in parameters.items() for text in ("-p", f"{key}:={value}")]
        return self.start(f"lss_bev_ros.nodes.{name}", *arguments, "--ros-args", *given)

    def end(self, process, timeout=120):
        """Wait until it has ended by itself; its exit code, and what it printed."""
        try:
            return process.wait(timeout), self.output(process)
        except subprocess.TimeoutExpired:
            pytest.fail(f"it still runs after {timeout} s; it printed: {self.output(process)}")

    def output(self, process):
        process.log.seek(0)
        return process.log.read()

    def stop(self):
        for ending in (signal.SIGINT, signal.SIGKILL):
            for process in self.running:
                if process.poll() is None:
                    process.send_signal(ending)
            for process in self.running:
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    continue
        for pid in self._left():  # what they started, in sessions of its own, would be heard by later tests
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _left(self):
        """Processes that were started here, by whomever, and still run."""
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if self._mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                    yield int(folder.name)


class Listener:
    """Collects messages on a thread of its own."""

    def __init__(self):
        rclpy.init(args=[])
        self.node = rclpy.create_node("listener")
        self.received = defaultdict(list)
        self._called = []
        self._changed = threading.Condition()
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self):
        with contextlib.suppress(ExternalShutdownException):
            self._executor.spin()

    def listen(self, kind, topic, latched=False, reliable=True):
        qos = QoSProfile(
            depth=100,
            reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
            durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
        )

        def keep(message):
            with self._changed:
                self.received[topic].append(message)
                self._changed.notify_all()

        self.node.create_subscription(kind, topic, keep, qos)

    def wait_for(self, condition, timeout=60.0):
        """Wait until `condition(received)` holds; its value, or a failure that says what came."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not (value := condition(self.received)):
                if not self._changed.wait(deadline - time.monotonic()):
                    counts = {topic: len(messages) for topic, messages in self.received.items()}
                    pytest.fail(f"nothing that fits within {timeout} s; received {counts}")
            return value

    def wait_until(self, condition, what, timeout=60.0):
        """Wait until `condition()` holds of what no message tells; its value."""
        deadline = time.monotonic() + timeout
        while not (value := condition()):
            assert time.monotonic() < deadline, f"not {what} within {timeout} s"
            time.sleep(0.05)
        return value

    def call(self, client, request, timeout=90.0):
        """Call a service and return its response."""
        if client not in self._called:
            assert client.wait_for_service(timeout_sec=timeout)
            # The service may not have found the client yet, and would drop its answer: nobody can ask.
            time.sleep(1.0)
            self._called.append(client)
        answered = threading.Event()
        future = client.call_async(request)
        future.add_done_callback(lambda _: answered.set())
        assert answered.wait(timeout)
        return future.result()

    def close(self):
        self._executor.shutdown(timeout_sec=2.0)
        self._thread.join(timeout=5.0)
        self.node.destroy_node()
        rclpy.try_shutdown()


@pytest.fixture(scope="session", autouse=True)
def domain():
    """A ROS domain of this test run's own."""
    before = os.environ.get("ROS_DOMAIN_ID")
    os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)
    yield
    if before is None:
        del os.environ["ROS_DOMAIN_ID"]
    else:
        os.environ["ROS_DOMAIN_ID"] = before


@pytest.fixture(scope="module")
def module_processes(tmp_path_factory):
    running = Processes(tmp_path_factory.mktemp("processes"))
    yield running
    running.stop()


@pytest.fixture
def processes(tmp_path):
    running = Processes(tmp_path)
    yield running
    running.stop()


@pytest.fixture
def listener():
    listening = Listener()
    yield listening
    listening.close()


@pytest.fixture(scope="module")
def module_listener():
    listening = Listener()
    yield listening
    listening.close()
