"""What a pair says of its two instants agrees with the world that it was drawn from, and with itself."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

pytest.importorskip("numba")

from lss_bev_ros.geometry import BevGrid, Box, Pose
from lss_bev_ros.model.senses import DETECTED, SensesConfig
from lss_bev_ros.synthetic.config import WorldConfig
from lss_bev_ros.synthetic.lidar import COLUMNS, RINGS
from lss_bev_ros.synthetic.things import NUMBER, THINGS, occupied_classes
from lss_bev_ros.synthetic.world import World
from lss_bev_ros.training import parcels as training_parcels
from lss_bev_ros.training.config import SampleLayout
from lss_bev_ros.training.multi_sense import pair
from lss_bev_ros.training.multi_sense import parcels as pair_parcels
from lss_bev_ros.training.multi_sense.pair_parcel import GAP, PairMoment, PairPacker, PairParcel
from lss_bev_ros.training.multi_sense.parcels import draw_pairs
from lss_bev_ros.training.multi_sense.pool import PairPool, pair_bytes
from lss_bev_ros.training.parcels import receive, send
from lss_bev_ros.training.source import TRAINING_SEED, VALIDATION_SEED, WorldPlan

GRID = BevGrid()


@pytest.fixture(scope="module")
def small_world() -> World:
    return World.draw((7, 0), 4.0)


@pytest.fixture(scope="module")
def packer(small_world) -> PairPacker:
    return PairPacker(small_world)


def boxes_of(pairs, k) -> list[tuple[int, Box, float]]:
    """Class, box and returns."""
    found = []
    for row in pairs.boxes[k].numpy().astype(np.float64):
        if row[0] >= 0:
            box = Box(Pose.from_yaw(row[7], row[1:4]), row[4:7], DETECTED[int(row[0])], velocity=row[8:10])
            found.append((int(row[0]), box, row[10]))
    return found


def cloud(pairs, k, instant) -> np.ndarray:
    points = pairs.points[k, instant].float().numpy().astype(np.float64)
    return points[np.isfinite(points[:, 0])]


def motion(pairs, k) -> Pose:
    x, y, yaw, _ = pairs.motion[k].tolist()
    return Pose.from_yaw(yaw, (x, y, 0.0))


def bit(pairs, k, value) -> np.ndarray:
    return (pairs.maps[k].numpy() & value) > 0


def test_pairs_have_the_shapes_and_types_of_the_contract(pairs, pair_layout):
    h, w = pair_layout.height, pair_layout.width
    beams = COLUMNS * RINGS
    expected = {
        "images": ((2, 2, 6, h, w, 3), torch.uint8),
        "calibration": ((2, 2, 6, 21), torch.float32),
        "present": ((2, 2, 6), torch.bool),
        "points": ((2, 2, beams, 4), torch.float16),
        "ages": ((beams,), torch.float16),
        "motion": ((2, 4), torch.float32),
        "depth": ((2, 6, h // 4, w // 4), torch.uint8),
        "raster": ((2, 200, 200), torch.uint8),
        "maps": ((2, 200, 200), torch.uint8),
        "things": ((2, 200, 200, 16), torch.uint8),
        "boxes": ((2, pair.BOXES, 11), torch.float32),
        "future": ((2, 6, 2), torch.float32),
    }
    assert {n: (tuple(t.shape), t.dtype) for n, t in vars(pairs).items()} == expected
    assert pairs.images.float().std() > 20
    assert pairs.things.max() < len(THINGS)


def test_the_instants_of_a_pair_share_cameras_and_lie_half_a_second_apart(pairs):
    assert torch.equal(pairs.calibration[:, 0], pairs.calibration[:, 1])
    gap = pairs.motion[:, 3]
    assert (gap >= GAP[0]).all()
    assert (gap <= GAP[1]).all()
    # The same street in the same light, but not the same picture.
    difference = (pairs.images[:, 0].float() - pairs.images[:, 1].float()).abs().mean()
    assert 1 < difference < 60


def test_beams_are_fired_within_a_revolution_and_come_back_from_around_the_car(pairs):
    assert pairs.ages.min() == 0
    assert pairs.ages.max() < 0.05
    assert (pairs.ages.diff() <= 0).all()
    for k in range(2):
        points = cloud(pairs, k, 1)
        assert len(points) > 12_000
        assert np.abs(points[:, :2]).max() < 110
        assert 0 <= points[:, 3].min() <= points[:, 3].max() <= 1
        # Most of the street is at the height of the wheels' feet.
        assert (np.abs(points[:, 2]) < 0.2).mean() > 0.2


def on_things(pairs, k, points) -> float:
    """Share of the points above the ground that lie in a filled voxel or next to one."""
    solid = np.pad(pairs.things[k].numpy()[:, :, 3:] > 0, 1)
    solid = np.lib.stride_tricks.sliding_window_view(solid, (3, 3, 3)).any((-3, -2, -1))
    at = np.floor((points - [-50, -50, 0.2]) / [0.5, 0.5, 0.4]).astype(int)
    inside = (at >= 0).all(1) & (at < solid.shape).all(1) & (points[:, 2] > 0.4)
    assert inside.sum() > 1000
    return solid[tuple(at[inside].T)].mean()


def test_points_of_both_instants_lie_on_what_is_there_once_moved(pairs):
    for k in range(2):
        earlier, now = (cloud(pairs, k, instant)[:, :3] for instant in range(2))
        # The ego car's own returns come along with it.
        earlier, now = (points[np.hypot(*points[:, :2].T) > 4] for points in (earlier, now))
        assert on_things(pairs, k, now) > 0.995
        moved = on_things(pairs, k, motion(pairs, k).inverse().apply(earlier))
        # Who moves was elsewhere.
        assert moved > 0.97
        if pairs.motion[k, 0] > 2:
            assert on_things(pairs, k, earlier) < moved - 0.02
            assert on_things(pairs, k, motion(pairs, k).apply(earlier)) < moved - 0.02


def test_returns_of_a_box_lie_in_it(pairs):
    checked = 0
    for k in range(2):
        points = cloud(pairs, k, 1)[:, :3]
        for _, box, returns in boxes_of(pairs, k):
            inside = box.contains(points, 0.15).sum()
            # What moves is smeared, and what stands close by is counted too.
            if returns > 20 and np.hypot(*box.velocity) < 1:
                assert inside > 0.8 * returns
                checked += 1
    assert checked > 3


def test_a_vehicle_was_where_its_velocity_says(small_world, packer):
    time, gap = 2.0, 0.5
    to_ego = small_world.ego_pose(time).inverse()
    truth = packer.truths.truth(time, None)
    moving = 0
    for row, number in zip(truth.boxes, truth.box_owner, strict=True):
        if number and np.hypot(*row[8:10]) > 0.5:
            actor = small_world.actors[number - 1]
            before = to_ego.apply(actor.box(time - gap).pose.translation)
            # At most 3.5 m/s2 and some turning.
            assert np.linalg.norm(row[1:3] - gap * row[8:10] - before[:2]) < 0.7
            assert actor.moves
            moving += 1
    assert moving > 2


def test_boxes_come_nearest_first_and_empty_rows_last(pairs):
    for k in range(2):
        rows = pairs.boxes[k]
        filled = rows[:, 0] >= 0
        assert (filled.int().diff() <= 0).all()
        distance = rows[filled][:, 1:3].norm(dim=1)
        assert (distance.diff() >= -1e-4).all()
        assert (rows[~filled][:, 1:] == 0).all()


def test_people_and_two_wheelers_are_marked_where_they_have_returns(pairs):
    for k in range(2):
        for names, value in (
            (("pedestrian",), pair.MAP_BITS["person"]),
            (("bicycle", "motorcycle"), pair.MAP_BITS["two_wheeler"]),
        ):
            marked = bit(pairs, k, value)
            for number, box, returns in boxes_of(pairs, k):
                index, inside = GRID.cells(box.pose.translation)
                if DETECTED[number] in names and inside and returns:
                    assert marked[tuple(index)]
            places = GRID.centers()[marked]
            owners = [b.pose.translation[:2] for n, b, r in boxes_of(pairs, k) if DETECTED[n] in names and r]
            for place in places:
                assert np.linalg.norm(np.array(owners) - place, axis=1).min() < 2.0


def test_the_map_says_what_the_ground_is_made_of(pairs):
    ground = pairs.things[:, :, :, 2].numpy()
    for k in range(2):
        drivable = bit(pairs, k, pair.MAP_BITS["drivable"])
        for name, expected in (("lane marking", True), ("grass", False)):
            mine = ground[k] == NUMBER[name]
            assert (drivable[mine] == expected).mean() > 0.93
        kerbs = bit(pairs, k, pair.MAP_BITS["road_boundary"])
        # A kerb's cell that nothing else fills is on the boundary.
        assert kerbs[ground[k] == NUMBER["kerb"]].mean() > 0.9
        walked = ground[k][bit(pairs, k, pair.MAP_BITS["walkway"])]
        assert np.isin(walked, [NUMBER["road"], NUMBER["lane marking"], NUMBER["grass"]]).mean() < 0.07
        crossed = ground[k][bit(pairs, k, pair.MAP_BITS["crossing"])]
        assert (crossed == NUMBER["zebra crossing"]).mean() > 0.85


def test_a_vehicles_cells_are_filled_by_a_vehicle(pairs):
    vehicles = np.isin(occupied_classes()[pairs.things.numpy()], [2, 3, 4, 5, 6, 9, 10]).any(-1)
    raster = pairs.raster.numpy() > 0
    # The raster's borders are rounded to whole cells.
    assert (raster & vehicles).sum() / vehicles.sum() > 0.8
    assert (raster & vehicles).sum() / raster.sum() > 0.6


def test_the_future_is_where_the_car_will_be(pairs, small_world, packer):
    truth = packer.truths
    assert truth.end == pytest.approx(5.0)
    places = truth.truth(1.0, None).future
    to_ego = small_world.ego_pose(1.0).inverse()
    for k in range(6):
        assert np.allclose(places[k], to_ego.apply(small_world.ego_pose(1.5 + 0.5 * k).translation)[:2])
    assert np.isnan(truth.truth(3.6, None).future[2:]).all()
    assert np.isfinite(truth.truth(3.6, None).future[:2]).all()
    # As fast as until now, within what brakes and engine can do.
    speed = pairs.motion[:, :2].norm(dim=1) / pairs.motion[:, 3]
    assert ((pairs.future[:, 0].norm(dim=1) / 0.5 - speed).abs() < 4).all()


def test_in_a_drivers_place_motion_and_future_are_the_drivers(small_world, packer):
    moments = packer.draw_moments(40, 4.0, 1.0, np.random.default_rng(0))
    moment = next(m for m in moments if m.driver is not None and m.driver.speed(m.time) > 3)
    truth = packer.truths.truth(moment.time, moment.driver)
    assert moment.driver.number not in truth.box_owner
    way = moment.driver.track.travelled(moment.time + 3.0) - moment.driver.track.travelled(moment.time)
    assert 0.6 * way < np.linalg.norm(truth.future[-1]) < 1.05 * way
    x, y, yaw, gap = packer.truths.motion(moment.time, moment.gap, moment.driver)
    moved = moment.driver.track.travelled(moment.time) - moment.driver.track.travelled(moment.time - gap)
    assert np.hypot(x, y) == pytest.approx(moved, abs=0.2)
    assert abs(yaw) < 0.6


def test_moments_leave_room_for_the_future(packer):
    moments = packer.draw_moments(30, 4.0, 0.0, np.random.default_rng(1))
    assert max(m.time for m in moments) <= packer.truths.end - 3.0
    assert all(GAP[0] <= m.gap <= GAP[1] for m in moments)


def test_a_parcel_of_pairs_shares_looks_but_not_noise(packer):
    parcel = packer.pack([PairMoment(1.0, 0.5), PairMoment(2.0, 0.45)], np.random.default_rng(3))
    assert len(parcel) == 4
    assert parcel.filled.tolist() == [1, 3]
    for name in ("colours", "lights", "calibration", "lenses"):
        array = getattr(parcel, name)
        assert np.array_equal(array[0], array[1])
    assert not np.array_equal(parcel.lights[0], parcel.lights[2])
    assert not np.array_equal(parcel.seeds[0], parcel.seeds[1])
    assert parcel.lidar_seeds[0] != parcel.lidar_seeds[1]
    for k in range(2):
        earlier, now = (np.vstack([parcel.to_ego[2 * k + i], [0, 0, 0, 1]]) for i in range(2))
        moved = earlier @ np.linalg.inv(now)
        x, y, yaw, _ = parcel.motion[k]
        assert np.allclose(moved, Pose.from_yaw(yaw, (x, y, 0.0)).matrix, atol=1e-5)


def test_a_parcel_of_pairs_crosses_shared_memory(packer):
    parcel = packer.pack([PairMoment(1.0, 0.5)], np.random.default_rng(3))
    there, memory = receive(*send(parcel), PairParcel)
    for name, array in parcel.arrays().items():
        assert np.array_equal(getattr(there, name), array, equal_nan=array.dtype.kind == "f")
    del there
    memory.unlink()
    memory.close()


def test_processes_pack_pairs_of_the_worlds_of_their_plan(monkeypatch):
    class Enough(Exception):
        pass

    class Out(list):
        def put(self, item):
            self.append(item)
            if len(self) == 3:
                raise Enough

    seeds = []
    monkeypatch.setattr("os.nice", lambda _: 0)
    monkeypatch.setattr(training_parcels, "send", lambda parcel: (parcel,))
    monkeypatch.setattr(training_parcels.torch, "set_num_threads", lambda _: None)
    monkeypatch.setattr(
        "lss_bev_ros.training.multi_sense.pair_parcel.pack_pairs",
        lambda seed, pairs, seconds, others, config, *_: seeds.append((*seed, pairs, others, config)),
    )
    out = Out()
    with pytest.raises(Enough):
        pair_parcels._work(out, SampleLayout(), WorldPlan(1, 4, 24, 8, 6))
    assert [item[:2] for item in out] == [("train", 1), ("val", 1), ("train", 5)]
    assert seeds[0][:3] == (TRAINING_SEED, 1, 24)
    assert seeds[0][3] > 0
    # Validation is of the ego car's own way, with nuScenes' own mounts.
    assert seeds[1] == (VALIDATION_SEED, 1, 6, 0.0, WorldConfig())


def test_what_a_studio_draws_becomes_pairs(packer, pair_layout):
    parcel = packer.pack([PairMoment(1.0, 0.5), PairMoment(2.0, 0.45)], np.random.default_rng(3))
    actors = int(parcel.box_owner.max()) + 300
    beams = COLUMNS * RINGS
    drawn = SimpleNamespace(
        images=torch.arange(4, dtype=torch.uint8).view(4, 1, 1, 1, 1).expand(4, 6, 54, 96, 3),
        depth=torch.arange(4, dtype=torch.uint8).view(4, 1, 1, 1).expand(4, 6, 13, 24),
        raster=torch.arange(4, dtype=torch.uint8).view(4, 1).expand(4, 40_000),
        calibration=torch.from_numpy(parcel.calibration),
        hits=torch.arange(4 * actors, dtype=torch.int32).view(4, actors),
        points=torch.arange(4).half().view(4, 1, 1).expand(4, beams, 4),
        things=torch.zeros(2, 200, 200, 16, dtype=torch.uint8),
        present=torch.arange(24).view(4, 6) != 7,
    )
    pairs = draw_pairs(SimpleNamespace(draw=lambda *_: drawn), parcel, pair_layout)
    assert pairs.images[:, :, 0, 0, 0, 0].tolist() == [[0, 1], [2, 3]]
    assert pairs.points[:, :, 0, 0].tolist() == [[0, 1], [2, 3]]
    assert pairs.depth[:, 0, 0, 0].tolist() == [1, 3]
    assert (~pairs.present).nonzero().tolist() == [[0, 1, 1]]
    assert pairs.raster[:, 0, 0].tolist() == [1, 3]
    for k in range(2):
        for row, owner in zip(pairs.boxes[k], parcel.box_owner[k], strict=True):
            assert row[10] == (drawn.hits[2 * k + 1, owner] if owner else 0)
    pool = PairPool(3, pair_layout, SensesConfig(), beams, torch.device("cpu"))
    pool.extend(pairs)
    pool.extend(pairs)
    assert len(pool) == 3
    batch = pool.batch(torch.tensor([0, 2]))
    # The fourth has taken the first one's place.
    assert batch.images[:, 1, 0, 0, 0, 0].tolist() == [3, 1]
    assert torch.equal(batch.boxes[1], pairs.boxes[0])
    assert torch.equal(batch.ages, pairs.ages)
    one = pairs[:1]
    size = sum(t.numel() * t.element_size() for n, t in vars(one).items() if n != "ages")
    assert pair_bytes(pair_layout, SensesConfig(), beams) == size
