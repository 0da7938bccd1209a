"""Pairs of a synthetic world drawn by the processor: a few for tests and for looking at, on any machine."""

from __future__ import annotations

import numpy as np
import torch

from ...synthetic.config import WorldConfig
from ...synthetic.lidar import COLUMNS, RINGS, ages
from ...synthetic.stream import Look, StreamSample, Studio, draw_world
from ...synthetic.world import World
from ..config import SampleLayout
from ..sample import pack_calibration, pack_depth, pack_raster
from ..source import WORLD_SECONDS, assets_of, world_config
from .pair import Pairs
from .pair_parcel import PairMoment, PairPacker
from .truth import InstantTruth, with_returns


def synthetic_pairs(
    seed: tuple[int, ...],
    count: int,
    layout: SampleLayout,
    varied: bool = True,
    seconds: float = WORLD_SECONDS,
) -> Pairs:
    """Pairs of one world on the CPU, all from the ego car's own place.

    Args:
        seed: of the world and of everything that varies between its pairs.
        count: how many.
        layout: of the pictures and the truth.
        varied: whether cameras and exposure differ from nuScenes' own, as for training.
        seconds: length of the world.
    """
    config, assets = (world_config(layout), assets_of(layout)) if varied else (WorldConfig(), None)
    world, rng = draw_world(seed, seconds, config, assets)
    packer = PairPacker(world, layout.grid)
    studio = Studio(world, layout.scale)
    moments = packer.draw_moments(count, seconds, 0.0, rng)
    drawn = [_pair(world, studio, packer, moment, layout, rng) for moment in moments]
    parts = {name: torch.from_numpy(np.stack([pair[name] for pair in drawn])) for name in drawn[0]}
    return Pairs(**parts, ages=beam_ages())


def beam_ages() -> torch.Tensor:
    """(COLUMNS * RINGS,) float16, `Pairs.ages` of a synthetic LiDAR."""
    return torch.from_numpy(np.repeat(ages(), RINGS)).half()


def _pair(
    world: World,
    studio: Studio,
    packer: PairPacker,
    moment: PairMoment,
    layout: SampleLayout,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    look = Look.draw(world, rng)
    samples = [studio.sample(moment.time - late, rng, look) for late in (moment.gap, 0.0)]
    now, truth = samples[-1], packer.truths.truth(moment.time, None)
    maps, boxes = _counted(truth, now, len(world.actors))
    return {
        "images": np.stack([sample.images for sample in samples]),
        "calibration": np.stack([pack_calibration(sample.rig) for sample in samples]),
        "present": np.stack([sample.present for sample in samples]),
        "points": np.stack([_beams(sample, look) for sample in samples]),
        "motion": packer.truths.motion(moment.time, moment.gap, None),
        "depth": pack_depth(now.depth),
        "raster": pack_raster(now.boxes, layout.grid),
        "maps": maps.reshape(layout.grid.shape),
        "things": studio.things(moment.time, layout.grid),
        "boxes": boxes,
        "future": truth.future,
    }


def _counted(truth: InstantTruth, now: StreamSample, actors: int) -> tuple[np.ndarray, np.ndarray]:
    hit = now.scan.instance[now.scan.instance > 0]
    hits = torch.from_numpy(np.bincount(hit, minlength=actors + 1).astype(np.int32))[None]
    spots = truth.spots, truth.spot_owner, truth.spot_bit, np.zeros(len(truth.spots), np.int32)
    maps, boxes = with_returns(
        torch.from_numpy(truth.maps)[None],
        tuple(torch.from_numpy(part) for part in spots),
        torch.from_numpy(truth.boxes)[None],
        torch.from_numpy(truth.box_owner)[None],
        hits,
    )
    return maps[0].numpy(), boxes[0].numpy()


def _beams(sample: StreamSample, look: Look) -> np.ndarray:
    """(COLUMNS * RINGS, 4) float16, as in `Pairs.points`."""
    points = np.full((COLUMNS * RINGS, 4), np.nan, np.float16)
    swept = sample.scan
    beam = swept.column * RINGS + swept.points[:, 4].astype(np.int64)
    points[beam, :3] = look.lidar.pose.apply(swept.points[:, :3])
    points[beam, 3] = swept.points[:, 3] / 255
    return points
