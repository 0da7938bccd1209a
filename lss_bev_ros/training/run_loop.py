"""The loop of a run: what is the same whichever network is trained."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import nn

from .. import files
from ..errors import TrainingError
from .average import WeightAverage
from .checkpoint import load_checkpoint, save_checkpoint
from .clock import RunClock
from .config import TrainingConfig
from .descent import descend
from .journal import Journal, Watch
from .report import Interval, Rates, line
from .schedule import learning_rate

SHARED_EVERY = 10
"""Steps between agreements of the ranks on how far the run is."""

Message = Callable[[str], None]
M = TypeVar("M", bound=nn.Module)


class Store(Protocol):
    """Samples on a device; `pool.Ring` is one."""

    added: int
    capacity: int

    def __len__(self) -> int: ...

    def extend(self, block: Any) -> None:
        """Take samples in."""


class Feed(Protocol):
    """Gives samples of any kind, as `source.Source` does."""

    endless: bool
    validation_samples: int
    next_world: int

    def take(self, wait: float) -> tuple[str, Any] | None:
        """See `Source.take`."""


class TrainingLoop(ABC, Generic[M]):
    """One rank of a run: takes samples in, steps, logs, validates and saves.

    Who derives from it calls `_take_up`, and gives it `_pool` and `_validation`.

    Args:
        config: the recipe.
        source: of samples.
        out: folder of the run.
        device: where to train.
        rank, ranks: of the run; torch.distributed is initialised where there are several.
        message: takes a line for the user; rank 0 only.
        watch: takes each log line's figures and the run's `progress`, 0 to 1; rank 0 only.
        began: `time.monotonic()` at which the session began.
        behind: share of the run that lay behind it before its first step.
    """

    _pool: Store
    _validation: Store

    def __init__(
        self,
        config: TrainingConfig,
        source: Feed,
        out: Path,
        device: torch.device | str,
        rank: int,
        ranks: int,
        message: Message | None,
        watch: Watch | None,
        began: float | None,
        behind: float = 0.0,
    ):
        self._config, self._source, self._out = config, source, Path(out)
        self._device = torch.device(device)
        self._rank, self._ranks = rank, ranks
        self._message = message if message and rank == 0 else lambda _: None
        self._watch = watch or (lambda row: self._message(line(row)))
        self._clock = RunClock(config.steps, config.seconds, self._device, ranks, began, behind)
        self._validated = source.validation_samples
        self._overlap = torch.zeros(2, dtype=torch.int64, device=self._device)
        self._out.mkdir(parents=True, exist_ok=True)

    def _take_up(self, model: M, network: nn.Module, resume: bool, groups: list[dict] | None = None) -> None:
        """Train a model from the start, or from where `out` was left.

        Args:
            model: on the device; what is averaged and saved.
            network: the model in the form that is trained.
            resume: go on where `out` was left.
            groups: of the model's parameters, as an optimiser takes them; each with the `share` of the
                learning rate that it gets. By default one of all.

        Raises:
            TrainingError: nothing to resume, or the run in `out` is of another network.
        """
        config, cuda = self._config, self._device.type == "cuda"
        self._model = model
        self._parameters = [p for p in model.parameters() if p.requires_grad]
        self._optimizer = torch.optim.Adam(
            groups or self._parameters,
            lr=config.rate,
            weight_decay=config.weight_decay,
            fused=True if cuda else None,
        )
        self._average = WeightAverage(model, config.average)
        if resume:
            self._restore()
        self._wrapped = network
        if self._ranks > 1:
            self._wrapped = nn.parallel.DistributedDataParallel(
                network,
                device_ids=[self._device.index] if cuda else None,
                broadcast_buffers=False,
                gradient_as_bucket_view=True,
            )

    @property
    def step(self) -> int:
        """Optimiser steps done, those before a resume included."""
        return self._clock.step

    @property
    def average(self) -> M:
        """The averaged model."""
        return self._average.model

    @property
    def model(self) -> M:
        """The model that is trained."""
        return self._model

    def run(self, pause: float = 0.0) -> dict[str, float]:
        """Train to the end of the steps or of the time; returns the last validation's scores.

        Args:
            pause: stop after so many seconds of this session, to be resumed later; 0 for never.
        """
        config, first = self._config, self.step
        journal = self._begin()
        # However short the session, it takes some steps and leaves what it can be resumed from.
        progress, done = self._clock.progress()
        lines = Interval(config.log_every)
        validations, saves = Interval(config.validate_every), Interval(config.save_every)
        rates = Rates(first, self._pool.added)
        result: dict[str, float] = {}
        while not done:
            loss, parts, gradient, rate = self.advance(progress)
            if journal is None:
                journal = self._open_journal(first, *self._columns(parts))
            self._drain()
            if self.step % SHARED_EVERY and self.step < config.steps:
                continue
            progress, done = self._clock.progress(pause)
            if lines.due(self._clock.seconds) and not self._rank:
                row = rates.row(self.step, self._clock.seconds, config.batch, self._pool.added, self._ranks)
                row |= {"loss": loss.item(), "iou": self._iou(), "gradient": gradient.item(), "rate": rate}
                journal.trained(row | self._figures(parts), progress)
            complete = self._validation.added >= self._validated
            if self._clock.agree(complete and (validations.due(self._clock.seconds) or done)):
                result = self._judge(journal)
                done = done or self._clock.agree(self._is_enough(result))
            if saves.due(self._clock.seconds) or done:
                self.save()
        if journal is not None:
            journal.close()
        return result

    def _begin(self) -> Journal | None:
        """Take samples in, and open the journal if its columns are known before the first step."""
        self.load()
        return None

    def _open_journal(self, step: int, *columns: Any) -> Journal:
        return Journal(self._out, self._device, self._rank, step, self._message, self._watch, *columns)

    def _columns(self, parts: Any) -> tuple:
        """The journal's columns, given a step's losses; by default its own."""
        return ()

    @abstractmethod
    def load(self) -> None:
        """Take samples until a run can start."""

    @abstractmethod
    def advance(self, progress: float) -> tuple[torch.Tensor, Any, torch.Tensor, float]:
        """Take one optimiser step, at a progress of the run from 0 to 1.

        Returns:
            The loss, what it is made of, the gradient's norm and the learning rate.
        """

    @abstractmethod
    def _figures(self, parts: Any) -> dict[str, float]:
        """What a log line says of what a loss is made of."""

    @abstractmethod
    def _judge(self, journal: Journal) -> dict[str, float]:
        """Validate, tell the journal, and return the scores."""

    def _is_enough(self, scores: dict[str, float]) -> bool:
        """Whether a run may end before its time, by the scores of a validation; by default never."""
        return False

    def _fill(self, enough: int) -> None:
        """Take all samples of a finite source, or enough of an endless one: so many, or as many as fit."""
        endless, enough = self._source.endless, min(enough, self._pool.capacity)
        while not (endless and len(self._pool) >= enough):
            if not self._take(1.0) and not endless:
                return

    def _drain(self) -> None:
        """Take in what has come since the last step."""
        while self._source.endless and self._take(0.0):
            pass

    def _take(self, wait: float) -> bool:
        item = self._source.take(wait)
        if item is None:
            return False
        use, samples = item
        (self._validation if use == "val" else self._pool).extend(samples)
        return True

    def _set_rate(self, progress: float) -> float:
        """Give the optimiser the learning rate of the next step, and return it."""
        rate = learning_rate(self._config.rate, self.step, self._config.warm_up, progress)
        for group in self._optimizer.param_groups:
            group["lr"] = rate * group.get("share", 1.0)
        return rate

    def _descend(self, loss: torch.Tensor) -> torch.Tensor:
        """Take the step, and return the gradient's norm before it was clipped."""
        gradient = descend(loss, self._optimizer, self._parameters, self._config.clip)
        self._average.update(self._model, self.step)
        self._clock.step += 1
        return gradient

    def _count(self, predicted: torch.Tensor, true: torch.Tensor) -> None:
        """Add a batch, two bool tensors, to the IoU that the next log line shows."""
        self._overlap += torch.stack(((predicted & true).sum(), (predicted | true).sum()))

    def _iou(self) -> float:
        both, either = self._overlap.tolist()
        self._overlap.zero_()
        return both / max(either, 1)

    def describe(self, **facts: object) -> None:
        """Write what the run depends on to `run.json`, after other facts of it; rank 0 only."""
        if not self._rank:
            facts |= {"ranks": self._ranks, "recipe": self._config.description()}
            files.write_json(self._out / "run.json", facts, TrainingError)

    def save(self) -> None:
        """Write the run's state and the averaged weights; rank 0 only."""
        if self._rank:
            return
        save_checkpoint(
            self._out / "last.pt",
            {
                "model": self._model.state_dict(),
                "average": self._average.model.state_dict(),
                "optimizer": self._optimizer.state_dict(),
                **self._more_state(),
                "step": self.step,
                "elapsed": self._clock.seconds,
                "world": self._source.next_world,
            },
        )
        self._write_average()

    def _more_state(self) -> dict[str, object]:
        """What else a resumed run needs."""
        return {}

    def _restore_more(self, state: dict[str, Any]) -> None:
        """Take it back."""

    @abstractmethod
    def _write_average(self) -> None:
        """Write the averaged weights in the form that they are used in."""

    def _restore(self) -> None:
        state = load_checkpoint(self._out / "last.pt", self._device)
        try:
            self._model.load_state_dict(state["model"])
            self._average.model.load_state_dict(state["average"])
            self._optimizer.load_state_dict(state["optimizer"])
            self._restore_more(state)
        except (RuntimeError, ValueError, KeyError) as error:
            raise TrainingError(
                f"{self._out / 'last.pt'} is of another network: start a new run in another folder"
            ) from error
        self._clock.resume(int(state["step"]), float(state["elapsed"]))
