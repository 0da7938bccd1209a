#!/usr/bin/env bash
# Packages: tensorrt-rtx-cu12 1.7.1.116, onnx 1.23.2, numpy 2.4.6. Python 3.11, no GPU needed. Seen 2026-11-28.
# Guess:   TensorRT has no float64, so its parser refuses a graph with float64 inputs, or warns. And what CUDA does easily
#          for pooling (scatter with "add") is taken, while a running sum along an axis is not.
# Truth:   float64 inputs, weights and outputs become float32 without a word: who copies float64 into the binding, as the
#          ONNX file says, is silently wrong. CumSum is taken, ScatterElements and ScatterND with reduction "add" are refused.
# Seen:    Conv in float64: taken, input FLOAT, output FLOAT, warnings 0; CumSum: taken, input FLOAT, output FLOAT, warnings 0
#          ScatterElements add: Unsupported reduction type; ScatterND add: ... ScatterND with reduction is not supported.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check tensorrt-rtx-cu12==1.7.1.116 onnx==1.23.2 numpy==2.4.6
cd "$place"
venv/bin/python - <<'EOF'
import numpy as np
import tensorrt_rtx as trt
from onnx import TensorProto, checker, helper, numpy_helper


class Log(trt.ILogger):
    warnings = 0

    def log(self, severity, message):
        self.warnings += severity <= trt.ILogger.WARNING


def parsed(node, constants, kind):
    values = [helper.make_tensor_value_info(n, kind, [1, 4, 8, 8]) for n in "xy"]
    constants = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph([node], "graph", values[:1], values[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    checker.check_model(model, full_check=True)
    log = Log()
    builder = trt.Builder(log)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, log)
    before = log.warnings
    if not parser.parse(model.SerializeToString()):
        return parser.get_error(0).desc()
    kinds = network.get_input(0).dtype.name, network.get_output(0).dtype.name
    return "taken, input {}, output {}, warnings {}".format(*kinds, log.warnings - before)


node, zeros = helper.make_node, np.zeros((1, 1, 1, 1), np.int64)
seen = {
    "Conv in float64": parsed(
        node("Conv", ["x", "w"], ["y"], pads=[1] * 4), {"w": np.ones((4, 4, 3, 3))}, TensorProto.DOUBLE
    ),
    "CumSum": parsed(node("CumSum", ["x", "axis"], ["y"]), {"axis": np.int64(2)}, TensorProto.FLOAT),
    "ScatterElements add": parsed(
        node("ScatterElements", ["x", "i", "u"], ["y"], axis=2, reduction="add"),
        {"i": zeros, "u": np.ones((1, 1, 1, 1), np.float32)}, TensorProto.FLOAT,
    ),
    "ScatterND add": parsed(
        node("ScatterND", ["x", "i", "u"], ["y"], reduction="add"),
        {"i": np.zeros((1, 4), np.int64), "u": np.ones(1, np.float32)}, TensorProto.FLOAT,
    ),
}
for name, what in seen.items():
    print(f"{name}: {what}")
taken = "taken, input FLOAT, output FLOAT, warnings 0"
assert seen["Conv in float64"] == seen["CumSum"] == taken, "the behaviour has changed"
assert "Unsupported reduction" in seen["ScatterElements add"], "the behaviour has changed"
assert "reduction is not supported" in seen["ScatterND add"], "the behaviour has changed"
EOF
