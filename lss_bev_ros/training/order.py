"""Which samples a step takes: of the step's number alone, so that a resumed run goes on as it would have."""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class StepOrder:
    """Chance of one step.

    Attributes:
        seed: of the run.
        step: its number.
        rank: of the process.
    """

    seed: int
    step: int
    rank: int

    def generator(self, purpose: int) -> torch.Generator:
        """A generator for one purpose of the step."""
        return _generator(f"{self.seed} {self.step} {self.rank} {purpose}")

    def index(self, count: int, batch: int, endless: bool) -> torch.Tensor:
        """Samples of the step, (batch,) int64 below `count`.

        Any with equal chances where new ones keep coming; else in shuffled order, each once an epoch.
        """
        if endless or count < batch:
            return torch.randint(count, (batch,), generator=self.generator(0))
        position = self.step * batch + torch.arange(batch)
        epochs = {
            epoch: torch.randperm(count, generator=_generator(f"{self.seed} {self.rank} {epoch}"))
            for epoch in (position // count).unique().tolist()
        }
        return torch.stack([epochs[int(p) // count][int(p) % count] for p in position])


def _generator(name: str) -> torch.Generator:
    return torch.Generator().manual_seed(random.Random(name).getrandbits(62))
