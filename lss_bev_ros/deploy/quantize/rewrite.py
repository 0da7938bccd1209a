"""Q/DQ written around the layers that are quantised."""

from __future__ import annotations

import copy
import logging
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ...errors import DeployError
from .explicit import EIGHT_BITS, explicit
from .network import OPERATORS, FloatNetwork

if TYPE_CHECKING:
    import onnx
    from onnxruntime.quantization.calibrate import TensorsData

RUNTIMES = ("onnxruntime", "tensorrt")


@dataclass(frozen=True)
class QuantizationScheme:
    """How numbers become 8 bits.

    Attributes:
        runtime: `onnxruntime` for unsigned activations with a zero point, the rest in fp32; `tensorrt` for
            signed ones without, the rest in fp16, see `explicit`, which onnxruntime reads too.
        reduced: whether weights take 7 bits. Processors without VNNI add two 16 bit products with saturation,
            which 8 bit weights can reach.
        precision: `int8` or `fp8`, which is for TensorRT alone.
    """

    runtime: str = "onnxruntime"
    reduced: bool = False
    precision: str = "int8"

    def __post_init__(self) -> None:
        if self.runtime not in RUNTIMES:
            raise DeployError(f"runtime {self.runtime!r} must be {' or '.join(RUNTIMES)}")
        if self.precision not in EIGHT_BITS:
            raise DeployError(f"precision {self.precision!r} must be {' or '.join(EIGHT_BITS)}")
        if self.precision == "fp8" and self.runtime != "tensorrt":
            raise DeployError(
                "precision fp8 is for TensorRT: give --runtime tensorrt, or int8 for onnxruntime, which "
                "has no convolution in fp8"
            )

    @property
    def symmetric(self) -> bool:
        """Whether ranges must be symmetric."""
        return self.runtime == "tensorrt"


def quantized(
    network: FloatNetwork, ranges: TensorsData, layers: Collection[str], scheme: QuantizationScheme
) -> onnx.ModelProto:
    """The network with some of its convolutions in 8 bits, and what lies between two of those too.

    Args:
        network: in fp32; left as it is.
        ranges: of its tensors.
        layers: names of convolutions; with none of them, nothing is quantised.
        scheme: how.

    Returns:
        A model that says of itself that it is int8, or fp8.
    """
    from onnx import helper
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    description = replace(network.description, precision=scheme.precision)
    if layers and scheme.runtime == "tensorrt":
        model = explicit(network, ranges, layers, scheme.precision)
    elif layers:
        model = copy.deepcopy(network.model)
        quantizer = QDQQuantizer(
            model,
            per_channel=True,
            reduce_range=scheme.reduced,
            weight_qType=QuantType.QInt8,
            activation_qType=QuantType.QUInt8,
            tensors_range=ranges,
            nodes_to_quantize=[*layers, *_between(network, layers)],
            nodes_to_exclude=[],
            op_types_to_quantize=list(OPERATORS),
            extra_options={
                "ActivationSymmetric": False,
                "WeightSymmetric": True,
                # Convolution and rectifier become one operator, whose output alone is quantised.
                "QDQKeepRemovableActivations": False,
            },
        )
        root, before = logging.getLogger(), logging.getLogger().level
        root.setLevel(logging.ERROR)
        try:
            quantizer.quantize_model()
            quantizer.model.topological_sort()
            model = quantizer.model.model
        finally:
            root.setLevel(before)
    else:
        model = copy.deepcopy(network.model)
    del model.metadata_props[:]
    helper.set_model_props(model, description.metadata())
    return model


def _between(network: FloatNetwork, layers: Collection[str]) -> list[str]:
    """Operators whose inputs come, over others of their kind, from quantised convolutions.

    All of an operator's inputs must, but of a product only one: what a gate steers is quantised, and the
    gate itself where it is applied.
    """
    made = {output: node for node in network.model.graph.node for output in node.output}
    others, known = set(network.others), set(layers)
    chosen = []
    for node in network.model.graph.node:
        if node.name not in others:
            continue
        sources = [made.get(name) for name in node.input if name and not _is_constant(network, name)]
        quantised = [source is not None and source.name in known for source in sources]
        if any(quantised) and (all(quantised) or node.op_type == "Mul"):
            known.add(node.name)
            chosen.append(node.name)
    return chosen


def _is_constant(network: FloatNetwork, name: str) -> bool:
    return any(constant.name == name for constant in network.model.graph.initializer)
