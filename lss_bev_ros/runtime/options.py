"""What is asked of a backend."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from ..geometry import BevGrid
from ..model import LiftSplatShoot, ModelConfig, build_model, describe_weights
from .cpu.head_start import HeadStart


@dataclass(frozen=True)
class EngineOptions:
    """What every backend is made from.

    Attributes:
        weights: `seed:N`, `builtin` or the path of a file that the backend reads.
        precision: one of the backend's precisions, or `auto`.
        threads: CPU threads, 0 leaves them alone.
        grid: cells to predict; None for the published grid.
        image: (height, width) of the network's input, pixels; None for the published size.
        head_start: what was read of these weights before, if anything.
    """

    weights: str | Path = "builtin"
    precision: str = "auto"
    threads: int = 0
    grid: BevGrid | None = None
    image: tuple[int, int] | None = None
    head_start: HeadStart | None = field(default=None, compare=False, repr=False)

    @property
    def config(self) -> ModelConfig:
        """Sizes of the network."""
        config = ModelConfig(grid=self.grid or BevGrid())
        if self.image is None:
            return config
        height, width = self.image
        return replace(config, image_height=height, image_width=width)

    @property
    def description(self) -> str:
        """Which weights, in a few words."""
        return describe_weights(self.weights)

    def model(self) -> LiftSplatShoot:
        """Build the network in evaluation mode on the CPU.

        Raises:
            ModelError: the weights cannot be had, or do not fit the grid.
        """
        return build_model(self.weights, self.config, resized=self.image is not None)
