"""Message classes with the API of those that rosidl generates for Python.

Keyword constructor with defaults, a type check on every assignment (rosidl's rules; always on here),
`array.array` for sequences of numbers, numpy arrays for fixed arrays of numbers, constants as class
attributes, `get_fields_and_field_types`, equality and a readable `repr`.
"""

from __future__ import annotations

import array
from collections import UserList, UserString
from collections.abc import Callable, Sequence, Set
from functools import cache
from typing import Any

import numpy as np

from pipros.definitions import FIELD_DEFAULTS
from pipros.interfaces import Definition, Field, definition

_INTEGERS = {
    "char": (0, 2**8 - 1),
    **{f"uint{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)},
    **{f"int{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
}
_FLOATS = ("float32", "float64")
_FLOAT32_MAX = float(np.finfo(np.float32).max)

# Code of array.array (and of struct) for the numbers that rosidl keeps in arrays, by ROS name.
TYPE_CODES = {
    "char": "B",
    "uint8": "B",
    "int8": "b",
    "uint16": "H",
    "int16": "h",
    "uint32": "I",
    "int32": "i",
    "uint64": "Q",
    "int64": "q",
    "float32": "f",
    "float64": "d",
}


class Message:
    """Base of all message classes; `definition` says what each is made of."""

    __slots__ = ()
    definition: Definition
    _field_names: tuple[str, ...]
    _defaults: tuple[tuple[str, Callable[[], Any]], ...]

    def __init__(self, **fields: object) -> None:
        for slot, default in self._defaults:
            setattr(self, slot, default())
        for name, value in fields.items():
            if name not in self._field_names:
                raise AssertionError(
                    f"Invalid arguments passed to constructor: {type(self).__name__} has no {name!r} among "
                    f"its fields {', '.join(self._field_names)}"
                )
            setattr(self, name, value)

    @classmethod
    def get_fields_and_field_types(cls) -> dict[str, str]:
        """Field names and their types as rosidl writes them, e.g. `{"data": "sequence<uint8>"}`."""
        return {field.name: field.type_name for field in cls.definition.fields}

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        for name in self._field_names:
            mine, theirs = getattr(self, name), getattr(other, name)
            if isinstance(mine, np.ndarray):
                if not np.array_equal(mine, theirs):
                    return False
            elif mine != theirs:
                return False
        return True

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={_shown(getattr(self, name))}" for name in self._field_names)
        return f"{type(self).__module__}.{type(self).__qualname__}({fields})"


@cache
def message_class(name: str) -> type[Message]:
    """The class of a message type, by its full name; PiprosError where there is no such type."""
    made_of = definition(name)
    package, kind, short = name.split("/")
    defaults = FIELD_DEFAULTS.get(name, {})
    members: dict[str, Any] = {
        "__slots__": tuple(f"_{field.name}" for field in made_of.fields),
        "__module__": f"{package}.{kind}",
        "__doc__": f"{name}: {', '.join(f'{field.type_name} {field.name}' for field in made_of.fields)}",
        "definition": made_of,
        "_field_names": tuple(field.name for field in made_of.fields),
        "_defaults": tuple(
            (f"_{field.name}", _default(field, defaults.get(field.name))) for field in made_of.fields
        ),
        **made_of.constants,
    }
    for field in made_of.fields:
        members[field.name] = _property(field)
    return type(short, (Message,), members)


def _property(field: Field) -> property:
    slot = f"_{field.name}"
    check = _checker(field)

    def get(message: Message) -> object:
        return getattr(message, slot)

    def assign(message: Message, value: object) -> None:
        setattr(message, slot, check(value))

    return property(get, assign, doc=f"{field.type_name} {field.name}")


def _default(field: Field, given: object) -> Callable[[], Any]:
    """A function that makes a field's default value; rosidl zero-initialises."""
    if field.shape == "scalar":
        if field.nested:
            return message_class(field.base)
        value = given if given is not None else _zero(field.base)
        return lambda: value
    code = None if field.nested else TYPE_CODES.get(field.base)
    if field.shape == "sequence":
        return list if code is None else lambda: array.array(code)
    if code is not None:
        return lambda: np.zeros(field.size, dtype=code)
    make = message_class(field.base) if field.nested else lambda: _zero(field.base)
    return lambda: [make() for _ in range(field.size)]


def _zero(base: str) -> object:
    if base in _FLOATS:
        return 0.0
    return {"bool": False, "byte": b"\x00", "string": ""}.get(base, 0)


def _checker(field: Field) -> Callable[[Any], Any]:
    """A function that returns the value to store for an assigned one, or raises AssertionError."""
    one = _element_checker(field)
    if field.shape == "scalar":
        return one
    code = None if field.nested else TYPE_CODES.get(field.base)
    if code is None:
        return lambda value: _checked_list(field, one, value)
    if field.shape == "array":
        return lambda value: _checked_ndarray(field, code, value)
    return lambda value: _checked_array(field, code, one, value)


def _element_checker(field: Field) -> Callable[[Any], Any]:
    name, base = field.name, field.base
    if field.nested:
        kind: Any = message_class(base)
        expected = f"a {kind.__module__}.{kind.__name__}"
    elif base in _INTEGERS:
        return _integer_checker(name, base)
    elif base in _FLOATS:
        return _float_checker(name, base)
    elif base == "byte":
        return _byte_checker(name)
    else:
        if field.limit:
            return _bounded_text_checker(name, field.limit)
        kind = {"bool": bool, "string": str}[base]
        expected = f"of type '{kind.__name__}'"

    def check(value: object) -> object:
        if not isinstance(value, kind):
            raise AssertionError(f"The '{name}' field must be {expected}, not {_kind(value)}")
        return value

    return check


def _integer_checker(name: str, base: str) -> Callable[[Any], int]:
    low, high = _INTEGERS[base]

    def check(value: int) -> int:
        if not isinstance(value, int):
            raise AssertionError(f"The '{name}' field must be of type 'int', not {_kind(value)}")
        if not low <= value <= high:
            raise AssertionError(f"The '{name}' field must be an integer in [{low}, {high}], not {value}")
        return value

    return check


def _float_checker(name: str, base: str) -> Callable[[Any], float]:
    def check(value: float) -> float:
        if not isinstance(value, float):
            raise AssertionError(f"The '{name}' field must be of type 'float', not {_kind(value)}")
        if base == "float32" and abs(value) > _FLOAT32_MAX and not np.isinf(value):
            raise AssertionError(f"The '{name}' field must fit a 32 bit float, which {value} does not")
        return value

    return check


def _bounded_text_checker(name: str, limit: int) -> Callable[[Any], str]:
    def check(value: str) -> str:
        if not isinstance(value, str) or len(value) > limit:
            raise AssertionError(
                f"The '{name}' field must be of type 'str', at most {limit} long, not {value!r}"
            )
        return value

    return check


def _byte_checker(name: str) -> Callable[[Any], bytes]:
    def check(value: bytes) -> bytes:
        if not isinstance(value, (bytes, bytearray)) or len(value) != 1:
            raise AssertionError(f"The '{name}' field must be of type 'bytes' and of length 1, not {value!r}")
        return bytes(value)

    return check


def _checked_list(field: Field, one: Callable[[Any], Any], value: Any) -> Any:
    """Messages, strings, booleans and bytes: any sequence or set but a string, kept as it is."""
    if not isinstance(value, (Sequence, Set, UserList)) or isinstance(value, (str, UserString)):
        raise AssertionError(
            f"The '{field.name}' field must be a sequence of {field.base}, not {_kind(value)}"
        )
    _check_length(field, len(value))
    for item in value:
        one(item)
    return value


def _checked_ndarray(field: Field, code: str, value: Any) -> np.ndarray:
    """A fixed array of numbers: a numpy array of the right type, or numbers to make one of."""
    if isinstance(value, np.ndarray):
        if value.dtype != np.dtype(code):
            raise AssertionError(
                f"The '{field.name}' field must have dtype {np.dtype(code)}, not {value.dtype}"
            )
        if value.size != field.size:
            raise AssertionError(
                f"The '{field.name}' field must have {field.size} elements, not {value.size}"
            )
        return value
    if not isinstance(value, (Sequence, array.array)) or isinstance(value, str):
        raise AssertionError(
            f"The '{field.name}' field must be a sequence of {field.base}, not {_kind(value)}"
        )
    _check_length(field, len(value))
    one = _element_checker(field)
    return np.array([one(item) for item in value], dtype=code)


def _checked_array(field: Field, code: str, one: Callable[[Any], Any], value: Any) -> array.array:
    """A sequence of numbers; an array.array of the right type code is kept without a copy.

    Bytes (for uint8) and numpy arrays are copied as a block; anything else goes element by element.
    """
    if isinstance(value, array.array):
        if value.typecode != code:
            raise AssertionError(
                f"The '{field.name}' array.array() must have type code '{code}', not {value.typecode!r}"
            )
        _check_length(field, len(value))
        return value
    result = array.array(code)
    if code == "B" and isinstance(value, (bytes, bytearray, memoryview)):
        result.frombytes(value)
    elif isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype == np.dtype(code):
        result.frombytes(np.ascontiguousarray(value).data.cast("B"))
    elif isinstance(value, (Sequence, Set, UserList, np.ndarray)) and not isinstance(value, str):
        items = value.tolist() if isinstance(value, np.ndarray) else value
        result.extend([one(item) for item in items])
    else:
        raise AssertionError(
            f"The '{field.name}' field must be a sequence of {field.base}, not {_kind(value)}"
        )
    _check_length(field, len(result))
    return result


def _check_length(field: Field, length: int) -> None:
    if field.shape == "array" and length != field.size:
        raise AssertionError(f"The '{field.name}' field must have {field.size} elements, not {length}")
    if field.shape == "sequence" and field.size and length > field.size:
        raise AssertionError(
            f"The '{field.name}' field must have at most {field.size} elements, not {length}"
        )


def _kind(value: object) -> str:
    return f"'{type(value).__name__}'"


def _shown(value: object) -> str:
    return repr(value.tolist()) if isinstance(value, array.array) else repr(value)
