"""Command line arguments after `--ros-args`, and what they mean for a node.

Stands in for rcl's argument parser: remaps (`-r from:=to`, `__node`, `__ns`, `__name`, with a `node:`
prefix for one node only), parameters (`-p`, `--params-file`), log levels and the switches of the log
outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipros import names, parameter_file
from pipros.errors import PiprosError
from pipros.parameter_file import Override

LEVELS = {"unset": 0, "debug": 10, "info": 20, "warn": 30, "error": 40, "fatal": 50}


@dataclass(frozen=True)
class Remap:
    """One remap rule: `match` becomes `replacement` for the node named `node` (None: for every node)."""

    node: str | None
    match: str
    replacement: str


@dataclass
class Arguments:
    """What the arguments after `--ros-args` say, in their order; the first remap that fits wins."""

    remaps: list[Remap] = field(default_factory=list)
    overrides: list[Override] = field(default_factory=list)
    level: int | None = None
    logger_levels: dict[str, int] = field(default_factory=dict)
    rosout: bool = True
    stdout: bool = True
    unknown: list[str] = field(default_factory=list)
    rest: list[str] = field(default_factory=list)

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> Arguments:
        """Read a command line; what is not ROS's is kept in `rest`, what ROS does not know in `unknown`."""
        result = cls()
        remaining = list(arguments)
        while remaining:
            argument = remaining.pop(0)
            if argument == "--ros-args":
                result._parse_section(remaining)
            else:
                result.rest.append(argument)
        return result

    def node_name(self, name: str) -> str:
        """A node's name after `__node` remaps."""
        return self._first(name, ("__node", "__name")) or name

    def namespace(self, name: str, namespace: str) -> str:
        """A node's namespace after `__ns` remaps."""
        return self._first(name, ("__ns",)) or namespace

    def remap(self, full_name: str, node_name: str, namespace: str) -> str:
        """A topic's or service's absolute name after remaps, themselves relative to the node."""
        for rule in self.remaps:
            if rule.match.startswith("__") or (rule.node or node_name) != node_name:
                continue
            if names.expand(rule.match, node_name, namespace) == full_name:
                return names.expand(rule.replacement, node_name, namespace)
        return full_name

    def parameters(self, name: str, namespace: str) -> dict[str, object]:
        """Parameter overrides for a node, by parameter name; later ones win."""
        full_name = names.qualify(namespace, name)
        return {each.name: each.value for each in self.overrides if each.applies_to(full_name)}

    def _first(self, node: str, matches: tuple[str, ...]) -> str | None:
        for rule in self.remaps:
            if rule.match in matches and rule.node in (None, node):
                return rule.replacement
        return None

    def _parse_section(self, remaining: list[str]) -> None:
        """Take the arguments between `--ros-args` and `--` or the end."""
        readers: dict[str, Callable[[str], None]] = {
            "-r": self._add_remap,
            "--remap": self._add_remap,
            "-p": self._add_parameter,
            "--param": self._add_parameter,
            "--params-file": self._add_file,
            "--log-level": self._set_level,
            "--log-config-file": lambda value: None,
            "-e": lambda value: None,
            "--enclave": lambda value: None,
        }
        while remaining:
            argument = remaining.pop(0)
            if argument == "--":
                return
            if argument == "--ros-args":
                continue
            key, assigned, value = argument.partition(":=")
            if key in readers and key.startswith("--") and assigned:
                readers[key](value)
            elif argument in readers:
                if not remaining:
                    raise PiprosError(f"{argument} needs a value after it")
                readers[argument](remaining.pop(0))
            elif not self._switch(argument):
                self.unknown.append(argument)

    def _switch(self, argument: str) -> bool:
        for prefix, value in (("--enable-", True), ("--disable-", False)):
            if argument == f"{prefix}rosout-logs":
                self.rosout = value
                return True
            if argument == f"{prefix}stdout-logs":
                self.stdout = value
                return True
            if argument == f"{prefix}external-lib-logs":
                return True
        return False

    def _add_remap(self, rule: str) -> None:
        match, separator, replacement = rule.partition(":=")
        node, prefix, bare = match.partition(":")
        if not prefix:
            node, bare = "", match
        special = bare in ("__node", "__name", "__ns")
        problem: str | names.Problem | None = None
        if not separator or not replacement or not bare:
            problem = "write from:=to"
        elif special:
            problem = (names.problem_with_namespace if bare == "__ns" else names.problem_with_node_name)(
                replacement
            )
        else:
            bare = bare.removeprefix("rostopic://").removeprefix("rosservice://")
            problem = names.problem_with_topic_name(bare) or names.problem_with_topic_name(replacement)
        if problem:
            told = problem if isinstance(problem, str) else problem.reason
            raise PiprosError(f"remap rule {rule!r}: {told}")
        self.remaps.append(Remap(node or None, bare, replacement))

    def _add_parameter(self, rule: str) -> None:
        name, separator, value = rule.partition(":=")
        if not separator or not name:
            raise PiprosError(f"parameter {rule!r}: write name:=value")
        node, prefix, bare = name.partition(":")
        pattern = "/**" if not prefix else node if node.startswith("/") else f"/**/{node}"
        self.overrides.append(
            Override(pattern, bare if prefix else name, parameter_file.parse_value(value, rule))
        )

    def _add_file(self, path: str) -> None:
        self.overrides += parameter_file.read(Path(path))

    def _set_level(self, value: str) -> None:
        logger, separator, level = value.rpartition(":=")
        if level.lower() not in LEVELS:
            raise PiprosError(f"--log-level {value!r}: use one of {', '.join(LEVELS)}")
        if separator:
            self.logger_levels[logger] = LEVELS[level.lower()]
        else:
            self.level = LEVELS[level.lower()]
