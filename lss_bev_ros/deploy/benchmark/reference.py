"""What the others are compared with: the published pipeline, unchanged."""

from __future__ import annotations

import torch

from ...geometry import Rig
from ...model import Calibration, LiftSplatShoot
from ...runtime.stopwatch import Stopwatch


class ReferencePipeline:
    """Lift-Splat-Shoot in eager float32: geometry every frame, outer product, `index_put_`.

    Args:
        model: in evaluation mode.
    """

    def __init__(self, model: LiftSplatShoot):
        self._model = model

    def __call__(self, images: torch.Tensor, rig: Rig, watch: Stopwatch) -> torch.Tensor:
        """Run the network.

        Args:
            images: (N, 3, H, W) float32, normalised.
            rig: of the N cameras.
            watch: told of each stage.

        Returns:
            (outputs, nx, ny) float32 logits.
        """
        model = self._model
        calibration = Calibration.of_rig(rig, model.config)
        batched = Calibration(
            *(getattr(calibration, name).unsqueeze(0) for name in Calibration.__annotations__)
        )
        cells = model.cells(batched)
        watch.stage("geometry")
        depth, features = model.camencode(images)
        watch.stage("camera_encoder")
        bev = model.voxel_pooling(depth, features, cells)
        watch.stage("splat")
        logits = model.bevencode(bev)[0]
        watch.stage("bev_encoder")
        return logits
