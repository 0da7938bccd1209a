"""Training: the published recipe on nuScenes, or on synthetic worlds drawn as the network trains."""

from .config import AugmentationConfig, TrainingConfig
from .fine_tune import fine_tune
from .trainer import Trainer
from .training import train

__all__ = ["AugmentationConfig", "Trainer", "TrainingConfig", "fine_tune", "train"]
