"""An exported network of fp32 in fp16, as `lss-bev export --precision fp16` writes it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np

from ...errors import DeployError

if TYPE_CHECKING:
    import onnx


def in_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same operators on fp16, what the softmax over depth and the logits need left in fp32.

    Where fp16 has a cast, the writer of fp32 only renamed a tensor (`Graph.cast`), so it still says where.

    Raises:
        DeployError: a weight is beyond the range of fp16.
    """
    from onnx import TensorProto, helper, numpy_helper

    model = copy.deepcopy(model)
    graph = model.graph
    # The scales of a Resize are fp32 in every graph.
    scales = {name for node in graph.node if node.op_type == "Resize" for name in node.input[1:]}
    for constant in graph.initializer:
        if constant.data_type != TensorProto.FLOAT or constant.name in scales:
            continue
        value = numpy_helper.to_array(constant)
        if np.abs(value).max(initial=0.0) > np.finfo(np.float16).max:
            raise DeployError(f"{constant.name} exceeds the range of fp16: use --runtime onnxruntime")
        constant.CopyFrom(numpy_helper.from_array(value.astype(np.float16), constant.name))
    for given in graph.input:
        if given.type.tensor_type.elem_type == TensorProto.FLOAT:
            given.type.tensor_type.elem_type = TensorProto.FLOAT16
    outputs = {output.name: output.type.tensor_type for output in graph.output}
    # The encoders give depth and features in fp16, and every part its logits in fp32.
    for name, kind in outputs.items():
        kind.elem_type = TensorProto.FLOAT if name == "logits" else TensorProto.FLOAT16
    wide = {name for node in graph.node if node.op_type == "Softmax" for name in node.input} | {"logits"}
    nodes = []
    for node in graph.node:
        nodes.append(node)
        renamed = node.output[0]
        if len(node.output) == 1 and node.name != renamed:
            node.output[0] = node.name
            kind = TensorProto.FLOAT if renamed in wide else TensorProto.FLOAT16
            nodes.append(helper.make_node("Cast", [node.name], [renamed], name=renamed, to=kind))
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.value_info[:]
    return model
