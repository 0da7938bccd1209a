"""The multi-sense network as launches of our own kernels: any of its senses in, any of its answers out.

Every sense has its launches and its map, and so have the BEV encoder and each set of heads. A run is those of
the senses that are there and of the heads that are asked for; what is missing is not launched.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import nn

from ...model.heads import PLAN_STEPS, PlanHead, going_on
from ...model.multi_sense import Fuser, MultiSense
from ..cpu.convolution import fold
from .align_kernel import align_kernel
from .answer_kernel import answer_kernel, plan_kernel
from .fuse_kernel import fuse_kernel
from .fused_network import camera_encoder, plan_splat, upsampled_map
from .half_precision import convolution, fold_with_half_biases, rounded_taps
from .launch import Launch, Map
from .pillar_kernel import pillar_kernel, pillar_map_kernel
from .planner import Planner
from .splat_tables import CameraTables, DeviceTables
from .tiles import power_of_two

PILLARS = (16, 4, 8, None)
"""LiDAR returns that one program takes at a time, its warps, programs a multiprocessor, registers at most."""

FUSE = (128, 64, 8, 3, None)
"""Cells and inputs of one program of the fuser, its warps, steps that it loads ahead, registers at most."""

ANSWER = (64, 64, 4)
"""Cells and outputs of one program of the heads' last convolution, and its warps."""

MOTION = 5
"""Numbers of a memory's motion, see `align_kernel`; behind them lie those of `plan_kernel`."""


class CameraPart:
    """What some number of cameras needs for itself.

    Attributes:
        images: (cameras, H, W, 3) normalised, to be filled before a run; float32 where two halves are kept.
        tables: of the calibration, on the device.
        stages: stage to launches.
    """

    def __init__(self, model: MultiSense, cameras: int, planner: Planner, bev: Map):
        config = model.config.model
        dtype = torch.float32 if planner.halves else planner.dtype
        images = planner.map(cameras, config.image_height, config.image_width, 3, dtype=dtype)
        self.images = images.tensor
        self.tables = DeviceTables(config, cameras, planner.device)
        depth, features = camera_encoder(planner, model.camencode, config, images)
        self.stages = {"camera_encoder": planner.taken()}
        plan_splat(planner, depth, features, self.tables, bev)
        self.stages["splat"] = planner.taken()


class HeadsPart:
    """What some of the heads need: their first convolutions are one, since all read the same map.

    Attributes:
        outputs: head to what it gives, (C, nx, ny) float32; voxels (heights, 18, nx, ny) in the planner's
            precision.
        scores: (templates,) float32 of the plan, where it is among them.
        launches: in order.
    """

    def __init__(
        self,
        model: MultiSense,
        names: Iterable[str],
        planner: Planner,
        features: Map,
        scale: torch.Tensor,
        ahead: torch.Tensor,
    ):
        self.outputs: dict[str, torch.Tensor] = {}
        self.scores: torch.Tensor | None = None
        heads = {name: model.heads[name] for name in model.config.heads if name in names}
        hidden: dict[str, tuple[nn.Conv2d, nn.Conv2d]] = {}
        for name, head in heads.items():
            if hasattr(head, "conv"):
                first = _scaled(head.conv, scale)  # type: ignore[arg-type]
                hidden[name] = tuple(fold_with_half_biases([(first, head.norm)], head.last))  # type: ignore
        if hidden:
            first = next(iter(hidden.values()))[0]
            weight = torch.cat([conv.weight for conv, _ in hidden.values()])
            bias = torch.cat([_bias(conv) for conv, _ in hidden.values()])
            inner = planner.convolve("heads first", features, convolution(first, weight, bias), None, "relu")
        start = 0
        for name, head in heads.items():
            if name in hidden:
                last = hidden[name][1]
                self.outputs[name] = _answer(planner, name, inner, start, last)
                start += last.in_channels
            else:
                last = _scaled(head.last, scale)  # type: ignore[arg-type]
                self.outputs[name] = _answer(planner, name, features, 0, last)
            if isinstance(head, PlanHead):
                self.scores = _plan(planner, head, self.outputs[name], ahead)
        if "occupancy" in self.outputs:
            self.outputs["occupancy"] = self.outputs["occupancy"].unflatten(0, (model.config.heights, -1))
        self.launches = planner.taken()


