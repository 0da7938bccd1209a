"""Node, namespace, topic and parameter names: what is valid, and what a relative name means.

Stands in for rmw's validation and rcl's expansion (design.ros2.org, "Topic and Service name mapping").
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

_LONGEST_NODE_NAME = 255
_LONGEST_TOPIC = 247
_SUBSTITUTION = re.compile(r"\{([^{}]*)\}")
_SUBSTITUTIONS = ("node", "ns", "namespace")


@dataclass(frozen=True)
class Problem:
    """What is wrong with a name.

    Attributes:
        reason: in ROS 2's words.
        index: the character where it is.
        name: what was looked at: the name itself, or what it was expanded to.
    """

    reason: str
    index: int
    name: str


def problem_with_node_name(name: str) -> Problem | None:
    """Why `name` cannot be a node's name, or None."""
    if not name:
        return Problem("node name must not be empty", 0, name)
    index = _first(name, lambda character: not _is_word(character))
    if index is not None:
        reason = "node name must not contain characters other than alphanumerics or '_'"
        return Problem(reason, index, name)
    if name[0].isdigit():
        return Problem("node name must not start with a number", 0, name)
    if len(name) > _LONGEST_NODE_NAME:
        reason = f"node name length should not exceed '{_LONGEST_NODE_NAME}'"
        return Problem(reason, _LONGEST_NODE_NAME - 1, name)
    return None


def problem_with_namespace(namespace: str) -> Problem | None:
    """Why `namespace` cannot be a namespace, or None; "/" is the root."""
    if namespace == "/":
        return None
    problem = problem_with_full_topic_name(namespace, "namespace")
    if problem is not None and problem.reason.endswith("end with a '/'"):
        return replace(problem, reason=f"{problem.reason}, unless only a '/'")
    return problem


def problem_with_topic_name(name: str) -> Problem | None:
    """Why `name`, absolute, relative or private (~), cannot be a topic's or service's name, or None.

    It may hold {node}, {ns} and {namespace}; `problem_with_full_topic_name` judges what it is expanded to.
    """
    if not name:
        return Problem("topic name must not be empty string", 0, name)
    number = "topic name token must not start with a number"
    if name[0].isdigit():
        return Problem(number, 0, name)
    if name.endswith("/"):
        return Problem("topic name must not end with a forward slash", len(name) - 1, name)
    if (problem := _problem_with_characters(name)) is not None:
        return problem
    token = re.search(r"/[0-9]", name)
    return None if token is None else Problem(number, token.end() - 1, name)


def _problem_with_characters(name: str) -> Problem | None:
    opened: int | None = None
    for index, character in enumerate(name):
        reason = ""
        if _is_word(character):
            if character.isdigit() and opened is not None and opened == index - 1:
                reason = "substitution name must not start with a number"
        elif opened is not None and character != "}":
            reason = "substitution name must not contain characters other than alphanumerics or '_'"
        elif character == "{":
            opened = index
        elif character == "}" and opened is not None:
            opened = None
        elif character == "}":
            reason = "topic name must not have unmatched (unbalanced) curly braces '{}'"
        elif character == "~" and index:
            reason = "topic name must not have tilde '~' unless it is the first character"
        elif character not in "/~":
            reason = "topic name must not contain characters other than alphanumerics, '_', '~', '{', or '}'"
        if reason:
            return Problem(reason, index, name)
    if opened is not None:
        return Problem("topic name must not have unmatched (unbalanced) curly braces '{}'", opened, name)
    return None


def problem_with_full_topic_name(name: str, what: str = "topic name") -> Problem | None:
    """Why `name`, which was expanded, cannot be a topic's or service's name, or None."""
    if not name:
        return Problem(f"{what} must not be empty", 0, name)
    if not name.startswith("/"):
        return Problem(f"{what} must be absolute, it must lead with a '/'", 0, name)
    if name.endswith("/"):
        return Problem(f"{what} must not end with a '/'", len(name) - 1, name)
    index = _first(name, lambda character: not _is_word(character) and character != "/")
    if index is not None:
        reason = f"{what} must not contain characters other than alphanumerics, '_', or '/'"
        return Problem(reason, index, name)
    if wrong := re.search(r"/[/0-9]", name):
        repeated = wrong.group() == "//"
        reason = "contain repeated '/'" if repeated else "have a token that starts with a number"
        return Problem(f"{what} must not {reason}", wrong.end() - 1, name)
    if what == "topic name" and len(name) > _LONGEST_TOPIC:
        # rmw puts the macro's text into the message, not its value, which is 247
        return Problem("topic length should not exceed '255U - 8U'", _LONGEST_TOPIC - 1, name)
    return None


def unknown_substitution(name: str) -> str | None:
    """The first `{...}` in a name that stands for nothing, or None."""
    found = (match.group() for match in _SUBSTITUTION.finditer(name))
    return next((each for each in found if each[1:-1] not in _SUBSTITUTIONS), None)


def _is_word(character: str) -> bool:
    return character.isascii() and (character.isalnum() or character == "_")


def _first(name: str, test: Callable[[str], bool]) -> int | None:
    return next((index for index, character in enumerate(name) if test(character)), None)


def qualify(namespace: str, name: str) -> str:
    """`/ns/name`: a node's fully qualified name."""
    return f"/{name}" if namespace == "/" else f"{namespace}/{name}"


def expand(name: str, node_name: str, namespace: str) -> str:
    """A topic's or service's absolute name, as seen from a node. The name is valid already."""
    values = {"node": node_name, "ns": namespace, "namespace": namespace}
    if name.startswith("~"):
        name = qualify(namespace, node_name) + name[1:]
    name = _SUBSTITUTION.sub(lambda match: values.get(match.group(1), match.group()), name)
    return name if name.startswith("/") else qualify(namespace, name)


def absolute(topic: str) -> str:
    """A topic's full name: a relative one is below the root, as for ros2's commands."""
    return topic if topic.startswith("/") else f"/{topic}"


def is_hidden(name: str) -> bool:
    """Whether a topic or service is hidden from listings: a token of it starts with '_'."""
    return any(token.startswith("_") for token in name.split("/"))
