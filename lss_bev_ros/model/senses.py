"""Which senses the multi-sense network has and which answers it gives."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..errors import ModelError
from ..geometry.classes import DETECTED, OCCUPIED, SEGMENTS
from .config import ModelConfig

__all__ = ["DETECTED", "HEADS", "OCCUPIED", "SEGMENTS", "SENSES", "SensesConfig"]

SENSES = ("cameras", "lidar", "memory")
HEADS = ("segmentation", "boxes", "occupancy", "embedding", "plan")


@dataclass(frozen=True)
class SensesConfig:
    """The multi-sense network. A sense or head that is not named costs nothing.

    Attributes:
        model: sizes that it shares with the published network.
        senses: of `SENSES`, at least `cameras` or `lidar`.
        heads: of `HEADS`, at least one.
        embedding: numbers a cell, compared with embedded text.
        heights: layers of voxels.
        voxel_z_min, voxel_z_max: bounds of the voxels, metres, base_link.
        lidar_z_min, lidar_z_max: returns outside are left out, metres, base_link.
    """

    model: ModelConfig = field(default_factory=ModelConfig)
    senses: tuple[str, ...] = SENSES
    heads: tuple[str, ...] = HEADS
    embedding: int = 64
    heights: int = 16
    voxel_z_min: float = -1.0
    voxel_z_max: float = 5.4
    lidar_z_min: float = -3.0
    lidar_z_max: float = 6.0

    def __post_init__(self) -> None:
        for name, known in (("senses", SENSES), ("heads", HEADS)):
            given = getattr(self, name)
            if unknown := sorted(set(given) - set(known)):
                raise ModelError(f"{name} has no {unknown[0]!r}: use some of {', '.join(known)}")
            if len(set(given)) != len(given):
                raise ModelError(f"{name} {', '.join(given)} names one of them twice")
        if not {"cameras", "lidar"} & set(self.senses):
            raise ModelError("senses must have cameras or lidar: memory alone has nothing to remember")
        if not self.heads:
            raise ModelError(f"heads must name at least one of {', '.join(HEADS)}")
        if self.embedding < 1 or self.heights < 1:
            raise ModelError(f"embedding {self.embedding} and heights {self.heights} must be above 0")
        for name in ("voxel", "lidar"):
            low, high = getattr(self, f"{name}_z_min"), getattr(self, f"{name}_z_max")
            if not high > low:
                raise ModelError(f"{name}_z_max {high} must be above {name}_z_min {low}")

    @property
    def voxel_height(self) -> float:
        """Of one layer, metres."""
        return (self.voxel_z_max - self.voxel_z_min) / self.heights
