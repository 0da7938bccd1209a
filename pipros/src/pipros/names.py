"""Node, namespace, topic and parameter names: what is valid, and what a relative name means.

Stands in for rmw's validation and rcl's expansion (design.ros2.org, "Topic and Service name mapping").
"""

from __future__ import annotations

import re

_NODE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_TOKEN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def problem_with_node_name(name: str) -> str | None:
    """Why `name` cannot be a node's name, or None."""
    if not name:
        return "node name must not be empty"
    return (
        None
        if _NODE_NAME.match(name)
        else "node name must be letters, digits and '_' and start with no digit"
    )


def problem_with_namespace(namespace: str) -> str | None:
    """Why `namespace` cannot be a namespace, or None; "/" is the root."""
    if not namespace.startswith("/"):
        return "namespace must be absolute, it must lead with a '/'"
    if namespace != "/" and not all(_TOKEN.match(token) for token in namespace[1:].split("/")):
        return "namespace must be names of letters, digits and '_' between single '/'"
    return None


def problem_with_topic_name(name: str) -> str | None:
    """Why `name`, absolute, relative or private (~), cannot be a topic's or service's name, or None."""
    if not name:
        return "topic name must not be empty string"
    rest = name
    if name == "~":
        return None
    if name.startswith("~"):
        if not name.startswith("~/"):
            return "topic name must have a '/' after '~'"
        rest = name[2:]
    elif name.startswith("/"):
        rest = name[1:]
    if not all(_TOKEN.match(token) for token in rest.split("/")):
        return "topic name must be names of letters, digits and '_' between single '/'"
    return None


def qualify(namespace: str, name: str) -> str:
    """`/ns/name`: a node's fully qualified name."""
    return f"/{name}" if namespace == "/" else f"{namespace}/{name}"


def expand(name: str, node_name: str, namespace: str) -> str:
    """A topic's or service's absolute name, as seen from a node. The name is valid already."""
    if name == "~" or name.startswith("~/"):
        return qualify(namespace, node_name) + name[1:]
    return name if name.startswith("/") else qualify(namespace, name)


def absolute(topic: str) -> str:
    """A topic's full name: a relative one is below the root, as for ros2's commands."""
    return topic if topic.startswith("/") else f"/{topic}"


def is_hidden(name: str) -> bool:
    """Whether a topic or service is hidden from listings: a token of it starts with '_'."""
    return any(token.startswith("_") for token in name.split("/"))
