"""Command line arguments after `--ros-args`, and what they mean for a node.

Stands in for rcl's argument parser: remaps (`-r from:=to`, `__node`, `__ns`, `__name`, with a `node:`
prefix for one node only), parameters (`-p`, `--params-file`), log levels and the switches of the log
outputs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipros import names, parameter_file
from pipros.errors import PiprosError
from pipros.parameter_file import Override

LEVELS = {"unset": 0, "debug": 10, "info": 20, "warn": 30, "error": 40, "fatal": 50}


# What rcl's lexer takes: tokens without "__", which topics themselves may have.
_TOKEN = r"(?!\w*__)[A-Za-z_][A-Za-z0-9_]*"
_RELATIVE = rf"{_TOKEN}(?:/{_TOKEN})*"
_REMAPPED = re.compile(rf"(?:~?/)?{_RELATIVE}\Z", re.ASCII)
_NODE = re.compile(rf"({_TOKEN}):(?!//)", re.ASCII)
_PARAMETER = re.compile(r"/?(?!__)[A-Za-z_]\w*(?:[/.][A-Za-z_]\w*)*/?\Z", re.ASCII)
_NAMESPACE = re.compile(rf"/(?:{_RELATIVE})?\Z", re.ASCII)
_SCHEMES = {"rostopic://": "topic", "rosservice://": "service"}


@dataclass(frozen=True)
class Remap:
    """One remap rule: `match` becomes `replacement` for the node named `node` (None: for every node).

    `kind` is "topic" or "service" where it holds for these alone.
    """

    node: str | None
    match: str
    replacement: str
    kind: str = ""


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

    def remap(self, full_name: str, node_name: str, namespace: str, kind: str = "topic") -> str:
        """A topic's or service's absolute name after remaps, themselves relative to the node."""
        for rule in self.remaps:
            if rule.match.startswith("__") or (rule.node or node_name) != node_name:
                continue
            if (rule.kind or kind) != kind:
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
            "--log-file-name": lambda value: None,
            "-e": _check_enclave,
            "--enclave": _check_enclave,
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
        node = _NODE.match(match)
        bare = match[node.end() :] if node else match
        kind = next((kind for scheme, kind in _SCHEMES.items() if bare.startswith(scheme)), "")
        bare = bare.removeprefix(f"ros{kind}://") if kind else bare
        problem: str | names.Problem | None = None
        if not separator or not replacement or not bare:
            problem = "write from:=to"
        elif bare in ("__node", "__name", "__ns"):
            is_namespace = bare == "__ns"
            check = names.problem_with_namespace if is_namespace else names.problem_with_node_name
            problem = check(replacement)
            if not problem and not re.match(_NAMESPACE if is_namespace else rf"{_TOKEN}\Z", replacement):
                problem = f"{replacement!r} cannot stand in a rule: no '__'"
        else:
            problem = _problem_with_remapped(bare) or _problem_with_remapped(replacement)
        if problem:
            told = problem if isinstance(problem, str) else problem.reason
            raise PiprosError(f"remap rule {rule!r}: {told}")
        self.remaps.append(Remap(node[1] if node else None, bare, replacement, kind))

    def _add_parameter(self, rule: str) -> None:
        name, separator, value = rule.partition(":=")
        if not separator or not name:
            raise PiprosError(f"parameter {rule!r}: write name:=value")
        node, prefix, bare = name.partition(":")
        if prefix and not re.match(rf"{_TOKEN}\Z", node):
            raise PiprosError(f"parameter {rule!r}: {node!r} must be a node's bare name")
        if not _PARAMETER.match(bare if prefix else name):
            raise PiprosError(
                f"parameter {rule!r}: {(bare if prefix else name)!r} cannot be a parameter's name"
            )
        pattern = f"/**/{node}" if prefix else "/**"
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


def _problem_with_remapped(name: str) -> str | names.Problem | None:
    """Why a name cannot stand in a rule; rcl takes fewer there than for topics."""
    if problem := names.problem_with_topic_name(name):
        return problem
    return None if _REMAPPED.match(name) else f"{name!r} cannot stand in a rule: no '~' alone, '{{}}' or '__'"


def _check_enclave(value: str) -> None:
    if problem := names.problem_with_namespace(value):
        raise PiprosError(f"enclave {value!r}: {problem.reason.replace('namespace', 'enclave')}")
