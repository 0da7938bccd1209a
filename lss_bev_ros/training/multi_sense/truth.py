"""The truth of an instant of a synthetic world, all of it but what a LiDAR has to be fired for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch

from ...geometry import BevGrid, Pose
from ...geometry.category import PERSON, TWO_WHEELER, kind_of
from ...geometry.classes import DETECTED, DETECTED_OF_CATEGORY
from ...synthetic.actor import STEP, Actor
from ...synthetic.map_layers import MapLayers
from ...synthetic.parcel import covered
from ...synthetic.stream import BOX_RADIUS
from ...synthetic.world import World
from .pair import BOX_COLUMNS, BOXES, FUTURE_STEP, FUTURE_STEPS, MAP_BITS

RETURNS = BOX_COLUMNS.index("returns")
LOOK = 0.1
"""A velocity is the way from so many seconds before to so many after, over the time between."""

_KINDS = {PERSON: MAP_BITS["person"], TWO_WHEELER: MAP_BITS["two_wheeler"]}


@dataclass(frozen=True, eq=False)
class InstantTruth:
    """The truth of one instant, base_link.

    Attributes:
        maps: (nx * ny) uint8, bits of `pair` without people and two-wheelers.
        spots: (K,) int32 cells that people and two-wheelers cover.
        spot_owner: (K,) int32, their actor numbers; spot_bit: (K,) uint8, their bits.
        boxes: (BOXES, 11) float32, `pair.BOX_COLUMNS`, with no returns yet.
        box_owner: (BOXES,) int32, actor numbers, 0 where there is no box.
        future: (FUTURE_STEPS, 2) float32, as in `Pairs`.
    """

    maps: np.ndarray
    spots: np.ndarray
    spot_owner: np.ndarray
    spot_bit: np.ndarray
    boxes: np.ndarray
    box_owner: np.ndarray
    future: np.ndarray


class TruthTeller:
    """Knows the truth of every instant of one world.

    Args:
        world: the scene.
        grid: of the maps.
        ego_pose: base_link at a time in seconds and in the place of a driver, see `Packer.ego_pose`.
    """

    def __init__(self, world: World, grid: BevGrid, ego_pose: Callable[[float, Actor | None], Pose]) -> None:
        self._world, self._grid, self._ego_pose = world, grid, ego_pose
        self._map = MapLayers.of_plan(world.plan)
        self.end = world.ego.start + STEP * (len(world.ego.distance) - 1)
        """Seconds until which it is known who is where."""

    def truth(self, time: float, driver: Actor | None) -> InstantTruth:
        """Of a time in seconds, around the ego car or whoever takes a driver's place."""
        ego = self._ego_pose(time, driver)
        to_ego = ego.inverse()
        actors = [
            actor
            for actor in self._world.actors
            if actor is not driver
            and np.hypot(*(actor.pose(time).translation - ego.translation)[:2]) < BOX_RADIUS
        ]
        maps = np.zeros(self._grid.shape, np.uint8)
        for name, cells in self._map.raster(ego, self._grid).items():
            maps |= cells * np.uint8(MAP_BITS[name])
        return InstantTruth(
            maps.ravel(),
            *self._spots(actors, time, to_ego),
            *self._boxes(actors, time, to_ego),
            self._future(time, driver, to_ego),
        )

    def _spots(
        self, actors: list[Actor], time: float, to_ego: Pose
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        spots, owners, bits = [np.zeros(0, np.int64)], [np.zeros(0)], [np.zeros(0)]
        for actor in actors:
            if bit := _KINDS.get(kind_of(actor.category)):
                mine = covered(actor.box(time), to_ego, self._grid)
                spots.append(mine)
                owners.append(np.full(len(mine), actor.number))
                bits.append(np.full(len(mine), bit))
        return (
            np.concatenate(spots).astype(np.int32),
            np.concatenate(owners).astype(np.int32),
            np.concatenate(bits).astype(np.uint8),
        )

    def _boxes(self, actors: list[Actor], time: float, to_ego: Pose) -> tuple[np.ndarray, np.ndarray]:
        grid, rows = self._grid, []
        for actor in actors:
            name = DETECTED_OF_CATEGORY.get(actor.category)
            if name is None:
                continue
            box = actor.box(time)
            place = to_ego @ box.pose
            x, y, _ = place.translation
            if not (grid.x_min <= x < grid.x_max and grid.y_min <= y < grid.y_max):
                continue
            way = np.zeros(3)
            if actor.moves:
                ahead, behind = (actor.box(time + step).pose.translation for step in (LOOK, -LOOK))
                way = to_ego.rotation @ (ahead - behind) / (2 * LOOK)
            numbers = DETECTED.index(name), *place.translation, *box.size, place.yaw, *way[:2], 0.0
            rows.append((np.hypot(x, y), actor.number, numbers))
        rows.sort(key=lambda row: row[:2])
        boxes, owner = np.zeros((BOXES, len(BOX_COLUMNS)), np.float32), np.zeros(BOXES, np.int32)
        boxes[:, 0] = -1
        for k, (_, number, numbers) in enumerate(rows[:BOXES]):
            boxes[k], owner[k] = numbers, number
        return boxes, owner

    def _future(self, time: float, driver: Actor | None, to_ego: Pose) -> np.ndarray:
        places = np.full((FUTURE_STEPS, 2), np.nan, np.float32)
        for k in range(FUTURE_STEPS):
            later = time + (k + 1) * FUTURE_STEP
            if later <= self.end:
                places[k] = to_ego.apply(self._ego_pose(later, driver).translation)[:2]
        return places

    def motion(self, time: float, gap: float, driver: Actor | None) -> np.ndarray:
        """(4,) float32 as in `Pairs`, from `gap` seconds earlier to a time in seconds."""
        moved = self._ego_pose(time - gap, driver).inverse() @ self._ego_pose(time, driver)
        return np.array([*moved.translation[:2], moved.yaw, gap], np.float32)


def with_returns(
    maps: torch.Tensor,
    spots: Iterable[torch.Tensor],
    boxes: torch.Tensor,
    box_owner: torch.Tensor,
    hits: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Complete the truth of S instants by what the LiDAR hit.

    Args:
        maps: (S, C) uint8, as in `InstantTruth`.
        spots: (K,) the cells of people and two-wheelers, whose they are, their bits, and their instants.
        boxes: (S, BOXES, 11) float32.
        box_owner: (S, BOXES) int32.
        hits: (S, A) int32, returns by actor number.

    Returns:
        maps: with those people and two-wheelers that have a return.
        boxes: with their returns.
    """
    cell, owner, bit, instant = (part.long() for part in spots)
    seen = hits[instant, owner] > 0
    maps = maps.clone()
    for each in _KINDS.values():
        mine = seen & (bit == each)
        marked = torch.zeros(maps.shape, dtype=torch.bool, device=maps.device)
        marked[instant[mine], cell[mine]] = True
        maps |= marked.to(torch.uint8) * each
    boxes = boxes.clone()
    boxes[..., RETURNS] = torch.where(box_owner > 0, hits.gather(1, box_owner.long()), 0).to(boxes.dtype)
    return maps, boxes
