"""What the others are compared with: the published pipeline, unchanged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from ..geometry import Rig
from ..model import Calibration, LiftSplatShoot
from ..runtime.stopwatch import Stopwatch


class ReferencePipeline:
    """Lift-Splat-Shoot in eager PyTorch: geometry every frame, outer product, `index_put_`.

    float32 on a CPU; on a GPU float16 where PyTorch's autocast takes it, as the published demo does.

    Args:
        model: in evaluation mode, on the CPU; a copy of it goes to the GPU.
        device: `cpu` or `cuda`.
        serial: add the lifted points to their cells one by one in a loop on the CPU, as the demo's first
            form does.
    """

    def __init__(self, model: LiftSplatShoot, device: str = "cpu", serial: bool = False):
        self.device = torch.device(device)
        self.config = model.config
        self.precision = "fp16" if self.device.type == "cuda" else "fp32"
        self._serial = serial
        if self.device.type == "cuda":
            copy = LiftSplatShoot(model.config)
            copy.load_state_dict(model.state_dict())
            model = copy.eval().to(self.device)
        self._model = model

    def prepare(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) float32 normalised, onto the device."""
        return images.to(self.device)

    @torch.inference_mode()
    def __call__(self, images: torch.Tensor, rig: Rig, watch: Stopwatch) -> torch.Tensor:
        """Run the network.

        Args:
            images: from `prepare`.
            rig: of the N cameras.
            watch: told of each stage.

        Returns:
            (outputs, nx, ny) logits on the device.
        """
        model = self._model
        # Outside autocast: in float16 the points would fall into other cells.
        cells = model.cells(self._calibration(rig))
        watch.stage("geometry")
        enabled = self.device.type == "cuda"
        with torch.autocast(self.device.type, dtype=torch.float16, enabled=enabled):
            depth, features = model.camencode(images)
            watch.stage("camera_encoder")
            pool = self._pool_one_by_one if self._serial else model.voxel_pooling
            bev = pool(depth, features, cells)
            watch.stage("splat")
            logits = model.bevencode(bev)[0]
            watch.stage("bev_encoder")
            return logits

    def _calibration(self, rig: Rig) -> Calibration:
        """One sample's calibration on the device."""
        calibration = Calibration.of_rig(rig, self.config)
        names = Calibration.__annotations__
        return replace(
            calibration,
            **{name: getattr(calibration, name).unsqueeze(0).to(self.device) for name in names},
        )

    def _pool_one_by_one(
        self, depth: torch.Tensor, features: torch.Tensor, cells: torch.Tensor
    ) -> torch.Tensor:
        outer = depth.unsqueeze(-1) * features.permute(0, 2, 3, 1).unsqueeze(1)
        points = outer.flatten(0, 3).float().cpu().numpy()
        nx, ny = self.config.grid.shape
        bev = np.zeros((nx * ny, points.shape[1]), dtype=np.float32)
        for cell, point in zip(cells.flatten().tolist(), points, strict=True):
            if cell >= 0:
                bev[cell] += point
        return torch.from_numpy(bev).view(1, nx, ny, -1).permute(0, 3, 1, 2).to(self.device)
