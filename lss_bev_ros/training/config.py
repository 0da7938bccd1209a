"""The recipe of a training run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from ..errors import TrainingError
from ..geometry import BevGrid
from ..model import ModelConfig

Range = tuple[float, float]


@dataclass(frozen=True)
class AppearanceConfig:
    """How often pictures are made to look otherwise, see `appearance`; by default never.

    Attributes:
        style: probability that a picture gets the coarse amplitudes of another.
        style_share: of the frequencies, up to which.
        colour: probability that the colours of a car's cameras change.
        covered: probability of each of `covers` rectangles in a picture.
        covers: how many at most.
        skyline: probability that what is above a picture's horizon is another picture's, or plain; only for a
            network with a `horizon`, whose pictures all have theirs on one row.
    """

    style: float = 0.0
    style_share: float = 0.03
    colour: float = 0.0
    covered: float = 0.0
    covers: int = 2
    skyline: float = 0.0

    @property
    def on(self) -> bool:
        """Whether anything changes."""
        return bool(self.style or self.colour or self.covered or self.skyline)


LOOKS = {
    "mild": AppearanceConfig(),
    "strong": AppearanceConfig(style=0.35, colour=0.6, covered=0.25, skyline=0.6),
}
"""By name; strong for networks that are to see what they were not trained on."""


@dataclass(frozen=True)
class AugmentationConfig:
    """How pictures are varied (Philion and Fidler 2020, section 5, and the published code's defaults).

    Attributes:
        resize: network input pixels a pixel of the 1600 x 900 image.
        rotation: degrees about the input's centre.
        bottom: share of the resized picture that is cut off below the input.
        flip: probability that a picture is mirrored.
        lose_camera: probability that a sample loses one of its cameras. The published recipe takes 5 of 6
            cameras every time (1.0); the weights that ship saw all six more often, as they will when used.
        colour: pictures' brightness, contrast and saturation change by up to this share, 0 for none.
        appearance: what else changes the looks of pictures, to the end of a run.
    """

    resize: Range = (0.193, 0.225)
    rotation: float = 5.4
    bottom: Range = (0.0, 0.22)
    flip: float = 0.5
    lose_camera: float = 0.25
    colour: float = 0.15
    appearance: AppearanceConfig = field(default_factory=AppearanceConfig)


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that a run depends on.

    The published recipe is Adam, a rate of 1e-3, weight decay 1e-7, gradients clipped at 5, binary cross
    entropy with a positive weight of 2.13, batches of 4 for 300 000 steps. The defaults keep the loss and
    take larger batches for fewer steps, a rate that warms up and then falls along a cosine, and an average
    of the weights.

    Attributes:
        steps: optimiser steps; the rate's schedule ends there.
        seconds: wall-clock limit of the run, 0 for none. Where it is what ends the run, the schedule follows
            it, so that the rate has always fallen to 0 at the end.
        batch: samples a step and process.
        rate: highest learning rate.
        warm_up: steps in which the rate rises to `rate`.
        weight_decay, clip, positive_weight: as published.
        depth_weight: weight of the depth loss at the start, where the data has depth; it falls to 0 over
            the first three quarters of the run.
        overlap_weight: weight of the soft IoU loss at the end; it rises from 0 between the shares `settle` of
            the run. 0 for the published loss alone.
        settle: shares of the run between which augmentation narrows to the transform that the network is
            used with; two ones for never.
        average: decay of the weights' moving average, which is what is validated and shipped.
        drop_connect: stochastic depth of the trunk; the published 0.2 is for few data.
        min_lidar_points: vehicles with fewer LiDAR returns are no target.
        precision: `bf16` or `fp32`, for the network; geometry, splat and loss are always fp32.
        compile: whether the encoders are compiled, on CUDA, which takes more than a minute.
        seed: of order and augmentation.
        start: weights to begin with, `seed:N`, `builtin` or a checkpoint.
        log_every, validate_every, save_every: seconds between log lines, validations and checkpoints.
        augmentation: of the pictures.
    """

    steps: int = 100_000
    seconds: float = 0.0
    batch: int = 32
    rate: float = 2e-3
    warm_up: int = 500
    weight_decay: float = 1e-7
    clip: float = 5.0
    positive_weight: float = 2.13
    depth_weight: float = 0.1
    overlap_weight: float = 0.15
    settle: Range = (0.3, 0.7)
    average: float = 0.999
    drop_connect: float = 0.05
    min_lidar_points: int = 1
    precision: str = "bf16"
    compile: bool = False
    seed: int = 0
    start: str = "seed:0"
    log_every: float = 10.0
    validate_every: float = 60.0
    save_every: float = 60.0
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "warm_up"):
            if getattr(self, name) < 1:
                raise TrainingError(f"{name} {getattr(self, name)} must be at least 1")
        for name in ("rate", "clip", "positive_weight"):
            if not getattr(self, name) > 0:
                raise TrainingError(f"{name} {getattr(self, name)} must be above 0")
        if self.precision not in ("bf16", "fp32"):
            raise TrainingError(f"precision {self.precision!r} must be bf16 or fp32")
        if self.seconds < 0:
            raise TrainingError(f"seconds {self.seconds} must be 0 (no limit) or more")

    def settled(self, progress: float) -> float:
        """How far, 0 to 1, the run has settled at a progress of 0 to 1."""
        first, last = self.settle
        return min(1.0, max(0.0, (progress - first) / max(last - first, 1e-9)))

    def description(self) -> dict[str, object]:
        """All fields as plain values, for logs, checkpoints and the model card."""
        return asdict(self)


STREETS = ("drawn", "realistic")
"""What synthetic training worlds may be: the plain ones, and those that are to carry over to recorded streets
(`synthetic.stream.CARRIED`)."""


@dataclass(frozen=True)
class SampleLayout:
    """Shapes of the samples that a run is fed with.

    Attributes:
        cameras: pictures a sample.
        height, width: of the stored pictures, pixels.
        scale: stored pixels a pixel of the full image.
        depth_stride: stored pixels an element of a depth map.
        grid: of the target.
        street: which street is drawn, one of `STREETS`.
        assets: folder of models, textures and skies that it may have, see `synthetic.assets`; empty for none.
    """

    cameras: int = 6
    height: int = 216
    width: int = 384
    scale: float = 0.24
    depth_stride: int = 4
    grid: BevGrid = field(default_factory=BevGrid)
    street: str = "drawn"
    assets: str = ""

    def __post_init__(self) -> None:
        if self.street not in STREETS:
            raise TrainingError(f"street {self.street!r} must be {' or '.join(STREETS)}")
        if self.assets and self.street == STREETS[0]:
            raise TrainingError(f"--assets {self.assets} are for --street {STREETS[1]} alone: give both")

    @classmethod
    def of(
        cls, model: ModelConfig, scale: float = 0.24, street: str = "drawn", assets: str = ""
    ) -> SampleLayout:
        """The layout for a model's grid, at a size of 1600 x 900 pictures, of a street."""
        height, width = round(900 * scale), round(1600 * scale)
        return cls(height=height, width=width, scale=scale, grid=model.grid, street=street, assets=assets)
