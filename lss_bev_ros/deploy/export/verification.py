"""An exported file against PyTorch, on the same inputs, right after it was written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import torch

from ...evaluation.difference import Difference
from ...geometry import Pose, Rig
from ...geometry.example_rig import nuscenes_like_rig
from ...model import Calibration, ModelConfig, frustum_points, naive_splat, voxel_cells
from ...model.memory import sampled_places
from ...model.multi_sense import MultiSense, Network, Sensed, sizes_of
from ...runtime.calibration_tables import CalibrationTables
from ...runtime.onnx import OnnxOptions
from ...runtime.onnx.session import OnnxSession
from ...runtime.return_tables import ReturnSizes, ReturnTables
from ...runtime.segment_tables import SegmentTables

RETURNS = 2000
"""Of each random cloud."""


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


def verify(model: Network, file: bytes, options: OnnxOptions, seed: int = 0) -> Iterator[Agreement]:
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
        given = _inputs(model, replace(options, batch=batch, cameras=cameras), seed, session)
        with torch.inference_mode():
            expected = _expected(model, options, given)
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
    """What a file is fed with, and what it was made from.

    Attributes:
        arrays: by name.
        rigs: a sample's each.
        clouds: (N, 5) a sample.
        motion: (B, 3) as in `memory.align`.
    """

    arrays: dict[str, np.ndarray]
    rigs: list[Rig] = field(default_factory=list)
    clouds: list[np.ndarray] = field(default_factory=list)
    motion: torch.Tensor | None = None


def _inputs(model: Network, options: OnnxOptions, seed: int, session: OnnxSession) -> _Inputs:
    """Random inputs of a part, of those that the file has."""
    config = sizes_of(model)
    rng = np.random.default_rng(seed)
    nx, ny = config.grid.shape
    given = _Inputs({})
    if options.part == "bev":
        for name in ("bev", "lidar_bev"):
            # Sparse and small, as splatted features are.
            bev = rng.standard_normal((options.batch, nx, ny, config.channels), dtype=np.float32)
            bev *= 0.1 * (rng.random((options.batch, nx, ny, 1)) < 0.2)
            given.arrays[name] = bev.astype(np.float32)
    elif "images" in session.shapes:
        count = options.batch * options.cameras
        images = np.stack([_picture(config, rng) for _ in range(count)])
        if options.part == "camera":
            return _Inputs({"images": images})
        given.rigs.extend(options.rig or _rig(options.cameras, sample) for sample in range(options.batch))
        tables = [CalibrationTables.of_rig(rig, config).splat for rig in given.rigs]
        rows, columns = config.feature_shape
        pixels, sizes = options.cameras * rows * columns, options.table_sizes(config)
        segments = SegmentTables.build(tables, pixels, config.depth_bins, sizes)
        images = images.reshape(options.batch, options.cameras, *images.shape[1:])
        given.arrays.update(images=images, **segments.arrays())
    if isinstance(model, MultiSense):
        return _sensed_inputs(model, options, rng, given)
    return given


def _sensed_inputs(
    model: MultiSense, options: OnnxOptions, rng: np.random.Generator, given: _Inputs
) -> _Inputs:
    """The same with clouds and memories of a multi-sense network."""
    config, grid = model.config, model.config.model.grid
    low, high = grid.x_min, grid.x_min + grid.shape[0] * grid.resolution
    for _ in range(options.batch):
        cloud = np.zeros((RETURNS, 5), np.float32)
        # Denser near the car, as a LiDAR's are.
        cloud[:, :2] = rng.uniform(low, high, (RETURNS, 2)) * rng.random((RETURNS, 1)) ** 2
        cloud[:, 2:4] = rng.random((RETURNS, 2))
        given.clouds.append(cloud)
    sizes = None if options.dynamic else ReturnSizes.roomy(options.returns)
    given.arrays.update(ReturnTables.build(given.clouds, config, sizes).arrays())
    shape = (options.batch, config.model.channels, *grid.shape)
    memory = 0.1 * rng.standard_normal(shape, dtype=np.float32)
    motion = torch.from_numpy(rng.uniform(-0.2, 2.0, (options.batch, 3)).astype(np.float32))
    given.arrays.update(
        memory=memory,
        warp=sampled_places(motion, grid).numpy(),
        age=np.full(options.batch, 0.5, np.float32),
    )
    return replace(given, motion=motion)


def _expected(model: Network, options: OnnxOptions, given: _Inputs) -> dict[str, np.ndarray]:
    """The same in PyTorch, in the plain form of the network."""
    arrays = {name: torch.from_numpy(array) for name, array in given.arrays.items()}
    if options.part == "camera":
        depth, features = model.camencode(arrays["images"])
        return {
            "depth": depth.permute(0, 2, 3, 1).numpy(),
            "features": features.permute(0, 2, 3, 1).numpy(),
        }
    if isinstance(model, MultiSense):
        return _answers(model, options, given, arrays)
    if options.part == "bev":
        return {"logits": model.bevencode(arrays["bev"].permute(0, 3, 1, 2)).numpy()}
    return {"logits": model(arrays["images"], _calibration(model.config, given)).numpy()}


def _answers(
    model: MultiSense, options: OnnxOptions, given: _Inputs, arrays: dict[str, torch.Tensor]
) -> dict[str, np.ndarray]:
    senses = options.senses or model.config.senses
    maps: dict[str, torch.Tensor] = {}
    if options.part == "bev":
        names = {"cameras": "bev", "lidar": "lidar_bev"}
        maps = {name: arrays[key].permute(0, 3, 1, 2) for name, key in names.items() if name in senses}
    else:
        if "cameras" in senses:
            depth, features = model.camencode(arrays["images"].flatten(0, 1))
            calibration = _calibration(model.config.model, given)
            points = frustum_points(model.frustum, calibration, model.config.model)
            cells = voxel_cells(points, model.dx, model.bx, model.nx)
            maps["cameras"] = torch.stack(
                [
                    naive_splat(each, context, cell, model.config.model.grid.shape).permute(2, 0, 1)
                    for each, context, cell in zip(
                        depth.unflatten(0, cells.shape[:2]),
                        features.unflatten(0, cells.shape[:2]),
                        cells,
                        strict=True,
                    )
                ]
            )
        if "lidar" in senses:
            sample = torch.arange(len(given.clouds)).repeat_interleave(RETURNS)
            points = torch.from_numpy(np.concatenate(given.clouds))
            maps["lidar"] = model.lidarencode(points, sample, len(given.clouds))
    past = {}
    if "memory" in senses and given.motion is not None:
        past = {"memory": arrays["memory"], "motion": given.motion, "age": arrays["age"]}
    found, remembered = model(Sensed(**maps, **past))
    answers = {name: found[name].numpy() for name in options.heads or model.config.heads}
    return {**answers, "remembered": remembered.numpy()}


def _calibration(config: ModelConfig, given: _Inputs) -> Calibration:
    each = [Calibration.of_rig(rig, config) for rig in given.rigs]
    return Calibration(
        *(torch.stack([getattr(one, name) for one in each]) for name in Calibration.__annotations__)
    )


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
