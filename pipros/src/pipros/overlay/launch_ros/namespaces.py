"""Names and namespaces of nodes."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def joined(base: str | None, name: str | None) -> str:
    """Return the absolute namespace of `name` below `base`; an absolute name stands alone."""
    name = name or ""
    if name.startswith("/"):
        return name if name == "/" else name.rstrip("/")
    parts = [part for part in ((base or "").strip("/"), name.strip("/")) if part]
    return "/" + "/".join(parts)


def check_namespace(namespace: str) -> str:
    """Return an absolute namespace.

    Raises:
        ValueError: One that ROS 2 does not allow.
    """
    parts = namespace[1:].split("/") if namespace != "/" else []
    if not namespace.startswith("/") or not all(_TOKEN.fullmatch(part) for part in parts):
        raise ValueError(f"invalid namespace '{namespace}'")
    return namespace


def check_name(name: str) -> str:
    """Return a node's name.

    Raises:
        ValueError: One that ROS 2 does not allow.
    """
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"invalid node name '{name}': letters, digits and underscores alone")
    return name
