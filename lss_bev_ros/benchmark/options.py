"""What a benchmark is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class BenchmarkOptions:
    """What is measured and how.

    Attributes:
        modes: from `mode_names`, all where none are named; see `open_modes`.
        weights: see `lss_bev_ros.model.build_model`.
        repetitions: turns of each mode.
        threads: PyTorch's threads; 0 leaves them alone.
        memory: whether each mode also runs in a process of its own for its peak memory.
        commit: of the code, where it lies in no checkout.
    """

    modes: Sequence[str] = ()
    weights: str = "builtin"
    repetitions: int = 20
    threads: int = 0
    memory: bool = True
    commit: str = ""
    command: str = field(default="", compare=False)
