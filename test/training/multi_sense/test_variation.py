"""Senses are lost as often as the recipe says, never all of them, and a mirrored scene is a scene."""

from __future__ import annotations

from dataclasses import fields

import pytest
import torch

from lss_bev_ros.geometry import BevGrid
from lss_bev_ros.model.senses import SENSES
from lss_bev_ros.training.augmentation import geometry, no_augmentation
from lss_bev_ros.training.multi_sense.pair import Pairs
from lss_bev_ros.training.multi_sense.recipe import Disturbance, SenseLosses
from lss_bev_ros.training.multi_sense.targets import boxes, segments
from lss_bev_ros.training.multi_sense.variation import clouds, draw_variation, mirrored, no_variation

from .fake_pairs import MODEL, fake_pairs


def draw(senses=SENSES, batch=20_000, **losses):
    generator = torch.Generator().manual_seed(0)
    return draw_variation(SenseLosses(**losses), Disturbance(), senses, batch, 6, generator)


def test_losses_are_as_often_as_the_recipe_says():
    drawn = draw()
    cameras = drawn.cameras[:, 1].any(1)
    lidar = drawn.lidar[:, 1]
    assert float((~cameras).float().mean()) == pytest.approx(0.12, abs=0.02)
    assert float((~lidar).float().mean()) == pytest.approx(0.55, abs=0.02)
    assert float((~drawn.memory).float().mean()) == pytest.approx(0.30, abs=0.02)
    some = cameras & ~drawn.cameras[:, 1].all(1)
    assert float(some.float().mean()) == pytest.approx(0.2 * 0.88, abs=0.02)
    counts = (~drawn.cameras[some, 1]).sum(1).bincount(minlength=7) / some.sum()
    assert counts[0] == counts[6] == 0
    assert counts[1:6].tolist() == pytest.approx([0.2] * 5, abs=0.03)
    alone = ~cameras & ~lidar
    assert 0.01 < float(alone.float().mean()) < 0.05
    # Whoever has nothing but memory remembers an instant in which everything was there.
    assert drawn.memory[alone].all()
    assert drawn.cameras[alone, 0].all()


@pytest.mark.parametrize(
    "senses", [SENSES, ("cameras",), ("lidar",), ("lidar", "memory"), ("cameras", "lidar")]
)
def test_never_is_everything_lost_nor_anything_there_that_the_network_lacks(senses):
    drawn = draw(senses, 5000, cameras=0.9, lidar=0.9, memory=0.9)
    there = drawn.cameras[:, 1].any(1) | drawn.lidar[:, 1] | drawn.memory
    assert there.all()
    if "cameras" not in senses:
        assert not drawn.cameras.any()
    if "lidar" not in senses:
        assert not drawn.lidar.any()
    if "memory" not in senses:
        assert not drawn.memory.any()


def test_the_same_chance_gives_the_same_variation():
    one, other = draw(batch=50), draw(batch=50)
    for name in one.__annotations__:
        assert torch.equal(getattr(one, name), getattr(other, name))


def test_clouds_lose_whole_beams_and_nothing_is_made_up():
    pairs = fake_pairs(4)
    drawn = draw(batch=4, lidar=0.0)
    points, there = clouds(pairs, drawn, 1)
    real = pairs.points[:, 1, :, 0].isfinite()
    assert (there <= real).all()
    assert points.isfinite()[..., :3].all()
    assert torch.equal(points[..., 3].isnan().any(1), drawn.dark & there.any(1))
    everything, all_there = clouds(pairs, no_variation(4, 3, SENSES), 1)
    assert torch.equal(all_there, real)
    assert torch.equal(everything[..., :4][real], pairs.points[:, 1].float()[real])


def test_mirrored_twice_is_unchanged():
    pairs = fake_pairs(3)
    which = torch.tensor([True, False, True])
    twice = mirrored(mirrored(pairs, which), which)
    for field in fields(Pairs):
        assert torch.equal(
            torch.nan_to_num(getattr(twice, field.name).float()),
            torch.nan_to_num(getattr(pairs, field.name).float()),
        ), field.name


def test_a_mirrored_scene_agrees_with_itself():
    """Cells, boxes and the cameras' rays go to the mirrored places together."""
    pairs = fake_pairs(2)
    other = mirrored(pairs, torch.tensor([True, True]))
    assert torch.equal(segments(other), segments(pairs).flip(3))
    grid = BevGrid(-8, 8, -8, 8, 0.5)
    there, here = boxes(other.boxes, grid), boxes(pairs.boxes, grid)
    assert torch.equal(there.heat, here.heat.flip(3))
    assert torch.allclose(other.boxes[..., 7].sin(), -pairs.boxes[..., 7].sin())
    used = no_augmentation(MODEL, 2, 3)
    one, two = (geometry(each.calibration[:, 1], used) for each in (pairs, other))
    ray = torch.tensor([0.3, -0.2, 1.0])
    at, across = (c.rotations @ ray + c.translations for c in (one, two))
    assert torch.allclose(across, at * torch.tensor([1.0, -1, 1]), atol=1e-5)
    assert torch.equal(other.future[..., 1], -pairs.future[..., 1])
