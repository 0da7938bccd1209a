from __future__ import annotations

import dataclasses
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lss_bev_ros.dataset import NuScenesReader
from lss_bev_ros.errors import ImageError, ModelError, RuntimeBackendError
from lss_bev_ros.geometry import BevGrid, Pose
from lss_bev_ros.model.multi_sense import Sensed
from lss_bev_ros.model.multi_sense_names import is_multi_sense
from lss_bev_ros.model.senses import HEADS, SensesConfig
from lss_bev_ros.runtime import FrameSet, create_engine
from lss_bev_ros.runtime.multi_sense.engine import MultiSenseEngine
from lss_bev_ros.runtime.multi_sense.memory import MemoryKeeper
from lss_bev_ros.runtime.multi_sense.moment import MOST_POINTS, Moment, returns
from lss_bev_ros.runtime.multi_sense.reach import lidar_reach
from lss_bev_ros.runtime.multi_sense.track import EgoTrack
from lss_bev_ros.runtime.multi_sense.weights import untrained

ALL = (*HEADS, "lanes")
SECOND = 10**9


@pytest.fixture(scope="module")
def engine():
    with create_engine("torch", "multi-seed:0", precision="fp32") as made:
        yield made


@pytest.fixture(autouse=True)
def _no_memory(engine):
    engine.memory.forget("another test")


@pytest.fixture(scope="module")
def frames(street):
    keyframe = next(iter(NuScenesReader(street, "").keyframes("scene-0001")))
    images = {name: shot.jpeg() for name, shot in keyframe.cameras.items()}
    return FrameSet(keyframe.stamp, keyframe.rig, images)


@pytest.fixture(scope="module")
def cloud():
    draw = np.random.default_rng(0)
    around = draw.uniform(-40, 40, (5000, 2))
    return np.column_stack([around, draw.uniform(-0.1, 2.0, 5000), draw.random(5000), np.zeros(5000)])


def logits(answers):
    return answers.segmentation.logits


def test_all_answers_come_from_cameras_lidar_and_memory(engine, frames, cloud):
    here = Moment(frames.stamp, frames, cloud, Pose.identity())
    assert engine.answer(here, ()).senses == ("cameras", "lidar")
    later = dataclasses.replace(
        here, stamp=frames.stamp + SECOND // 2, pose=Pose.from_yaw(0.1, (2.0, 0.0, 0.0))
    )
    answers = engine.answer(later, ALL)
    assert answers.senses == ("cameras", "lidar", "memory")
    assert answers.memory_age == pytest.approx(0.5)
    assert answers.stamp == later.stamp
    assert logits(answers).shape == (8, 200, 200)
    assert answers.embedding.shape == (64, 200, 200)
    assert answers.plan.best.shape == (6, 2)
    assert set(answers.lanes) == {"lane_boundary", "road_boundary"}
    assert answers.boxes is not None
    assert answers.occupancy is not None
    assert answers.timings["total"] > 0


def test_only_heads_that_are_asked_for_run(engine, frames, monkeypatch):
    ran = []
    for name, head in engine._model.heads.items():
        forward = type(head).forward

        def noted(bev, name=name, head=head, forward=forward):
            ran.append(name)
            return forward(head, bev)

        monkeypatch.setattr(head, "forward", noted)
    answers = engine.answer(Moment(0, frames), ("lanes", "plan"))
    assert sorted(ran) == ["plan", "segmentation"]
    assert answers.boxes is None
    assert answers.occupancy is None
    ran.clear()
    nothing = engine.answer(Moment(0, frames), ())
    assert ran == []
    assert nothing.segmentation is None
    with pytest.raises(RuntimeBackendError, match="segmentation"):
        _ = nothing.prediction


