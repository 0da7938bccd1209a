"""What is asked of a backend."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..geometry import BevGrid
from ..model import LiftSplatShoot, ModelConfig, build_model, describe_weights


@dataclass(frozen=True)
class EngineOptions:
    """What every backend is made from.

    Attributes:
        weights: `seed:N`, `builtin` or the path of a file that the backend reads.
        precision: one of the backend's precisions, or `auto`.
        threads: CPU threads, 0 leaves them alone.
        grid: cells to predict; None for the published grid.
    """

    weights: str | Path = "builtin"
    precision: str = "auto"
    threads: int = 0
    grid: BevGrid | None = None

    @property
    def config(self) -> ModelConfig:
        """Sizes of the network."""
        return ModelConfig(grid=self.grid or BevGrid())

    @property
    def description(self) -> str:
        """Which weights, in a few words."""
        return describe_weights(self.weights)

    def model(self) -> LiftSplatShoot:
        """Build the network in evaluation mode on the CPU.

        Raises:
            ModelError: the weights cannot be had, or do not fit the grid.
        """
        return build_model(self.weights, self.config)
