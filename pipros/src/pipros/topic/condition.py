"""Conditions on messages, as `ros2 topic echo --filter` takes them.

ros2 evaluates any Python. Here it is the part of it that looks at a message `m` and computes: fields,
indices, comparisons, arithmetic, and a few functions; nothing that could do anything else.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from pipros.errors import PiprosError

_FUNCTIONS: dict[str, Callable] = {
    each.__name__: each for each in (abs, all, any, bool, float, int, len, max, min, round, str, sum)
}
_OPERATORS: dict[type, Callable] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}


class Condition:
    """A condition, to be called with a message.

    Args:
        text: a Python expression in `m`, such as `m.header.frame_id == 'map' and m.pose.position.x > 1`.

    Raises:
        PiprosError: It is none, or has what is not allowed; when called, it does not fit the message.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        try:
            self._tree = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError) as error:
            raise PiprosError(f"filter {text!r} is no Python expression: {error}") from None
        for node in ast.walk(self._tree):
            self._check(node)

    def __call__(self, message: Any) -> bool:
        """Whether it holds for a message."""
        try:
            return bool(self._value(self._tree, message))
        except Exception as error:
            raise PiprosError(f"filter {self._text!r} does not fit the message: {error}") from None

    def _check(self, node: ast.AST) -> None:
        allowed = (
            *(ast.Attribute, ast.BinOp, ast.BoolOp, ast.boolop, ast.Call, ast.Compare, ast.Constant),
            *(ast.expr_context, ast.IfExp, ast.List, ast.Name, ast.Slice, ast.Subscript, ast.Tuple),
            *(ast.UnaryOp, *_OPERATORS),
        )
        wrong = not isinstance(node, allowed)
        if isinstance(node, ast.Attribute):
            wrong = node.attr.startswith("_")
        elif isinstance(node, ast.Call):
            wrong = (
                not isinstance(node.func, ast.Name) or node.func.id not in _FUNCTIONS or bool(node.keywords)
            )
        elif isinstance(node, ast.Name):
            wrong = node.id != "m" and node.id not in _FUNCTIONS
        if wrong:
            raise PiprosError(
                f"filter {self._text!r}: {ast.unparse(node) or type(node).__name__} is not allowed; m, its "
                f"fields, comparisons, arithmetic and {', '.join(_FUNCTIONS)} are"
            )

    def _value(self, node: ast.expr, m: Any) -> Any:
        value = self._value
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return m if node.id == "m" else _FUNCTIONS[node.id]
        if isinstance(node, ast.Attribute):
            return getattr(value(node.value, m), node.attr)
        if isinstance(node, ast.Subscript):
            return value(node.value, m)[value(node.slice, m)]
        if isinstance(node, ast.Slice):
            return slice(*(part and value(part, m) for part in (node.lower, node.upper, node.step)))
        if isinstance(node, ast.Call):
            return value(node.func, m)(*(value(each, m) for each in node.args))
        if isinstance(node, (ast.List, ast.Tuple)):
            return [value(each, m) for each in node.elts]
        if isinstance(node, ast.UnaryOp):
            return _OPERATORS[type(node.op)](value(node.operand, m))
        if isinstance(node, ast.BinOp):
            return _OPERATORS[type(node.op)](value(node.left, m), value(node.right, m))
        if isinstance(node, ast.IfExp):
            return value(node.body if value(node.test, m) else node.orelse, m)
        if isinstance(node, ast.BoolOp):
            result: Any = None
            for each in node.values:
                result = value(each, m)
                if bool(result) == isinstance(node.op, ast.Or):
                    return result
            return result
        assert isinstance(node, ast.Compare), ast.dump(node)
        left = value(node.left, m)
        for compare, right_node in zip(node.ops, node.comparators, strict=True):
            right = value(right_node, m)
            if not _OPERATORS[type(compare)](left, right):
                return False
            left = right
        return True
