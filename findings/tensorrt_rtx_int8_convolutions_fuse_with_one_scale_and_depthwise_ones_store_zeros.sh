#!/usr/bin/env bash
# Packages: tensorrt-rtx-cu12 1.7.1.116, onnx 1.23.2, numpy 2.4.6. Python 3.11, no GPU needed. Seen 2026-11-29.
# Guess:   an INT8 convolution with a scale for each output channel, which NVIDIA's documentation of TensorRT recommends,
#          fuses with its bias and rectifier. A depthwise convolution in INT8 makes the engine smaller. An engine holds
#          weights and machine code.
# Truth:   with a scale for each channel the convolution writes float32 and a second, generated kernel adds the bias,
#          rectifies and quantises; with one scale for the weight the convolution writes float16, bias and rectifier fused.
#          A depthwise convolution in INT8 becomes one of groups of four channels, three of them zeros, which the engine
#          stores as a constant three times as large as the activation. Each generated kernel is stored as CUDA C++ source
#          with 100 kB of declarations, so that an engine shrinks by half with zlib.
# Seen:    one scale: writes Half, rectifier fused: True; a scale each: writes Float, False
#          depthwise: float16 285492 bytes, int8 1073372 bytes; the activation 262144
#          sources in the int8 engine: 2; deflated 29748
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check tensorrt-rtx-cu12==1.7.1.116 onnx==1.23.2 numpy==2.4.6
cd "$place"
venv/bin/python - <<'EOF'
import re
import zlib

import numpy as np
import tensorrt_rtx as trt
from onnx import TensorProto, checker, helper, numpy_helper

CHANNELS, SIZE = 64, 64


class Log(trt.ILogger):
    def __init__(self):
        trt.ILogger.__init__(self)
        self.lines = []

    def log(self, severity, message):
        self.lines += message.splitlines()


def engine(each, groups, quantised=True):
    """A convolution and its rectifier, the types float16; its layers and the serialised engine."""
    shape = (CHANNELS, CHANNELS // groups, 3, 3)
    weight = np.random.default_rng(0).integers(-100, 100, shape).astype(np.int8)
    constants, nodes = [numpy_helper.from_array(np.full(CHANNELS, 0.1, np.float16), "b")], []
    data, kernel = "x", "w"
    if quantised:
        scale = np.full(CHANNELS, 0.002, np.float16) if each else np.float16(0.002)
        for name, value in (("s", np.float16(0.05)), ("z", np.int8(0)), ("w", weight), ("ws", scale),
                            ("wz", np.zeros(scale.shape, np.int8))):
            constants.append(numpy_helper.from_array(np.asarray(value), name))
        nodes = [
            helper.make_node("QuantizeLinear", ["x", "s", "z"], ["xq"], name="xq"),
            helper.make_node("DequantizeLinear", ["xq", "s", "z"], ["xd"], name="xd"),
            helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wd"], name="wd", **({"axis": 0} if each else {})),
        ]
        data, kernel = "xd", "wd"
    else:
        constants.append(numpy_helper.from_array(weight.astype(np.float16), "w"))
    nodes.append(helper.make_node("Conv", [data, kernel, "b"], ["c"], name="c", pads=[1] * 4, group=groups))
    nodes.append(helper.make_node("Relu", ["c"], ["y"], name="r1"))
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT16, [1, CHANNELS, SIZE, SIZE]) for n in "xy"]
    graph = helper.make_graph(nodes, "graph", values[:1], values[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    checker.check_model(model, full_check=True)
    log = Log()
    builder = trt.Builder(log)
    network = builder.create_network(0)
    assert trt.OnnxParser(network, log).parse(model.SerializeToString())
    config = builder.create_builder_config()
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    config.num_compute_capabilities = 1
    config.set_compute_capability(trt.ComputeCapability.SM89, 0)
    plan = bytes(builder.build_serialized_network(network, config))
    return [line for line in log.lines if line.startswith("Name: ") and "LayerType: " in line], plan


def convolution(layers):
    line = next(line for line in layers if "LayerType: correlation" in line)
    return re.search(r"Outputs: .*?Datatype: (\w+)", line)[1], "r1]" in line


one, each = (convolution(engine(each, 1)[0]) for each in (False, True))
print(f"one scale: writes {one[0]}, rectifier fused: {one[1]}; a scale each: writes {each[0]}, {each[1]}")
plain, small = engine(False, CHANNELS, False)[1], engine(False, CHANNELS)[1]
print(f"depthwise: float16 {len(plain)} bytes, int8 {len(small)} bytes; the activation {CHANNELS * SIZE * SIZE}")
sources = len(re.findall(rb"__MYELIN_NVRTC_KGEN_BUILTINS_END__", small))
print(f"sources in the int8 engine: {sources}; deflated {len(zlib.compress(small))}")
assert one == ("Half", True) and each == ("Float", False), "the behaviour has changed"
assert len(small) > len(plain) + 3 * CHANNELS * SIZE * SIZE * 0.9, "the behaviour has changed"
assert sources and len(zlib.compress(small)) < len(small) / 2, "the behaviour has changed"
EOF
