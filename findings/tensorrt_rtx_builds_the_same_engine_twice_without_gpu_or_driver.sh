#!/usr/bin/env bash
# Packages: tensorrt-rtx-cu12 1.7.1.116, onnx 1.23.2, numpy 2.4.6. Python 3.11, on a machine without an NVIDIA GPU and
#          driver (with one the same should be seen, but that was not run). Seen 2026-11-28.
# Guess:   as with TensorRT: a build times kernels on the GPU in the machine, so it needs that GPU, takes seconds to minutes,
#          and no two engines are the same bytes. FP8 for a GPU that lacks it falls back to FP16.
# Truth:   a build times nothing. It runs without GPU and driver for a compute capability that is named, takes under a
#          second, gives the same bytes each time, and the timing cache that goes with it is not used. FP8 for 8.6 is an
#          error; with no capability named it builds without a warning.
# Seen:    float32 for SM86: 424076 bytes, again the same bytes: True; for SM89 424076; for SM120 424436
#          float8 for SM86: no engine; for SM89 448212; for SM120 448748; for none named 448212
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check tensorrt-rtx-cu12==1.7.1.116 onnx==1.23.2 numpy==2.4.6
cd "$place"
venv/bin/python - <<'EOF'
import numpy as np
import tensorrt_rtx as trt
from onnx import TensorProto, helper, numpy_helper

weights = np.random.RandomState(0).randn(64, 64, 3, 3).astype(np.float32) * 0.05


def convolution(quantised):
    constants, nodes, data, kernel = [numpy_helper.from_array(weights, "w")], [], "x", "w"
    if quantised:
        constants += [
            numpy_helper.from_array(np.float32(0.05), "sx"), helper.make_tensor("zx", TensorProto.FLOAT8E4M3FN, [], [0]),
            numpy_helper.from_array(np.full(64, 0.002, np.float32), "sw"),
            helper.make_tensor("zw", TensorProto.FLOAT8E4M3FN, [64], [0] * 64),
        ]
        for name in ("x", "w"):
            inputs, axis = [f"s{name}", f"z{name}"], {"axis": 0} if name == "w" else {}
            nodes.append(helper.make_node("QuantizeLinear", [name, *inputs], [f"{name}q"], **axis))
            nodes.append(helper.make_node("DequantizeLinear", [f"{name}q", *inputs], [f"{name}d"], **axis))
        data, kernel = "xd", "wd"
    nodes.append(helper.make_node("Conv", [data, kernel], ["y"], pads=[1] * 4))
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 64, 64, 64]) for n in "xy"]
    graph = helper.make_graph(nodes, "graph", values[:1], values[1:], constants)
    opset = [helper.make_opsetid("", 21)]
    return helper.make_model(graph, opset_imports=opset, ir_version=10).SerializeToString()


logger = trt.Logger(trt.Logger.INTERNAL_ERROR)


def engine(quantised, capability):
    builder = trt.Builder(logger)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, logger)
    assert parser.parse(convolution(quantised))
    config = builder.create_builder_config()
    if capability:
        config.num_compute_capabilities = 1
        config.set_compute_capability(getattr(trt.ComputeCapability, capability), 0)
    built = builder.build_serialized_network(network, config)
    return bytes(built) if built is not None else b""


first, again = engine(False, "SM86"), engine(False, "SM86")
others = {name: len(engine(False, name)) for name in ("SM89", "SM120")}
print(f"float32 for SM86: {len(first)} bytes, again the same bytes: {first == again}; others {others}")
eight = {name: len(engine(True, name)) for name in ("SM86", "SM89", "SM120", None)}
print(f"float8: {eight}")
assert first and first == again and all(others.values()), "the behaviour has changed"
assert not eight["SM86"] and eight["SM89"] and eight["SM120"] and eight[None], "the behaviour has changed"
EOF
