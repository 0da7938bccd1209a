"""Stage times on a device that runs behind the host."""

from __future__ import annotations

import time

import torch

from ..runtime.stopwatch import Stopwatch


class DeviceStopwatch(Stopwatch):
    """Marks stages in the stream of a CUDA device, and waits for it only at the end.

    Waiting after every stage would slow the pipeline down that is measured. A stage lasts from the mark
    before it to its own as the device passes them, so time in which the device waits for the host counts.
    """

    def __init__(self) -> None:
        super().__init__()
        self._names: list[str] = []
        self._marks = [self._mark()]

    def stage(self, name: str) -> None:
        """End the stage `name`."""
        self._names.append(name)
        self._marks.append(self._mark())

    def timings(self) -> dict[str, float]:
        """Stage to milliseconds in order of execution, `total` last: what the host waited for."""
        torch.cuda.synchronize()
        total = (time.perf_counter() - self._start) * 1e3
        pairs = zip(self._marks, self._marks[1:], strict=False)
        spans = [before.elapsed_time(after) for before, after in pairs]
        return {**dict(zip(self._names, spans, strict=True)), "total": total}

    @staticmethod
    def _mark() -> torch.cuda.Event:
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event
