"""A world and many pairs of its instants as plain arrays: what a GPU is sent to draw `Pairs`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...geometry import BevGrid
from ...synthetic.actor import Actor
from ...synthetic.assets import Assets
from ...synthetic.config import WorldConfig
from ...synthetic.parcel import Packer, Parcel
from ...synthetic.stream import draw_world
from ...synthetic.world import World
from .pair import FUTURE_STEP, FUTURE_STEPS
from .truth import InstantTruth, TruthTeller

GAP = (0.4, 0.6)
"""Seconds between the instants of a pair."""


@dataclass(frozen=True, eq=False)
class PairParcel(Parcel):
    """Two samples a pair, the earlier one first, and the truth of the later ones.

    Attributes:
        maps: (S, nx * ny) uint8, as in `InstantTruth`, as are the next five.
        spots: (K,) int32.
        spot_owner: (K,) int32.
        spot_bit: (K,) uint8.
        boxes: (S, BOXES, 11) float32.
        box_owner: (S, BOXES) int32.
        spot_pair: (K,) int32, pairs that `spots` belong to.
        motion: (S, 4) float32, as in `Pairs`.
        future: (S, FUTURE_STEPS, 2) float32, likewise.
    """

    maps: np.ndarray
    spots: np.ndarray
    spot_owner: np.ndarray
    spot_bit: np.ndarray
    boxes: np.ndarray
    box_owner: np.ndarray
    spot_pair: np.ndarray
    motion: np.ndarray
    future: np.ndarray


@dataclass(frozen=True)
class PairMoment:
    """When a pair is taken, and from where.

    Attributes:
        time: of its later instant, seconds.
        gap: seconds to the earlier one.
        driver: whose place the ego car takes, None for its own.
    """

    time: float
    gap: float
    driver: Actor | None = None


class PairPacker:
    """Makes parcels of pairs of one world.

    Args:
        world: the scene.
        grid: of the truth.
    """

    def __init__(self, world: World, grid: BevGrid | None = None) -> None:
        self._packer = Packer(world, grid)
        self.truths = TruthTeller(world, grid or BevGrid(), self._packer.ego_pose)

    def draw_moments(
        self, pairs: int, seconds: float, others: float, rng: np.random.Generator
    ) -> list[PairMoment]:
        """As `Packer.draw_moments`, early enough that the whole future is known."""
        last = min(seconds, self.truths.end - FUTURE_STEPS * FUTURE_STEP)
        moments = self._packer.draw_moments(pairs, last, others, rng)
        return [PairMoment(time, rng.uniform(*GAP), driver) for time, driver in moments]

    def pack(self, moments: list[PairMoment], rng: np.random.Generator) -> PairParcel:
        """A parcel of pairs; light, paint, cameras and noise are drawn from `rng`."""
        instants = [(m.time - late, m.driver) for m in moments for late in (m.gap, 0.0)]
        parcel = self._packer.pack(instants, rng, instants=2)
        truths = [self.truths.truth(m.time, m.driver) for m in moments]
        counts = [len(truth.spots) for truth in truths]
        return PairParcel(
            **parcel.arrays(),
            **_columns(truths, np.concatenate, "spots", "spot_owner", "spot_bit"),
            **_columns(truths, np.stack, "maps", "boxes", "box_owner", "future"),
            spot_pair=np.repeat(np.arange(len(moments)), counts).astype(np.int32),
            motion=np.stack([self.truths.motion(m.time, m.gap, m.driver) for m in moments]),
        )


def _columns(truths: list[InstantTruth], together, *names: str) -> dict[str, np.ndarray]:
    return {name: together([getattr(truth, name) for truth in truths]) for name in names}


def pack_pairs(
    seed: tuple[int, ...],
    pairs: int,
    seconds: float = 12.0,
    others: float = 0.65,
    config: WorldConfig | None = None,
    grid: BevGrid | None = None,
    assets: Assets | None = None,
) -> PairParcel:
    """Draw a world and pack pairs of it; the arguments as of `synthetic.parcel.pack_world`."""
    world, rng = draw_world(seed, seconds, config, assets)
    packer = PairPacker(world, grid)
    return packer.pack(packer.draw_moments(pairs, seconds, others, rng), rng)
