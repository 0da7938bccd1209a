"""Other cars' cameras: as many, as high and as wide as said, looking outwards and level enough."""

from __future__ import annotations

import numpy as np
import pytest

from lss_bev_ros.synthetic.config import WorldConfig
from lss_bev_ros.synthetic.realism import Realism, RigRanges
from lss_bev_ros.synthetic.rigs import draw_rig, mounted
from lss_bev_ros.synthetic.sensors import mounts

SEEDS = range(60)


def rigs(**changes):
    ranges = RigRanges(chance=1.0, **changes)
    return ranges, [draw_rig(ranges, np.random.default_rng(seed)) for seed in SEEDS]


def test_rigs_have_four_to_eight_cameras_of_different_names():
    _, drawn = rigs()
    assert {len(rig) for rig in drawn} == {4, 5, 6, 7, 8}
    for rig in drawn:
        assert len({mount.channel for mount in rig}) == len(rig)
        assert rig[0].channel == "CAM_FRONT"


def test_cameras_look_outwards_around_the_whole_car():
    ranges, drawn = rigs()
    for rig in drawn:
        ahead = np.array([mount.pose.rotation[:, 2] for mount in rig])
        azimuth = np.sort(np.arctan2(ahead[:, 1], ahead[:, 0]))
        gaps = np.diff([*azimuth, azimuth[0] + 2 * np.pi])
        assert gaps.max() < 2 * np.pi / len(rig) + 2 * np.radians(ranges.turn) + 1e-6
        places = np.array([mount.pose.translation for mount in rig])
        outward = places[:, :2] - [1.3, 0.0]
        assert ((outward * ahead[:, :2]).sum(1) > 0).all()
        assert abs(ahead[0, 1]) < 0.2, "the first looks ahead"


def test_heights_and_views_stay_within_their_ranges():
    ranges, drawn = rigs()
    heights = np.array([m.pose.translation[2] for rig in drawn for m in rig])
    assert heights.min() >= ranges.height[0] - ranges.spread
    assert heights.max() <= ranges.height[1] + ranges.spread
    assert np.ptp(heights) > 0.8
    focal = np.array([m.camera_lens[0] for rig in drawn for m in rig])
    assert 1600 / 2 / np.tan(np.radians(125 / 2)) - 1 < focal.min()
    assert focal.max() < 1600 / 2 / np.tan(np.radians(45 / 2)) + 1
    right = np.array([m.pose.rotation[:, 0] for rig in drawn for m in rig])
    assert np.abs(right[:, 2]).max() < np.sin(np.radians(ranges.roll)) + 1e-6
    down = np.array([m.pose.rotation[:, 1] for rig in drawn for m in rig])
    assert (down[:, 2] < -0.9).all()


def test_most_cameras_are_as_many_as_whoever_asks_can_take():
    ranges = RigRanges(chance=1.0)
    assert {len(draw_rig(ranges, np.random.default_rng(s), 6)) for s in SEEDS} == {4, 5, 6}


def test_without_a_chance_the_car_is_nuscenes_own():
    config = WorldConfig()
    (cameras, lidar), (same, same_lidar) = (
        make(config, np.random.default_rng(4)) for make in (mounted, mounts)
    )
    assert all(np.array_equal(a.pose.matrix, b.pose.matrix) for a, b in zip(cameras, same, strict=True))
    assert np.array_equal(lidar.pose.matrix, same_lidar.pose.matrix)
    assert draw_rig(RigRanges(), np.random.default_rng(0)) is None


def test_another_car_has_its_lidar_at_another_height():
    config = WorldConfig(realism=Realism(rigs=RigRanges(chance=1.0, lidar=(1.2, 1.3))))
    _, lidar = mounted(config, np.random.default_rng(0))
    assert 1.2 <= lidar.pose.translation[2] <= 1.3
    # What else is drawn stays as it was.
    one, other = np.random.default_rng(0), np.random.default_rng(0)
    mounted(config, one), mounts(WorldConfig(), other)
    assert one.random() == pytest.approx(other.random())
