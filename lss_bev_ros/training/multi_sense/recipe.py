"""The recipe of a multi-sense run."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...errors import TrainingError
from ...model.senses import SensesConfig
from ...synthetic.things import NUMBER
from ...words.phrasings import HELD_OUT
from ..config import AugmentationConfig, TrainingConfig


@dataclass(frozen=True)
class SenseLosses:
    """How often samples lose senses.

    Attributes:
        cameras, lidar, memory: probability that all of it is lost; a sample never loses everything.
        some_cameras: probability that one to all but one of the cameras are lost.
        alike: probability that the earlier instant of a pair lost the same; else it lost nothing.
    """

    cameras: float = 0.12
    lidar: float = 0.55
    memory: float = 0.30
    some_cameras: float = 0.20
    alike: float = 0.85

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value <= 1:
                raise TrainingError(f"probability {name} {value} must be 0 to 1")


@dataclass(frozen=True)
class Disturbance:
    """What is done to clouds and odometry.

    Attributes:
        beams: probability that a cloud loses beams, and up to what share of them.
        dark: probability that a cloud has no intensity.
        raised: metres, deviation of the sensor's height.
        shifted: metres, deviation of the odometry's place; turned: radians, of its yaw.
        mirrored: probability that left and right change places, of everything.
    """

    beams: tuple[float, float] = (0.3, 0.7)
    dark: float = 0.25
    raised: float = 0.1
    shifted: float = 0.03
    turned: float = 0.002
    mirrored: float = 0.5


@dataclass(frozen=True)
class MultiSenseRecipe(TrainingConfig):
    """Everything that a multi-sense run depends on, over what `TrainingConfig` has.

    Attributes:
        senses: the network.
        losses: how often senses are lost.
        disturbance: of clouds and odometry.
        camera_rate: learning rate of the camera encoder, a share of `rate`.
        progress: share of the whole run that lies behind it already, where it starts from weights of an
            earlier part whose state is gone: the schedule goes on there.
        held_out: names of things that the embedding does not learn.
    """

    batch: int = 16
    rate: float = 1.5e-3
    warm_up: int = 200
    clip: float = 10.0
    average: float = 0.998
    start: str = "builtin"
    validate_every: float = 180.0
    save_every: float = 120.0
    augmentation: AugmentationConfig = field(default_factory=lambda: AugmentationConfig(lose_camera=0.0))
    senses: SensesConfig = field(default_factory=SensesConfig)
    losses: SenseLosses = field(default_factory=SenseLosses)
    disturbance: Disturbance = field(default_factory=Disturbance)
    camera_rate: float = 0.3
    progress: float = 0.0
    held_out: tuple[str, ...] = HELD_OUT

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.progress < 1:
            raise TrainingError(f"progress {self.progress} must be at least 0 and below 1")
        if unknown := [name for name in self.held_out if name not in NUMBER]:
            raise TrainingError(f"held out {unknown[0]!r} is none of the things that are drawn: see THINGS")
