#!/usr/bin/env bash
# Package: torch 2.13.0 on a CPU. Python 3.11. Seen 2026-11-29.
# Guess:   under autocast grid_sample runs in float32, so warping a BEV map is exact; a bfloat16 grid is refused, as it is without.
# Truth:   only grid_sample runs in float32. The grid comes from affine_grid or a matrix product, which autocast runs in bfloat16,
#          and grid_sample converts it back without a word: the answer is float32, and its places have 8 bits. At the edge of
#          +-50 m that is up to 0.2 m, which a memory that is warped frame by frame collects; even the identity moves.
# Seen:    without autocast: identity off by 0.0000 m; a bfloat16 grid: RuntimeError
#          under autocast: affine_grid gives bfloat16, grid_sample float32; identity off by up to 0.094 m, turned by 1 degree 0.198 m
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cd "$place"
venv/bin/python - <<'EOF'
import torch
from torch.nn import functional

CELLS, SIZE = 200, 0.5
x = (torch.arange(CELLS) + 0.5) * SIZE - CELLS * SIZE / 2
places = torch.stack(torch.meshgrid(x, x, indexing="xy"))[None]  # each cell holds its own x and y in metres
angle = torch.tensor(torch.pi / 180)
turn = torch.tensor([[angle.cos(), -angle.sin(), 0], [angle.sin(), angle.cos(), 0]])


def warped(matrix):
    grid = functional.affine_grid(matrix[None], places.shape, align_corners=False)
    return grid.dtype, functional.grid_sample(places, grid, align_corners=False, padding_mode="border")


def error(matrix, answer):
    exact = torch.einsum("ij,njhw->nihw", matrix[:, :2].double(), places.double())
    inside = exact.abs().amax(1, keepdim=True) < x.max() - SIZE
    return float(((answer - exact).abs() * inside).max())


plain = error(turn, warped(turn)[1]), error(torch.eye(2, 3), warped(torch.eye(2, 3))[1])
try:
    functional.grid_sample(places, torch.zeros(1, 2, 2, 2, dtype=torch.bfloat16), align_corners=False)
    mixed = "taken"
except RuntimeError:
    mixed = "RuntimeError"
print(f"without autocast: identity off by {plain[1]:.4f} m, turned by 1 degree {plain[0]:.4f} m; a bfloat16 grid: {mixed}")
with torch.autocast("cpu", dtype=torch.bfloat16):
    kind, identity = warped(torch.eye(2, 3))
    turned = warped(turn)[1]
seen = error(torch.eye(2, 3), identity), error(turn, turned)
print(f"under autocast: affine_grid gives {kind}, grid_sample {identity.dtype}")
print(f"identity off by up to {seen[0]:.3f} m, turned by 1 degree {seen[1]:.3f} m")
assert max(plain) < 1e-3 and mixed == "RuntimeError", "the behaviour has changed"
assert kind == torch.bfloat16 and identity.dtype == torch.float32, "the behaviour has changed"
assert all(0.05 < value < 0.25 for value in seen), "the behaviour has changed"
EOF
