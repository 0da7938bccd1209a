"""YAML as ROS 2's tools read and write it: version 1.1, where `yes` and `off` are truths too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError


def load(text: str) -> Any:
    """Return what the text means; an empty one is an empty string.

    Raises:
        TypeError: No YAML.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 1)
    try:
        return yaml.load(text) if text else ""
    except YAMLError as error:
        raise TypeError(
            f"parameter value {text!r} is not YAML; for text use ParameterValue(..., value_type=str)"
        ) from error


def dump(parameters: Mapping[str, Any], indent: str = "") -> str:
    """Return nested mappings, with values as `dump_inline` writes them, as text in blocks."""
    lines = []
    for key, value in parameters.items():
        name = f"{indent}{json.dumps(key, ensure_ascii=False)}:"
        if isinstance(value, Mapping) and value:
            lines.append(f"{name}\n{dump(value, indent + '  ')}")
        else:
            lines.append(f"{name} {'{}' if isinstance(value, Mapping) else dump_inline(value)}\n")
    return "".join(lines)


def dump_inline(value: Any) -> str:
    """Return a bool, int, float, str or a sequence of them in one line.

    JSON is YAML but for numbers such as 1e-05, which YAML 1.1 takes for text without a point.
    """
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(dump_inline(part) for part in value)}]"
    return json.dumps(value, ensure_ascii=False)


def _float(value: float) -> str:
    text = repr(value)
    if text in ("inf", "-inf", "nan"):
        return text.replace("inf", ".inf").replace("nan", ".nan")
    mantissa, exponent, power = text.partition("e")
    return (mantissa if "." in mantissa else f"{mantissa}.0") + exponent + power
