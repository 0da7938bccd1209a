"""Where a process of a run trains, and how the processes meet."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.distributed as dist

from ..errors import TrainingError


@dataclass(frozen=True)
class Place:
    """One process of a run.

    Attributes:
        rank, ranks: its number, and how many there are.
        device: that it trains on.
    """

    rank: int
    ranks: int
    device: torch.device

    @classmethod
    def of_environment(cls, device: str = "auto") -> Place:
        """This process's, as torchrun says; `auto` is a GPU where there is one.

        Raises:
            TrainingError: there is no GPU, and one is asked for.
        """
        rank, ranks, local = ranks_from_environment()
        cuda = torch.cuda.is_available() if device == "auto" else device == "cuda"
        if cuda and not torch.cuda.is_available():
            raise TrainingError(
                "device cuda: PyTorch finds no GPU here; use cpu, or install PyTorch with CUDA"
            )
        return cls(rank, ranks, torch.device("cuda", local) if cuda else torch.device("cpu"))

    @property
    def processors(self) -> int:
        """Its share of the machine's."""
        return max(1, len(os.sched_getaffinity(0)) // self.ranks)

    def too_little_memory(self, batches: str) -> TrainingError:
        """What to raise where the device has too little for batches of so many samples."""
        return TrainingError(
            f"{self.device}: too little memory for batches of {batches}: take a smaller --batch or --memory"
        )


@contextlib.contextmanager
def together(place: Place) -> Iterator[None]:
    """Set the process's device up and join the others of the run, until the block ends."""
    cuda = place.device.type == "cuda"
    if cuda:
        torch.cuda.set_device(place.device)
        # Trying every algorithm takes minutes beside the drawing; cuDNN's own choice is hardly slower.
        torch.backends.cudnn.benchmark = False
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    if place.ranks > 1:
        dist.init_process_group("nccl" if cuda else "gloo", rank=place.rank, world_size=place.ranks)
    yield
    # Not after an error: to leave in order waits for the others, who wait for this one in a step, and the
    # error would never be seen. The process ends, and torchrun ends the others.
    if dist.is_initialized():
        dist.destroy_process_group()


def ranks_from_environment() -> tuple[int, int, int]:
    """Rank, number of ranks and local rank that torchrun gave, or 0, 1, 0."""
    rank, ranks, local = (
        int(os.environ.get(name, default))
        for name, default in (("RANK", 0), ("WORLD_SIZE", 1), ("LOCAL_RANK", 0))
    )
    return rank, ranks, local
