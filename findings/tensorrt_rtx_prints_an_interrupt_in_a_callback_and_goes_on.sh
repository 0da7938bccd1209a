#!/usr/bin/env bash
# Packages: tensorrt-rtx-cu12 1.7.1.116, onnx 1.23.2, numpy 2.4.6. Python 3.11, no GPU needed. Seen 2026-11-29.
# Guess:   Ctrl-C, or an exception in a logger or progress monitor, comes out of build_serialized_network.
# Truth:   it is printed and lost: raised in ILogger.log the build goes on to its engine; raised in step_complete the build
#          ends with None, as if TensorRT had found no engine. Ctrl-C is raised in whichever callback comes next.
# Seen:    raised in log: an engine, nothing raised; raised in step_complete: None, nothing raised
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

weight = numpy_helper.from_array(np.ones((8, 8, 3, 3), np.float32), "w")
values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 8, 16, 16]) for n in "xy"]
node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1] * 4)
graph = helper.make_graph([node], "graph", values[:1], values[1:], [weight])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


class Log(trt.ILogger):
    raising = False

    def __init__(self):
        trt.ILogger.__init__(self)

    def log(self, severity, message):
        if self.raising:
            raise KeyboardInterrupt


class Monitor(trt.IProgressMonitor):
    def __init__(self):
        trt.IProgressMonitor.__init__(self)

    def phase_start(self, phase_name, parent_phase, num_steps):
        pass

    def step_complete(self, phase_name, step):
        raise KeyboardInterrupt

    def phase_finish(self, phase_name):
        pass


def build(where):
    log = Log()
    builder = trt.Builder(log)
    network = builder.create_network(0)
    assert trt.OnnxParser(network, log).parse(model)
    config = builder.create_builder_config()
    monitor = Monitor()
    if where == "step_complete":
        config.progress_monitor = monitor
    log.raising = where == "log"
    try:
        plan = builder.build_serialized_network(network, config)
    except KeyboardInterrupt:
        return "raised"
    finally:
        log.raising = False
    return "no engine" if plan is None else "an engine"


seen = {where: build(where) for where in ("log", "step_complete")}
print(seen)
assert seen == {"log": "an engine", "step_complete": "no engine"}, "the behaviour has changed"
EOF
