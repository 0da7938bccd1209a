#!/usr/bin/env bash
# Package: safetensors 0.8.0 with numpy 2.4.6. Python 3.11. Seen 2026-11-29.
# Guess:   a plain, sorted format: equal tensors and equal metadata give equal bytes, so that a file's hash names its weights.
# Truth:   the metadata is a hash map with a random seed: its keys stand in another order from call to call, also within a process.
#          Tensors are sorted. With one key of metadata, or none, bytes are equal.
# Seen:    64 saves of the same: 0 keys: 1 variant, 1 key: 1, 2 keys: 2, 3 keys: 6; all of one length, all load alike
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6
cd "$place"
venv/bin/python - <<'EOF'
import numpy as np
from safetensors.numpy import load, save

TENSORS = {"weight": np.arange(6, dtype=np.float32).reshape(2, 3), "bias": np.zeros(2, np.float32)}
METADATA = {"format": "np", "classes": "5", "cell": "0.5"}
seen = []
for keys in range(4):
    files = {save(TENSORS, dict(list(METADATA.items())[:keys])) for _ in range(64)}
    assert len({len(file) for file in files}) == 1
    assert all(np.array_equal(load(file)["weight"], TENSORS["weight"]) for file in files)
    seen.append(len(files))
    print(f"{keys} keys of metadata: {seen[-1]} variants in 64 saves")
assert seen[:2] == [1, 1] and seen[2] == 2 and seen[3] > 2, "the behaviour has changed"
EOF
