"""Which backend to run: by name, or the best one here."""

from __future__ import annotations

from pathlib import Path

from ..errors import RuntimeBackendError
from ..geometry import BevGrid
from ..model import ModelConfig, build_model, describe_weights
from .engine import Engine
from .torch_engine import TorchEngine, has_bfloat16

BACKENDS = ("auto", "torch")
PRECISIONS = ("auto", "fp32", "bf16")


def create_engine(
    backend: str = "auto",
    weights: str | Path = "builtin",
    threads: int = 0,
    precision: str = "auto",
    grid: BevGrid | None = None,
) -> Engine:
    """Make an engine.

    Args:
        backend: `torch`, or `auto` for the fastest one that runs here.
        weights: `seed:N`, `builtin` or the path of a checkpoint, see `lss_bev_ros.model.build_model`.
        threads: CPU threads, for the whole process since PyTorch knows no other; 0 leaves them alone.
        precision: `fp32`, `bf16`, or `auto` for the fastest one whose results hold.
        grid: cells to predict; None for the published grid. Checkpoints only fit the grid they were made for.

    Returns:
        The engine, warmed up; its `reason` says why it was chosen.

    Raises:
        RuntimeBackendError: no such backend or precision, or it cannot run here.
        ModelError: the weights cannot be had.
    """
    if backend not in BACKENDS:
        raise RuntimeBackendError(f"backend {backend!r} must be one of {', '.join(BACKENDS)}")
    if precision not in PRECISIONS:
        raise RuntimeBackendError(f"precision {precision!r} must be one of {', '.join(PRECISIONS)}")
    if isinstance(threads, bool) or not isinstance(threads, int) or not 0 <= threads <= 1024:
        raise RuntimeBackendError(f"threads {threads!r} must be a whole number from 0 (leave alone) to 1024")
    capable = has_bfloat16()
    if precision == "auto":
        precision = "bf16" if capable else "fp32"
        why = f"{precision}: the processor {'has' if capable else 'lacks'} bfloat16 instructions"
    elif precision == "bf16" and not capable:
        raise RuntimeBackendError("precision 'bf16' is emulated on this processor: use 'fp32' or 'auto'")
    else:
        why = f"{precision}: as asked"
    chosen = "torch on the CPU, the only backend here" if backend == "auto" else "torch as asked"
    model = build_model(weights, ModelConfig(grid=grid or BevGrid()))
    return TorchEngine(model, describe_weights(weights), precision, threads, f"{chosen}; {why}")
