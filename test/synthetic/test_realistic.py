"""A realistic world: crowded, and its truth is still that of what is drawn."""

from __future__ import annotations

import numpy as np
import pytest

from lss_bev_ros.geometry import BevGrid, Box, Pose
from lss_bev_ros.synthetic.config import WorldConfig
from lss_bev_ros.synthetic.driving import overlapping
from lss_bev_ros.synthetic.lidar import scan
from lss_bev_ros.synthetic.parcel import Packer
from lss_bev_ros.synthetic.realism import (
    CrowdRanges,
    Realism,
    ResponseRanges,
    RigRanges,
    SlopeRanges,
    WeatherRanges,
)
from lss_bev_ros.synthetic.response import COLUMNS
from lss_bev_ros.synthetic.rigs import mounted
from lss_bev_ros.synthetic.sizes import CAR_LENGTH, CAR_WIDTH, car_size
from lss_bev_ros.synthetic.stream import Studio
from lss_bev_ros.synthetic.terrain import CELL
from lss_bev_ros.synthetic.things import NUMBER
from lss_bev_ros.synthetic.twin import twin_of
from lss_bev_ros.synthetic.world import World

ALL = Realism(
    response=ResponseRanges(chance=1.0, readout=(0.03, 0.03)),
    weather=WeatherRanges(wet=1.0, dirty=1.0, dark=1.0),
    crowd=CrowdRanges(chance=1.0, parks=(0.9, 0.9), filled=(0.6, 0.6), large=(0.2, 0.2)),
    rigs=RigRanges(chance=1.0, cameras=(4, 5)),
    slopes=SlopeRanges(chance=1.0, grade=(0.07, 0.07), uneven=(0.01, 0.01)),
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


def test_the_steepest_place_is_as_steep_as_drawn(busy):
    heights = busy.terrain.heights
    steepest = np.hypot(*np.gradient(heights.astype(np.float64), CELL)).max()
    assert 0.07 <= steepest <= 0.081
    assert heights.min() == 0.0


def test_the_car_leans_with_the_road_and_the_road_is_where_the_lidar_sees_it(busy):
    _, lidar = mounted(busy.config, np.random.default_rng(0))
    leans = [np.degrees(np.arccos(busy.ego_pose(time).rotation[2, 2])) for time in np.linspace(0, 1, 5)]
    assert 0.1 < max(leans) < 5
    ego = busy.ego_pose(0.5)
    assert ego.translation[2] == pytest.approx(busy.terrain.height(ego.translation[:2]), abs=0.1)
    swept = scan(busy, lidar, 0.5, np.random.default_rng(0))
    places = (ego @ lidar.pose).apply(swept.points[:, :3].astype(np.float64))
    above = places[:, 2] - busy.terrain.height(places[:, :2])
    near = (swept.instance == 0) & (np.hypot(*(places - ego.translation)[:, :2].T) < 25)
    # Road and pavements, with the noise of a range seen at a slant.
    lying = near & (above < 0.3)
    assert lying.sum() > 3000
    assert (above[near] > -0.08).mean() > 0.999
    assert np.minimum(abs(above[lying]), abs(above[lying] - 0.15)).mean() < 0.02


def test_paint_and_kerbs_keep_their_heights_over_the_road(busy):
    mesh = busy.scape.mesh
    above = mesh.vertices[..., 2] - busy.terrain.height(mesh.vertices[..., :2].astype(np.float64))
    for name, low, high in (("lane marking", 0.006, 0.006), ("kerb", 0.0, 0.14), ("road", 0.0, 0.002)):
        mine = above[mesh.thing == NUMBER[name]]
        assert mine.min() == pytest.approx(low, abs=2e-3)
        assert mine.max() == pytest.approx(high, abs=2e-3)


def test_what_moves_goes_along_the_ground(busy):
    """A GPU moves it straight at its speed of the moment."""
    parcel = Packer(busy, BevGrid()).pack([(0.5, None)], np.random.default_rng(5))
    at, way = parcel.poses[:-1, 9:12].astype(np.float64), parcel.velocities[:-1].astype(np.float64)
    fast = np.hypot(*way[:, :2].T) > 2
    assert fast.sum() > 3
    slope = busy.terrain.slope(at[fast, :2], 1.0)
    assert np.allclose(way[fast, 2], (slope * way[fast, :2]).sum(1), atol=0.25)
    assert np.abs(way[fast, 2]).max() > 0.05


def test_what_was_annotated_stands_on_the_ground_of_its_twin(busy):
    boxes = [
        Box(Pose.from_yaw(0.3, (x, 6.0, 0.8)), np.array([4.5, 1.9, 1.6]), "vehicle.car") for x in (9, 30)
    ]
    twin = twin_of(busy, 0.5, boxes)
    for actor in twin.world.actors:
        place = actor.pose(0.0).translation
        assert place[2] == pytest.approx(busy.terrain.height(place[:2]), abs=0.05)
    first, last = (actor.pose(0.0).translation[2] for actor in twin.world.actors)
    assert abs(first - last) > 0.1


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
    assert np.allclose(parcel.response[0, :, -1], 0.03)
    # All cameras go as fast as the car does, whichever way they look.
    fast = busy.ego.speed(0.5)
    assert fast > 1
    assert np.allclose(np.linalg.norm(parcel.motions[0, :, :3], axis=1), fast, rtol=0.1, atol=0.3)
    turn, gain, wet, dirt, night = parcel.weather[0]
    assert (turn, gain) == (0.0, 1.0)
    assert min(wet, dirt, night) > 0
    far = np.linalg.norm(parcel.lamps[0, :, :3] - parcel.places[0], axis=1)
    assert far.min() < 4, f"the car's own headlamps are lit: {far[:4]}"
