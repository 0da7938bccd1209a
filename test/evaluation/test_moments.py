from __future__ import annotations

import numpy as np
import pytest

from lss_bev_ros.dataset import NuScenesReader
from lss_bev_ros.evaluation.moments import moments
from lss_bev_ros.geometry.intensity import intensity_shares
from lss_bev_ros.runtime import create_engine


def test_a_scene_is_answered_with_all_senses_and_another_one_anew(street):
    reader = NuScenesReader(street, "")
    keyframes = list(reader.keyframes("scene-0001"))[:2]
    with create_engine("torch", "multi-seed:0", precision="fp32") as engine:
        used = [engine.answer(moment, ()).senses for _, moment in moments([*keyframes, *keyframes])]
    first, then = ("cameras", "lidar"), ("cameras", "lidar", "memory")
    assert used == [first, then, first, then]


def test_returns_are_on_the_road_in_the_cars_frame_and_motion_is_the_cars(street):
    keyframes = list(NuScenesReader(street, "").keyframes("scene-0001"))
    (_, start), (_, later), *_ = moments(keyframes)
    ground = start.points[np.hypot(start.points[:, 0], start.points[:, 1]) < 10]
    assert np.median(ground[np.isfinite(ground).all(1), 2]) == pytest.approx(0.0, abs=0.3)
    assert np.nanmax(start.points[:, 3]) <= 1.0
    assert start.motion is None
    x, y, yaw, seconds = later.motion
    moved = keyframes[0].ego.inverse() @ keyframes[1].ego
    assert (x, y, yaw) == pytest.approx((*moved.translation[:2], moved.yaw))
    assert seconds == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(("largest", "full"), [(1.0, 1.0), (200.0, 255.0), (60000.0, 65535.0), (0.0, 1.0)])
def test_intensities_are_shares_of_their_scale(largest, full):
    shares = intensity_shares(np.array([0.0, largest, np.nan]))
    np.testing.assert_allclose(shares, [0.0, largest / full, np.nan])
