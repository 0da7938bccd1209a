"""How pairs are varied before the network sees them: lost senses, worse clouds, wrong odometry, mirrors."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch

from .pair import Instants, InstantsT, Pairs
from .recipe import Disturbance, SenseLosses

BEAM = math.radians(1.33)
"""Returns whose elevations from the sensor differ by less are of one beam (32 beams over 41 degrees)."""
BEAMS = 64
SENSOR_HEIGHT = 1.84


@dataclass(frozen=True, eq=False)
class Variation:
    """Chance of a batch. Axis 1 of what has two is (earlier, now).

    Attributes:
        cameras: (B, 2, N) bool, cameras that are there.
        lidar: (B, 2) bool, whether the cloud is there.
        memory: (B,) bool, whether the earlier instant is remembered.
        beams: (B, BEAMS) bool, beams of the clouds that are there.
        dark: (B,) bool, clouds without intensity.
        raised: (B,) float32 metres, added to the heights of the clouds.
        shift: (B, 3) float32, added to the motion's place and yaw.
        mirrored: (B,) bool.
    """

    cameras: torch.Tensor
    lidar: torch.Tensor
    memory: torch.Tensor
    beams: torch.Tensor
    dark: torch.Tensor
    raised: torch.Tensor
    shift: torch.Tensor
    mirrored: torch.Tensor

    def to(self, device: torch.device | str) -> Variation:
        """The same on a device."""
        return Variation(*(getattr(self, n).to(device, non_blocking=True) for n in self.__annotations__))


def draw_variation(
    losses: SenseLosses,
    disturbance: Disturbance,
    senses: tuple[str, ...],
    batch: int,
    cameras: int,
    generator: torch.Generator,
    settled: float = 0.0,
) -> Variation:
    """Draw for a batch, on the CPU; the same generator state gives the same result.

    Args:
        losses: how often senses are lost.
        disturbance: of clouds and odometry.
        senses: that the network has.
        batch: samples.
        cameras: of each.
        generator: of chance.
        settled: 0 to 1; mirrors fade out as augmentation does, losses stay.
    """

    def happens(probability: float, *shape: int) -> torch.Tensor:
        return torch.rand(batch, *shape, generator=generator) < probability

    lost = {name: happens(getattr(losses, name)) for name in ("cameras", "lidar", "memory")}
    for name, gone in lost.items():
        if name not in senses:
            gone.fill_(True)
    # Never nothing: the first sense that the network has stays.
    first = "cameras" if "cameras" in senses else "lidar"
    lost[first] &= ~(lost["cameras"] & lost["lidar"] & lost["memory"])
    count = torch.randint(1, max(cameras, 2), (batch,), generator=generator)
    place = torch.rand(batch, cameras, generator=generator).argsort(1)
    some = happens(losses.some_cameras)[:, None] & (place < count[:, None]) & (cameras > 1)
    now = ~lost["cameras"][:, None] & ~some
    # What nothing but memory is left of was seen then, and what was lost for long was lost then.
    alone = lost["cameras"] & lost["lidar"]
    alike = happens(losses.alike) & ~alone
    whole = torch.full((batch, cameras), "cameras" in senses)
    earlier = torch.where(alike[:, None], now, whole)
    there = ~lost["lidar"]
    there_earlier = torch.where(alike, there, torch.tensor("lidar" in senses))
    chance, most = disturbance.beams
    share = torch.where(happens(chance), torch.rand(batch, generator=generator) * most, 0.0)
    beams = torch.rand(batch, BEAMS, generator=generator) >= share[:, None]
    error = torch.tensor([disturbance.shifted, disturbance.shifted, disturbance.turned])
    return Variation(
        torch.stack((earlier, now), 1),
        torch.stack((there_earlier, there), 1),
        ~lost["memory"],
        beams,
        happens(disturbance.dark),
        torch.randn(batch, generator=generator) * disturbance.raised,
        torch.randn(batch, 3, generator=generator) * error,
        happens(disturbance.mirrored * (1 - settled)),
    )


def no_variation(batch: int, cameras: int, senses: tuple[str, ...]) -> Variation:
    """Everything is there, as it is; only senses of `senses` are."""
    yes, no = torch.ones(batch, dtype=torch.bool), torch.zeros(batch, dtype=torch.bool)
    return Variation(
        torch.full((batch, 2, cameras), "cameras" in senses),
        torch.full((batch, 2), "lidar" in senses),
        yes if "memory" in senses else no,
        torch.ones(batch, BEAMS, dtype=torch.bool),
        no,
        torch.zeros(batch),
        torch.zeros(batch, 3),
        no,
    )


def clouds(pairs: Instants, variation: Variation, instant: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns as the LiDAR encoder takes them.

    Args:
        pairs: a batch.
        variation: of it.
        instant: 0 for earlier, 1 for now.

    Returns:
        (B, P, 5) float32, 0 where there is no return, and (B, P) bool, where there is one.
    """
    points = pairs.points[:, instant].float()
    there = points[..., 0].isfinite() & variation.lidar[:, instant, None]
    elevation = torch.atan2(points[..., 2] - SENSOR_HEIGHT, torch.hypot(points[..., 0], points[..., 1]))
    beam = torch.where(there, elevation / BEAM, 0.0).floor().long() + BEAMS // 2
    there &= variation.beams.gather(1, beam.clamp(0, BEAMS - 1))
    x, y, z, intensity = points.unbind(-1)
    intensity = torch.where(variation.dark[:, None], torch.nan, intensity)
    age = pairs.ages.float().expand_as(x)
    placed = torch.stack((x, y, z + variation.raised[:, None], intensity, age), -1)
    return torch.where(there[..., None], placed, 0.0), there


def odometry(pairs: Instants, variation: Variation) -> tuple[torch.Tensor, torch.Tensor]:
    """What the network is told of the car's motion.

    Returns:
        (B, 4) float32 as `Pairs.motion`, 0 where it is not known, and (B,) bool, whether it is known.
    """
    known = pairs.motion.isfinite().all(1) & variation.memory
    motion = torch.cat((pairs.motion[:, :3] + variation.shift, pairs.motion[:, 3:]), 1)
    return torch.where(known[:, None], motion, 0.0), known


def mirrored(pairs: InstantsT, which: torch.Tensor) -> InstantsT:
    """Pairs some of which have left and right changed, in everything but the pictures.

    A picture stays as it is: what it shows is lifted to the mirrored place. Mirrored pictures are a matter of
    augmentation.

    Args:
        pairs: a batch, on a grid that is as wide to the left as to the right.
        which: (B,) bool.
    """
    sign = torch.where(which, -1.0, 1.0)

    def scaled(values: torch.Tensor, *columns: int) -> torch.Tensor:
        values = values.clone()
        for column in columns:
            values[..., column] *= sign.to(values.dtype).view(-1, *(1,) * (values.ndim - 2))
        return values

    def flipped(cells: torch.Tensor) -> torch.Tensor:
        return torch.where(which.view(-1, *(1,) * (cells.ndim - 1)), cells.flip(2), cells)

    boxes = {"boxes": scaled(pairs.boxes, 2, 7, 9)} if isinstance(pairs, Pairs) else {}
    return replace(
        pairs,
        # The second row of each rotation, and y of each place.
        calibration=scaled(pairs.calibration, 3, 4, 5, 10),
        points=scaled(pairs.points, 1),
        motion=scaled(pairs.motion, 1, 2),
        future=scaled(pairs.future, 1),
        **{name: flipped(getattr(pairs, name)) for name in pairs.CELLS},
        **boxes,
    )
