"""What a data set knows of a scene's frames, in the form in which answers are scored against it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from ..dataset import Keyframe
from ..dataset.frame import FUTURE_STEP, FUTURE_STEPS
from ..dataset.voxels import Voxels
from ..errors import DatasetError
from ..geometry import BevGrid, Box, vehicle_raster
from ..geometry.category import PERSON, TWO_WHEELER, detected_class, kind_of
from .answers import FrameTruth
from .detection import BoxSet
from .planning import Surroundings
from .rays import VoxelGrid, ray_origins

T = TypeVar("T")

_SLOP = 0.15
"""Seconds from a step of the future within which a keyframe tells what was there."""


class SceneTruth:
    """What is known of the keyframes of one scene; files are read when a frame is asked for."""

    def __init__(
        self,
        keyframes: Sequence[Keyframe],
        grid: VoxelGrid | None = None,
        mask: str = "camera",
        prompts: Mapping[str, str] | None = None,
        min_lidar_points: int = 1,
        ranks: Mapping[str, int] | None = None,
        told: Callable[[str], None] | None = None,
    ) -> None:
        """Prepare.

        Args:
            keyframes: of one scene, in the order of time.
            grid: of the voxels; its plane is that of all layers.
            mask: voxels that count in the mean IoU: those that a `camera` or the `lidar` sees, or `all`.
            prompts: in words, to the name of the thing among the data set's that each means.
            ranks: of things by name: where several share a column, that of the largest is what is there; each
                is where not given.
            min_lidar_points: LiDAR returns from which a vehicle, person or two-wheeler is in its layer.
            told: gets one line on each map or labels that are damaged, of which nothing is known then, once a
                frame; without it they raise.
        """
        self.keyframes = tuple(keyframes)
        self.grid = grid or VoxelGrid()
        self._mask, self._prompts, self._least = mask, dict(prompts or {}), min_lidar_points
        self._ranks = dict(ranks or {})
        self._told = told

    def __len__(self) -> int:
        return len(self.keyframes)

    def __getitem__(self, place: int) -> FrameTruth:
        """What is known of one keyframe.

        Raises:
            DatasetError: a map or labels are damaged, and nobody is told.
        """
        keyframe = self.keyframes[place]
        streets = self._read(keyframe.map_raster)
        boxes = keyframe.boxes if keyframe.annotated else None
        layers = dict(streets or {}) | ({} if boxes is None else self._moving(boxes))
        voxels = self._read(keyframe.voxels)
        prompts, prompted = self._named(voxels)
        lidar = keyframe.lidar
        egos = [each.ego for each in self.keyframes]
        masks = None if voxels is None else {"camera": voxels.mask_camera, "lidar": voxels.mask_lidar}
        return FrameTruth(
            boxes=None if boxes is None else BoxSet.from_boxes(boxes),
            racks=keyframe.boxes,
            layers=layers or None,
            voxels=None if voxels is None else voxels.semantics,
            voxel_mask=None if masks is None else masks.get(self._mask),
            origins=None if lidar is None else ray_origins(self.grid, lidar.pose, egos, place),
            lines=None if streets is None else keyframe.map_lines(self.grid.plane),
            driven=keyframe.future,
            velocity=self.twist(place)[:2],
            around=Surroundings(
                boxes=self._to_come(place) if boxes is not None else (),
                drivable=None if streets is None else streets["drivable"],
                grid=self.grid.plane,
            ),
            prompts=prompts or None,
            prompted=prompted,
        )

    def _read(self, read: Callable[[BevGrid], T | None]) -> T | None:
        """What a file says of the cells; None where it is damaged and somebody is told."""
        try:
            return read(self.grid.plane)
        except DatasetError as error:
            if self._told is None:
                raise
            self._told(str(error))
            return None

    def _named(self, voxels: Voxels | None) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
        """(nx, ny) bool where each prompt's thing is, and where a sensor sees anything of a column."""
        if voxels is None or voxels.things is None or not self._prompts:
            return {}, None
        number = {name: k for k, name in enumerate(voxels.thing_names)}
        seen = (voxels.mask_camera | voxels.mask_lidar) & (voxels.things > 0)
        things = np.where(seen, voxels.things, 0)
        if self._ranks:
            rank = np.array([self._ranks.get(name, 0) for name in voxels.thing_names])
            top = np.argmax(np.where(things > 0, rank[things], -1), axis=-1)
            things = np.take_along_axis(things, top[..., None], axis=-1)
        there = {
            words: (things == number[thing]).any(-1)
            for words, thing in self._prompts.items()
            if thing in number
        }
        return there, seen.any(-1)

    def twist(self, place: int) -> np.ndarray:
        """(3,) of the car: metres a second forward and left, and radians a second to the left.

        Over the time since the keyframe before, or to the next one for the first.
        """
        first = max(0, place - 1)
        return twist(*self.keyframes[first : first + 2])

    def _moving(self, boxes: Sequence[Box]) -> dict[str, np.ndarray]:
        plane = self.grid.plane
        layers = {"vehicle": vehicle_raster(boxes, plane, self._least)}
        for name, kind in (("person", PERSON), ("two_wheeler", TWO_WHEELER)):
            # Drawn as vehicles are.
            drawn = [replace(box, vehicle=True) for box in boxes if kind_of(box.category) == kind]
            layers[name] = vehicle_raster(drawn, plane, self._least)
        return layers

    def _to_come(self, place: int) -> list[tuple[Box, ...]]:
        """What stands around now and at each step of the future, as long as the scene goes on."""
        now = self.keyframes[place]
        stamps = np.array([each.stamp for each in self.keyframes], np.float64)
        found = []
        for step in range(FUTURE_STEPS + 1):
            wanted = now.stamp + step * FUTURE_STEP * 1e9
            nearest = int(np.argmin(np.abs(stamps - wanted)))
            if abs(stamps[nearest] - wanted) > _SLOP * 1e9:
                break
            then = self.keyframes[nearest]
            moved = now.ego.inverse() @ then.ego
            found.append(
                tuple(
                    replace(box, pose=moved @ box.pose)
                    for box in then.boxes
                    if detected_class(box.category) is not None
                )
            )
        return found


def twist(before: Keyframe, now: Keyframe | None = None) -> np.ndarray:
    """(3,) metres a second forward and left, and radians a second, between two keyframes; 0 for one alone."""
    if now is None or now.stamp <= before.stamp:
        return np.zeros(3)
    seconds = (now.stamp - before.stamp) / 1e9
    moved = before.ego.inverse() @ now.ego
    # The way lies along the chord, which is turned by half of the turn against both headings.
    x, y, _ = moved.translation
    half = moved.yaw / 2
    forward, left = np.cos(half) * x + np.sin(half) * y, np.cos(half) * y - np.sin(half) * x
    return np.array([forward, left, moved.yaw]) / seconds
