"""The recipe of an adaptation."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..errors import TrainingError
from ..training.config import AugmentationConfig
from ..training.multi_sense.recipe import Disturbance, MultiSenseRecipe, SenseLosses

LEAST_SECONDS = 120.0
"""Of a drive: less shows too few streets to learn from and to judge by."""


@dataclass(frozen=True)
class AdaptRecipe(MultiSenseRecipe):
    """Everything that an adaptation depends on, over what `MultiSenseRecipe` has.

    The LiDAR is lost in most samples, so that the cameras learn, and there in some, so that nothing that the
    network knows of it is forgotten.

    Attributes:
        sure: probability from which the LiDAR network's yes counts.
        unlikely: probability up to which its no counts.
        consistency: weight of the agreement with the averaged network's own answers, of now with every camera
            and of a moment ago, where the LiDAR says nothing; 0 for none, which saves a third of the time.
        statistics: batches that the batch statistics settle over before the first step.
        judged: share of the drive that is judged by and never trained on.
        block: seconds of one piece of it; less of a short drive.
        apart: seconds between what is trained on and what is held out, at least.
        least_gain: by which the score of held-out minutes must rise for the new weights to be taken.
        patience: judgements without a better score after which the run ends.
        reach: seconds before and after an instant whose scans tell what stands there.
    """

    steps: int = 3000
    seconds: float = 900.0
    batch: int = 16
    rate: float = 3e-4
    warm_up: int = 50
    average: float = 0.99
    settle: tuple[float, float] = (0.5, 0.9)
    start: str = "builtin-multi"
    validate_every: float = 45.0
    save_every: float = 60.0
    camera_rate: float = 1.0
    losses: SenseLosses = field(
        default_factory=lambda: SenseLosses(cameras=0.05, lidar=0.85, memory=0.5, some_cameras=0.25)
    )
    disturbance: Disturbance = field(default_factory=lambda: Disturbance(mirrored=0.5))
    augmentation: AugmentationConfig = field(
        default_factory=lambda: AugmentationConfig(lose_camera=0.0, colour=0.25)
    )
    sure: float = 0.6
    unlikely: float = 0.15
    consistency: float = 0.5
    statistics: int = 30
    judged: float = 0.2
    block: float = 12.0
    apart: float = 1.0
    least_gain: float = 0.005
    patience: int = 6
    reach: float = 1.2

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.unlikely < 0.5 < self.sure <= 1:
            raise TrainingError(f"unlikely {self.unlikely} must be below 0.5, and sure {self.sure} above")
        if not 0 < self.judged < 0.6:
            raise TrainingError(f"judged {self.judged} must be above 0 and below 0.6")
