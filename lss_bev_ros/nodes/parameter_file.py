"""config/lss_bev.yaml, written from the parameter classes: `lss-bev parameters` prints it."""

from __future__ import annotations

import dataclasses
import json
import textwrap
from typing import Any

from .configuration import DashboardParameters, EvaluationParameters, InferenceParameters, ReplayParameters

NODES = {
    "replay": ReplayParameters,
    "inference": InferenceParameters,
    "evaluation": EvaluationParameters,
    "dashboard": DashboardParameters,
}
"""Name of a node to its parameters."""

_HEADER = """\
# Parameters of all nodes, in any namespace; the values here are the defaults.
# An argument of a launch file overrides the value in this file:
#   ros2 launch lss_bev_ros demo.launch.py dataroot:=/data/nuscenes rate:=0.5
# `ros2 param describe /inference weights` shows the type and range of a parameter.
# `lss-bev parameters` prints this file.
"""
_WIDTH = 110


def parameter_file() -> str:
    """The file's text: every parameter with its default, its description, and what it may be."""
    return _HEADER + "".join(_node(name, kind) for name, kind in NODES.items())


def _node(name: str, kind: type) -> str:
    lines = ["", f"/**/{name}:", "  ros__parameters:"]
    defaults = dataclasses.asdict(kind())
    for field in dataclasses.fields(kind):
        indent = "    # "
        lines += textwrap.wrap(
            field.metadata["description"] + _allowed(field),
            _WIDTH,
            initial_indent=indent,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        # What JSON writes of these types is YAML.
        lines.append(f"    {field.name}: {json.dumps(defaults[field.name], ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def _allowed(field: dataclasses.Field[Any]) -> str:
    low, high = field.metadata["bounds"]
    if field.metadata["choices"]:
        return f" (one of {', '.join(field.metadata['choices'])})"
    return "" if low is None else f" ({low} to {high})"
