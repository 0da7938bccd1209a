"""The network on the CPU with PyTorch, in bfloat16 or float32."""

from __future__ import annotations

import os

import numpy as np
import torch

from ...errors import RuntimeBackendError
from ...model import LiftSplatShoot
from ...model.splat import splat, splat_hits
from ..calibration_tables import CalibrationCache, CalibrationTables
from ..engine import Engine
from ..frame_set import FrameSet, Prediction
from ..heap import give_back_memory
from ..image_decoder import ImageDecoder
from ..preprocess import Preprocessor
from ..stopwatch import Stopwatch
from .kept_network import FoldedNetwork

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def has_bfloat16() -> bool:
    """Whether the processor multiplies in bfloat16, so that it is faster than float32 and not emulated."""
    try:
        return bool(torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except (AttributeError, RuntimeError):
        return False


class TorchEngine(Engine):
    """Lift-Splat-Shoot on the CPU.

    Args:
        model: the network, in evaluation mode, of which only the parameters are read; or folded already, in
            this precision.
        weights: what to call them.
        precision: `fp32` or `bf16`.
        threads: PyTorch's threads within an operation, for the whole process; 0 leaves the setting alone.
        reason: why this engine was chosen.
    """

    def __init__(
        self,
        model: LiftSplatShoot | FoldedNetwork,
        weights: str,
        precision: str = "fp32",
        threads: int = 0,
        reason: str = "",
    ):
        if precision not in DTYPES:
            raise RuntimeBackendError(f"precision {precision!r} must be one of {', '.join(DTYPES)}")
        if threads:
            torch.set_num_threads(threads)
        dtype = DTYPES[precision]
        self.config = model.config
        self.grid = model.config.grid
        self.weights = weights
        self.name = f"torch-cpu-{precision}"
        self.reason = reason
        self._dtype = dtype
        self._decoder = ImageDecoder(threads or min(6, os.cpu_count() or 1))
        self._preprocess = Preprocessor(self.config, dtype)
        network = model if isinstance(model, FoldedNetwork) else FoldedNetwork.of(model, dtype)
        self._camera_encoder, self._bev_encoder = network.camera_encoder, network.bev_encoder
        self._tables = CalibrationCache(self.config)
        self._warm_up()

    def infer(self, frame_set: FrameSet) -> Prediction:
        """See `Engine.infer`."""
        watch = Stopwatch()
        pixels = []
        with torch.inference_mode():
            for cameras, images in self._decoder.batches(frame_set):
                watch.stage("decode")
                pixels.append(self._preprocess.pixels(images, cameras))
                del images  # before there are others
                watch.stage("preprocess")
            batch = self._preprocess.normalise(np.concatenate(pixels))
            watch.stage("preprocess")
            tables = self.tables(frame_set)
            logits = self.network(batch, tables, watch)
            # The first output is the vehicle.
            vehicle = logits[0].numpy().copy()
        watch.stage("postprocess")
        return Prediction(frame_set.stamp, self.grid, vehicle, tables.visible, watch.timings())

    def prepare(self, images: torch.Tensor) -> torch.Tensor:
        """See `NetworkEngine.prepare`."""
        return images.to(self._dtype).contiguous(memory_format=torch.channels_last)

    def tables(self, frame_set: FrameSet) -> CalibrationTables:
        """What the calibration of the cameras with an image means, from the cache where it is known."""
        tables = self._tables[frame_set.rig.subset(frame_set.images)]
        _ = tables.stem  # made now, not between the splat and the encoder
        return tables

    def network(
        self, images: torch.Tensor, tables: CalibrationTables, watch: Stopwatch | None = None
    ) -> torch.Tensor:
        """Run the network alone.

        Args:
            images: (N, 3, H, W) normalised, channels last, in the engine's precision.
            tables: of the N cameras.
            watch: told of each stage.

        Returns:
            (outputs, nx, ny) float32 logits.
        """
        watch = watch or Stopwatch()
        depth, features = self._camera_encoder(images)
        watch.stage("camera_encoder")
        if tables.stem is None:
            bev = splat(depth, features, tables.splat)
            watch.stage("splat")
            logits = self._bev_encoder(bev)
        else:
            hits = splat_hits(depth, features, tables.splat)
            watch.stage("splat")
            logits = self._bev_encoder.from_hits(hits, tables.stem)
        watch.stage("bev_encoder")
        return logits

    def tensors(self, images: torch.Tensor, tables: CalibrationTables) -> dict[str, np.ndarray]:
        """See `TransparentEngine.tensors`."""
        with torch.inference_mode():
            depth, features = self._camera_encoder(images)
            bev = splat(depth, features, tables.splat)
            logits = self._bev_encoder(bev)
        found = {"depth": depth, "features": features, "bev": bev, "logits": logits}
        return {name: tensor.float().numpy() for name, tensor in found.items()}

    def close(self) -> None:
        """See `Engine.close`."""
        self._decoder.close()

    def _warm_up(self) -> None:
        """Run once on nothing, so that kernels are compiled and weights packed before the first frame."""
        config = self.config
        blank = np.zeros((6, config.image_height, config.image_width, 3), dtype=np.uint8)
        with torch.inference_mode():
            self._camera_encoder(self._preprocess.normalise(blank))
            self._bev_encoder.warm_up()
        give_back_memory()
