#!/usr/bin/env bash
# Package: torch 2.11.0 (CUDA 13.0). Python 3.12. Seen 2026-11-29 on an NVIDIA H200; skipped without an NVIDIA GPU.
# Guess:   there is no fast atomic addition of single float16 values, it is a loop of compare and swap: pooling points by scatter_add_
#          takes about five times as long in float16 as in float32.
# Truth:   a fifth longer, though half the bytes are moved; what float16 costs is digits, and both differ from run to run.
# Seen:    255 000 points of 80 channels into 16 384 cells, inside a graph: float32 61 us, off by 5e-06; float16 75 us, off by 4e-02
set -euo pipefail
if ! nvidia-smi -L >/dev/null 2>&1; then
    echo "skipped: no NVIDIA GPU here"
    exit 0
fi
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python=${FINDINGS_PYTHON:-}
if [ -z "$python" ]; then
    python3 -m venv "$place/venv"
    "$place/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.11.0
    python=$place/venv/bin/python
fi
cd "$place"
"$python" - <<'PY'
import torch

print(torch.__version__, torch.cuda.get_device_name())
assert torch.__version__.startswith("2.11.0"), "this is about torch 2.11.0"
torch.manual_seed(0)
cells, points, channels, repeats = 128 * 128, 255_432, 80, 20
cell = torch.randint(0, cells, (points,), device="cuda").sort().values[:, None].expand(points, channels)
values = torch.rand(points, channels, device="cuda")
exact = torch.zeros(cells, channels, dtype=torch.float64, device="cuda").scatter_add_(0, cell, values.double())


def look(dtype):
    """Microseconds of one sum inside a graph, and its largest error."""
    features, pooled = values.to(dtype), torch.zeros(cells, channels, dtype=dtype, device="cuda")
    pooled.scatter_add_(0, cell, features)
    off = float((pooled.double() - exact).abs().max())
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(repeats):
            pooled.scatter_add_(0, cell, features)
    times = []
    for _ in range(13):
        pooled.zero_()
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        graph.replay()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end) * 1000 / repeats)
    return sorted(times[3:])[5], off


(single, single_off), (half, half_off) = look(torch.float32), look(torch.float16)
print(f"float32 {single:.0f} us, off by {single_off:.0e}; float16 {half:.0f} us, off by {half_off:.0e}")
assert half < 2.5 * single and half_off > 100 * single_off, "the behaviour has changed"
PY
