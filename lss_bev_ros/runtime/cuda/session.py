"""The network for one number of cameras, captured as CUDA graphs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any, Protocol

import torch

from ...geometry import Rig
from ..stopwatch import Stopwatch
from ..straightening import StraighteningCache
from .image_loader import ImageLoader
from .preprocessor import DevicePreprocessor, RigShape, rig_shape
from .splat_tables import CameraTables, DeviceTables

SHAPES = 4
"""Shapes of rigs that are kept captured at the same time."""


class Network(Protocol):
    """What `FusedNetwork` and `PlainNetwork` are; the first says what the attributes mean."""

    images: torch.Tensor
    bev: torch.Tensor
    logits: torch.Tensor
    occupancy: torch.Tensor

    @property
    def stages(self) -> Mapping[str, Sequence[Callable[[], object]]]:
        """What is launched, in order, by the name of the stage."""


class Session:
    """A network and its graphs.

    Args:
        network: for some number of cameras.
        tables: that it reads.
        config: of the network.
        stream: that everything runs in.
        captures: the thread that captures.
    """

    def __init__(
        self,
        network: Network,
        tables: DeviceTables,
        config: Any,
        stream: torch.cuda.Stream,
        captures: Executor,
    ):
        self.network = network
        self._device_tables = tables
        self._config = config
        self._stream = stream
        self._captures = captures
        self._current: CameraTables | None = None
        self._whole: torch.cuda.CUDAGraph | None = None
        self._stages: dict[str, torch.cuda.CUDAGraph] = {}
        self._straightenings = StraighteningCache(config)
        self._preprocessors: OrderedDict[RigShape, DevicePreprocessor] = OrderedDict()
        self._from_images: dict[
            tuple[ImageLoader, DevicePreprocessor], tuple[torch.cuda.CUDAGraph, torch.Tensor]
        ] = {}

    def use(self, tables: CameraTables) -> None:
        """Take over a calibration; the graphs stay as they are."""
        if tables is not self._current:
            with torch.cuda.stream(self._stream):
                self._device_tables.load(tables)
                # Cells that the new points do not hit are not written by the splat.
                self.network.bev.zero_()
            self._current = tables

    def run(self, images: torch.Tensor, tables: CameraTables, watch: Stopwatch | None) -> torch.Tensor:
        """Run from normalised images, on the current stream.

        Args:
            images: (N, H, W, 3) of the cameras with an image, on the GPU.
            tables: of those cameras.
            watch: told of each stage.

        Returns:
            (outputs, nx, ny) float32 logits, good until the next run.
        """
        with torch.inference_mode():
            return self._run(images, tables, watch)

    def _run(self, images: torch.Tensor, tables: CameraTables, watch: Stopwatch | None) -> torch.Tensor:
        caller = torch.cuda.current_stream()
        self._stream.wait_stream(caller)
        self.use(tables)
        if watch is None and self._whole is None:
            self._whole = self._capture(self._all)
        elif watch is not None and not self._stages:
            self._stages = {
                name: self._capture(partial(_launch, stage)) for name, stage in self.network.stages.items()
            }
        with torch.cuda.stream(self._stream):
            if len(tables.slots) == tables.cameras:
                self.network.images.copy_(images)
            else:
                self.network.images[list(tables.slots)] = images
            if watch is None:
                assert self._whole is not None, "just captured"
                self._whole.replay()
            else:
                for name, graph in self._stages.items():
                    graph.replay()
                    watch.stage(name)
        caller.wait_stream(self._stream)
        return self.network.logits

    def run_loaded(
        self, loader: ImageLoader, tables: CameraTables, marks: Sequence[torch.cuda.Event]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Run from the images of a loader, behind its upload.

        Args:
            loader: whose images are under way to the GPU.
            tables: of the cameras with an image.
            marks: recorded before and behind.

        Returns:
            Occupancy, (nx, ny) int8 in pinned memory, to be read behind the second mark, and the first
            output's logits, (nx, ny) float32 on the GPU.
        """
        self.use(tables)
        preprocess = self._preprocessor(tables.rig)
        key = (loader, preprocess)
        if key not in self._from_images:
            pinned = torch.zeros(self.network.occupancy.shape, dtype=torch.int8).pin_memory()
            self._stream.wait_event(loader.loaded)
            graph = self._capture(lambda: self._resized(loader, preprocess, pinned))
            self._from_images[key] = (graph, pinned)
        graph, pinned = self._from_images[key]
        with torch.cuda.stream(self._stream):
            self._stream.wait_event(loader.loaded)
            marks[0].record()
            graph.replay()
            logits = self.network.logits[0].clone()
            marks[1].record()
        return pinned, logits

    def forget(self, loader: ImageLoader) -> None:
        """Let go of what was captured for a loader."""
        self._drop(lambda of, _: of is loader)

    def _drop(self, gone: Callable[[ImageLoader, DevicePreprocessor], bool]) -> None:
        for key in [key for key in self._from_images if gone(*key)]:
            del self._from_images[key]

    def _preprocessor(self, rig: Rig) -> DevicePreprocessor:
        """What pre-processes the images of a rig, its lookups in place."""
        shape = rig_shape(rig, self._config)
        with torch.cuda.stream(self._stream):
            if shape not in self._preprocessors:
                self._preprocessors[shape] = DevicePreprocessor(
                    rig, self._config, self.network.images.device, self._straightenings
                )
                if len(self._preprocessors) > SHAPES:
                    _, old = self._preprocessors.popitem(last=False)
                    self._drop(lambda _, by: by is old)
            self._preprocessors.move_to_end(shape)
            self._preprocessors[shape].use(rig)
        return self._preprocessors[shape]

    def _all(self) -> None:
        for launches in self.network.stages.values():
            _launch(launches)

    def _resized(self, loader: ImageLoader, preprocess: DevicePreprocessor, pinned: torch.Tensor) -> None:
        preprocess([stacked for _, stacked in loader.groups], self.network.images)
        self._all()
        pinned.copy_(self.network.occupancy, non_blocking=True)

    def _capture(self, work: Callable[[], None]) -> torch.cuda.CUDAGraph:
        """Run some work once, so that kernels are compiled and chosen, and capture it."""
        return self._captures.submit(self._capture_here, work).result()

    def _capture_here(self, work: Callable[[], None]) -> torch.cuda.CUDAGraph:
        return capture(work, self._stream, exact=self.network.images.dtype == torch.float32)


def capture(work: Callable[[], None], stream: torch.cuda.Stream, exact: bool) -> torch.cuda.CUDAGraph:
    """Run some work once in a stream, so that kernels are compiled and chosen, and capture it.

    Args:
        work: launches only, from this thread.
        stream: where it runs.
        exact: whether cuDNN is to keep float32 as it is.
    """
    with (
        torch.cuda.device(stream.device),
        torch.inference_mode(),
        torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False, allow_tf32=not exact),
    ):
        with torch.cuda.stream(stream):
            work()
        stream.synchronize()
        graph = torch.cuda.CUDAGraph()
        # Other threads may be decoding the next images.
        with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            work()
    return graph


def _launch(launches: Sequence[Callable[[], object]]) -> None:
    for launch in launches:
        launch()
