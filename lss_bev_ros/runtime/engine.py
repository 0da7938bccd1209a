"""What every inference backend offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from ..errors import ImageError
from ..geometry import BevGrid
from .frame_set import FrameSet, Prediction

if TYPE_CHECKING:
    import numpy as np
    import torch

    from ..model import ModelConfig
    from .stopwatch import Stopwatch


E = TypeVar("E", bound="Engine")


class Engine(ABC):
    """Runs the network on frame sets, one at a time, from one thread.

    Attributes:
        name: backend and precision, such as `torch-cpu-bf16`.
        weights: which weights, such as `seed 0 (untrained)` or a path.
        reason: why this backend and precision.
        grid: the cells that predictions are over.
        answers_moments: whether it is a `MultiSenseEngine`, which takes more senses and answers more.
    """

    name: str
    weights: str
    reason: str
    grid: BevGrid
    answers_moments: bool = False

    @abstractmethod
    def infer(self, frame_set: FrameSet) -> Prediction:
        """Predict the BEV grid of one instant.

        Cameras of the rig without an image contribute nothing, and what only they see is not visible. A
        frame set that raises leaves the engine ready for the next one.

        Raises:
            ImageError: an image is damaged or of another size than its camera.
            RuntimeBackendError: there is no image, or one of a camera that the rig lacks.
        """

    def infer_usable(self, frame_set: FrameSet) -> tuple[Prediction, dict[str, str]]:
        """Predict with those cameras whose images can be used, as if the others had sent none.

        Returns:
            The prediction, and what is wrong with each camera that was left out.

        Raises:
            RuntimeBackendError: no image can be used.
        """
        problems: dict[str, str] = {}
        while True:
            try:
                return self.infer(frame_set), problems
            except ImageError as error:
                problems[error.camera] = str(error)
                images = {name: image for name, image in frame_set.images.items() if name != error.camera}
                if not images:
                    raise
                frame_set = replace(frame_set, images=images)

    def close(self) -> None:  # noqa: B027 (a backend that holds nothing has nothing to do)
        """Let go of threads and memory; the engine cannot be used afterwards."""

    def __enter__(self: E) -> E:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@runtime_checkable
class NetworkEngine(Protocol):
    """An engine whose network can be run without decoding and resizing: what the benchmark compares.

    Attributes: see `Engine`; and `config`, the network's sizes.
    """

    name: str
    weights: str
    grid: BevGrid
    config: ModelConfig

    def close(self) -> None:
        """See `Engine.close`."""

    def prepare(self, images: torch.Tensor) -> Any:
        """Put normalised images where `network` reads them, in its precision and layout.

        Args:
            images: (N, 3, H, W) float32 on the CPU.
        """

    def tables(self, frame_set: FrameSet) -> Any:
        """What the calibration of the cameras with an image means, from a cache where it is known."""

    def network(self, images: Any, tables: Any, watch: Stopwatch | None = None) -> torch.Tensor:
        """Run the network alone.

        Args:
            images: from `prepare`.
            tables: from `tables`, of the same cameras.
            watch: told of each stage that can be told apart.

        Returns:
            (outputs, nx, ny) logits, on any device, in any precision.
        """


@runtime_checkable
class TransparentEngine(NetworkEngine, Protocol):
    """An engine that shows the tensors between its stages: what `lss-bev compare` measures."""

    def tensors(self, images: Any, tables: Any) -> dict[str, np.ndarray]:
        """Run the network alone and keep what is computed on the way.

        Args:
            images: from `prepare`.
            tables: from `tables`, of the same cameras.

        Returns:
            float32 arrays by name, as many of these as the engine has: `depth` (pixels, D), `features`
            (pixels, C), `bev` (nx, ny, C), `logits` (outputs, nx, ny).
        """
