"""A realistic world: crowded, and its truth is still that of what is drawn."""

from __future__ import annotations

import numpy as np
import pytest

from lss_bev_ros.geometry import BevGrid
from lss_bev_ros.synthetic.config import WorldConfig
from lss_bev_ros.synthetic.driving import overlapping
from lss_bev_ros.synthetic.lidar import scan
from lss_bev_ros.synthetic.parcel import Packer
from lss_bev_ros.synthetic.realism import CrowdRanges, Realism, ResponseRanges, RigRanges, WeatherRanges
from lss_bev_ros.synthetic.response import COLUMNS
from lss_bev_ros.synthetic.rigs import mounted
from lss_bev_ros.synthetic.sizes import CAR_LENGTH, CAR_WIDTH, car_size
from lss_bev_ros.synthetic.stream import Studio
from lss_bev_ros.synthetic.world import World

ALL = Realism(
    response=ResponseRanges(chance=1.0),
    weather=WeatherRanges(wet=1.0, dirty=1.0, dark=1.0),
    crowd=CrowdRanges(chance=1.0, parks=(0.9, 0.9), filled=(0.6, 0.6), large=(0.2, 0.2)),
    rigs=RigRanges(chance=1.0, cameras=(4, 5)),
)


@pytest.fixture(scope="module")
def busy():
    return World.draw((7, 0), 1.0, WorldConfig(realism=ALL))


def test_car_parks_are_full_at_any_angle_and_nobody_stands_in_another(busy):
    parked = [a for a in busy.actors if a.parked and a.category.startswith("vehicle") and not a.moves]
    lots = [a for a in parked if a.z > 0.1 and "cycle" not in a.category]
    assert len(lots) > 30
    assert {"vehicle.car", "vehicle.truck"} < {a.category for a in lots}
    boxes = [a.box(0.0) for a in parked]
    center = np.array([box.pose.translation[:2] for box in boxes])
    yaw = np.array([box.pose.yaw for box in boxes])
    half = np.array([box.size[:2] / 2 for box in boxes])
    a, b = np.nonzero(np.triu(np.ones((len(boxes),) * 2), 1))
    close = np.linalg.norm(center[a] - center[b], axis=1) < 12
    a, b = a[close], b[close]
    assert not overlapping((center[a], yaw[a], half[a]), (center[b], yaw[b], half[b])).any()


def test_numbers_of_actors_are_their_places(busy):
    assert [a.number for a in busy.actors] == list(range(1, len(busy.actors) + 1))


def test_what_the_lidar_hits_of_a_thing_lies_in_its_box(busy):
    _, lidar = mounted(busy.config, np.random.default_rng(0))
    swept = scan(busy, lidar, 0.5, np.random.default_rng(0))
    to_world = busy.ego_pose(0.5) @ lidar.pose
    places = to_world.apply(swept.points[:, :3].astype(np.float64))
    hit = 0
    for actor in busy.actors:
        mine = swept.instance == actor.number
        if actor.moves or mine.sum() < 5:
            continue
        hit += 1
        assert actor.box(0.5).contains(places[mine], 0.12).mean() > 0.99
    assert hit > 15


def test_sizes_are_spread_as_recorded():
    rng = np.random.default_rng(0)
    sizes = np.array([car_size(rng) for _ in range(4000)])
    assert np.percentile(sizes[:, 0], [10, 50, 90]) == pytest.approx(
        [CAR_LENGTH[k] for k in (1, 3, 5)], abs=0.08
    )
    assert np.percentile(sizes[:, 1], 50) == pytest.approx(CAR_WIDTH[3], abs=0.05)
    assert np.corrcoef(sizes[:, 0], sizes[:, 1])[0, 1] > 0.5


def test_a_sample_has_the_cameras_of_its_car_and_what_a_gpu_is_sent_says_so(busy):
    rng = np.random.default_rng(5)
    parcel = Packer(busy, BevGrid()).pack([(0.5, None)], rng)
    sample = Studio(busy, 0.05).sample(0.5, np.random.default_rng(5))
    assert 4 <= sample.present.sum() <= 5
    assert np.array_equal(parcel.present[0], sample.present)
    assert not sample.images[~sample.present].any()
    assert np.isinf(sample.depth[~sample.present]).all()
    assert (sample.images[sample.present].std((1, 2, 3)) > 3).all()
    assert parcel.response.shape == (1, 6, COLUMNS)
    turn, gain, wet, dirt, night = parcel.weather[0]
    assert (turn, gain) == (0.0, 1.0)
    assert min(wet, dirt, night) > 0
    far = np.linalg.norm(parcel.lamps[0, :, :3] - parcel.places[0], axis=1)
    assert far.min() < 4, f"the car's own headlamps are lit: {far[:4]}"
