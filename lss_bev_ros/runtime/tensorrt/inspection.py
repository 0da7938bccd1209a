"""What became of a network in an engine: the precision of each layer, what was fused, what only moves data.

TensorRT for RTX builds without a GPU but opens no engine there, so that its IEngineInspector cannot be asked;
but the builder tells the same of each layer in its log, one a line. On a GPU the inspector's JSON is read.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

MOVES = {"Move", "Tran", "Resh", "Cast", "Conc", "Slic", "Reformat"}
"""Parts of the names of kernels that compute nothing."""

_KINDS = {"Float": "fp32", "Half": "fp16", "Int8": "int8", "FP8": "fp8", "BFloat16": "bf16", "Int32": "int32"}
_BYTES = {"fp32": 4, "fp16": 2, "int8": 1, "fp8": 1, "bf16": 2, "int32": 4}
_WORDS = {"FP32": "fp32", "FP16": "fp16", "Int8": "int8", "INT8": "int8", "FP8": "fp8", "Int32": "int32"}


@dataclass(frozen=True)
class EngineLayer:
    """One layer of an engine, which is one kernel.

    Attributes:
        name: TensorRT's.
        kind: TensorRT's, such as `correlation` (a convolution) or `kgen` (a generated kernel).
        reads: precisions of its inputs, such as `int8`, without repetition.
        writes: precisions of its outputs.
        operators: of the ONNX file that it computes, by name.
        moves: whether it only casts, transposes or copies.
        constants: bytes of each tensor that is kept for it, by TensorRT's name; several layers may share one.
    """

    name: str
    kind: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    operators: tuple[str, ...]
    moves: bool
    constants: Mapping[str, int] = field(default_factory=dict)

    @property
    def weights(self) -> int:
        """Bytes of what is kept for it."""
        return sum(self.constants.values())

    @property
    def label(self) -> str:
        """What it computes, for people."""
        return " + ".join(self.operators) or self.name


@dataclass(frozen=True)
class Inspection:
    """All layers of an engine, in the order in which they run."""

    layers: tuple[EngineLayer, ...]

    @classmethod
    def of_log(cls, messages: Iterable[str]) -> Inspection:
        """Read what a builder said of the layers, see `build_plan`'s `layers`."""
        lines = [line for message in messages for line in message.splitlines()]
        return cls(
            tuple(_of_line(line) for line in lines if line.startswith("Name: ") and "LayerType: " in line)
        )

    @classmethod
    def of_json(cls, text: str) -> Inspection:
        """Read what `IEngineInspector.get_engine_information` says as JSON of an engine built in detail."""
        found = json.loads(text)["Layers"]
        return cls(tuple(_of_entry(layer) for layer in found if isinstance(layer, dict)))

    def writing(self, precision: str) -> tuple[EngineLayer, ...]:
        """The layers that write such tensors."""
        return tuple(layer for layer in self.layers if precision in layer.writes)

    @property
    def moves(self) -> tuple[EngineLayer, ...]:
        """The layers that only cast, transpose or copy."""
        return tuple(layer for layer in self.layers if layer.moves)

    @property
    def weights(self) -> int:
        """Bytes of the tensors that are kept; what an engine has beside them are kernels."""
        return sum({name: size for layer in self.layers for name, size in layer.constants.items()}.values())

    @property
    def fused(self) -> int:
        """Layers that compute several operators of the file."""
        return sum(len(layer.operators) > 1 for layer in self.layers)

    def precisions(self) -> dict[str, int]:
        """How many layers write each precision, the most frequent first."""
        return dict(Counter("+".join(layer.writes) for layer in self.layers if layer.writes).most_common())


def _of_line(line: str) -> EngineLayer:
    """`Name: N, LayerType: T, Inputs: [..], Constants: [], Outputs: [], .., Metadata: [ONNX Layer: A]`."""
    name = line[len("Name: ") :].split(",", 1)[0]
    kind = _between(line, "LayerType: ", ",")
    reads = _between(line, "Inputs: [", "], Constants:") or _between(line, "Inputs: [", "], Outputs:")
    writes = _between(line, "Outputs: [", "], TacticName:")
    operators = _operators(line.rsplit("Metadata: ", 1)[-1]) if "Metadata: " in line else ()
    kept = _constants(_between(line, "Constants: [", "], Outputs:"))
    return EngineLayer(name, kind, _datatypes(reads), _datatypes(writes), operators, _moves(name, kind), kept)


def _of_entry(entry: dict[str, Any]) -> EngineLayer:
    name, kind = str(entry.get("Name", "")), str(entry.get("LayerType", ""))
    reads, writes = (
        tuple(dict.fromkeys(map(_of_tensor, entry.get(side) or ()))) for side in ("Inputs", "Outputs")
    )
    return EngineLayer(
        name, kind, reads, writes, _operators(str(entry.get("Metadata", ""))), _moves(name, kind)
    )


def _of_tensor(tensor: dict[str, Any]) -> str:
    """`Datatype` of generated kernels, `Format/Datatype` of others: `Row major linear FP16 format`."""
    if "Datatype" in tensor:
        return _KINDS.get(str(tensor["Datatype"]), str(tensor["Datatype"]))
    words = str(tensor.get("Format/Datatype", "")).split()
    return next((_WORDS[word] for word in words if word in _WORDS), "unknown")


def _between(line: str, start: str, end: str) -> str:
    return line.split(start, 1)[1].split(end, 1)[0] if start in line else ""


def _datatypes(text: str) -> tuple[str, ...]:
    found = re.findall(r"Datatype: (\w+)", text)
    return tuple(dict.fromkeys(_KINDS.get(kind, kind) for kind in found))


def _constants(text: str) -> dict[str, int]:
    found = re.findall(r"Name: ([^,]+), Dimensions: \[([\d,]*)\].*?Datatype: (\w+)", text)
    return {
        name: math.prod(map(int, filter(None, shape.split(",")))) * _BYTES.get(_KINDS.get(kind, ""), 4)
        for name, shape, kind in found
    }


def _operators(metadata: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(re.findall(r"\[ONNX Layer: ([^\]]+)\]", metadata)))


def _moves(name: str, kind: str) -> bool:
    """Generated kernels are named after what they do: `__myl_ReshMoveConc_myl0_1`."""
    made = re.match(r"__myl_([A-Za-z]+)_myl", name)
    if made:
        parts = re.findall(r"[A-Z][a-z]*", made[1])
        return bool(parts) and set(parts) <= MOVES
    return kind.lower() in ("reformat", "shuffle", "cast")
