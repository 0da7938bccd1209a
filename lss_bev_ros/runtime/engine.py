"""What every inference backend offers."""

from __future__ import annotations

from abc import ABC, abstractmethod

from ..geometry import BevGrid
from .frame_set import FrameSet, Prediction


class Engine(ABC):
    """Runs the network on frame sets, one at a time, from one thread.

    Attributes:
        name: backend and precision, such as `torch-cpu-bf16`.
        weights: which weights, such as `seed 0 (untrained)` or a path.
        reason: why this backend and precision.
        grid: the cells that predictions are over.
    """

    name: str
    weights: str
    reason: str
    grid: BevGrid

    @abstractmethod
    def infer(self, frame_set: FrameSet) -> Prediction:
        """Predict the BEV grid of one instant.

        Cameras of the rig without an image contribute nothing, and what only they see is not visible. A
        frame set that raises leaves the engine ready for the next one.

        Raises:
            RuntimeBackendError: an image is damaged, of another size than its camera, or of none.
        """

    def close(self) -> None:
        """Let go of threads and memory; the engine cannot be used afterwards."""

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
