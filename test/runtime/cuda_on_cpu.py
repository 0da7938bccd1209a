"""PyTorch's CUDA calls that engines make, done on the CPU at once: the logic around them runs anywhere."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch

from lss_bev_ros.runtime.cuda import engine as engine_file
from lss_bev_ros.runtime.cuda import session as session_file

CPU = torch.device("cpu")


class Stream:
    """Work that is done when it is given has nothing to wait for."""

    device = CPU
    cuda_stream = 0

    def __init__(self, *_):
        pass

    def synchronize(self):
        """Everything is done."""

    wait_stream = wait_event = lambda self, _: None


class Event:
    """A mark between works that are done one after the other."""

    def __init__(self, **_):
        pass

    def record(self, *_):
        """It is passed already."""

    def synchronize(self):
        """It is passed already."""

    def elapsed_time(self, _):
        """Nothing is measured."""
        return 0.0


def use_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let engines for a GPU run on the CPU until the test ends."""
    replaced = {
        "Stream": Stream,
        "Event": Event,
        "stream": lambda _: nullcontext(),
        "current_stream": lambda *_: Stream(),
        "get_device_name": lambda *_: "a processor",
        "empty_cache": lambda: None,
    }
    for name, value in replaced.items():
        monkeypatch.setattr(torch.cuda, name, value)
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: self)
    monkeypatch.setattr(engine_file, "cuda_missing", lambda: None)
    monkeypatch.setattr(engine_file, "this_gpu", lambda: CPU)
    monkeypatch.setattr(engine_file, "has_gpu_jpeg", lambda: False)

    def capture(self, work):
        work()
        return SimpleNamespace(replay=work)

    monkeypatch.setattr(session_file.Session, "_capture", capture)
