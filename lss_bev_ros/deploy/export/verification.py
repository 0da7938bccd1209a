"""An exported file against PyTorch, on the same inputs, right after it was written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch

from ...evaluation.difference import Difference
from ...geometry import Pose, Rig
from ...geometry.example_rig import nuscenes_like_rig
from ...model import Calibration, LiftSplatShoot, ModelConfig
from ...runtime.calibration_tables import CalibrationTables
from ...runtime.onnx import OnnxOptions
from ...runtime.onnx.session import OnnxSession
from ...runtime.segment_tables import SegmentTables


@dataclass(frozen=True)
class Agreement:
    """One size at which a file was tried.

    Attributes:
        batch, cameras: samples, and cameras a sample.
        tensors: each output's distance to PyTorch's in fp32.
    """

    batch: int
    cameras: int
    tensors: dict[str, Difference]


def verify(model: LiftSplatShoot, file: bytes, options: OnnxOptions, seed: int = 0) -> Iterator[Agreement]:
    """Run a file in onnxruntime and the model in PyTorch, at the file's size and one other where it is free.

    Args:
        model: that the file was written of.
        file: the ONNX bytes.
        options: that it was written with.
        seed: of the pictures.
    """
    session = OnnxSession(file, "the exported file", torch.get_num_threads())
    sizes = [(options.batch, options.cameras)]
    if "batch" in options.dynamic or "cameras" in options.dynamic:
        grow = [int(name in options.dynamic) for name in ("batch", "cameras")]
        sizes.append((options.batch + grow[0], max(1, options.cameras - grow[1])))
    for batch, cameras in sizes:
        given = _inputs(model, replace(options, batch=batch, cameras=cameras), seed)
        with torch.inference_mode():
            expected = _expected(model, options.part, given)
        found = session.run(
            {
                name: value.astype(session.dtypes[name], copy=False)
                for name, value in given.arrays.items()
                if name in session.dtypes
            }
        )
        yield Agreement(
            batch, cameras, {name: Difference.between(expected[name], found[name]) for name in found}
        )


@dataclass(frozen=True)
class _Inputs:
    rigs: list[Rig]
    arrays: dict[str, np.ndarray]


def _inputs(model: LiftSplatShoot, options: OnnxOptions, seed: int) -> _Inputs:
    config = model.config
    rng = np.random.default_rng(seed)
    nx, ny = config.grid.shape
    if options.part == "bev":
        # Sparse and small, as splatted features are.
        bev = rng.standard_normal((options.batch, nx, ny, config.channels), dtype=np.float32)
        bev *= 0.1 * (rng.random((options.batch, nx, ny, 1)) < 0.2)
        return _Inputs([], {"bev": bev.astype(np.float32)})
    count = options.batch * options.cameras
    images = np.stack([_picture(config, rng) for _ in range(count)])
    if options.part == "camera":
        return _Inputs([], {"images": images})
    rigs = [options.rig or _rig(options.cameras, sample) for sample in range(options.batch)]
    tables = [CalibrationTables.of_rig(rig, config).splat for rig in rigs]
    rows, columns = config.feature_shape
    pixels, sizes = options.cameras * rows * columns, options.table_sizes(config)
    segments = SegmentTables.build(tables, pixels, config.depth_bins, sizes)
    images = images.reshape(options.batch, options.cameras, *images.shape[1:])
    return _Inputs(rigs, {"images": images, **segments.arrays()})


def _expected(model: LiftSplatShoot, part: str, given: _Inputs) -> dict[str, np.ndarray]:
    """The same in PyTorch, in the plain form of the published network."""
    if part == "bev":
        bev = torch.from_numpy(given.arrays["bev"]).permute(0, 3, 1, 2)
        return {"logits": model.bevencode(bev).numpy()}
    images = torch.from_numpy(given.arrays["images"])
    if part == "camera":
        depth, features = model.camencode(images)
        return {
            "depth": depth.permute(0, 2, 3, 1).numpy(),
            "features": features.permute(0, 2, 3, 1).numpy(),
        }
    each = [Calibration.of_rig(rig, model.config) for rig in given.rigs]
    batched = Calibration(
        *(torch.stack([getattr(one, name) for one in each]) for name in Calibration.__annotations__)
    )
    return {"logits": model(images, batched).numpy()}


def _picture(config: ModelConfig, rng: np.random.Generator) -> np.ndarray:
    """(3, H, W) float32: a smooth random picture, about as bright and varied as a normalised photograph."""
    shape = (config.image_height // 8, config.image_width // 8, 3)
    coarse = rng.standard_normal(shape, dtype=np.float32)
    size = (config.image_width, config.image_height)
    return cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC).transpose(2, 0, 1)


def _rig(cameras: int, turned: int) -> Rig:
    """A rig of any number of cameras, each sample's turned a little so that its tables are its own."""
    known = nuscenes_like_rig().cameras
    made = []
    for index in range(cameras):
        camera = known[index % len(known)]
        pose = Pose.from_yaw(0.1 * turned + 0.3 * (index // len(known))) @ camera.pose
        made.append(replace(camera, name=f"camera_{index}", pose=pose))
    return Rig(tuple(made))
