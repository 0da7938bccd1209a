"""The multi-sense network with PyTorch, on a processor or any GPU that PyTorch knows."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from ...answers import boxes, lanes, plan, segmentation, voxels
from ...errors import ImageError, RuntimeBackendError
from ...model.memory import align
from ...model.multi_sense import MultiSense, Sensed
from ...model.splat import SplatTable, splat
from ..calibration_tables import KEPT, CalibrationCache, CalibrationTables
from ..cpu.engine import DTYPES
from ..cpu.folded_network import FoldedBevEncoder, FoldedCameraEncoder
from ..engine import Engine
from ..frame_set import FrameSet, Prediction
from ..preprocess import NetworkInput
from ..stopwatch import Stopwatch
from .answers import ANSWERS, BOUNDARIES, TEMPLATES, Answers
from .memory import Memory, MemoryKeeper
from .moment import Moment, returns
from .reach import lidar_reach

MOST_LINE = 0.15
"""Share of a map that can be lines of one cell's width. A network that sees lines everywhere has none, and to
follow them would take seconds."""


Reach = Callable[[], tuple[torch.Tensor, torch.Tensor]]
"""Tells the cells that a sense reaches now, and those that one does or did when the memory was made: (nx, ny)
bool, both."""


class MultiSenseEngine(Engine):
    """Senses in, answers out, one moment at a time, from one thread.

    A sense that is missing costs nothing, and the others go on; of the heads, those run that are asked for.

    Args:
        model: the network, in evaluation mode on the CPU; it is moved to the device.
        weights: what to call them.
        precision: `fp32`, on a processor also `bf16` and on a GPU `fp16`.
        threads: PyTorch's threads within an operation, for the whole process; 0 leaves the setting alone.
        reason: why this engine was chosen.
        device: `cpu`, `cuda` or another one of PyTorch.

    Attributes:
        config: of the network.
        memory: what it remembers.
        raw: what each head that ran gave of the last moment, without the batch's axis, and `remembered`; the
            next moment may write over it.
        whole: whether the network runs in one piece, so that there are no `parts` to measure.
    """

    raw: dict[str, torch.Tensor]

    answers_moments = True
    whole = False

    def __init__(
        self,
        model: MultiSense,
        weights: str,
        precision: str = "fp32",
        threads: int = 0,
        reason: str = "",
        device: str = "cpu",
    ):
        self.config = model.config
        self.grid = model.config.model.grid
        self.weights = weights
        self.name = f"torch-{device.partition(':')[0]}-{precision}-multi"
        self.reason = reason
        self.memory = MemoryKeeper()
        self._device = torch.device(device)
        self._precision = precision
        self._calibrations = CalibrationCache(self.config.model)
        self._templates = None if model.plan is None else model.plan.templates.to(self._device)
        self._prepare(model, threads)
        self._warm_up()

    def infer(self, frame_set: FrameSet) -> Prediction:
        """See `Engine.infer`: the vehicles of the segmentation head, from cameras alone, without memory."""
        if "cameras" not in self.config.senses or "segmentation" not in self.config.heads:
            raise RuntimeBackendError(
                f"weights {self.weights} predict no vehicle grid from cameras: they have the senses "
                f"{', '.join(self.config.senses)} and the heads {', '.join(self.config.heads)}"
            )
        with torch.inference_mode():
            watch = Stopwatch()
            cameras, seen = self._see(frame_set, watch)
            return self._answer(
                Moment(frame_set.stamp),
                Sensed(cameras=cameras),
                lambda: (seen, seen),
                ("segmentation",),
                watch,
            ).prediction

    def answer(
        self, moment: Moment, wanted: Collection[str], senses: Collection[str] | None = None
    ) -> Answers:
        """Answer what is asked for of one moment.

        Args:
            moment: what was sensed.
            wanted: of `ANSWERS`, and `TEMPLATES`; those whose head the weights lack are left out.
            senses: of `SENSES`, to use no others; None for all that the network has.

        Raises:
            RuntimeBackendError: nothing was sensed that this network can use, and nothing is remembered.
            ImageError: there is nothing but images, and none of them can be used.
        """
        used = [name for name in self.config.senses if senses is None or name in senses]
        with torch.inference_mode():
            watch = Stopwatch()
            maps: dict[str, torch.Tensor] = {}
            seen = points = None
            problems: dict[str, str] = {}
            fault: ImageError | None = None
            frame_set = moment.cameras
            while "cameras" in used and frame_set is not None and frame_set.images:
                try:
                    maps["cameras"], seen = self._see(frame_set, watch)
                    break
                except ImageError as error:
                    problems[error.camera], fault = str(error), error
                    left = {name: each for name, each in frame_set.images.items() if name != error.camera}
                    frame_set = FrameSet(frame_set.stamp, frame_set.rig, left)
            if "lidar" in used and moment.points is not None:
                points = self._upload(returns(moment.points))
                if len(points):
                    maps["lidar"] = self._feel(points)
                    watch.stage("lidar_encoder")
            memory = self.memory.recall(moment.stamp, moment.pose) if "memory" in used else None
            if not maps and memory is None:
                if fault is not None:
                    raise fault
                raise RuntimeBackendError(
                    "nothing was sensed and nothing is remembered: check that the cameras or the LiDAR "
                    "publish"
                )
            sensed = Sensed(**maps, **self._remembered(memory))

            def reach() -> tuple[torch.Tensor, torch.Tensor]:
                now = torch.zeros(self.grid.shape, dtype=torch.bool, device=self._device)
                if seen is not None:
                    now |= seen
                if points is not None and len(points):
                    now |= lidar_reach(points, self.grid)
                return now, now if memory is None else now | self._reached_then(memory)

            found = self._answer(moment, sensed, reach, wanted, watch, keep=bool(maps))
        names = (*maps, *(("memory",) if memory is not None else ()))
        return replace(
            found, senses=names, problems=problems, memory_age=None if memory is None else memory.age
        )

    def parts(self, moment: Moment) -> dict[str, Callable[[], object]]:
        """Each part of the network as a function that runs it once, on what a moment gives, for benchmarks.

        What follows on a part reads what that part gave here; memory is of the moment itself, half a second
        old and two metres behind.
        """
        runs: dict[str, Callable[[], object]] = {}
        maps: dict[str, torch.Tensor] = {}
        model = self._model
        with torch.inference_mode():
            if "cameras" in self.config.senses and moment.cameras is not None:
                images = self._input(moment.cameras)
                table, _ = self._splat_of(moment.cameras)
                depth, features = self._lift(images)
                maps["cameras"] = splat(depth, features, table).permute(2, 0, 1)[None]
                runs["camera encoder"] = partial(self._lift, images)
                runs["splat"] = partial(splat, depth, features, table)
            if "lidar" in self.config.senses and moment.points is not None:
                points = self._upload(returns(moment.points))
                maps["lidar"] = self._feel(points)
                runs["LiDAR encoder"] = partial(self._feel, points)
            now = Sensed(**maps)
            with self._autocast():
                fused, remembered = model.fused(now)
            if model.fuse is not None:
                runs["fuser"] = partial(model.fused, now)
            if "memory" in self.config.senses:
                motion = torch.tensor([[2.0, 0.0, 0.05]], device=self._device)
                age = torch.tensor([0.5], device=self._device)
                past = replace(now, memory=remembered, motion=motion, age=age)
                runs["fuser with memory"] = partial(model.fused, past)
            fused = fused.contiguous(memory_format=torch.channels_last)
            with self._autocast():
                bev = self._encode(fused)
            runs["BEV encoder"] = partial(self._encode, fused)
            runs |= {f"head {name}": partial(head, bev) for name, head in model.heads.items()}
        return {name: partial(self._alone, run) for name, run in runs.items()}

    def _alone(self, run: Callable[[], object]) -> object:
        with torch.inference_mode(), self._autocast():
            return run()

    def tables(self, frame_set: FrameSet) -> CalibrationTables:
        """What the calibration of the cameras with an image means, from the cache where it is known."""
        return self._calibrations[frame_set.rig.subset(frame_set.images)]

    def close(self) -> None:
        """See `Engine.close`."""
        if "cameras" in self.config.senses:
            self._input.close()
        self.memory.forget("")
        self._splats.clear()

    # -- senses ---------------------------------------------------------------------------------------

    def _prepare(self, model: MultiSense, threads: int) -> None:
        """Make ready what runs the network."""
        precision, device = self._precision, self._device
        known = ("fp32", "bf16") if device.type == "cpu" else ("fp32", "fp16")
        if precision not in known:
            raise RuntimeBackendError(
                f"precision {precision!r} is none of the multi-sense network on {device}: use "
                f"{' or '.join(known)}"
            )
        if threads:
            torch.set_num_threads(threads)
        self._half = torch.bfloat16 if precision == "bf16" else torch.float16
        self._folded: FoldedCameraEncoder | None = None
        self._folded_bev: FoldedBevEncoder | None = None
        if "cameras" in self.config.senses:
            self._input = NetworkInput(self.config.model, threads=threads or min(6, os.cpu_count() or 1))
        if device.type == "cpu":
            with torch.inference_mode():
                self._folded_bev = FoldedBevEncoder(model.bevencode, self.config.model, DTYPES[precision])
                if "cameras" in self.config.senses:
                    self._folded = FoldedCameraEncoder(model.camencode, self.config.model, DTYPES[precision])
        self._model = model.to(device)
        self._model = self._model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._splats: OrderedDict[str, tuple[SplatTable, torch.Tensor]] = OrderedDict()

    def _see(self, frame_set: FrameSet, watch: Stopwatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Camera features (1, C, nx, ny), and (nx, ny) bool where a camera sees."""
        images = self._input(frame_set)
        watch.stage("decode")
        table, visible = self._splat_of(frame_set)
        depth, features = self._lift(images)
        watch.stage("camera_encoder")
        bev = splat(depth, features, table).permute(2, 0, 1)[None]
        watch.stage("splat")
        return bev, visible

    def _lift(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Depth (pixels, D) and features (pixels, C), float32, of (N, 3, H, W) normalised images."""
        if self._folded is not None:
            return self._folded(images.to(DTYPES[self._precision]))
        with self._autocast():
            depth, features = self._model.camencode(
                images.to(self._device).contiguous(memory_format=torch.channels_last)
            )
        depth = depth.float().permute(0, 2, 3, 1).flatten(0, 2).contiguous()
        return depth, features.float().permute(0, 2, 3, 1).flatten(0, 2).contiguous()

    def _warm_up(self) -> None:
        """Run once on nothing, so that kernels are compiled and weights packed before the first frame."""
        model = self.config.model
        empty = torch.zeros(1, model.channels, *model.grid.shape, device=self._device)
        with torch.inference_mode():
            if "cameras" in self.config.senses:
                blank = np.zeros((6, model.image_height, model.image_width, 3), np.uint8)
                self._lift(self._input.preprocess.normalise(blank))
            with self._autocast():
                bev = self._encode(empty.contiguous(memory_format=torch.channels_last))
                for head in self._model.heads.values():
                    head(bev)

    def _splat_of(self, frame_set: FrameSet) -> tuple[SplatTable, torch.Tensor]:
        """The splat's table and the cells that are seen, on the device; made once a calibration."""
        tables = self.tables(frame_set)
        key = frame_set.rig.subset(frame_set.images).fingerprint
        if key not in self._splats:
            host = tables.splat
            table = SplatTable(
                host.shape,
                *(
                    getattr(host, name).to(self._device)
                    for name in ("pixels", "weights", "cells", "starts", "offsets")
                ),
            )
            self._splats[key] = (table, torch.from_numpy(np.array(tables.visible)).to(self._device))
            if len(self._splats) > KEPT:
                self._splats.popitem(last=False)
        self._splats.move_to_end(key)
        return self._splats[key]

    def _upload(self, points: np.ndarray) -> torch.Tensor:
        """LiDAR returns (N, 5) on the device."""
        return torch.from_numpy(points).to(self._device)

    def _feel(self, points: torch.Tensor) -> torch.Tensor:
        """LiDAR features (1, C, nx, ny)."""
        sample = torch.zeros(len(points), dtype=torch.int64, device=self._device)
        bev: torch.Tensor = self._model.lidarencode(points, sample, 1)
        return bev

    def _remembered(self, memory: Memory | None) -> dict[str, torch.Tensor]:
        """What of a `Sensed` a memory is."""
        if memory is None:
            return {}
        return {
            "memory": memory.bev,
            "motion": torch.tensor([memory.motion], dtype=torch.float32, device=self._device),
            "age": torch.tensor([memory.age], dtype=torch.float32, device=self._device),
        }

    def _motion(self, moment: Moment) -> torch.Tensor:
        """(1, 4) float32 as `PlanHead.scores` takes it, NaN where nobody knows."""
        motion = moment.motion or (float("nan"),) * 4
        return torch.tensor([motion], dtype=torch.float32, device=self._device)

    def _reached_then(self, memory: Memory) -> torch.Tensor:
        """(nx, ny) bool: cells of now that a sense reached when the memory was made."""
        motion = torch.tensor([memory.motion], dtype=torch.float32, device=self._device)
        moved, _ = align(memory.reached, motion, self.grid)
        return moved[0, 0] >= 0.5

    # -- answers --------------------------------------------------------------------------------------

    def _answer(
        self,
        moment: Moment,
        sensed: Sensed,
        reach: Reach,
        wanted: Collection[str],
        watch: Stopwatch,
        keep: bool = False,
    ) -> Answers:
        """Fuse, remember if there is something to `keep`, and run the heads of what is wanted."""
        asked = [name for name in ANSWERS if name in wanted and ANSWERS[name] in self.config.heads]
        needed = [name for name in self.config.heads if any(ANSWERS[answer] == name for answer in asked)]
        heads, remembered = self._network(moment, sensed, needed, watch)
        self.raw = {**heads, "remembered": remembered}
        now, reached = self._beside(reach)
        if keep:
            self.memory.keep(moment.stamp, moment.pose, remembered, now)
        found: dict[str, object] = {}
        if "segmentation" in needed:
            found["segmentation"] = maps = segmentation.decode(heads["segmentation"], self.grid, reached)
            if "lanes" in asked:
                found["lanes"] = _lanes(maps)
        if "boxes" in asked:
            found["boxes"] = boxes.decode(heads["boxes"], self.grid)
        if "occupancy" in asked:
            found["occupancy"] = voxels.decode(heads["occupancy"], self.config, reached)
        if "embedding" in asked:
            found["embedding"] = heads["embedding"].float()
        if "plan" in asked:
            assert self._templates is not None, "there is a cost"
            scores = self._scores(heads["plan"], moment)
            found["plan"] = plan.decode(
                heads["plan"], scores, self._templates, self.grid, whole=TEMPLATES in wanted
            )
        where = reached.cpu().numpy()
        watch.stage("postprocess")
        return Answers(moment.stamp, self.grid, (), where, timings=watch.timings(), **found)  # type: ignore[arg-type]

    def _network(
        self, moment: Moment, sensed: Sensed, needed: Collection[str], watch: Stopwatch
    ) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """What each head that is needed gives, without the batch's axis, and what is to be remembered."""
        with self._autocast():
            fused, remembered = self._model.fused(sensed)
            watch.stage("fuse")
            heads: dict[str, torch.Tensor] = {}
            if needed:
                bev = self._encode(fused.contiguous(memory_format=torch.channels_last))
                watch.stage("bev_encoder")
                heads = {name: self._model.heads[name](bev)[0] for name in needed}
                watch.stage("heads")
        return heads, remembered

    def _beside(self, reach: Reach) -> tuple[torch.Tensor, torch.Tensor]:
        """What `reach` tells, which needs nothing of the network."""
        return reach()

    def _scores(self, cost: torch.Tensor, moment: Moment) -> torch.Tensor:
        """(templates,) float32 of a plan's cost (1, nx, ny)."""
        head = self._model.plan
        assert head is not None, "there is a cost"
        return head.scores(cost[None], self._motion(moment))[0]

    def _encode(self, fused: torch.Tensor) -> torch.Tensor:
        """What the heads read of (1, C, nx, ny), channels last."""
        if self._folded_bev is not None:
            return self._folded_bev.features(fused)
        bev: torch.Tensor = self._model.bevencode(fused)
        return bev

    def _autocast(self) -> AbstractContextManager[object]:
        if self._precision == "fp32":
            return nullcontext()
        return torch.autocast(self._device.type, self._half)


def _lanes(maps: segmentation.Segmentation) -> dict[str, tuple[lanes.TracedLine, ...]]:
    """The lines of each boundary layer, by its name."""
    found: dict[str, tuple[lanes.TracedLine, ...]] = {}
    for layer in BOUNDARIES:
        percents = maps[layer]
        if (percents >= 50).mean() > MOST_LINE:
            found[layer] = ()
            continue
        probability = np.where(percents >= 0, maps.probability(layer), 0.0)
        found[layer] = tuple(lanes.trace_lines(probability, maps.grid))
    return found
