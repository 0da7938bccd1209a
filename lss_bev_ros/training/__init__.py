"""Training: the published recipe on nuScenes, or on synthetic worlds drawn as the network trains.

`training_run` is a whole run, `run_loop` its loop for any network, `trainer` the steps of this one, `clock`
and `place` what the processes of a run agree on; `source`, `parcels`, `windows` and `pool` bring samples to
the device; `journal`, `log` and `bar` tell how it goes; `checkpoint` and `publish` keep what came of it.
`multi_sense` has what differs for the multi-sense network.
"""

from .config import AugmentationConfig, TrainingConfig
from .fine_tune import fine_tune
from .trainer import Trainer
from .training_run import train

__all__ = ["AugmentationConfig", "Trainer", "TrainingConfig", "fine_tune", "train"]
