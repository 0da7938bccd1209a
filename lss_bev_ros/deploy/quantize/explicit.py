"""Q/DQ where TensorRT fuses it, around a network in fp16, which onnxruntime reads too.

TensorRT takes 8 bits from Q/DQ alone, and everything else in the types of the file. So weights are stored in
8 bits with DQ, biases are in float, and what is not quantised is fp16. By its rules ("Working with Quantized
Types" in its documentation) Q/DQ is before a convolution and on the shortcut of a sum, and not between a
convolution and its rectifier, swish or sum; activations are signed, without zero point.

The 8 bits are int8, with a scale for each output channel of a weight, or fp8 (`EIGHT_BITS`).

What is left in fp16 and why, read off the engines that TensorRT for RTX 1.7 builds (docs/tensorrt.md):

- Depthwise convolutions. They become dense groups of four channels, three of which are zeros, and the engine
  keeps these zeros, three times the size of the input: 43 MB of 70.
- Convolutions of few weights (LIGHT): each costs a kernel of its own for Q, and saves less than that.
  EfficientNet's first twelve blocks are 4 % of the multiplications and most of the kernels.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .half import in_half
from .network import FloatNetwork

if TYPE_CHECKING:
    import onnx
    from onnxruntime.quantization.calibrate import TensorsData

OPSET, IR_VERSION = 19, 9
"""The first in which Q/DQ take fp16, read by TensorRT from 10 and by onnxruntime from 1.16."""

LIGHT = {1: 1 << 17, 3: 1 << 15}
"""Weights below which a convolution stays in fp16, by the size of its kernel; larger ones are as 3."""


@dataclass(frozen=True)
class EightBits:
    """A kind of number of 8 bits, as ONNX has it.

    Attributes:
        name: of it, which the file says of itself.
        largest: it holds, on each side of 0.
        aim: where the end of an activation's range comes to lie, at most `largest`.
        by_channel: whether each output channel of a weight has a scale of its own.
        powers: whether scales are powers of two.
    """

    name: str
    largest: float
    aim: float
    by_channel: bool
    powers: bool

    def scale(self, reach: np.ndarray, aim: float) -> np.ndarray:
        """What `reach`, of any shape, is divided by to come to `aim`; float16, finite and never 0."""
        half = np.finfo(np.float16)
        found = reach / aim
        if self.powers:
            found = np.exp2(np.ceil(np.log2(np.maximum(found, SMALLEST))))
        # A channel of smaller weights than any scale of fp16 is one of zeros.
        return np.asarray(np.clip(found, half.smallest_subnormal, half.max), np.float16)

    def constant(self, name: str, value: np.ndarray) -> onnx.TensorProto:
        """The nearest numbers to a float32 array of any shape, as a constant of an ONNX file."""
        from onnx import TensorProto, helper, numpy_helper

        held = np.asarray(np.clip(value, -self.largest, self.largest), np.float32)
        if self.name == "int8":
            return numpy_helper.from_array(np.asarray(np.rint(held), np.int8), name)
        bits = torch.from_numpy(held).to(torch.float8_e4m3fn).view(torch.uint8).numpy()
        return helper.make_tensor(name, TensorProto.FLOAT8E4M3FN, value.shape, bits.tobytes(), raw=True)


EIGHT_BITS = {
    # -128 is left out, so that both sides are alike.
    "int8": EightBits("int8", 127.0, 127.0, True, False),
    "fp8": EightBits("fp8", 448.0, 56.0, False, True),
}
"""What a file's 8 bits can be. fp8 is e4m3 without infinity (Micikevicius et al., "FP8 Formats for Deep
Learning", 2022). As its steps grow with the number, one scale serves all channels of a weight, which TensorRT
for RTX fuses. Scales are powers of two, which cost no precision there and repeat from tensor to tensor, so
that kernels do too. Activations have room for eight times what was seen, by which only the smallest lose."""

SMALLEST = 2.0**-14
"""Scale of an activation at least: the smallest normal number of fp16, whose inverse is one too."""


def heavy_layers(network: FloatNetwork) -> tuple[str, ...]:
    """The convolutions that are worth 8 bits, and those that read what is in 8 bits anyway; see the module.

    Of a network of few weights throughout, all but the depthwise ones, and the first one: Q/DQ behind a
    reshape does not build on Orin with TensorRT 10.16 (NVIDIA/TensorRT issue 4832).
    """
    shapes = {constant.name: tuple(constant.dims) for constant in network.model.graph.initializer}
    convolutions = {node.name: node for node in network.model.graph.node if node.name in network.layers}
    reshaped = {
        name for node in network.model.graph.node if node.op_type == "Reshape" for name in node.output
    }
    dense = [n for n, node in convolutions.items() if _groups(node) == 1 and node.input[0] not in reshaped]
    heavy = {
        name
        for name in dense
        if math.prod(shape := shapes[convolutions[name].input[1]]) >= LIGHT[min(shape[2], 3)]
    }
    read = {convolutions[name].input[0] for name in heavy}
    chosen = [n for n in network.layers if n in heavy or (n in dense and convolutions[n].input[0] in read)]
    return tuple(chosen or dense)


def explicit(
    network: FloatNetwork, ranges: TensorsData, layers: Collection[str], kind: str = "int8"
) -> onnx.ModelProto:
    """The network in fp16 with some of its convolutions in 8 bits.

    Args:
        network: in fp32; left as it is.
        ranges: of its tensors.
        layers: names of convolutions.
        kind: of the 8 bits, a name in `EIGHT_BITS`.
    """
    model = in_half(network.model)
    model.opset_import[0].version, model.ir_version = OPSET, IR_VERSION
    _Rewriter(model, ranges, layers, EIGHT_BITS[kind]).rewrite()
    return model


class _Rewriter:
    """Writes the nodes of a model again, with Q/DQ between them."""

    def __init__(self, model: onnx.ModelProto, ranges: TensorsData, layers: Collection[str], bits: EightBits):
        self._bits = bits
        self._graph, self._ranges, self._layers = model.graph, ranges, set(layers)
        self._constants = {constant.name: constant for constant in model.graph.initializer}
        self._made = {name: node for node in model.graph.node for name in node.output}
        self._readers: dict[str, int] = {}
        for node in model.graph.node:
            for name in node.input:
                self._readers[name] = self._readers.get(name, 0) + 1
        self._nodes: list[onnx.NodeProto] = []
        self._quantized: dict[str, str] = {}

    def rewrite(self) -> None:
        """Write them."""
        for node in list(self._graph.node):
            if node.op_type == "Conv" and node.name in self._layers:
                node.input[0] = self._activation(node.input[0])
                node.input[1] = self._weight(node.input[1])
            elif node.op_type == "Add":
                self._shortcut(node)
            elif node.op_type.startswith("Reduce"):
                self._move_axes(node)
            self._nodes.append(node)
        del self._graph.node[:]
        self._graph.node.extend(self._nodes)
        del self._graph.initializer[:]
        self._graph.initializer.extend(self._constants.values())

    def _shortcut(self, node: onnx.NodeProto) -> None:
        """Quantise the branch of a sum that a convolution in 8 bits can add while it writes."""
        sums = [name for name in node.input if self._is_sum(name)]
        if not sums:
            return
        main = sums[0] if len(sums) == 1 else max(sums, key=self._place)
        for index, name in enumerate(node.input):
            if name != main and (name in self._quantized or self._is_sum(name)):
                node.input[index] = self._activation(name)

    def _is_sum(self, name: str) -> bool:
        """Whether a tensor is read by this operator alone and comes from a convolution in 8 bits."""
        made = self._made.get(name)
        return made is not None and made.name in self._layers and self._readers[name] == 1

    def _place(self, name: str) -> tuple[bool, int]:
        """What tells the main branch: it ends in the larger convolution, the shortcut in a 1x1 at most."""
        shape = self._constants_shape(self._made[name])
        return shape[2] > 1, math.prod(shape)

    def _constants_shape(self, node: onnx.NodeProto) -> tuple[int, ...]:
        name = node.input[1].removesuffix(".dq")
        return tuple(self._constants[name].dims)

    def _activation(self, name: str) -> str:
        """A tensor in 8 bits and back, once for all that read it."""
        if name not in self._quantized:
            low, high = self._ranges.data[self._measured(name)].range_value
            reach = max(abs(float(np.min(low))), abs(float(np.max(high))))
            scale = np.maximum(self._bits.scale(np.array(reach), self._bits.aim), np.float16(SMALLEST))
            self._quantized[name] = self._dequantized(name, scale, quantize=True)
        return self._quantized[name]

    def _measured(self, name: str) -> str:
        """The tensor of the network in fp32 that became this one: casts are of fp16 alone."""
        while name not in self._ranges.data:
            name = self._made[name].input[0]
        return name

    def _weight(self, name: str) -> str:
        """A weight in 8 bits and DQ."""
        from onnx import numpy_helper

        value = numpy_helper.to_array(self._constants[name]).astype(np.float32)
        reach = np.abs(value).max(axis=(1, 2, 3) if self._bits.by_channel else None)
        scale = self._bits.scale(reach, self._bits.largest)
        steps = value / scale.astype(np.float32).reshape(-1, 1, 1, 1)
        self._constants[name] = self._bits.constant(name, steps)
        return self._dequantized(name, scale)

    def _dequantized(self, name: str, scale: np.ndarray, quantize: bool = False) -> str:
        from onnx import helper, numpy_helper

        parameters = [f"{name}.scale", f"{name}.zero"]
        self._constants[parameters[0]] = numpy_helper.from_array(scale, parameters[0])
        self._constants[parameters[1]] = self._bits.constant(parameters[1], np.zeros(scale.shape, np.float32))
        axis: dict[str, Any] = {"axis": 0} if scale.ndim else {}
        source = name
        if quantize:
            source = f"{name}.q"
            made = helper.make_node("QuantizeLinear", [name, *parameters], [source], name=source, **axis)
            self._nodes.append(made)
        result = f"{name}.dq"
        self._nodes.append(
            helper.make_node("DequantizeLinear", [source, *parameters], [result], name=result, **axis)
        )
        return result

    def _move_axes(self, node: onnx.NodeProto) -> None:
        """From opset 18 the axes of a mean, a maximum or a length are an input."""
        from onnx import numpy_helper

        attributes = [one for one in node.attribute if one.name != "axes"]
        axes = [list(one.ints) for one in node.attribute if one.name == "axes"]
        if axes:
            name = "axes." + ".".join(map(str, axes[0]))
            self._constants[name] = numpy_helper.from_array(np.array(axes[0], np.int64), name)
            node.input.append(name)
            del node.attribute[:]
            node.attribute.extend(attributes)


def _groups(node: onnx.NodeProto) -> int:
    return next((int(one.i) for one in node.attribute if one.name == "group"), 1)
