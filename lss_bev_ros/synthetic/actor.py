"""Things that nuScenes annotates, and how they move."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..geometry import Box, Pose
from .mesh import Mesh
from .pedestrian import GAIT
from .road import Path
from .terrain import Terrain

STEP = 0.1
"""Time step of the traffic simulation, seconds."""
STILL = 0.25
"""Slower than this counts as standing, m/s."""


@dataclass(frozen=True, eq=False)
class Track:
    """A movement along a path.

    Attributes:
        path: the line.
        start: time of the first entry of `distance`, seconds.
        distance: (K,) float64 metres along the path, `STEP` seconds apart, never falling.
    """

    path: Path
    start: float
    distance: np.ndarray

    def travelled(self, time: float) -> float:
        """Metres along the path at a time in seconds."""
        k = (time - self.start) / STEP
        # Straight pieces of a tenth of a second would show as jerks in the velocity: a smooth cubic
        # (Catmull and Rom 1974) through the samples keeps it continuous.
        last = len(self.distance) - 1
        i = int(np.clip(np.floor(k), 0, max(last - 1, 0)))
        f = float(np.clip(k - i, 0, 1)) if last else 0.0
        p = self.distance[np.clip([i - 1, i, i + 1, i + 2], 0, last)]
        a, b, c = p[2] - p[0], 2 * p[0] - 5 * p[1] + 4 * p[2] - p[3], -p[0] + 3 * p[1] - 3 * p[2] + p[3]
        return float(p[1] + 0.5 * f * (a + f * (b + f * c)))

    def speed(self, time: float) -> float:
        """Speed in m/s."""
        return max(0.0, (self.travelled(time + 0.05) - self.travelled(time - 0.05)) / 0.1)

    def pose(self, time: float, z: float = 0.0, reach: float = 1.0) -> Pose:
        """Where the thing's frame is in the world; `reach` as in `Path.heading`."""
        distance = self.travelled(time)
        x, y = self.path.at(distance)
        return Pose.from_yaw(float(self.path.heading(distance, reach)), (x, y, z))


@dataclass(frozen=True, eq=False)
class Actor:
    """One thing that nuScenes would annotate.

    Attributes:
        number: its instance number in the pictures, from 1.
        category: nuScenes category.
        postures: meshes in its own frame; a walking person has several, all else one.
        low, high: (3,) float64, its box in its own frame, metres.
        track: how it moves; None if it stands at `place`.
        place: its pose in the world if it does not move.
        z: height of the surface that it stands on, metres.
        road: between these distances along its track a person is down on the road instead (z = 0).
        parked: whether a vehicle is parked rather than waiting in traffic.
        ridden: whether a two-wheeler has a rider.
        terrain: the ground that it moves over; None for level ground.
    """

    number: int
    category: str
    postures: tuple[Mesh, ...]
    low: np.ndarray
    high: np.ndarray
    track: Track | None = None
    place: Pose | None = None
    z: float = 0.0
    road: tuple[float, float] = (0.0, 0.0)
    parked: bool = False
    ridden: bool = False
    terrain: Terrain | None = None

    @property
    def moves(self) -> bool:
        """Whether it is drawn anew for every instant."""
        return self.track is not None

    def pose(self, time: float) -> Pose:
        """Its frame in the world at a time in seconds."""
        if self.track is None:
            assert self.place is not None, f"actor {self.number} neither moves nor stands"
            return self.place
        z = 0.0 if self.road[0] < self.track.travelled(time) < self.road[1] else self.z
        pose = self.track.pose(time, z, 0.2 if len(self.postures) > 1 else min(1.5, self.high[0]))
        return pose if self.terrain is None else self._on(self.terrain, pose)

    def settled(self, terrain: Terrain) -> Actor:
        """It on other ground than level one."""
        if self.place is None:
            return replace(self, terrain=terrain)
        return replace(self, place=self._on(terrain, self.place))

    def _on(self, terrain: Terrain, pose: Pose) -> Pose:
        if not self.category.startswith("vehicle"):
            return terrain.lifted(pose)
        # About where wheels are.
        front, back, side = 0.6 * self.high[0], -0.6 * self.low[0], 0.8 * self.high[1]
        return terrain.lifted(pose, float(front), float(back), float(side))

    def speed(self, time: float) -> float:
        """Speed in m/s."""
        return 0.0 if self.track is None else self.track.speed(time)

    def mesh(self, time: float) -> Mesh:
        """Its shape at a time: a person's legs swing with the way gone."""
        if len(self.postures) == 1:
            return self.postures[0]
        if self.track is None or self.speed(time) < STILL:
            return self.postures[0]
        return self.postures[int(self.track.travelled(time) / 1.45 * GAIT) % GAIT]

    def box(self, time: float, **facts) -> Box:
        """Its annotation box in the world at a time; `facts` go to the Box."""
        center = Pose(np.eye(3), (self.low + self.high) / 2)
        return Box(self.pose(time) @ center, self.high - self.low, self.category, **facts)

    def outline(self, time: float) -> np.ndarray:
        """(4, 2) float64 corners of its footprint in the world."""
        return self.box(time).corners()[:4, :2]

    def attribute(self, time: float) -> str:
        """NuScenes attribute, or an empty string where the category has none."""
        kind = self.category.split(".")
        standing = self.speed(time) < STILL
        if kind[0] == "human":
            return "pedestrian.standing" if standing else "pedestrian.moving"
        if kind[0] != "vehicle":
            return ""
        if kind[1] in ("bicycle", "motorcycle"):
            return "cycle.with_rider" if self.ridden else "cycle.without_rider"
        if self.parked:
            return "vehicle.parked"
        return "vehicle.stopped" if standing else "vehicle.moving"