def test_the_same_from_one_sense_as_from_all_with_the_others_switched_off(engine, frames, cloud):
    both = Moment(0, frames, cloud)
    alone = logits(engine.answer(Moment(0, frames), ALL))
    np.testing.assert_array_equal(logits(engine.answer(both, ALL, ("cameras",))), alone)
    by_lidar = logits(engine.answer(Moment(0, None, cloud), ALL))
    np.testing.assert_array_equal(logits(engine.answer(both, ALL, ("lidar",))), by_lidar)
    assert np.abs(logits(engine.answer(both, ALL)) - alone).max() > 1e-3
    assert np.abs(by_lidar - alone).max() > 1e-3


def test_the_engine_says_what_the_network_does(engine, frames, cloud):
    """Its encoders are folded and rearranged for the processor."""
    answers = engine.answer(Moment(0, None, cloud), ("segmentation",))
    network = untrained(0)
    points = torch.from_numpy(returns(cloud))
    with torch.inference_mode():
        bev = network.lidarencode(points, torch.zeros(len(points), dtype=torch.int64), 1)
        expected, _ = network(Sensed(lidar=bev))
    np.testing.assert_allclose(logits(answers), expected["segmentation"][0].numpy(), atol=1e-3)


def test_an_engine_of_frame_sets_sees_what_the_cameras_alone_do(engine, frames):
    prediction = engine.infer(frames)
    answers = engine.answer(Moment(0, frames), ("segmentation",))
    np.testing.assert_array_equal(prediction.logits, answers.prediction.logits)
    np.testing.assert_array_equal(prediction.visible, answers.reached)
    np.testing.assert_array_equal(prediction.occupancy, answers.segmentation["vehicle"])
    assert len(engine.memory) == 0


def test_a_damaged_image_costs_its_camera_alone(engine, frames):
    broken = {**frames.images, "cam_front": frames.images["cam_front"][:2000]}
    without = {name: image for name, image in frames.images.items() if name != "cam_front"}
    answers = engine.answer(Moment(0, dataclasses.replace(frames, images=broken)), ("segmentation",))
    assert list(answers.problems) == ["cam_front"]
    expected = engine.answer(Moment(0, dataclasses.replace(frames, images=without)), ("segmentation",))
    np.testing.assert_array_equal(logits(answers), logits(expected))
    np.testing.assert_array_equal(answers.reached, expected.reached)


def test_where_all_images_are_damaged_lidar_goes_on(engine, frames, cloud):
    broken = dataclasses.replace(frames, images=dict.fromkeys(frames.images, b"no picture"))
    answers = engine.answer(Moment(0, broken, cloud), ("segmentation",))
    assert answers.senses == ("lidar",)
    assert len(answers.problems) == 6
    np.testing.assert_array_equal(
        logits(answers), logits(engine.answer(Moment(0, None, cloud), ("segmentation",)))
    )
    with pytest.raises(ImageError):
        engine.answer(Moment(0, broken), ("segmentation",))


