"""The multi-sense network on an GPU: our own kernels, a CUDA graph for each set of senses and answers."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
import torch

from ...errors import RuntimeBackendError
from ...geometry import Rig
from ...model.multi_sense import MultiSense, Sensed
from ..calibration_tables import KEPT
from ..frame_set import FrameSet, Prediction
from ..multi_sense.answers import Answers
from ..multi_sense.engine import MultiSenseEngine, Reach
from ..multi_sense.memory import Memory
from ..multi_sense.moment import MOST_POINTS, Moment
from ..stopwatch import Stopwatch
from ..straightening import StraighteningCache
from .engine import CAMERAS, this_gpu, too_little_memory
from .image_loader import ImageLoader, image_sizes
from .jpeg_decoder import GpuJpegDecoder, has_gpu_jpeg
from .multi_sense_network import MultiSenseNetwork, motion_numbers
from .planner import Planner
from .preprocessor import DevicePreprocessor, RigShape, rig_shape
from .self_test import differences, drawn_senses
from .session import capture
from .splat_tables import CameraTables

GRAPHS = 16
"""Sets of cameras, senses and heads that are kept captured at the same time."""

SHAPES = 4
"""Shapes of rigs that are kept ready at the same time."""

TOLERANCE = {True: 0.02, False: 0.05}
"""By whether it is exact: how far an answer may be from PyTorch's in float32, as a share of how much it
varies over the cells. A kernel that is miscompiled is off by about one."""


class _Graph(Protocol):
    """What `torch.cuda.CUDAGraph` is."""

    def replay(self) -> None:
        """Run it, on the current stream."""


class CudaMultiSenseEngine(MultiSenseEngine):
    """Senses in, answers out, by our own kernels in half precision.

    Before it is ready, it is compared with the plain network in float32 on drawn senses.

    Args:
        model: the network, in evaluation mode on the CPU; its parameters are copied.
        weights: what to call them.
        exact: whether kernels keep what half precision rounds away where answers would feel it.
        reason: why this engine was chosen.
        gpu_jpeg: whether to decode on the GPU; None where nvImageCodec is installed.
        room: LiDAR returns that there is room for.

    Raises:
        RuntimeBackendError: it does not say here what the plain network says, or memory lacks.

    Attributes:
        differences: head to how far its answer was from the plain network's, see `self_test.differences`.
    """

    differences: dict[str, float]

    def __init__(
        self,
        model: MultiSense,
        weights: str,
        exact: bool = False,
        reason: str = "",
        gpu_jpeg: bool | None = None,
        room: int = MOST_POINTS,
    ):
        self._exact, self._room = exact, room
        self._gpu_jpeg = has_gpu_jpeg() if gpu_jpeg is None else gpu_jpeg
        try:
            super().__init__(model, weights, "fp16", reason=reason, device=str(this_gpu()))
        except torch.cuda.OutOfMemoryError as error:
            raise too_little_memory() from error
        self.name = "cuda-fp16" + ("-exact" if exact else "") + "-multi"
        jpeg = "nvImageCodec" if self._gpu_jpeg else "the CPU (pip install nvidia-nvimgcodec-cu13[nvjpeg])"
        self.reason = f"{reason}; our own kernels on {self._gpu}; JPEG by {jpeg}"

    def infer(self, frame_set: FrameSet) -> Prediction:
        """See `Engine.infer`."""
        with torch.cuda.stream(self._stream):
            return super().infer(frame_set)

    def answer(
        self, moment: Moment, wanted: Collection[str], senses: Collection[str] | None = None
    ) -> Answers:
        """See `MultiSenseEngine.answer`."""
        try:
            with torch.cuda.stream(self._stream):
                return super().answer(moment, wanted, senses)
        except torch.cuda.OutOfMemoryError as error:
            raise too_little_memory() from error
        finally:
            # The next run writes anew what this one reads from the host.
            self._stream.synchronize()

    def graph(self, cameras: int, senses: Collection[str], heads: Collection[str]) -> _Graph:
        """What answers from some senses, captured when it is new.

        Args:
            cameras: number of them, with `cameras` among the senses.
            senses: those that are there.
            heads: those that are asked for.
        """
        key = (cameras if "cameras" in senses else 0, frozenset(senses), frozenset(heads))
        if key not in self._graphs:
            self._graphs[key] = self._capture(*key)
            if len(self._graphs) > GRAPHS:
                self._graphs.popitem(last=False)
        self._graphs.move_to_end(key)
        return self._graphs[key]

    @property
    def network(self) -> MultiSenseNetwork:
        """What runs, for profiles."""
        return self._fused

    def close(self) -> None:
        """See `Engine.close`."""
        self._captures.shutdown()
        self._host.shutdown()
        self._graphs.clear()
        self._loaders.clear()
        self._tables.clear()
        self._preprocessors.clear()
        self.memory.forget("")
        torch.cuda.empty_cache()

    # -- the base's steps -----------------------------------------------------------------------------

    def _prepare(self, model: MultiSense, threads: int) -> None:
        self._model = model
        self._aside = torch.cuda.Stream(self._device)
        self._uploaded = torch.cuda.Event()
        self._gpu = torch.cuda.get_device_name(self._device)
        self._stream = torch.cuda.Stream(self._device)
        self._host = ThreadPoolExecutor(min(6, os.cpu_count() or 1), thread_name_prefix="decode")
        # PyTorch chooses cuDNN's algorithms per thread.
        self._captures = ThreadPoolExecutor(1, thread_name_prefix="capture")
        self._graphs: OrderedDict[tuple[int, frozenset[str], frozenset[str]], _Graph] = OrderedDict()
        self._loaders: OrderedDict[object, ImageLoader] = OrderedDict()
        self._tables: OrderedDict[tuple[str, tuple[str, ...]], CameraTables] = OrderedDict()
        self._straightenings = StraighteningCache(self.config.model)
        self._preprocessors: OrderedDict[RigShape, DevicePreprocessor] = OrderedDict()
        self._cameras = 0
        self._recalled: Memory | None = None
        self._scored: torch.Tensor | None = None
        with torch.cuda.stream(self._stream):
            self._fused = MultiSenseNetwork(
                model, Planner.of_gpu(self._device, torch.float16, self._exact), self._room
            )
        self._staged_points = torch.zeros(self._room, 5).pin_memory()
        self._staged_count = torch.zeros(1, dtype=torch.int32).pin_memory()
        self._staged_numbers = torch.zeros(len(self._fused.numbers)).pin_memory()

    def _warm_up(self) -> None:
        """Compare with the plain network, and be ready for all senses and all heads."""
        try:
            with torch.cuda.stream(self._stream), torch.inference_mode():
                self.differences = self._compare(self.config.senses)
        except (RuntimeBackendError, torch.cuda.OutOfMemoryError):
            raise
        except Exception as error:  # of whatever class a compiler's are
            first, *_ = str(error).splitlines() or ["no reason given"]
            raise RuntimeBackendError(
                f"our own kernels cannot be made on {self._gpu}: {type(error).__name__}: {first}"
            ) from error
        most = TOLERANCE[self._exact]
        worst = max(self.differences, key=lambda name: self.differences[name])
        # Not a number is not at most anything.
        if not self.differences[worst] <= most:
            raise RuntimeBackendError(
                f"our own kernels do not work on {self._gpu}: "
                f"{worst} is off by {self.differences[worst]:.3f} of its spread, more than {most}"
            )

    def _compare(self, senses: Collection[str]) -> dict[str, float]:
        """How far answers are from the plain network's, by head, on drawn senses; and `remembered`."""
        drawn = drawn_senses(self.config, senses, CAMERAS, self._device)
        fused = self._fused
        if drawn.images is not None:
            rig = drawn.rig
            self._use(rig, rig.names)
            fused.part(len(rig)).images.copy_(drawn.images.permute(0, 2, 3, 1))
        if drawn.points is not None:
            self._feel(self._upload(drawn.points))
        if drawn.memory is not None:
            fused.memory.copy_(drawn.memory.bev[0].permute(1, 2, 0))
        self._tell(drawn.memory, None)
        self.graph(len(drawn.rig), senses, self.config.heads).replay()
        heads = fused.heads(self.config.heads)
        ours = {**heads.outputs, "remembered": fused.remembered(senses).permute(2, 0, 1)}
        table = self._calibrations[drawn.rig].splat if drawn.images is not None else None
        theirs = drawn.answers(self._model, table, self._device)
        return differences(ours, theirs)

    def _see(self, frame_set: FrameSet, watch: Stopwatch) -> tuple[torch.Tensor, torch.Tensor]:
        rig = frame_set.rig
        loader = self._loader(rig)
        loader(frame_set)
        watch.stage("decode")
        given = frame_set.images
        tables = self._use(rig, tuple(name for name in rig.names if name in given))
        preprocess = self._preprocessor(rig)
        self._stream.wait_event(loader.loaded)
        preprocess([stacked for _, stacked in loader.groups], self._fused.part(len(rig)).images)
        self._cameras = len(rig)
        watch.stage("preprocess")
        seen = tables.seen.view(self.grid.shape).bool()
        return _as_map(self._fused.cameras), seen

    def _upload(self, points: np.ndarray) -> torch.Tensor:
        count = len(points)
        self._staged_points.numpy()[:count] = points
        self._staged_count.fill_(count)
        self._fused.points[:count].copy_(self._staged_points[:count], non_blocking=True)
        self._fused.count.copy_(self._staged_count, non_blocking=True)
        return self._fused.points[:count]

    def _feel(self, points: torch.Tensor) -> torch.Tensor:
        return _as_map(self._fused.lidar)

    def _remembered(self, memory: Memory | None) -> dict[str, torch.Tensor]:
        self._recalled = memory
        if memory is None:
            return {}
        self._fused.memory.copy_(memory.bev[0].permute(1, 2, 0))
        return {"memory": memory.bev}

    def _network(
        self, moment: Moment, sensed: Sensed, needed: Collection[str], watch: Stopwatch
    ) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        senses = [name for name in self.config.senses if getattr(sensed, name) is not None]
        self._tell(self._recalled if sensed.memory is not None else None, moment)
        self._uploaded.record()
        self.graph(self._cameras, senses, needed).replay()
        outputs: dict[str, torch.Tensor] = {}
        if needed:
            part = self._fused.heads(needed)
            outputs, self._scored = dict(part.outputs), part.scores
        if "embedding" in outputs:
            # Whoever asked may keep it; the others are read at once.
            outputs["embedding"] = outputs["embedding"].clone()
        watch.stage("network")
        return outputs, _as_map(self._fused.remembered(senses).clone())

    def _beside(self, reach: Reach) -> tuple[torch.Tensor, torch.Tensor]:
        """While the network runs: many small operations that would keep it waiting."""
        self._aside.wait_event(self._uploaded)
        with torch.cuda.stream(self._aside):
            found = reach()
        self._stream.wait_stream(self._aside)
        return found

    def _scores(self, cost: torch.Tensor, moment: Moment) -> torch.Tensor:
        assert self._scored is not None, "there is a cost"
        return self._scored

    # -- parts ----------------------------------------------------------------------------------------

    def _tell(self, memory: Memory | None, moment: Moment | None) -> None:
        """Give the network the numbers of how the car moves."""
        motion, age = (None, 0.0) if memory is None else (memory.motion, memory.age)
        self._staged_numbers.copy_(motion_numbers(motion, age, None if moment is None else moment.motion))
        self._fused.numbers.copy_(self._staged_numbers, non_blocking=True)

    def _use(self, rig: Rig, names: tuple[str, ...]) -> CameraTables:
        """Take over the calibration of a rig of whose cameras some have an image."""
        key = (rig.fingerprint, names)
        if key not in self._tables:
            host = self._calibrations[rig.subset(names)]
            self._tables[key] = CameraTables.of(host, rig, names, self.config.model, self._device)
            if len(self._tables) > KEPT:
                self._tables.popitem(last=False)
        self._tables.move_to_end(key)
        self._fused.use(self._tables[key])
        return self._tables[key]

    def _loader(self, rig: Rig) -> ImageLoader:
        """What brings images of a rig's sizes onto the GPU."""
        key = tuple(image_sizes(rig).items())
        if key not in self._loaders:
            decoder = GpuJpegDecoder(self._device) if self._gpu_jpeg else None
            self._loaders[key] = ImageLoader(rig, self._device, self._host, decoder)
            if len(self._loaders) > SHAPES:
                self._loaders.popitem(last=False)
        self._loaders.move_to_end(key)
        return self._loaders[key]

    def _preprocessor(self, rig: Rig) -> DevicePreprocessor:
        """What pre-processes the images of a rig, its lookups in place."""
        shape = rig_shape(rig, self.config.model)
        if shape not in self._preprocessors:
            self._preprocessors[shape] = DevicePreprocessor(
                rig, self.config.model, self._device, self._straightenings
            )
            if len(self._preprocessors) > SHAPES:
                self._preprocessors.popitem(last=False)
        self._preprocessors.move_to_end(shape)
        self._preprocessors[shape].use(rig)
        return self._preprocessors[shape]

    def _capture(self, cameras: int, senses: frozenset[str], heads: frozenset[str]) -> _Graph:
        return self._captures.submit(
            capture, lambda: self._fused.run(cameras, senses, heads), self._stream, self._exact
        ).result()


def _as_map(cells: torch.Tensor) -> torch.Tensor:
    """(nx, ny, C) as (1, C, nx, ny), in place."""
    return cells.permute(2, 0, 1)[None]