class MultiSenseNetwork:
    """The multi-sense network, every buffer in its place.

    Args:
        model: in evaluation mode; its parameters are copied.
        planner: makes the launches.
        room: LiDAR returns that there is room for.

    Attributes:
        cameras: (nx, ny, C) splatted features.
        points, count: (room, 5) float32 LiDAR returns as `LidarEncoder` takes them, and how many they are,
            (1,) int32, to be filled before a run with LiDAR.
        lidar: (nx, ny, C) features.
        memory: (nx, ny, C) what is remembered, to be filled before a run with memory.
        numbers: float32 from `motion_numbers`, to be filled before a run with memory or a plan.
    """

    def __init__(self, model: MultiSense, planner: Planner, room: int):
        self.model, self._planner = model, planner
        config = model.config.model
        shape, channels = (1, *config.grid.shape), config.channels
        cells = config.grid.shape[0] * config.grid.shape[1]
        self._maps = {name: planner.map(*shape, channels) for name in ("cameras", "lidar", "memory")}
        self._memory, self._fused, self._remembered = (planner.map(*shape, channels) for _ in range(3))
        self._ages = planner.map(cells)
        self.cameras, self.lidar = (self._maps[name].tensor[0] for name in ("cameras", "lidar"))
        self.memory = self._memory.tensor[0]
        self.points = planner.map(room, 5, dtype=torch.float32).tensor
        self.count = planner.map(1, dtype=torch.int32).tensor
        self.numbers = planner.map(MOTION + 1 + 2 * PLAN_STEPS, dtype=torch.float32).tensor
        self._side = torch.cuda.Stream(planner.device)
        self._parts: dict[int, CameraPart] = {}
        self._fusions: dict[frozenset[str], list[Launch]] = {}
        self._heads: dict[frozenset[str], HeadsPart] = {}
        self._current: CameraTables | None = None
        with torch.no_grad():
            self.lidar_launches = self._encode_lidar(cells) if "lidar" in model.config.senses else []
            self.memory_launches = self._align(cells) if "memory" in model.config.senses else []
            source = self._maps["cameras"] if model.fuse is None else self._fused
            outputs = model.bevencode.last[0].out_channels
            unit = nn.Conv2d(outputs, outputs, 1)
            unit.weight.copy_(torch.eye(outputs)[:, :, None, None])
            wide, last, unscale = upsampled_map(planner, model.bevencode, source, unit)
            self._scale = unscale.weight.diagonal()[0, 0]
            self._features = planner.convolve("bev last", wide, last, None, "relu")
            self.encoder_launches = planner.taken()

    def part(self, cameras: int) -> CameraPart:
        """What some number of cameras needs, made when it is new."""
        if cameras not in self._parts:
            with torch.no_grad():
                self._parts[cameras] = CameraPart(self.model, cameras, self._planner, self._maps["cameras"])
        return self._parts[cameras]

    def heads(self, names: Iterable[str]) -> HeadsPart:
        """What some heads need, made when they are asked for together for the first time."""
        key = frozenset(names)
        if key not in self._heads:
            with torch.no_grad():
                self._heads[key] = HeadsPart(
                    self.model, key, self._planner, self._features, self._scale, self.numbers[MOTION:]
                )
        return self._heads[key]

    def use(self, tables: CameraTables) -> None:
        """Take over a calibration, on the current stream."""
        if tables is not self._current:
            self.part(tables.cameras).tables.load(tables)
            # Cells that the new points do not hit are not written by the splat.
            self.cameras.zero_()
            self._current = tables

    def remembered(self, senses: Iterable[str]) -> torch.Tensor:
        """(nx, ny, C) what a run with some senses leaves to be remembered, good until the next run."""
        if self.model.fuse is None:
            return self.cameras
        return (self._remembered if "memory" in senses else self._fused).tensor[0]

    def fusion(self, senses: Iterable[str]) -> list[Launch]:
        """The launch that brings some senses together; none where the network has cameras alone."""
        key = frozenset(senses)
        if self.model.fuse is None:
            return []
        if key not in self._fusions:
            with torch.no_grad():
                self._fusions[key] = self._fuse(self.model.fuse, key)
        return self._fusions[key]

    def run(self, cameras: int, senses: Iterable[str], heads: Iterable[str]) -> None:
        """Launch everything that some senses and heads need, on the current stream.

        LiDAR and memory go beside the cameras: their launches are few, and leave most of the chip idle.

        Args:
            cameras: number of them, with `cameras` among the senses.
            senses: those that are there.
            heads: those that are asked for; without any there is no BEV encoder either.
        """
        names, asked = frozenset(senses), frozenset(heads)
        beside = [*self.lidar_launches] if "lidar" in names else []
        beside += self.memory_launches if "memory" in names else []
        main = torch.cuda.current_stream()
        parallel = "cameras" in names and bool(beside)
        if parallel:
            self._side.wait_stream(main)
            with torch.cuda.stream(self._side):
                _launch(beside)
        if "cameras" in names:
            for launches in self.part(cameras).stages.values():
                _launch(launches)
        if parallel:
            main.wait_stream(self._side)
        else:
            _launch(beside)
        _launch(self.fusion(names))
        if asked:
            _launch(self.encoder_launches)
            _launch(self.heads(asked).launches)

    # -- parts ----------------------------------------------------------------------------------------

    def _encode_lidar(self, cells: int) -> list[Launch]:
        encoder, config, planner = self.model.lidarencode, self.model.config, self._planner
        grid, channels = config.model.grid, config.model.channels
        norm = encoder.norm
        assert norm.running_mean is not None, "it keeps statistics"
        assert norm.running_var is not None, "it keeps statistics"
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        highest = planner.map(cells, channels, dtype=torch.int32)
        taken, warps, programs, registers = PILLARS
        planner.launch(
            "pillars",
            pillar_kernel,
            (programs * planner.processors,),
            operations=18.0 * channels * len(self.points),
            traffic=float(self.points.nbytes + highest.tensor.nbytes),
            # What goes on beside it is no kernel before it.
            overlap=False,
            points=self.points,
            count=self.count,
            weight=planner.constant((encoder.linear.weight * scale[:, None]).t(), torch.float32),
            bias=planner.constant(norm.bias - norm.running_mean * scale, torch.float32),
            highest=highest,
            x_min=grid.x_min,
            y_min=grid.y_min,
            z_min=config.lidar_z_min,
            z_max=config.lidar_z_max,
            resolution=grid.resolution,
            NX=grid.shape[0],
            NY=grid.shape[1],
            CHANNELS=channels,
            BLOCK_C=power_of_two(channels),
            BLOCK_P=taken,
            num_warps=warps,
            maxnreg=registers,
        )
        block = 1024
        values = cells * channels
        planner.launch(
            "pillar map",
            pillar_map_kernel,
            (-(-values // block),),
            operations=0.0,
            traffic=float(highest.tensor.nbytes + self._maps["lidar"].tensor.nbytes),
            highest=highest,
            out=self._maps["lidar"],
            values=values,
            BLOCK=block,
            num_warps=4,
        )
        return planner.taken()

    def _align(self, cells: int) -> list[Launch]:
        planner, config = self._planner, self.model.config.model
        block = 32
        planner.launch(
            "memory",
            align_kernel,
            (-(-cells // block),),
            operations=8.0 * cells * config.channels,
            traffic=float(2 * self.memory.nbytes),
            overlap=False,
            memory=self._memory,
            motion=self.numbers[:MOTION],
            out=self._maps["memory"],
            ages=self._ages,
            x_min=config.grid.x_min,
            y_min=config.grid.y_min,
            resolution=config.grid.resolution,
            NX=config.grid.shape[0],
            NY=config.grid.shape[1],
            CHANNELS=config.channels,
            BLOCK_C=power_of_two(config.channels),
            BLOCK_P=block,
            num_warps=4,
        )
        return planner.taken()

    def _fuse(self, fuse: Fuser, senses: frozenset[str]) -> list[Launch]:
        planner, config = self._planner, self.model.config.model
        channels = config.channels
        weight, bias = fold(fuse.conv, fuse.norm)
        weights = dict(zip(fuse.now, weight.split(channels, 1), strict=True))
        ages = torch.zeros(9, channels)
        if "memory" in self.model.config.senses:
            recall = fuse.recall.weight.detach()
            weights["memory"] = recall[:, :channels]
            ages = recall[:, channels].flatten(1).t()
        given = {}
        for name in ("cameras", "lidar", "memory"):
            own = weights[name] if name in senses else torch.zeros(channels, 1, 1, 1)
            if planner.dtype == torch.float16:
                own = rounded_taps(own)
            given[name] = planner.constant(own.permute(2, 3, 1, 0).reshape(-1, channels))
        cells, (block, inputs, warps, stages, registers) = self._fused.pixels, FUSE
        planner.launch(
            "fuser",
            fuse_kernel,
            (-(-cells // block),),
            operations=2.0 * cells * 9 * channels * channels * len(senses),
            traffic=float(self._fused.tensor.nbytes * (len(senses) + 1 + ("memory" in senses))),
            # Several launches may lie before it.
            overlap=False,
            **self._maps,
            ages=self._ages,
            camera_weight=given["cameras"],
            lidar_weight=given["lidar"],
            memory_weight=given["memory"],
            age_weight=planner.constant(ages),
            bias=planner.constant(bias, torch.float32),
            out=self._fused,
            remembered=self._remembered,
            rows=config.grid.shape[0],
            columns=config.grid.shape[1],
            CAMERAS="cameras" in senses,
            LIDAR="lidar" in senses,
            MEMORY="memory" in senses,
            CHANNELS=channels,
            BLOCK_M=block,
            BLOCK_N=power_of_two(channels),
            BLOCK_K=min(inputs, power_of_two(channels)),
            STAGES=stages,
            num_warps=warps,
            maxnreg=registers,
        )
        return planner.taken()


def motion_numbers(
    motion: tuple[float, float, float] | None,
    age: float,
    going: tuple[float, float, float, float] | None,
) -> torch.Tensor:
    """What a run has to know of how the car moves, float32.

    Args:
        motion: x, y and yaw of `multi_sense.memory.Memory`; None without memory.
        age: of the memory, seconds.
        going: of `Moment.motion`; None or not finite where nobody knows.
    """
    x, y, yaw = motion or (0.0, 0.0, 0.0)
    angle = torch.tensor(yaw, dtype=torch.float32)
    numbers = torch.zeros(MOTION + 1 + 2 * PLAN_STEPS)
    numbers[:MOTION] = torch.stack((angle.cos(), angle.sin(), *torch.tensor((x, y, age))))
    way = torch.tensor([going or (float("nan"),) * 4], dtype=torch.float32)
    if bool(way.isfinite().all()):
        numbers[MOTION] = 1.0
        numbers[MOTION + 1 :] = going_on(way)[0].flatten()
    return numbers


def _answer(planner: Planner, name: str, x: Map, start: int, last: nn.Conv2d) -> torch.Tensor:
    """Plan a head's last convolution, (outputs, nx, ny)."""
    _, nx, ny, _ = x.shape
    weight = last.weight.flatten(1).t()
    outputs, inputs = last.out_channels, last.in_channels
    # There are so many voxels that what they take is the time it takes to write them.
    out = planner.map(outputs, nx, ny, dtype=None if name == "occupancy" else torch.float32)
    block, columns, warps = ANSWER
    unit = name == "embedding"
    matrix = planner.constant(weight)
    planner.launch(
        name,
        answer_kernel,
        (-(-nx * ny // block),),
        operations=2.0 * nx * ny * weight.numel(),
        traffic=float(out.tensor.nbytes + nx * ny * inputs * planner.dtype.itemsize),
        x=x,
        weight=matrix,
        weight_low=planner.low(weight) if planner.halves else matrix,
        bias=planner.constant(_bias(last), torch.float32),
        out=out,
        pixels=nx * ny,
        X_STRIDE=x.stride,
        X_START=start,
        INPUTS=inputs,
        OUTPUTS=outputs,
        WEIGHT_LOW=planner.halves,
        UNIT=unit,
        BLOCK_M=block,
        BLOCK_N=power_of_two(outputs) if unit else min(columns, power_of_two(outputs)),
        BLOCK_K=power_of_two(inputs),
        num_warps=warps,
    )
    return out.tensor


def _plan(planner: Planner, head: PlanHead, cost: torch.Tensor, ahead: torch.Tensor) -> torch.Tensor:
    """Plan the templates' scores, (templates,)."""
    count = len(head.templates)
    scores = planner.map(count, dtype=torch.float32)
    block = 32
    planner.launch(
        "plan scores",
        plan_kernel,
        (-(-count // block),),
        operations=8.0 * count * PLAN_STEPS,
        traffic=float(head.templates.nbytes),
        cost=cost,
        cells=planner.constant(head.cells, torch.int32),
        ways=planner.constant(head.templates, torch.float32),
        prices=planner.constant(F.softplus(head.prior), torch.float32),
        ahead=ahead,
        scores=scores,
        templates=count,
        STEPS=PLAN_STEPS,
        BLOCK_S=power_of_two(PLAN_STEPS, 1),
        BLOCK_T=block,
        num_warps=1,
    )
    return scores.tensor


def _scaled(conv: nn.Conv2d, scale: torch.Tensor) -> nn.Conv2d:
    """A convolution whose inputs are multiplied by a factor each."""
    bias = torch.zeros(conv.out_channels) if conv.bias is None else conv.bias
    return convolution(conv, conv.weight * scale.view(1, -1, 1, 1), bias)


def _bias(conv: nn.Conv2d) -> torch.Tensor:
    assert conv.bias is not None, "it has no normalisation"
    return conv.bias


def _launch(launches: Iterable[Launch]) -> None:
    for launch in launches:
        launch()
