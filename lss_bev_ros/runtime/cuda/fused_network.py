"""The whole network as a list of launches of our own kernels, from normalised images to occupancy.

A planner that is `exact` keeps two halves of a value where layers ask for it (`exact_weights`,
`exact_result`), so that logits are within 0.01 of float32's: in the camera encoder the 1x1 weights and the
narrow maps between blocks, images, stem and all small maps being float32; in the BEV encoder everything up to
the merge, whose maps are added up in residuals, and what the merge reads. The wide convolutions do most of
the work and keep weights and maps in half precision; the last one's result is not rounded before the head.
docs/performance/h200-profile.md has the error of every rounding.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from ...model import LiftSplatShoot, ModelConfig
from ...model.bev_encoder import BasicBlock, BevEncoder
from ...model.camera_encoder import CameraEncoder
from .fused_layers import inverted_bottleneck, stem, upsample
from .half_precision import fold_with_half_biases
from .launch import Launch, Map
from .occupancy_kernel import occupancy_kernel
from .planner import Planner
from .splat_kernel import splat_kernel
from .splat_tables import DeviceTables
from .tiles import power_of_two

PROGRAMS = 64
"""Of the splat, a multiprocessor: more than it can hold, so that all cells of most rigs are done at once."""


class FusedNetwork:
    """Lift-Splat-Shoot for one number of cameras, every buffer in its place.

    Args:
        model: in evaluation mode; its parameters are copied.
        cameras: number of them.
        tables: of the calibration, on the device; what they hold may change between runs.
        planner: makes the launches.

    Attributes:
        images: (cameras, H, W, 3) normalised, to be filled before a run; float32 where two halves are kept.
        bev: (nx, ny, C) splatted features. The cells that no point hits are never written: they must be
            zeroed when the tables change.
        logits: (outputs, nx, ny) float32.
        occupancy: (nx, ny) int8, see `Prediction.occupancy`.
        stages: stage to the launches it is made of, in order.
    """

    def __init__(self, model: LiftSplatShoot, cameras: int, tables: DeviceTables, planner: Planner):
        config = model.config
        dtype = torch.float32 if planner.halves else planner.dtype
        images = planner.map(cameras, config.image_height, config.image_width, 3, dtype=dtype)
        self.images = images.tensor
        self.stages: dict[str, list[Launch]] = {}
        with torch.no_grad():
            depth, features = camera_encoder(planner, model.camencode, config, images)
            self._stage("camera_encoder", planner)
            bev = planner.map(1, *config.grid.shape, features.channels)
            plan_splat(planner, depth, features, tables, bev)
            self.bev = bev.tensor[0]
            self._stage("splat", planner)
            logits = _bev_encoder(planner, model.bevencode, bev)
            self.logits = logits.tensor
            self._stage("bev_encoder", planner)
            self.occupancy = plan_occupancy(planner, self.logits[0], tables.seen, tables.thresholds).tensor
            self._stage("postprocess", planner)

    def _stage(self, name: str, planner: Planner) -> None:
        self.stages[name] = list(planner.launches)
        planner.launches.clear()


def camera_encoder(
    planner: Planner, encoder: CameraEncoder, config: ModelConfig, images: Map
) -> tuple[Map, Map]:
    """Plan depth probabilities (pixels, D) float32, and features (pixels, C), of normalised images."""
    trunk = encoder.trunk
    blocks = trunk.blocks
    last_stride = trunk.last_stride
    rows, columns = config.feature_shape
    fine = blocks[last_stride - 1]._project_conv.out_channels
    coarse = blocks[-1]._project_conv.out_channels
    # The finer map goes straight to its place beside the upsampled one.
    joined = planner.map(images.shape[0], rows, columns, fine + coarse, exact=True)
    x = stem(planner, "stem", images, trunk._conv_stem, trunk._bn0)
    for index, block in enumerate(blocks):
        out = joined.some(0, fine) if index == last_stride - 1 else None
        x = inverted_bottleneck(planner, f"block {index}", x, block, out)
    upsample(planner, "camera upsample", x, joined.some(fine))
    first, second, last = fold_with_half_biases(encoder.up1.convolutions, encoder.depthnet)
    x = planner.convolve("camera merge first", joined, first, None, "relu")
    x = planner.convolve("camera merge second", x, second, None, "relu")
    return planner.lift("depth and features", x, last, encoder.depth_bins)


def plan_splat(planner: Planner, depth: Map, features: Map, tables: DeviceTables, bev: Map) -> None:
    """Plan the sums of lifted features into the cells that `tables` hit of (1, nx, ny, C)."""
    bins, channels = depth.channels, features.channels
    planner.launch(
        "splat",
        splat_kernel,
        (min(len(tables.cells), PROGRAMS * planner.processors),),
        operations=2.0 * depth.shape.numel() * channels,
        traffic=8.0 * depth.shape.numel() + planner.dtype.itemsize * features.shape.numel(),
        # Its many small programs leave no room for those of the next kernel to wait in.
        overlap=False,
        depth=depth,
        features=features,
        weights=tables.weights,
        cells=tables.cells,
        starts=tables.starts,
        count=tables.count,
        bev=bev,
        CHANNELS=channels,
        BINS=bins,
        BLOCK_C=power_of_two(channels),
        BLOCK_P=16,
        num_warps=1,
    )


def _bev_encoder(planner: Planner, encoder: BevEncoder, bev: Map) -> Map:
    """(outputs, nx, ny) float32 logits."""
    _, nx, ny, _ = bev.shape
    wide, third, head = upsampled_map(planner, encoder, bev, encoder.head)
    if head.out_channels == 1:
        return planner.convolve_to_logit("bev last", wide, third, None, head)
    x = planner.convolve("bev last", wide, third, None, "relu")
    logits = planner.map(1, nx, ny, head.out_channels, dtype=torch.float32)
    planner.convolve("head", x, head, out=logits)
    return Map(logits.tensor[0].permute(2, 0, 1))


def upsampled_map(
    planner: Planner, encoder: BevEncoder, bev: Map, after: nn.Conv2d
) -> tuple[Map, nn.Conv2d, nn.Conv2d]:
    """Plan the BEV encoder up to its last 3x3 convolution.

    Args:
        planner: makes the launches.
        encoder: the network's.
        bev: (1, nx, ny, C).
        after: the convolution behind the last one.

    Returns:
        The upsampled map (1, nx, ny, c) that the last convolution reads, that convolution, to be followed by
        ReLU, and `after`, both as `fold_with_half_biases` makes them.
    """
    _, nx, ny, _ = bev.shape
    # The finer map goes straight to its place beside the upsampled one. Low halves lie behind both, so that
    # one convolution reads them all.
    (before, behind), *deeper = encoder.stages.values()
    fine, inputs = behind.conv2.out_channels, encoder.up1.convolutions[0][0].in_channels
    merged = planner.map(1, nx // 2, ny // 2, inputs * (2 if planner.halves else 1))
    joined = Map(merged.tensor[..., :inputs], merged.tensor[..., inputs:] if planner.halves else None)
    half = joined.some(0, fine)
    x = planner.convolve("bev stem", bev, encoder.conv1, encoder.bn1, "relu", exact_result=True)
    x = _residual(planner, "layer1.0", x, before)
    x = _residual(planner, "layer1.1", x, behind, half)
    for stage, blocks in enumerate(deeper, start=2):
        for index, block in enumerate(blocks):
            x = _residual(planner, f"layer{stage}.{index}", x, block)
    upsample(planner, "bev upsample 1", x, joined.some(fine))
    three = [*encoder.up1.convolutions, encoder.last]
    first, second, third, last = fold_with_half_biases(three, after)
    x = planner.convolve("bev merge first", merged, first, None, "relu", again=planner.halves)
    x = planner.convolve("bev merge second", x, second, None, "relu")
    wide = planner.map(1, nx, ny, x.channels)
    upsample(planner, "bev upsample 2", x, wide)
    return wide, third, last


def plan_occupancy(
    planner: Planner, vehicle: torch.Tensor, visible: torch.Tensor, thresholds: torch.Tensor
) -> Map:
    """Plan the step from logits to the values of nav_msgs/OccupancyGrid.

    Args:
        planner: makes the launch.
        vehicle: (nx, ny) float32 logits, maybe one channel of several.
        visible: (nx * ny,) uint8.
        thresholds: (128,) float32, see `percent_thresholds`.

    Returns:
        (nx, ny) int8, see `Prediction.occupancy`.
    """
    out = planner.map(*vehicle.shape, dtype=torch.int8)
    block = 256
    planner.launch(
        "occupancy",
        occupancy_kernel,
        (-(-vehicle.numel() // block),),
        operations=0.0,
        traffic=6.0 * vehicle.numel(),
        logits=vehicle,
        visible=visible,
        thresholds=thresholds,
        out=out,
        cells=vehicle.numel(),
        STRIDE=vehicle.stride(1),
        BLOCK=block,
        num_warps=4,
    )
    return out


def _residual(planner: Planner, name: str, x: Map, block: BasicBlock, out: Map | None = None) -> Map:
    """Plan a BasicBlock, all of it exact: its roundings would add up along the shortcuts."""
    convolve = partial(planner.convolve, exact_weights=True, exact_result=True)
    shortcut = x
    if block.shortcut is not None:
        shortcut = convolve(f"{name} shortcut", x, *block.shortcut)
    y = convolve(f"{name} first", x, block.conv1, block.bn1, "relu")
    return convolve(f"{name} second", y, block.conv2, block.bn2, "relu", out, shortcut)
