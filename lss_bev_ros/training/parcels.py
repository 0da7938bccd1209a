"""Synthetic samples drawn on the GPU that trains: processes make worlds, a thread draws them there."""

from __future__ import annotations

import contextlib
import itertools
import os
import queue
import threading
from collections.abc import Callable, Sequence
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np
import torch

from ..errors import TrainingError
from .config import SampleLayout
from .sample_block import SampleBlock
from .source import (
    TRAINING_SEED,
    VALIDATION_SEED,
    WORLD_SECONDS,
    WorldPlan,
    WorldSource,
    assets_of,
    world_config,
)

OTHERS = 0.65
"""Share of the training samples that are seen from another driver's place than the ego car's."""


class ParcelSource(WorldSource):
    """Worlds made by processes of their own, drawn many times each on the device, on a stream of its own.

    Args:
        layout: of the samples.
        plans: as for `WorldSource`.
        device: a CUDA device.
        work: what a process runs, see `WorldSource`.
    """

    samples_a_world = 48
    validation_samples_a_world = 8

    def __init__(
        self,
        layout: SampleLayout,
        plans: Sequence[WorldPlan],
        device: torch.device,
        work: Callable[..., None] | None = None,
    ):
        super().__init__(layout, plans, work or _work, max(4, len(plans) // 2))
        self._layout, self._device = layout, device
        self._drawn: queue.Queue = queue.Queue(maxsize=64)
        self._error: BaseException | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._draw_all, daemon=True)
        self._thread.start()

    def take(self, wait: float) -> tuple[str, Any] | None:
        """As `Source.take`, but many samples at a time."""
        try:
            use, world, block, ready = self._drawn.get(timeout=wait) if wait > 0 else self._drawn.get_nowait()
        except queue.Empty:
            if self._error is not None:
                raise TrainingError(
                    f"drawing samples on {self._device} failed: {self._error}"
                ) from self._error
            self._check_alive()
            return None
        self._taken(use, world)
        stream = torch.cuda.current_stream(self._device)
        stream.wait_event(ready)
        for tensor in vars(block).values():
            tensor.record_stream(stream)
        return use, block

    def close(self) -> None:
        """End the processes and the thread."""
        self._stop.set()
        super().close()
        self._thread.join(timeout=10)

    def _draw_all(self) -> None:
        try:
            from ..synthetic.gpu import GpuStudio

            torch.cuda.set_device(self._device)
            assets = assets_of(self._layout)
            studio = GpuStudio(self._layout.scale, self._device, grid=self._layout.grid, assets=assets)
            stream = torch.cuda.Stream(self._device)
            with torch.cuda.stream(stream):
                studio.warm_up()
            while not self._stop.is_set():
                try:
                    use, world, name, table = self._made.get(timeout=1.0)
                except queue.Empty:
                    continue
                with torch.cuda.stream(stream):
                    item = use, world, *self._draw(studio, name, table, stream)
                while not self._stop.is_set():
                    try:
                        self._drawn.put(item, timeout=1.0)
                        break
                    except queue.Full:
                        continue
        except BaseException as error:  # the trainer's own thread raises it
            self._error = error

    def _draw(self, studio, name: str, table, stream) -> tuple[Any, torch.cuda.Event]:
        parcel, memory = receive(name, table, self._parcel_class())
        try:
            block = self._block(studio, parcel)
            ready = torch.cuda.Event()
            ready.record(stream)
            ready.synchronize()
        finally:
            del parcel
            memory.unlink()
            # What still points into it goes with the parcel.
            with contextlib.suppress(BufferError):
                memory.close()
        return block, ready

    @staticmethod
    def _parcel_class() -> type:
        from ..synthetic.parcel import Parcel

        return Parcel

    def _block(self, studio, parcel) -> Any:
        """The samples of a parcel."""
        drawn = studio.draw(parcel, int(np.prod(self._layout.grid.shape)))
        raster = drawn.raster.view(-1, *self._layout.grid.shape)
        return SampleBlock(drawn.images, drawn.depth, raster, drawn.calibration, drawn.present)


def send(parcel) -> tuple[str, list[tuple[str, str, tuple[int, ...], int]]]:
    """Put a parcel into shared memory: the memory's name, and what lies where in it."""
    table, size = [], 0
    arrays = {name: np.ascontiguousarray(array) for name, array in parcel.arrays().items()}
    for name, array in arrays.items():
        table.append((name, array.dtype.str, array.shape, size))
        size += -(-array.nbytes // 64) * 64
    memory = SharedMemory(create=True, size=max(size, 1))
    for (_, _, shape, offset), array in zip(table, arrays.values(), strict=True):
        np.ndarray(shape, array.dtype, memory.buf, offset)[...] = array
    memory.close()
    return memory.name, table


def receive(name: str, table, kind: Callable[..., Any]):
    """The parcel of a kind that `send` put there, and its memory, which the caller unlinks."""
    memory = SharedMemory(name)
    arrays: dict[str, np.ndarray] = {
        field: np.ndarray(shape, np.dtype(form), memory.buf, offset) for field, form, shape, offset in table
    }
    return kind(**arrays), memory


def _work(out, layout: SampleLayout, plan: WorldPlan) -> None:
    from ..synthetic.parcel import pack_world

    make_worlds(out, layout, plan, pack_world)


def make_worlds(out, layout: SampleLayout, plan: WorldPlan, pack: Callable[..., Any]) -> None:
    """What a process does: training worlds without end, validation worlds among the first of them.

    Args:
        out: queue that gets the use, the world's number, and what `send` returns.
        layout: of the samples.
        plan: which worlds.
        pack: makes the parcel of a world, as `synthetic.parcel.pack_world` does.
    """
    from ..synthetic.config import WorldConfig

    config, assets = world_config(layout), assets_of(layout)
    os.nice(5)
    # Each process is one of many: more threads than one would only wait for each other.
    torch.set_num_threads(1)
    # After its first training world, for the first step waits for those alone.
    for world, validation in itertools.zip_longest(plan.training(), plan.validation):
        try:
            parcel = pack(
                (TRAINING_SEED, world), plan.samples, WORLD_SECONDS, OTHERS, config, layout.grid, assets
            )
            out.put(("train", world, *send(parcel)))
            if validation is not None:
                seed = (VALIDATION_SEED, validation)
                parcel = pack(seed, plan.validation_samples, WORLD_SECONDS, 0.0, WorldConfig(), layout.grid)
                out.put(("val", validation, *send(parcel)))
        except (ValueError, IndexError, ZeroDivisionError, StopIteration) as error:
            print(f"world {world} left out: {type(error).__name__}: {error}", flush=True)
