"""What can be compared: a backend, an exported file, a pair of exported encoders, a checkpoint."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...errors import DeployError
from ...model import Calibration, LiftSplatShoot, ModelConfig, describe_weights, splat
from ...model.multi_sense import MultiSense
from ...model.multi_sense_names import is_multi_sense
from ...runtime import FrameSet, create_engine
from ...runtime.backends import REGISTRY
from ...runtime.calibration_tables import CalibrationCache
from ...runtime.engine import Engine, NetworkEngine, TransparentEngine
from ...runtime.multi_sense.engine import MultiSenseEngine
from ...runtime.multi_sense.weights import read_multi_sense
from ...runtime.onnx import OnnxDescription
from ...runtime.onnx.session import OnnxSession
from ...runtime.options import EngineOptions

REFERENCE = "reference"
"""The published network in plain fp32 PyTorch, nothing folded, geometry every frame."""

CHECKPOINTS = (".pt", ".pth", ".safetensors")


class Subject(ABC):
    """One side of a comparison.

    Attributes:
        name: what the user called it.
        detail: backend and precision that it became, and which weights.
        precision: `fp32`, `bf16`, `fp16`, `int8` or `fp8`.
        config: sizes of its network.
    """

    name: str
    detail: str
    precision: str
    config: ModelConfig

    @abstractmethod
    def prepare(self, frame: FrameSet, images: torch.Tensor) -> Any:
        """Put a frame, with its (N, 3, H, W) normalised fp32 images, where `run` reads it: not timed."""

    @abstractmethod
    def run(self, prepared: Any) -> np.ndarray:
        """(outputs, nx, ny) float32 logits on the host: timed."""

    @abstractmethod
    def tensors(self, prepared: Any) -> dict[str, np.ndarray]:
        """What is computed on the way, as in `TransparentEngine.tensors`, as far as it can be seen."""

    def close(self) -> None:  # noqa: B027 (some hold nothing)
        """Let go of threads and memory."""


class EngineSubject(Subject):
    """A backend of the registry, or a file that one of them reads."""

    def __init__(self, name: str, engine: Engine):
        if not isinstance(engine, NetworkEngine):
            engine.close()
            raise DeployError(f"backend {engine.name} cannot run its network alone, so it cannot be compared")
        self.name = name
        self.detail = f"{engine.name}, weights {engine.weights}"
        self.precision = engine.name.rsplit("-", 1)[-1]
        self.config = engine.config
        self._engine: NetworkEngine = engine

    def prepare(self, frame: FrameSet, images: torch.Tensor) -> Any:
        """See `Subject.prepare`."""
        return self._engine.prepare(images), self._engine.tables(frame)

    def run(self, prepared: Any) -> np.ndarray:
        """See `Subject.run`."""
        with torch.inference_mode():
            return self._engine.network(*prepared).float().cpu().numpy().copy()

    def tensors(self, prepared: Any) -> dict[str, np.ndarray]:
        """See `Subject.tensors`."""
        if not isinstance(self._engine, TransparentEngine):
            return {}
        return self._engine.tensors(*prepared)

    def close(self) -> None:
        """See `Subject.close`."""
        self._engine.close()


class ReferenceSubject(Subject):
    """The published network."""

    def __init__(self, name: str, model: LiftSplatShoot, weights: str):
        self.name = name
        self.detail = f"plain PyTorch, fp32, weights {weights}"
        self.precision = "fp32"
        self.config = model.config
        self._model = model

    def prepare(self, frame: FrameSet, images: torch.Tensor) -> Any:
        """See `Subject.prepare`."""
        return images, Calibration.of_rig(frame.rig.subset(frame.images), self.config)

    def run(self, prepared: Any) -> np.ndarray:
        """See `Subject.run`."""
        return self.tensors(prepared)["logits"]

    def tensors(self, prepared: Any) -> dict[str, np.ndarray]:
        """See `Subject.tensors`."""
        images, calibration = prepared
        model = self._model
        with torch.inference_mode():
            depth, features = model.camencode(images)
            cells = model.cells(calibration).unsqueeze(0)
            bev = model.voxel_pooling(depth, features, cells)
            logits = model.bevencode(bev)[0]
        return {
            "depth": depth.permute(0, 2, 3, 1).flatten(0, 2).numpy(),
            "features": features.permute(0, 2, 3, 1).flatten(0, 2).numpy(),
            "bev": bev[0].permute(1, 2, 0).numpy(),
            "logits": logits.numpy(),
        }


class EncodersSubject(Subject):
    """Two exported encoders in onnxruntime, and between them our splat, where a GPU has its kernel."""

    def __init__(self, name: str, camera: Path, bev: Path, threads: int):
        self.name = name
        self._camera, self._bev = OnnxSession(camera, threads=threads), OnnxSession(bev, threads=threads)
        described = [OnnxDescription.read(s.metadata, s.name) for s in (self._camera, self._bev)]
        parts = tuple(one.part for one in described)
        if parts != ("camera", "bev"):
            raise DeployError(f"{name} must be a camera encoder + a BEV encoder, not {' + '.join(parts)}")
        if described[0].config != described[1].config:
            raise DeployError(f"the encoders of {name} are of different networks: export both again")
        self.precision = min((one.precision for one in described), key=PRECISIONS.index)
        self.config = described[0].config
        self.detail = f"onnxruntime-cpu-{self.precision} with our splat, weights {described[0].weights}"
        self._tables = CalibrationCache(self.config)
        self._cameras = self._camera.shapes["images"][0]

    def prepare(self, frame: FrameSet, images: torch.Tensor) -> Any:
        """See `Subject.prepare`."""
        tables = self._tables[frame.rig.subset(frame.images)]
        count = self._cameras if isinstance(self._cameras, int) else len(images)
        if len(images) > count:
            raise DeployError(
                f"{self.name} takes {count} images, not {len(images)}: export with `--dynamic cameras`"
            )
        padded = np.zeros((count, *images.shape[1:]), dtype=self._camera.dtypes["images"])
        padded[: len(images)] = images.numpy()
        return padded, tables, len(images)

    def run(self, prepared: Any) -> np.ndarray:
        """See `Subject.run`."""
        return self.tensors(prepared)["logits"]

    def tensors(self, prepared: Any) -> dict[str, np.ndarray]:
        """See `Subject.tensors`."""
        images, tables, count = prepared
        lifted = self._camera.run({"images": images})
        depth, features = (
            lifted[name][:count].reshape(-1, lifted[name].shape[-1]).astype(np.float32)
            for name in ("depth", "features")
        )
        bev = splat(torch.from_numpy(depth), torch.from_numpy(features), tables.splat).numpy()
        logits = self._bev.run({"bev": bev[None].astype(self._bev.dtypes["bev"])})["logits"][0]
        return {"depth": depth, "features": features, "bev": bev, "logits": logits}


PRECISIONS = ("fp8", "int8", "bf16", "fp16", "fp32")
"""From the coarsest."""


class PlainMultiSenseEngine(MultiSenseEngine):
    """The multi-sense network with nothing folded: the reference."""

    def __init__(self, model: MultiSense, weights: str):
        super().__init__(model, weights, "fp32")
        self.name = "plain PyTorch-fp32"

    def _prepare(self, model: MultiSense, threads: int) -> None:
        super()._prepare(model, threads)
        self._folded, self._folded_bev = None, None


class MultiSenseSubject:
    """One side of a comparison of multi-sense networks.

    Attributes: as of `Subject`; and `engine`.
    """

    def __init__(self, name: str, engine: MultiSenseEngine):
        self.name = name
        self.detail = f"{engine.name}, weights {engine.weights}"
        parts = engine.name.split("-")
        self.precision = next((part for part in parts if part in PRECISIONS), "fp32")
        self.engine = engine

    def close(self) -> None:
        """Let go of threads and memory."""
        self.engine.close()


def open_subject(
    spec: str, weights: str = "builtin", threads: int = 0, image: tuple[int, int] | None = None
) -> Subject | MultiSenseSubject:
    """Open one side of a comparison.

    Args:
        spec: `reference`; a backend such as `torch` or `torch:bf16`; a file that a backend reads; a
            checkpoint, run by the reference; or `camera.onnx+bev.onnx`.
        weights: of a backend or the reference.
        threads: CPU threads, 0 leaves them alone.
        image: (height, width) of the input of the published network, where it is no exported file; None for
            its usual size.

    Raises:
        LssBevError: it is none of these, or cannot run here.
    """
    if image is not None and is_multi_sense(weights):
        raise DeployError("an image size is for the published network: leave it out for multi-sense weights")
    if spec == REFERENCE:
        return _reference(spec, weights, image)
    if "+" in spec and not Path(spec).exists():
        first, _, second = spec.partition("+")
        return EncodersSubject(spec, Path(first), Path(second), threads)
    path = Path(spec)
    if any(path.suffix and path.suffix in backend.files for backend in REGISTRY.values()):
        return _of_engine(spec, create_engine(weights=spec, threads=threads))
    if path.suffix in CHECKPOINTS or is_multi_sense(spec):
        return _reference(spec, spec, image)
    backend, _, precision = spec.partition(":")
    if backend not in REGISTRY:
        raise DeployError(
            f"{spec!r} cannot be compared: give {REFERENCE}, a backend ({', '.join(REGISTRY)}) with or "
            f"without :precision, an exported file, camera.onnx+bev.onnx, or a checkpoint"
        )
    return _of_engine(spec, create_engine(backend, weights, threads, precision or "auto", image=image))


def _reference(spec: str, weights: str, image: tuple[int, int] | None) -> Subject | MultiSenseSubject:
    described = describe_weights(weights)
    if is_multi_sense(weights):
        return MultiSenseSubject(spec, PlainMultiSenseEngine(read_multi_sense(weights), described))
    return ReferenceSubject(spec, EngineOptions(weights, image=image).model(), described)


def _of_engine(spec: str, engine: Engine) -> Subject | MultiSenseSubject:
    if isinstance(engine, MultiSenseEngine):
        return MultiSenseSubject(spec, engine)
    return EngineSubject(spec, engine)
