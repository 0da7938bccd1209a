#!/usr/bin/env bash
# Packages: tensorrt-rtx-cu12 1.7.1.116, onnx 1.23.2, numpy 2.4.6. Python 3.11, no GPU needed. Seen 2026-11-29.
# Guess:   builder_optimization_level 0 to 5 trade the time of a build for the engine; level 0 generates no kernels, as its
#          documentation says ("disabling dynamic kernel generation").
# Truth:   every level gives the same engine, byte by byte, with the same generated kernels in it as source.
# Seen:    levels 0, 1, 3 and 5: one digest, and as many generated kernels at 0 as at 5
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check tensorrt-rtx-cu12==1.7.1.116 onnx==1.23.2 numpy==2.4.6
cd "$place"
venv/bin/python - <<'EOF'
import hashlib

import numpy as np
import tensorrt_rtx as trt
from onnx import TensorProto, helper, numpy_helper

draw = np.random.default_rng(0)
weights, nodes, last = [], [], "x"
for index in range(4):
    weights.append(numpy_helper.from_array(draw.standard_normal((32, 32, 3, 3), np.float32).astype(np.float16), f"w{index}"))
    nodes.append(helper.make_node("Conv", [last, f"w{index}"], [f"c{index}"], pads=[1] * 4))
    nodes.append(helper.make_node("ReduceMean", [f"c{index}"], [f"m{index}"], axes=[2, 3], keepdims=1))
    nodes.append(helper.make_node("Sigmoid", [f"m{index}"], [f"s{index}"]))
    last = "y" if index == 3 else f"x{index}"
    nodes.append(helper.make_node("Mul", [f"c{index}", f"s{index}"], [last]))
values = [helper.make_tensor_value_info(n, TensorProto.FLOAT16, [1, 32, 64, 64]) for n in "xy"]
graph = helper.make_graph(nodes, "graph", values[:1], values[1:], weights)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
logger = trt.Logger(trt.Logger.ERROR)


def build(level):
    builder = trt.Builder(logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    assert trt.OnnxParser(network, logger).parse(model)
    config = builder.create_builder_config()
    config.builder_optimization_level = level
    assert config.builder_optimization_level == level
    plan = bytes(builder.build_serialized_network(network, config))
    return hashlib.sha256(plan).hexdigest()[:12], plan.count(b'extern "C" __global__')


seen = {level: build(level) for level in (0, 1, 3, 5)}
print(seen)
assert len(set(seen.values())) == 1, "levels differ now"
assert seen[0][1] > 0, "level 0 generates no kernels now"
EOF