def test_nothing_but_memory_still_answers_and_the_memory_stays(engine, frames):
    engine.answer(Moment(0, frames, None, Pose.identity()), ())
    blind = engine.answer(Moment(SECOND, None, None, Pose.from_yaw(0.0, (5.0, 0.0, 0.0))), ("segmentation",))
    assert blind.senses == ("memory",)
    assert blind.memory_age == pytest.approx(1.0)
    assert blind.reached.any()
    assert not blind.reached[-10:].any()  # the last 5 m ahead were beyond the grid then
    again = engine.answer(Moment(SECOND * 3 // 2, None, None, Pose.identity()), ("segmentation",))
    assert again.memory_age == pytest.approx(1.5)
    with pytest.raises(RuntimeBackendError, match="nothing was sensed"):
        engine.answer(Moment(SECOND * 4, None, None, Pose.identity()), ("segmentation",))


@pytest.mark.parametrize("empty", [np.zeros((0, 5)), np.full((10, 5), np.nan)])
def test_an_empty_cloud_is_no_cloud(engine, frames, empty):
    answers = engine.answer(Moment(0, frames, empty), ("segmentation",))
    assert answers.senses == ("cameras",)
    expected = engine.answer(Moment(0, frames), ("segmentation",))
    np.testing.assert_array_equal(logits(answers), logits(expected))
    with pytest.raises(RuntimeBackendError, match="nothing was sensed"):
        engine.answer(Moment(0, None, empty), ("segmentation",))


def test_clouds_without_intensity_or_ages_are_read(engine, cloud):
    for columns in (3, 4):
        answers = engine.answer(Moment(0, None, cloud[:, :columns]), ("segmentation",))
        assert np.isfinite(logits(answers)).all()


def test_two_million_points_are_bounded():
    many = np.zeros((2_000_000, 4), np.float32)
    many[:, 0] = np.arange(len(many))
    kept = returns(many)
    assert kept.shape == (MOST_POINTS, 5)
    assert kept[0, 0] == 0
    assert kept[-1, 0] > 1_999_980
    assert np.diff(kept[:, 0]).max() <= 8


def test_a_lidar_reaches_as_far_as_its_returns():
    grid = BevGrid()
    angle = np.radians(np.arange(-90, 90, 0.5))  # ahead alone
    reached = lidar_reach(torch.from_numpy(np.column_stack([20 * np.cos(angle), 20 * np.sin(angle)])), grid)
    x, y = np.moveaxis(grid.centers(), -1, 0)
    away = np.hypot(x, y)
    assert reached[(x > 1) & (away < 19.9)].all()
    assert not reached[away > 20.1].any()
    assert not reached[(x < -3) & (np.abs(y) < 3)].any()


def test_what_lies_behind_a_wall_counts_as_reached_as_it_does_for_cameras():
    grid = BevGrid()
    angle = np.radians(np.arange(-180, 180, 0.5))
    away = np.where(np.abs(angle) < 0.5, 5.0, 30.0)
    reached = lidar_reach(
        torch.from_numpy(np.column_stack([away * np.cos(angle), away * np.sin(angle)])), grid
    )
    x, y = np.moveaxis(grid.centers(), -1, 0)
    assert np.array_equal(reached.numpy(), np.hypot(x, y) <= 30)
    assert not lidar_reach(torch.zeros(0, 4), grid).any()


def test_a_network_of_few_senses_and_heads_goes_by_what_it_has(frames, cloud):
    config = SensesConfig(senses=("lidar",), heads=("boxes",))
    with MultiSenseEngine(untrained(0, config), "seed") as small:
        answers = small.answer(Moment(0, frames, cloud, Pose.identity()), ALL)
        assert answers.senses == ("lidar",)
        assert answers.boxes is not None
        assert answers.segmentation is None
        with pytest.raises(RuntimeBackendError, match="no vehicle grid"):
            small.infer(frames)


def test_which_weights_are_of_such_a_network(tmp_path):
    assert is_multi_sense("multi-seed:3")
    assert is_multi_sense("builtin-multi")
    assert not is_multi_sense("builtin")
    assert not is_multi_sense("seed:0")
    (tmp_path / "broken.safetensors").write_bytes(b"no weights")
    assert not is_multi_sense(tmp_path / "broken.safetensors")
    with pytest.raises(ModelError, match="whole number"):
        create_engine("torch", "multi-seed:x")
    with pytest.raises(RuntimeBackendError, match=r"backend 'tensorrt' .*use "):
        create_engine("tensorrt", "multi-seed:0")


def refused(*_):
    raise RuntimeBackendError("our own kernels do not work here")


@pytest.mark.parametrize(
    ("triton", "reason"),
    [(True, "cuda: as asked; by PyTorch's kernels: our own kernels do not work here"),
     (False, "cuda: as asked; by PyTorch's kernels: Triton is not installed")],
)  # fmt: skip
def test_a_gpu_that_our_kernels_do_not_work_on_is_run_by_pytorch_s_with_the_reason(
    triton, reason, monkeypatch
):
    monkeypatch.setattr("lss_bev_ros.runtime.backends._cuda_missing", lambda: None)
    monkeypatch.setattr("lss_bev_ros.runtime.cuda.splat.has_triton", lambda: triton)
    own = SimpleNamespace(CudaMultiSenseEngine=refused)
    monkeypatch.setitem(sys.modules, "lss_bev_ros.runtime.cuda.multi_sense_engine", own)
    monkeypatch.setattr("lss_bev_ros.runtime.multi_sense.engine.MultiSenseEngine", lambda *given: given)
    _, _, precision, _, why, device = create_engine("cuda", "multi-seed:0")
    assert (precision, why, device) == ("fp16", reason, "cuda")


class TestMemory:
    """What is remembered, and when not."""

    GRID = BevGrid(-4, 4, -4, 4, 0.5)

    def drive(self, keeper, seconds, speed=10.0):
        """Keep a map at each second, marked by it."""
        for second in seconds:
            pose = Pose.from_yaw(0.0, (second * speed, 0.0, 0.0))
            stamp = round(second * SECOND)
            found = keeper.recall(stamp, pose)
            keeper.keep(stamp, pose, torch.full((1, 2, 16, 16), second), torch.ones(16, 16, dtype=torch.bool))
        return found

    def test_the_map_nearest_to_half_a_second_is_taken(self):
        found = self.drive(MemoryKeeper(), np.arange(0, 3.01, 0.1))
        assert found.age == pytest.approx(0.5)
        assert found.bev[0, 0, 0, 0] == pytest.approx(2.5)
        assert found.motion == pytest.approx((5.0, 0.0, 0.0))
        assert self.drive(MemoryKeeper(), np.arange(0, 3.01, 0.05)).age == pytest.approx(0.5, abs=0.051)
        assert self.drive(MemoryKeeper(), np.arange(0, 3.01, 0.75)).age == pytest.approx(0.75)

    def test_the_first_instants_have_none(self):
        assert self.drive(MemoryKeeper(), [0.0]) is None
        assert self.drive(MemoryKeeper(), [0.0, 0.1]) is None
        assert self.drive(MemoryKeeper(), [0.0, 0.1, 0.2]).age == pytest.approx(0.2)

    def test_motion_is_that_of_the_car_in_its_own_frame_of_then(self):
        keeper = MemoryKeeper()
        begin = Pose.from_yaw(np.pi / 2, (100.0, 50.0, 0.0))
        keeper.recall(0, begin)
        keeper.keep(0, begin, torch.zeros(1, 2, 16, 16), torch.ones(16, 16, dtype=torch.bool))
        found = keeper.recall(SECOND // 2, Pose.from_yaw(np.pi / 2 + 0.2, (99.0, 54.0, 0.0)))
        assert found.motion == pytest.approx((4.0, 1.0, 0.2))

    @pytest.mark.parametrize(
        ("later", "place", "reason"),
        [
            (2.5, 25.0, "2.5 s passed between two frames"),
            (-1.0, 0.0, "went back"),
            (0.5, 5.0 + 60.0, "jumped by 65.0 m"),
        ],
    )
    def test_it_is_forgotten_where_it_would_lie(self, later, place, reason):
        keeper = MemoryKeeper()
        self.drive(keeper, [0.0])
        assert keeper.recall(round(later * SECOND), Pose.from_yaw(0.0, (place, 0.0, 0.0))) is None
        assert len(keeper) == 0
        assert keeper.resets == 1
        assert reason in keeper.reason

    def test_a_car_that_is_turned_round_in_place_has_jumped(self):
        keeper = MemoryKeeper()
        self.drive(keeper, [0.0])
        assert keeper.recall(SECOND // 4, Pose.from_yaw(np.pi, (2.5, 0.0, 0.0))) is None
        assert "jumped by 180 degrees within 0.25 s" in keeper.reason

    def test_fast_driving_is_no_jump(self):
        assert self.drive(MemoryKeeper(), np.arange(0, 2.0, 0.1), speed=59.0) is not None

    def test_without_a_pose_nothing_is_kept_and_nothing_is_lost(self):
        keeper = MemoryKeeper()
        self.drive(keeper, [0.0])
        assert keeper.recall(SECOND // 2, None) is None
        keeper.keep(SECOND // 2, None, torch.zeros(1, 2, 16, 16), torch.ones(16, 16, dtype=torch.bool))
        assert keeper.recall(SECOND, Pose.from_yaw(0.0, (10.0, 0.0, 0.0))).age == pytest.approx(1.0)

    def test_it_holds_few_maps(self):
        keeper = MemoryKeeper()
        self.drive(keeper, np.arange(0, 5, 0.01))
        assert len(keeper) <= 8


class TestTrack:
    """The car's poses over time."""

    def circle(self, until=1.0, step=0.05):
        track = EgoTrack()
        for second in np.arange(0, until + 1e-9, step):
            track.add(round(second * SECOND), self.at(second))
        return track

    def at(self, second):
        """10 m/s on a circle of 20 m."""
        angle = second / 2
        return Pose.from_yaw(angle, (20 * np.sin(angle), 20 * (1 - np.cos(angle)), 0.0))

    @pytest.mark.parametrize("second", [0.0, 0.33, 0.975, 1.0, 1.1, 1.2])
    def test_poses_are_between_and_a_little_beyond_what_is_known(self, second):
        found = self.circle().pose(round(second * SECOND))
        np.testing.assert_allclose(found.translation, self.at(second).translation, atol=0.05)
        assert found.yaw == pytest.approx(self.at(second).yaw, abs=0.01)

    @pytest.mark.parametrize("second", [-0.1, 1.3, 60.0])
    def test_elsewhere_nobody_knows(self, second):
        assert self.circle().pose(round(second * SECOND)) is None
        assert EgoTrack().pose(0) is None

    def test_motion_is_of_half_a_second_or_of_what_is_known_of_it(self):
        x, y, yaw, seconds = self.circle().motion(SECOND)
        moved = self.at(0.5).inverse() @ self.at(1.0)
        np.testing.assert_allclose((x, y, yaw, seconds), (*moved.translation[:2], 0.25, 0.5), atol=0.01)
        assert self.circle(0.2).motion(SECOND // 5)[3] == pytest.approx(0.2)
        assert self.circle(0.05).motion(SECOND // 20) is None
        assert self.circle().motion(3 * SECOND) is None

    def test_time_that_goes_back_begins_anew(self):
        track = self.circle()
        track.add(0, Pose.identity())
        assert track.newest == 0
        assert track.pose(SECOND // 2) is None

    @pytest.mark.parametrize(("aside", "turn", "far"), [(3.0, 0.0, "3.0 m"), (0.0, 1.5, "87 degrees")])
    def test_between_the_poses_of_a_jump_nothing_was_driven(self, aside, turn, far):
        track, offset = self.circle(), Pose.from_yaw(turn, (0.0, aside, 0.0))
        for second in (1.02, 1.2):
            why = track.add(round(second * SECOND), self.at(second) @ offset)
            assert (far in why) == (second == 1.02)
        assert track.pose(round(1.01 * SECOND)) is None
        assert track.pose(SECOND) is None
        x, y, yaw, _ = track.motion(round(1.2 * SECOND))
        moved = (self.at(1.02) @ offset).inverse() @ self.at(1.2) @ offset
        np.testing.assert_allclose((x, y, yaw), (*moved.translation[:2], 0.09), atol=0.01)

    def test_a_pose_that_comes_late_starts_nothing_anew(self):
        track = self.circle()
        assert track.add(round(0.72 * SECOND), self.at(0.72)) == ""
        assert track.newest == SECOND
        assert track.pose(SECOND // 10) is not None

    def test_driving_is_no_jump(self):
        track = EgoTrack()
        for second in np.arange(0, 2, 0.01):
            noise = 0.1 * (-1) ** round(second * 100)
            pose = Pose.from_yaw(2.5 * second + noise, (55 * second, noise, 0.0))
            assert track.add(round(second * SECOND), pose) == ""

    def test_old_poses_go(self):
        track = self.circle(20.0)
        assert len(track._stamps) < 100
        assert track.pose(10 * SECOND) is None
