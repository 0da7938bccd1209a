"""How far a run is, the same for all of its ranks."""

from __future__ import annotations

import time

import torch
import torch.distributed as dist


class RunClock:
    """Counts steps and seconds of a run over all its sessions.

    Args:
        steps: of the whole run.
        seconds: wall-clock limit of the whole run, 0 for none.
        device: of this rank.
        ranks: of the run; torch.distributed is initialised where there are several.
        began: `time.monotonic()` at which this session began.
        behind: share of the run that lay behind it before its first step.
    """

    def __init__(
        self,
        steps: int,
        seconds: float,
        device: torch.device,
        ranks: int = 1,
        began: float | None = None,
        behind: float = 0.0,
    ):
        self._steps, self._limit, self._behind = steps, seconds, behind
        self._device, self._ranks = device, ranks
        self._began = time.monotonic() if began is None else began
        self._earlier = 0.0
        self.step = 0

    @property
    def seconds(self) -> float:
        """Of this session and all before it."""
        return self._earlier + time.monotonic() - self._began

    def resume(self, step: int, seconds: float) -> None:
        """Go on from an earlier session's step and seconds."""
        self.step, self._earlier = step, seconds

    def progress(self, pause: float = 0.0) -> tuple[float, bool]:
        """How far the run is, 0 to 1, and whether it or this session is over, as rank 0 sees it.

        Args:
            pause: seconds after which this session is over, 0 for never.
        """
        share = self.step / self._steps
        if self._limit:
            share = max(share, self.seconds / self._limit)
        share = self._from_first(self._behind + share)
        paused = bool(pause) and time.monotonic() - self._began > pause
        return share, share >= 1.0 or self.agree(paused)

    def agree(self, wish: bool) -> bool:
        """What rank 0 wishes."""
        return bool(self._from_first(float(wish)))

    def _from_first(self, value: float) -> float:
        if self._ranks == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=self._device)
        dist.broadcast(shared, 0)
        return float(shared.item())
