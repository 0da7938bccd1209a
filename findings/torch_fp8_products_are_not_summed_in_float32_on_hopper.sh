#!/usr/bin/env bash
# Package: torch 2.11.0 (CUDA 13.0). Python 3.12. Seen 2026-11-29 on an NVIDIA H200; skipped without a GPU of compute capability 9.0.
# Guess:   torch._scaled_mm multiplies e4m3 values exactly and sums them in float32, so that whole numbers below 2**24 come out exactly.
# Truth:   the tensor cores of Hopper keep 13 to 16 bits while they sum: beside 2**16 a product of 1 is lost, 4095 times. With
#          use_fast_accum=False (the default) that holds for each stretch of 128 products, whose sums are added in float32.
# Seen:    65536 + 4095 x 1 = 69631: 65536 with use_fast_accum, 69504 without; 65536 + 4095 x 0.5 = 67583.5: 65536 and 67520;
#          256 + 4095 x 0.0625 = 511.938: right in both
set -euo pipefail
if [ "$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -n 1)" != 9.0 ]; then
    echo "skipped: no NVIDIA GPU of compute capability 9.0 here"
    exit 0
fi
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python=${FINDINGS_PYTHON:-}
if [ -z "$python" ]; then
    python3 -m venv "$place/venv"
    "$place/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.11.0 numpy==2.4.4
    python=$place/venv/bin/python
fi
cd "$place"
"$python" - <<'PY'
import torch

print(torch.__version__, torch.cuda.get_device_name())
assert torch.__version__.startswith("2.11.0"), "this is about torch 2.11.0"
products, one = 4096, torch.ones((), device="cuda")


def told(large, small, fast):
    """The product of a row (large, small, small, ...) with a column (large, 1, 1, ...)."""
    row = torch.full((1024, products), small, device="cuda")
    column = torch.ones(1024, products, device="cuda")
    row[:, 0] = column[:, 0] = large
    row, column = row.to(torch.float8_e4m3fn), column.to(torch.float8_e4m3fn)
    out = torch._scaled_mm(
        row, column.t(), scale_a=one, scale_b=one, out_dtype=torch.float32, use_fast_accum=fast
    )
    exact = row[0].double() @ column[0].double()
    single = row[0].float() @ column[0].float()
    return float(out[0, 0]), float(exact), float(single)


off = {}
for large, small in ((256.0, 0.5), (256.0, 1.0), (16.0, 0.0625), (1.0, 1.0)):
    for fast in (True, False):
        seen, exact, single = told(large, small, fast)
        off[large, small, fast] = exact - seen
        print(f"{large:g}^2 + {products - 1} x {small:g} = {exact:g}: float32 {single:g}, use_fast_accum={fast} {seen:g}")
changed = "the behaviour has changed"
assert off[1.0, 1.0, True] == off[1.0, 1.0, False] == 0, changed
assert off[256.0, 0.5, True] > off[256.0, 0.5, False] > 10, changed
assert off[16.0, 0.0625, True] == off[16.0, 0.0625, False] == 0, changed
PY
