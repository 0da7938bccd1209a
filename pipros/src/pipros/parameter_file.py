"""Parameter values and files in ROS 2's YAML, and which nodes they are for.

Stands in for rcl_yaml_param_parser. Scalars have its types, not YAML's: quoted text is a string, then
come booleans, integers (also 0x..), floating point numbers, and everything else is a string.
"""

from __future__ import annotations

import io
import math
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pipros.errors import PiprosError

_TRUE = {"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"}
_FALSE = {"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"}
_INTEGER = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?\Z")
_SPECIAL = {".nan": "nan", ".inf": "inf", "+.inf": "inf", "-.inf": "-inf"}
_HEXADECIMAL = re.compile(r"[-+]?0[xX]([0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)([pP][-+]?[0-9]+)?\Z")
_WORD = re.compile(r"[-+]?(inf|infinity|nan)\Z", re.IGNORECASE)  # which strtod reads too
_INT64 = range(-(2**63), 2**63)
_KEY = "ros__parameters"


@dataclass(frozen=True)
class Override:
    """A parameter's value for the nodes whose full name fits `pattern` ("*" one token, "**" any)."""

    pattern: str
    name: str
    value: object

    def applies_to(self, full_name: str) -> bool:
        """Whether a node, by its fully qualified name, gets this value."""
        return _compiled(self.pattern).match(full_name) is not None


def parse_value(text: str, where: str) -> object:
    """The value that `text` stands for after `-p name:=`: a bool, int, float, str or a list of one of them.

    Args:
        text: as on the command line, in YAML.
        where: names it in errors.

    Raises:
        PiprosError: no value of a parameter.
    """
    return _value(_compose(text, where), where)


def read(path: Path) -> list[Override]:
    """All parameters in a file, in its order; PiprosError names the file and what is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PiprosError(f"parameter file {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise PiprosError(f"parameter file {path}: byte {error.start} is no UTF-8 ({error.reason})") from None
    root = _compose(text, f"parameter file {path}")
    if root is None:
        return []
    if not isinstance(root, MappingNode):
        raise PiprosError(f"parameter file {path}: it must be 'node: {{{_KEY}: {{name: value}}}}'")
    return list(_overrides(root, "", str(path)))


def _overrides(node: MappingNode, prefix: str, where: str) -> Iterator[Override]:
    """Walk namespaces down to their `ros__parameters`."""
    for key, value in node.value:
        name = str(key.value)
        if name == _KEY:
            if not prefix:
                raise PiprosError(f"parameter file {where}: {_KEY} must stand below a node's name")
            if isinstance(value, MappingNode):
                yield from _parameters(value, "", _pattern(prefix), where)
        elif isinstance(value, MappingNode):
            yield from _overrides(value, f"{prefix}/{name.strip('/')}", where)
        else:
            raise PiprosError(
                f"parameter file {where}, line {key.start_mark.line + 1}: {name!r} has no {_KEY} below it"
            )


def _parameters(node: MappingNode, prefix: str, pattern: str, where: str) -> Iterator[Override]:
    for key, value in node.value:
        name = f"{prefix}{key.value}"
        if isinstance(value, MappingNode):
            yield from _parameters(value, f"{name}.", pattern, where)
        else:
            yield Override(pattern, name, _value(value, f"parameter file {where}, parameter {name!r}"))


def _pattern(prefix: str) -> str:
    return prefix if prefix.startswith("/") else f"/{prefix}"


def _compiled(pattern: str) -> re.Pattern[str]:
    tokens = []
    for token in pattern.strip("/").split("/"):
        tokens.append("(/[^/]+)*" if token == "**" else "/[^/]+" if token == "*" else f"/{re.escape(token)}")
    return re.compile("".join(tokens) + r"\Z")


def _compose(text: str, where: str) -> Node | None:
    try:
        return YAML(typ="safe", pure=True).compose(io.StringIO(text))
    except YAMLError as error:
        problem = " ".join(str(getattr(error, "problem", None) or error).split())
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise PiprosError(f"{where}{line}: this is no YAML ({problem})") from None


def _value(node: Node | None, where: str) -> object:
    if node is None:
        raise PiprosError(f"{where}: there is no value; write '' for an empty text")
    if isinstance(node, ScalarNode):
        if not node.value and node.style not in ("'", '"'):
            raise PiprosError(f"{where}: there is no value; write '' for an empty text")
        return _scalar(node)
    if isinstance(node, SequenceNode):
        items = [_value(item, where) for item in node.value]
        if len({type(item) for item in items}) > 1:
            raise PiprosError(f"{where}: the elements of a list must all have the same type")
        if items and isinstance(items[0], list):
            raise PiprosError(f"{where}: a list must not hold lists")
        return items
    raise PiprosError(f"{where}: a value must be a scalar or a list")


def _scalar(node: ScalarNode) -> object:
    text = node.value
    if node.style in ("'", '"', "|", ">"):
        return text
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _INTEGER.match(text):
        digits = text.lstrip("+-")
        base = 16 if digits[:2].lower() == "0x" else 8 if len(digits) > 1 and digits[0] == "0" else 10
        if (number := int(text, base)) in _INT64:
            return number
    value = _float(text)
    return text if value is None else value


def _float(text: str) -> float | None:
    """What C's strtod makes of a text; None for no number and for one beyond a double of full precision."""
    if text.lower() in _SPECIAL:
        return float(_SPECIAL[text.lower()])
    if _WORD.match(text):
        return float(text)
    try:
        value = (
            float.fromhex(text) if _HEXADECIMAL.match(text) else float(text) if _FLOAT.match(text) else None
        )
    except OverflowError:
        return None
    if value is None or math.isinf(value):
        return None
    is_zero = not re.search("[1-9a-fA-F]", re.split("[eEpP]", text.lower().replace("0x", ""))[0])
    return value if is_zero or abs(value) >= sys.float_info.min else None
