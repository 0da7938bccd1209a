"""An ONNX graph while it is being written, one call an operator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ...errors import ModelError

if TYPE_CHECKING:
    import onnx

OPSET = 17
"""Read by TensorRT from 8.6, which knows none above, and by onnxruntime from 1.12."""

IR_VERSION = 8
"""Of the time of opset 17, so that those versions open the file."""

DTYPES: dict[str, np.dtype[Any]] = {"fp32": np.dtype(np.float32), "fp16": np.dtype(np.float16)}

Shape = Sequence[int | str]
"""Sizes; a name where the size is free."""


class Graph:
    """Collects operators, constants, inputs and outputs.

    Every operator's result is a tensor of the operator's own name. The types are explicit: nothing but
    `cast` changes them, so that a strongly typed TensorRT network computes what the file says.

    Args:
        precision: `fp32` or `fp16`, of weights and activations.
    """

    def __init__(self, precision: str):
        self.dtype = DTYPES[precision]
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, np.ndarray] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, shape: Shape, dtype: np.dtype | None = None) -> str:
        """Declare an input of the graph, in the graph's precision where no other is said."""
        self._inputs.append(_value(name, shape, dtype or self.dtype))
        return name

    def output(self, name: str, shape: Shape, dtype: np.dtype | None = None) -> None:
        """Declare that a tensor is an output of the graph."""
        self._outputs.append(_value(name, shape, dtype or self.dtype))

    def constant(self, name: str, value: np.ndarray) -> str:
        """Keep an array in the file."""
        self._constants[name] = np.ascontiguousarray(value)
        return name

    def node(self, operator: str, name: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add any operator with one result."""
        from onnx import helper

        self._nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def convolution(
        self,
        name: str,
        x: str,
        weight: torch.Tensor,
        bias: torch.Tensor,
        stride: int = 1,
        padding: tuple[int, int] = (0, 0),
        groups: int = 1,
    ) -> str:
        """Convolve with a square kernel, padded alike along both axes: (before, after)."""
        return self.node(
            "Conv",
            name,
            [x, self.weight(f"{name}.weight", weight), self.weight(f"{name}.bias", bias)],
            kernel_shape=list(weight.shape[2:]),
            strides=[stride, stride],
            pads=[padding[0], padding[0], padding[1], padding[1]],
            group=groups,
        )

    def relu(self, name: str, x: str) -> str:
        """Set what is negative to 0."""
        return self.node("Relu", name, [x])

    def swish(self, name: str, x: str) -> str:
        """Multiply x by its sigmoid, as the two operators that runtimes look for and fuse."""
        return self.node("Mul", name, [x, self.node("Sigmoid", f"{name}.sigmoid", [x])])

    def upsample(self, name: str, x: str, scale: int) -> str:
        """Interpolate (B, C, H, W) bilinearly with aligned corners."""
        scales = self.constant(f"{name}.scales", np.array([1, 1, scale, scale], dtype=np.float32))
        return self.node(
            "Resize", name, [x, "", scales], mode="linear", coordinate_transformation_mode="align_corners"
        )

    def cast(self, name: str, x: str, dtype: np.dtype) -> str:
        """Change the type of the newest tensor; an fp32 graph has nothing to change and only renames it."""
        if self.dtype == DTYPES["fp32"]:
            newest = self._nodes[-1]
            if newest.output[0] != x:
                raise ValueError(f"{x} is not the newest tensor, which is {newest.output[0]}")
            newest.output[0] = name
            return name
        return self.to(name, x, dtype)

    def to(self, name: str, x: str, dtype: np.dtype) -> str:
        """Change the type of any tensor, such as of truth values, in every precision."""
        from onnx import helper

        return self.node("Cast", name, [x], to=helper.np_dtype_to_tensor_dtype(dtype))

    def reshape(self, name: str, x: str, shape: Sequence[int]) -> str:
        """Give a tensor a new shape, at most one size of which is -1."""
        return self.node("Reshape", name, [x, self.constant(f"{name}.shape", np.array(shape, np.int64))])

    def finish(self, name: str, description: dict[str, str]) -> onnx.ModelProto:
        """Put the model together, the description as its metadata."""
        from onnx import helper, numpy_helper

        constants = [numpy_helper.from_array(value, key) for key, value in self._constants.items()]
        graph = helper.make_graph(self._nodes, name, self._inputs, self._outputs, constants)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="lss_bev_ros",
        )
        helper.set_model_props(model, description)
        return model

    def weight(self, name: str, tensor: torch.Tensor) -> str:
        """Keep a parameter in the file, in the graph's precision.

        Raises:
            ModelError: it exceeds the range of fp16.
        """
        value = tensor.detach().cpu().numpy()
        if np.abs(value).max(initial=0.0) > np.finfo(self.dtype).max:
            raise ModelError(f"{name} exceeds the range of fp16: export it as fp32")
        return self.constant(name, value.astype(self.dtype))


def _value(name: str, shape: Shape, dtype: np.dtype) -> onnx.ValueInfoProto:
    from onnx import helper

    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), list(shape))
