"""An exported network of fp32 in fp16, as `lss-bev export --precision fp16` writes it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np

from ...errors import DeployError

if TYPE_CHECKING:
    import onnx


ALWAYS_WIDE = ("Resize", "Max")
"""Operators whose constants are fp32 in every file: scales of a map, and what the length of an embedding is
compared with."""

PLACES = "memory."
"""Constants that are fp32 in every file by their names: those that places of memory are computed with, see
`runtime.onnx.senses.recalled`."""

WIDE_INPUTS = ("warp", "age")
HALF_OUTPUTS = ("depth", "features", "remembered")
"""What a file gives to a file of the same precision; what it answers is fp32."""


def in_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same operators on fp16, with the softmax over depth, memory's places and the answers left in fp32.

    Where fp16 has a cast, the writer of fp32 only renamed a tensor (`Graph.cast`), so it still says where.

    Raises:
        DeployError: a weight is beyond the range of fp16.
    """
    from onnx import TensorProto, helper, numpy_helper

    model = copy.deepcopy(model)
    graph = model.graph
    kept = {name for node in graph.node if node.op_type in ALWAYS_WIDE for name in node.input}
    for constant in graph.initializer:
        wide_one = constant.name in kept or constant.name.startswith(PLACES)
        if constant.data_type != TensorProto.FLOAT or wide_one:
            continue
        value = numpy_helper.to_array(constant)
        if np.abs(value).max(initial=0.0) > np.finfo(np.float16).max:
            raise DeployError(f"{constant.name} exceeds the range of fp16: use --runtime onnxruntime")
        constant.CopyFrom(numpy_helper.from_array(value.astype(np.float16), constant.name))
    for given in graph.input:
        if given.type.tensor_type.elem_type == TensorProto.FLOAT and given.name not in WIDE_INPUTS:
            given.type.tensor_type.elem_type = TensorProto.FLOAT16
    wide = {name for node in graph.node if node.op_type == "Softmax" for name in node.input}
    for output in graph.output:
        half = output.name in HALF_OUTPUTS
        output.type.tensor_type.elem_type = TensorProto.FLOAT16 if half else TensorProto.FLOAT
        if not half:
            wide.add(output.name)

    def cast(name: str, result: str) -> onnx.NodeProto:
        is_wide = result in wide or result.endswith(".fp32")
        kind = TensorProto.FLOAT if is_wide else TensorProto.FLOAT16
        return helper.make_node("Cast", [name], [result], name=result, to=kind)

    nodes = []
    for node in graph.node:
        nodes.append(node)
        renamed = node.output[0]
        if len(node.output) == 1 and node.name != renamed:
            node.output[0] = node.name
            nodes.append(cast(node.name, renamed))
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.value_info[:]
    return model
