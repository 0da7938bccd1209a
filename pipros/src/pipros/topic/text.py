"""Messages as text, in the forms of `ros2 topic echo`: YAML and CSV; and as data for JSON."""

from __future__ import annotations

import array
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_SEQUENCES = (list, tuple, array.array, np.ndarray)
# Text that means something else in YAML 1.1 (yaml.org/type: bool, float, int, merge, null, timestamp,
# value), or that ends a document.
_OTHER_TYPE = re.compile(
    r"yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF"
    r"|[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?"
    r"|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
    r"|[-+]?0b[01_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+"
    r"|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+"
    r"|<<|=|~|null|Null|NULL|"
    r"|\d{4}-\d\d-\d\d"
    r"|\d{4}-\d\d?-\d\d?(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?"
    r"|(?:---|\.\.\.).*",
)
_UNSAFE_START = re.compile(r"[ ,\[\]{}#&*!|>'\"%@`]|[-?:](?: |$)|---|\.\.\.")
_UNSAFE_INSIDE = re.compile(r": | #|:$| $")
# Characters that YAML takes only escaped, and the short names that it has for some.
_ESCAPED = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_SHORT = dict(zip('\0\a\b\t\n\v\f\r\x1b\x85\u2028\u2029"\\', '0abtnvfreNLP"\\', strict=True))


class _Octets(str):
    """Bytes of a `byte` field as text, a character each."""


@dataclass(frozen=True)
class Abridgement:
    """What to leave out: array fields, texts, and what comes after so many elements (None: nothing)."""

    arrays: bool = False
    strings: bool = False
    length: int | None = 128


def to_data(value: Any, abridge: Abridgement = Abridgement(), field_type: str = "") -> Any:
    """Return a message, or a value of a message, as dicts, lists and scalars.

    Args:
        value: The message or value.
        abridge: What to leave out.
        field_type: Its type as `get_fields_and_field_types` gives it, for the name of a left-out array.
    """
    if isinstance(value, bytes):
        return _Octets(value.decode("latin-1"))
    if isinstance(value, str):
        if abridge.strings:
            return f"<string length: <{len(value)}>>"
        cut = abridge.length is not None and len(value) > abridge.length
        return f"{value[: abridge.length]}..." if cut else value
    if isinstance(value, _SEQUENCES):
        if abridge.arrays and field_type:
            return _array_name(field_type, len(value))
        cut = abridge.length is not None and len(value) > abridge.length
        kept = value[: abridge.length] if cut else value
        if isinstance(kept, (array.array, np.ndarray)):
            kept = kept.tolist()
        return [to_data(part, abridge) for part in kept] + (["..."] if cut else [])
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (bool, int, float)):
        return value
    types = value.get_fields_and_field_types()
    return {name: to_data(getattr(value, name), abridge, types[name]) for name in types}


def to_yaml(data: Any, indent: str = "") -> str:
    """Return data of `to_data` in YAML as PyYAML writes it in blocks, with an end of line."""
    if isinstance(data, Mapping) and data:
        return "".join(f"{indent}{key}:{_block(part, indent)}" for key, part in data.items())
    if isinstance(data, Sequence) and not isinstance(data, str) and data:
        return "".join(f"{indent}- {_item(part, indent)}" for part in data)
    return f"{indent}{_scalar(data)}\n"


def to_csv(data: Any) -> str:
    """Return the scalars of data of `to_data` with commas between them."""
    if isinstance(data, Mapping):
        return ",".join(to_csv(part) for part in data.values())
    if isinstance(data, list):
        return ",".join(to_csv(part) for part in data)
    return str(data.encode("latin-1")) if isinstance(data, _Octets) else str(data)


def to_json(data: Any) -> str:
    """Return data of `to_data` as JSON in one line; what is no number in JSON becomes null."""
    return json.dumps(_finite(data), ensure_ascii=False)


def _block(data: Any, indent: str) -> str:
    """Return what follows a key and its colon; a list stands as far left as its key."""
    if isinstance(data, Mapping) and data:
        return f"\n{to_yaml(data, indent + '  ')}"
    if isinstance(data, list) and data:
        return f"\n{to_yaml(data, indent)}"
    return f" {_scalar(data)}\n"


def _item(data: Any, indent: str) -> str:
    """Return what follows the dash of an item, whose first line it shares."""
    return to_yaml(data, f"{indent}  ")[len(indent) + 2 :]


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Mapping):
        return "{}"
    return "[]" if isinstance(value, list) else _text(value)


def _float(value: float) -> str:
    if not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    text = repr(value)
    return text.replace("e", ".0e") if "e" in text and "." not in text else text


def _text(value: str) -> str:
    if _ESCAPED.search(value):
        return '"' + "".join(_escape(character) for character in value) + '"'
    if _OTHER_TYPE.fullmatch(value) or _UNSAFE_START.match(value) or _UNSAFE_INSIDE.search(value):
        return "'" + value.replace("'", "''") + "'"
    return value


def _escape(character: str) -> str:
    if character in _SHORT:
        return f"\\{_SHORT[character]}"
    if not _ESCAPED.match(character):
        return character
    code = ord(character)
    return f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}"


def _array_name(field_type: str, length: int) -> str:
    """Return what stands for an array: `<sequence type: uint8, length: 3>`, `<array type: double[9]>`."""
    inside = re.fullmatch(r"sequence<(.*?)(?:, (\d+))?>", field_type)
    if inside is None:
        element, _, size = field_type.rpartition("[")
        return f"<array type: {_full_type(element)}[{size}>"
    bound = f"[{inside[2]}]" if inside[2] else ""
    return f"<sequence type: {_full_type(inside[1])}{bound}, length: {length}>"


def _full_type(name: str) -> str:
    return name.replace("/", "/msg/") if name.count("/") == 1 else name


def _finite(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _finite(part) for key, part in data.items()}
    if isinstance(data, list):
        return [_finite(part) for part in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
