"""Training samples are the pictures that `synthesize` would record, only smaller."""

from __future__ import annotations

import numpy as np
import pytest

from lss_bev_ros.dataset import vehicle_raster
from lss_bev_ros.geometry import CAMERA_NAMES, BevGrid
from lss_bev_ros.synthetic.camera import shadows_around, take_picture
from lss_bev_ros.synthetic.config import WorldConfig
from lss_bev_ros.synthetic.sensors import mounts
from lss_bev_ros.synthetic.stream import Studio, _repainted, stream_world
from lss_bev_ros.synthetic.world import World
from lss_bev_ros.training.source import TRAINING_SEED, VALIDATION_SEED

SCALE = 0.08


@pytest.fixture(scope="module")
def sample():
    return next(iter(stream_world((5, 1), 1, 2.0, SCALE, WorldConfig())))


def test_a_sample_has_six_pictures_depths_and_annotated_vehicles(sample):
    assert sample.images.shape == (6, 72, 128, 3)
    assert sample.depth.shape == (6, 18, 32)
    assert sample.rig.names == CAMERA_NAMES
    assert sample.images.std() > 20
    assert vehicle_raster(sample.boxes, BevGrid()).any()
    assert any(box.num_lidar_pts > 0 for box in sample.boxes)


def test_the_same_seed_gives_the_same_sample(sample):
    again = next(iter(stream_world((5, 1), 1, 2.0, SCALE, WorldConfig())))
    assert np.array_equal(sample.images, again.images)
    assert [b.num_lidar_pts for b in sample.boxes] == [b.num_lidar_pts for b in again.boxes]


def test_what_is_seen_is_what_synthesize_draws():
    world = World.draw((5, 2), 2.0, WorldConfig())
    shadows = shadows_around(world, world.ego_pose(1.0).translation[:2])
    cameras, _ = mounts(world.config, np.random.default_rng(0))
    plain = {}
    for mount in cameras:
        picture = take_picture(world, mount, 1.0 + mount.offset * 1e-6, shadows, 1, SCALE)
        plain[mount.channel.lower()] = picture.depth[2::4, 2::4]
    sample = Studio(world, SCALE).sample(1.0, np.random.default_rng(0))
    for k, name in enumerate(CAMERA_NAMES):
        ours, theirs = sample.depth[k], plain[name]
        near = np.isfinite(ours) & np.isfinite(theirs)
        # Their sample lies a quarter of a pixel away, so edges may fall on either side.
        assert np.median(np.abs(ours[near] - theirs[near]) / theirs[near]) < 0.02
        assert (np.isfinite(ours) == np.isfinite(theirs)).mean() > 0.95


def test_paint_is_dealt_anew_and_nothing_else():
    world = World.draw((5, 1), 1.0, WorldConfig())
    before = world.materials(0.5)
    after = _repainted(before, np.random.default_rng(0))
    changed = (before.colour != after.colour).any(axis=1)
    assert changed.any()
    assert len(np.unique(before.kind[changed])) == 1


def test_no_data_set_can_hold_a_world_that_was_trained_on():
    # `synthesize` takes seeds up to 2^31 - 1.
    assert min(TRAINING_SEED, VALIDATION_SEED) > 2**31 - 1
    assert TRAINING_SEED != VALIDATION_SEED
