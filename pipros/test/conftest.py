"""Fixtures for tests that open a ROS domain. Where ROS 2 is sourced, they test it instead of the overlay."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import hypothesis
import pytest

from pipros import OVERLAY, activate, child_environment

activate()
# A shell without job control starts background jobs with SIGINT ignored, and processes inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
_SOURCE = OVERLAY.parents[1]

# No test asserts a time.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(scope="session")
def domain_id() -> int:
    """A ROS domain of this test run's own, so that runs side by side do not hear each other."""
    return 1 + os.getpid() % 100


@pytest.fixture
def ros_environment(domain_id: int, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment with this run's domain, set for this process and returned for others."""
    monkeypatch.setenv("ROS_DOMAIN_ID", str(domain_id))
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    return dict(os.environ)


@pytest.fixture
def ros(ros_environment: dict[str, str]) -> Iterator[None]:
    """A started rclpy without arguments; shut down at the end."""
    import rclpy

    rclpy.init(args=[])
    yield
    rclpy.try_shutdown()


@pytest.fixture
def open_node() -> Callable[..., contextlib.AbstractContextManager]:
    """Make a node, with the arguments of Node, that ends with its block."""

    @contextlib.contextmanager
    def opened(*arguments: object, **options: object) -> Iterator[object]:
        from rclpy.node import Node

        node = Node(*arguments, **options)
        try:
            yield node
        finally:
            node.destroy_node()

    return opened


@pytest.fixture
def spin_until() -> Callable[..., bool]:
    """Spin nodes until something is true; says whether it became so within 10 s."""

    def spin(condition: Callable[[], bool], *nodes: object, timeout: float = 10.0) -> bool:
        from rclpy.executors import SingleThreadedExecutor

        executor = SingleThreadedExecutor()
        for node in nodes:
            executor.add_node(node)
        deadline = time.monotonic() + timeout
        while not condition() and time.monotonic() < deadline:
            executor.spin_once(timeout_sec=0.05)
        for node in nodes:
            executor.remove_node(node)
        executor.shutdown()
        return condition()

    return spin


@pytest.fixture
def start(ros_environment: dict[str, str]) -> Iterator[Callable[..., subprocess.Popen]]:
    """Start Python code as a process in which `import rclpy` works; killed at the end if it runs still."""
    started: list[subprocess.Popen] = []
    path = [str(_SOURCE), *filter(None, [ros_environment.get("PYTHONPATH")])]
    environment = child_environment({**ros_environment, "PYTHONPATH": os.pathsep.join(path)})

    def run(code: str, *arguments: str, **variables: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-u", "-c", code, *arguments],
            env={**environment, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
