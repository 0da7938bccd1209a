"""Training on more samples than the device holds: window after window of them, read as the steps go."""

from __future__ import annotations

import collections
import functools
import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from ..errors import TrainingError
from .pool import SamplePool
from .sample import Sample

VALIDATION_SHARE = 0.25
"""Of the memory that validation may take where not everything fits."""


@dataclass(frozen=True)
class Share:
    """How many samples the device holds at once.

    Attributes:
        training: places for training samples; all of them, or two windows.
        validation: samples that are validated on.
        streamed: whether there are more training samples than places.
    """

    training: int
    validation: int
    streamed: bool


def share(room: int, batch: int, training: int, validation: int) -> Share | None:
    """Divide the room between training and validation; None where it does not do.

    Args:
        room: samples that fit on the device.
        batch: samples a step.
        training: training samples that there are.
        validation: validation samples that there are.
    """
    if training + validation <= room:
        return Share(training, validation, False)
    held = min(validation, max(1, int(room * VALIDATION_SHARE)))
    places = room - held
    if places >= training:
        return Share(training, held, False)
    # A batch may reach from one window into the next, and windows are two thirds full at least.
    return Share(places, held, True) if places >= 3 * batch + 2 else None


class Windows:
    """Which samples each step takes: every one once an epoch, in an order of the seed alone.

    An epoch goes through the data in shuffled pieces, each of samples that lie together on disk, and cuts
    them into windows of about equal size. Within a window samples are taken in random order.

    Attributes:
        count: samples that there are.
        room: places of a window.
        samples: the samples of a window by its number, in the order in which they are read.

    Args:
        pieces: the samples' numbers, those together that are best read together.
        places: samples that are held at once; a window takes half of them.
        seed: of the run.
        rank: of the process.
    """

    def __init__(self, pieces: Sequence[Sequence[int]], places: int, seed: int, rank: int = 0):
        self._pieces, self._seed, self._rank = pieces, seed, rank
        self.count = sum(len(piece) for piece in pieces)
        self.room = places // 2
        self._many = -(-self.count // self.room)
        self._edges = [k * self.count // self._many for k in range(self._many + 1)]
        # A step asks many times for the few windows that it takes from.
        self._order = functools.lru_cache(maxsize=4)(self._make_order)
        self.samples = functools.lru_cache(maxsize=4)(self._make_samples)

    def at(self, position: int) -> tuple[int, int]:
        """The window of a sample's position in the run, and which of the window's samples it is."""
        epoch, rest = divmod(position, self.count)
        within = int(np.searchsorted(self._edges, rest, side="right")) - 1
        number = epoch * self._many + within
        return number, self._order(number)[rest - self._edges[within]]

    def _make_order(self, number: int) -> list[int]:
        first, last = self._edges[number % self._many : number % self._many + 2]
        order = list(range(last - first))
        self._chance("order", number).shuffle(order)
        return order

    def _make_samples(self, number: int) -> list[int]:
        epoch, within = divmod(number, self._many)
        pieces = list(self._pieces)
        self._chance("epoch", epoch).shuffle(pieces)
        every = list(itertools.chain.from_iterable(pieces))
        return every[self._edges[within] : self._edges[within + 1]]

    def _chance(self, purpose: str, number: int) -> random.Random:
        return random.Random(f"{self._seed} {self._rank} {purpose} {number}")


class WindowFeed:
    """Keeps two windows on the device: steps take from one while the next is read behind it.

    Args:
        windows: the order.
        pool: with places for two windows.
        read: makes a sample of its number; called by several threads.
        threads: that read.
    """

    def __init__(self, windows: Windows, pool: SamplePool, read: Callable[[int], Sample], threads: int):
        self._windows, self._pool, self._read = windows, pool, read
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="keyframes")
        self._ahead = 2 * threads + 2
        self._jobs: Iterator[tuple[int, int, int]] | None = None
        self._pending: collections.deque[tuple[int, int, Future[Sample]]] = collections.deque()
        self._loaded: collections.Counter[int] = collections.Counter()
        self._current = 0

    def index(self, step: int, batch: int) -> torch.Tensor:
        """Places in the pool of a step's samples, (batch,) int64; waits until they are there.

        Steps are taken one after the other; the first may be any.

        Raises:
            LssBevError: a sample cannot be read.
        """
        wanted = [self._windows.at(position) for position in range(step * batch, (step + 1) * batch)]
        self._current = wanted[0][0]
        if self._jobs is None:
            self._jobs = self._plan(self._current)
        for number in sorted({number for number, _ in wanted}):
            while self._loaded[number] < len(self._windows.samples(number)):
                self._place()
        self.drain()
        return torch.tensor([self._place_of(*one) for one in wanted])

    def drain(self) -> None:
        """Take in what was read since, without waiting."""
        self._fill()
        while self._pending and self._pending[0][2].done() and self._has_room():
            self._place()

    def close(self) -> None:
        """Stop reading."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _plan(self, first: int) -> Iterator[tuple[int, int, int]]:
        """What to read: windows, places within them and samples, without end."""
        for number in itertools.count(first):
            for offset, sample in enumerate(self._windows.samples(number)):
                yield number, offset, sample

    def _fill(self) -> None:
        while self._jobs is not None and len(self._pending) < self._ahead:
            number, offset, sample = next(self._jobs)
            self._pending.append((number, offset, self._threads.submit(self._read, sample)))

    def _has_room(self) -> bool:
        """Whether the next sample's window lies where no step takes samples any more."""
        return self._pending[0][0] <= self._current + 1

    def _place(self) -> None:
        """Put the next sample into its place, once it is read."""
        self._fill()
        number, offset, future = self._pending.popleft()
        self._pool.put(self._place_of(number, offset), future.result())
        self._pool.added += 1
        self._loaded[number] += 1
        self._fill()

    def _place_of(self, number: int, offset: int) -> int:
        return number % 2 * self._windows.room + offset


def spread(count: int, held: int) -> list[int]:
    """`held` of `count` numbers, as far from each other as can be."""
    return [k * count // held for k in range(held)]


def too_little(memory: float, room: int, each: int, batch: int) -> TrainingError:
    """What to raise where the room does not do."""
    return TrainingError(
        f"{memory / 1e9:.3g} GB hold {max(room, 0)} samples of {each / 1e6:.1f} MB, too few for batches of "
        f"{batch} and validation beside them: give more --memory, or take a smaller --batch or --scale"
    )
