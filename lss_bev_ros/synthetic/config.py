"""What may vary from one synthetic world to the next."""

from __future__ import annotations

from dataclasses import dataclass, field

from .realism import Realism

Range = tuple[float, float]


@dataclass(frozen=True)
class WorldConfig:
    """Ranges that a world's properties are drawn from, uniformly unless said otherwise.

    Attributes:
        bend: greatest curvature of the main street, 1 / metres.
        block: distance between parallel streets, metres.
        lane_width: metres.
        pavement: width of pavements, metres.
        lanes: lanes each way on the main street.
        tall: 0 for a suburb of houses to 1 for downtown.
        parked: share of parking places that are taken.
        traffic: moving vehicles on 100 m of lane.
        walkers: pedestrians on 100 m of pavement.
        trees: share of tree places that are taken.
        works: probability of a building site with cones and barriers near the route.
        turn: probability that the ego car's route turns at a junction early on.
        speed: the ego car's wished speed, m/s.
        sun_height: elevation of the sun, degrees.
        overcast: 0 for a clear sky to 1 for a grey one.
        haze: extinction, 1 / metres.
        exposure: factor on the cameras' exposure.
        mount_angle: cameras' mounting angles are off by up to so many degrees (0: exactly nuScenes').
        mount_shift: and their places by up to so many metres.
        focal: factor on focal lengths.
        radius: objects are simulated and drawn up to so far from the route, metres.
        realism: what brings the street nearer to recorded ones; nothing by default.
    """

    bend: Range = (0.0, 1 / 380)
    block: Range = (62.0, 95.0)
    lane_width: Range = (3.1, 3.6)
    pavement: Range = (3.0, 5.0)
    lanes: tuple[int, int] = (1, 2)
    tall: Range = (0.1, 1.0)
    parked: Range = (0.25, 0.8)
    traffic: Range = (1.0, 2.6)
    walkers: Range = (0.6, 2.2)
    trees: Range = (0.3, 0.95)
    works: float = 0.45
    turn: float = 0.65
    speed: Range = (7.0, 12.0)
    sun_height: Range = (14.0, 65.0)
    overcast: Range = (0.0, 1.0)
    haze: Range = (0.0003, 0.0020)
    exposure: Range = (0.85, 1.2)
    mount_angle: float = 0.0
    mount_shift: float = 0.0
    focal: Range = (1.0, 1.0)
    radius: float = 95.0
    realism: Realism = field(default_factory=Realism)
