"""What a scenario runs in: a started rclpy, nodes that end with it, and what came of a call in words."""

from __future__ import annotations

import contextlib
import re
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter

PATIENCE = 10.0  # s


@dataclass(frozen=True)
class Scenario:
    """A behaviour of rclpy: its heading, what is done, and the function that does it and tells what came.

    Not `is_quick` are those that take more than half a second, or whose outcome a busy machine may change.
    """

    heading: str
    name: str
    run: Callable[[World], object]
    arguments: tuple[str, ...]
    is_quick: bool


SCENARIOS: dict[str, Scenario] = {}


def scenario(heading: str, *arguments: str, is_quick: bool = True) -> Callable[[Callable], Callable]:
    """Register a function; its docstring is the scenario's name."""

    def register(function: Callable[[World], object]) -> Callable[[World], object]:
        name = function.__doc__.strip().splitlines()[0].rstrip(".")
        assert name not in SCENARIOS, name
        SCENARIOS[name] = Scenario(heading, name, function, arguments, is_quick)
        return function

    return register


class World:
    """Makes nodes and spins them."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def node(self, name: str = "node", *arguments: str, **options: Any) -> Node:
        """A node; `arguments` are its command line behind --ros-args."""
        if arguments:
            options["cli_args"] = ["--ros-args", *arguments]
        made = Node(name, **options)
        self.nodes.append(made)
        return made

    def spin(self, until: Callable[[], object] = lambda: False, seconds: float = PATIENCE) -> bool:
        """Spin all nodes until something is true, at most so long; whether it became so."""
        executor = SingleThreadedExecutor()
        for node in self.nodes:
            executor.add_node(node)
        deadline = time.monotonic() + seconds
        try:
            while not until() and time.monotonic() < deadline:
                executor.spin_once(timeout_sec=0.02)
        finally:
            for node in self.nodes:
                executor.remove_node(node)
            executor.shutdown()
        return bool(until())

    def call(self, node: Node, kind: type, name: str, request: object) -> Any:
        """A service's answer."""
        client = node.create_client(kind, name)
        assert self.spin(client.service_is_ready), "no service"
        future = client.call_async(request)
        assert self.spin(future.done), "no answer"
        return future.result()

    def end(self) -> None:
        """Destroy the nodes."""
        while self.nodes:
            with contextlib.suppress(Exception):
                self.nodes.pop().destroy_node()


@contextlib.contextmanager
def world(arguments: tuple[str, ...] = ()) -> Iterator[World]:
    """A started rclpy with these arguments behind --ros-args."""
    rclpy.init(args=["program", "--ros-args", *arguments] if arguments else [])
    made = World()
    try:
        yield made
    finally:
        made.end()
        rclpy.try_shutdown()


def told(call: Callable[..., object], *arguments: object, **options: object) -> str:
    """What a call gives, or class and words of what it raises, without what is one implementation's own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return words(call(*arguments, **options))
        except (Exception, KeyboardInterrupt) as error:
            text = " ".join(str(error).split())
            return f"{type(error).__name__}: {_plain(text)}" if text else type(error).__name__


def words(value: object) -> str:
    """A value in words that do not depend on the implementation."""
    if isinstance(value, Parameter):
        return f"{value.type_.name} {value.value!r}"
    if hasattr(value, "successful"):
        return "taken" if value.successful else f"refused: {value.reason}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(words(each) for each in value) + "]"
    return _plain(str(value))


def _plain(text: str) -> str:
    text = re.sub(r", at [^ ]*:\d+|: error not set$|, result: \d+$", "", text)
    text = re.sub(r"0x[0-9a-f]+", "0x", text)
    return re.sub(r"<Type\.(\w+): \d+>|Type\.(\w+)", lambda m: m[1] or m[2], text)
