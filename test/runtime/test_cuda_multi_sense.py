"""The multi-sense network by our own kernels is what PyTorch's is: on a GPU, or in Triton's interpreter."""

from __future__ import annotations

import itertools
import os
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import torch

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"
pytest.importorskip("triton", reason="Triton is not installed")

from lss_bev_ros.errors import RuntimeBackendError
from lss_bev_ros.geometry import BevGrid, Pose
from lss_bev_ros.model import ModelConfig
from lss_bev_ros.model.heads import PlanHead
from lss_bev_ros.model.memory import align
from lss_bev_ros.model.multi_sense import Sensed
from lss_bev_ros.model.senses import HEADS, SENSES, SensesConfig
from lss_bev_ros.runtime import FrameSet, create_engine
from lss_bev_ros.runtime.cuda import multi_sense_engine as engine_file
from lss_bev_ros.runtime.cuda.engine import cuda_missing, warm_up_rig
from lss_bev_ros.runtime.cuda.multi_sense_engine import CudaMultiSenseEngine
from lss_bev_ros.runtime.cuda.multi_sense_network import MultiSenseNetwork, motion_numbers
from lss_bev_ros.runtime.cuda.planner import Planner
from lss_bev_ros.runtime.cuda.self_test import differences, drawn_senses
from lss_bev_ros.runtime.multi_sense.moment import Moment, returns
from lss_bev_ros.runtime.multi_sense.weights import untrained

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
needs_gpu = pytest.mark.skipif(cuda_missing() is not None, reason=f"no GPU: {cuda_missing()}")

GRID = BevGrid(-8.0, 8.0, -12.0, 12.0, 1.0)
SMALL = SensesConfig(
    ModelConfig(image_height=32, image_width=64, channels=16, depth_step=8.0, grid=GRID), heights=2
)
SETS = [set(some) for count in (1, 2, 3) for some in itertools.combinations(SENSES, count)]


@pytest.fixture(autouse=True)
def exact_library(monkeypatch):
    """cuDNN rounds float32 to 11 bits otherwise."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.fixture(scope="module")
def streams():
    """Streams of a processor, where there is no GPU: everything is done at once."""
    with pytest.MonkeyPatch.context() as patch:
        if not torch.cuda.is_available():
            stream = SimpleNamespace(wait_stream=lambda _: None)
            patch.setattr(torch.cuda, "Stream", lambda *_: stream)
            patch.setattr(torch.cuda, "current_stream", lambda *_: stream)
            patch.setattr(torch.cuda, "stream", lambda _: nullcontext())
        yield


@pytest.fixture(scope="module")
def model():
    """Drawn, with normalisations that have seen something."""
    made = untrained(1, SMALL)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for module in made.modules():
            if isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
                module.running_mean.normal_(0, 0.1, generator=generator)
                module.running_var.uniform_(0.5, 1.5, generator=generator)
                module.bias.normal_(0, 0.1, generator=generator)
        made.heads["plan"].prior.normal_(generator=generator)
    return made


@pytest.fixture(scope="module")
def network(model, streams):
    """In float32, without a library, so that it is PyTorch's to its last digits."""
    return MultiSenseNetwork(model, Planner(DEVICE, torch.float32, processors=4, library=False), room=500)


def cloud(count=400, seed=0):
    rng = np.random.default_rng(seed)
    points = rng.uniform((-9, -13, -4, 0, 0), (9, 13, 7, 1, 0.5), (count, 5)).astype(np.float32)
    points[::5, 3] = np.nan
    points[1::50, :2] = -0.5
    points[2::50] = (8.0, -12.0, 6.0, np.inf, 0.0)
    return points


def fill(network, points):
    network.points[: len(points)] = torch.from_numpy(points).to(DEVICE)
    network.count.fill_(len(points))


def launch(launches):
    for each in launches:
        each()


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def as_map(cells):
    return cells.permute(2, 0, 1)[None].float().cpu()


# --- the parts --------------------------------------------------------------------------------------------


def test_pillars_are_those_of_the_encoder_and_leave_nothing_behind(network, model):
    for points in (cloud(), cloud(77, seed=1), cloud(0)):
        fill(network, points)
        launch(network.lidar_launches)
        sample = torch.zeros(len(points), dtype=torch.int64)
        expected = model.lidarencode(torch.from_numpy(points), sample, 1)
        torch.testing.assert_close(as_map(network.lidar), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("motion", [(0.0, 0.0, 0.0), (3.3, -0.7, 0.2), (-40.0, 0.0, 0.0), (0.5, 0.5, 3.0)])
def test_a_memory_is_moved_as_the_network_moves_it(network, motion):
    then = draw(1, 16, *GRID.shape)
    network.memory.copy_(then[0].permute(1, 2, 0))
    network.numbers.copy_(motion_numbers(motion, 0.7, None))
    launch(network.memory_launches)
    moved, known = align(then, torch.tensor([motion]), GRID)
    torch.testing.assert_close(as_map(network._maps["memory"].tensor[0]), moved, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(network._ages.tensor.cpu().view(GRID.shape), known[0, 0] * 0.7)


@pytest.mark.parametrize("senses", SETS, ids="+".join)
def test_senses_are_fused_as_the_network_fuses_them(network, model, senses):
    """What a missing sense has left in its place is not read."""
    maps = {name: draw(1, 16, *GRID.shape, seed=seed) for seed, name in enumerate(SENSES)}
    for name in ("cameras", "lidar"):
        getattr(network, name).copy_(maps[name][0].permute(1, 2, 0))
    network.memory.copy_(maps["memory"][0].permute(1, 2, 0))
    motion, age = (1.5, 0.2, -0.1), 0.6
    network.numbers.copy_(motion_numbers(motion, age, None))
    launch(network.memory_launches)
    launch(network.fusion(senses))
    sensed = {name: maps[name] for name in senses}
    if "memory" in senses:
        sensed |= {"motion": torch.tensor([motion]), "age": torch.tensor([age])}
    expected, remembered = model.fuse(Sensed(**sensed))
    torch.testing.assert_close(as_map(network._fused.tensor[0]), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(as_map(network.remembered(senses)), remembered, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "heads", [HEADS, ("segmentation",), ("occupancy", "plan"), ("embedding",)], ids="+".join
)
def test_heads_answer_as_the_network_s_do(network, model, heads):
    features = draw(1, 128, *GRID.shape)
    # The map that heads read is scaled, see `fold_with_half_biases`.
    network._features.tensor.copy_((features[0] / network._scale.cpu()[:, None, None]).permute(1, 2, 0)[None])
    motion = (4.0, 0.1, 0.05, 0.5)
    network.numbers.copy_(motion_numbers(None, 0.0, motion))
    part = network.heads(heads)
    launch(part.launches)
    assert set(part.outputs) == set(heads)
    for name, output in part.outputs.items():
        expected = model.heads[name](features)[0]
        torch.testing.assert_close(output.float().cpu(), expected, rtol=1e-4, atol=1e-4)
        if name == "plan":
            scores = model.plan.scores(expected[None], torch.tensor([motion]))[0]
            torch.testing.assert_close(part.scores.cpu(), scores, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("motion", [None, (float("nan"),) * 4])
def test_without_a_motion_plans_are_scored_by_their_cost_alone(network, model, motion):
    network.numbers.copy_(motion_numbers(None, 0.0, motion))
    part = network.heads({"plan"})
    launch(part.launches)
    scores = PlanHead.scores(model.plan, part.outputs["plan"].cpu()[None])[0]
    torch.testing.assert_close(part.scores.cpu(), scores, rtol=1e-4, atol=1e-4)


# --- the whole --------------------------------------------------------------------------------------------


@pytest.mark.skipif(cuda_missing() is None, reason="there is a GPU, on which an engine compares itself")
@pytest.mark.parametrize("senses", [set(SENSES), {"lidar"}], ids="+".join)
def test_the_network_is_the_plain_one(network, model, senses):
    from lss_bev_ros.runtime.calibration_tables import CalibrationTables
    from lss_bev_ros.runtime.cuda.splat_tables import CameraTables

    drawn = drawn_senses(SMALL, senses, 1, DEVICE)
    tables = CalibrationTables.of_rig(drawn.rig, SMALL.model)
    if drawn.images is not None:
        network.use(CameraTables.of(tables, drawn.rig, drawn.rig.names, SMALL.model, DEVICE))
        network.part(1).images.copy_(drawn.images.permute(0, 2, 3, 1))
    points = drawn.points[:500]
    fill(network, points)
    if drawn.memory is not None:
        network.memory.copy_(drawn.memory.bev[0].permute(1, 2, 0))
        network.numbers.copy_(motion_numbers(drawn.memory.motion, drawn.memory.age, None))
    network.run(1, senses, HEADS)
    few = drawn.__class__(drawn.rig, drawn.images, points, drawn.memory)
    expected = few.answers(model, tables.splat, DEVICE)
    ours = {**network.heads(HEADS).outputs, "remembered": network.remembered(senses).permute(2, 0, 1)}
    found = differences(ours, expected)
    assert set(found) == {*HEADS, "remembered"}
    assert max(found.values()) < 1e-3, found


def test_a_difference_is_a_share_of_what_varies():
    expected = {"a": draw(3, 8, 8) + 100.0}
    assert differences(expected, expected) == {"a": 0.0}
    assert differences({"a": torch.full((3, 8, 8), 100.0)}, expected)["a"] == pytest.approx(1.0, abs=0.05)
    assert np.isnan(differences({"a": torch.full((3, 8, 8), torch.nan)}, expected)["a"])


# --- on a GPU ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[True, False], ids=["exact", "fp16"])
def engine(request):
    with CudaMultiSenseEngine(untrained(0), "seed", exact=request.param, gpu_jpeg=False) as made:
        yield made


@pytest.fixture(scope="module")
def plain():
    with create_engine("cuda", "multi-seed:0", precision="fp32") as made:
        yield made


def moments(count=2):
    """The same car twice, half a second apart, so that the second one has a memory."""
    rng = np.random.default_rng(3)
    rig = warm_up_rig(6)
    for index in range(count):
        images = {c.name: rng.integers(0, 256, (c.height, c.width, 3), np.uint8) for c in rig.cameras}
        around = rng.normal(0, 20, (30_000, 2))
        points = np.column_stack([around, rng.uniform(-1, 3, (30_000, 1)), rng.random((30_000, 2))])
        pose = Pose.from_yaw(0.1 * index, (3.0 * index, 0.0, 0.0))
        stamp = index * 500_000_000
        yield Moment(stamp, FrameSet(stamp, rig, images), points, pose, (3.0, 0.0, 0.1, 0.5))


ALL = (*HEADS, "templates")


@needs_gpu
def test_the_self_test_passes_by_far(engine):
    most = engine_file.TOLERANCE[engine._exact]
    assert set(engine.differences) == {*HEADS, "remembered"}
    assert max(engine.differences.values()) < most / 2, engine.differences


@needs_gpu
def test_answers_are_those_of_pytorch(engine, plain):
    for each in (engine, plain):
        each.memory.forget("another test")
    for moment in moments():
        ours, theirs = engine.answer(moment, ALL), plain.answer(moment, ALL)
        assert ours.senses == theirs.senses
        np.testing.assert_array_equal(ours.reached, theirs.reached)
        for one, other in (
            (ours.segmentation.logits, theirs.segmentation.logits),
            (ours.embedding.cpu().numpy(), theirs.embedding.cpu().numpy()),
            (ours.plan.cost, theirs.plan.cost),
            (ours.plan.scores, theirs.plan.scores),
        ):
            spread = other - other.mean((-1, -2) if other.ndim > 1 else 0, keepdims=True)
            assert np.linalg.norm(one - other) < 0.05 * np.linalg.norm(spread)
        assert ours.boxes is not None
        assert ours.occupancy is not None
    assert ours.senses == SENSES


@needs_gpu
def test_a_sense_that_is_missing_is_as_one_that_is_switched_off(engine):
    engine.memory.forget("another test")
    first, second = moments()
    engine.answer(first, ())
    whole = engine.answer(second, HEADS)
    for senses in (("cameras",), ("lidar",), ("cameras", "lidar"), ("lidar", "memory")):
        off = engine.answer(second, HEADS, senses)
        assert off.senses == senses
        assert np.isfinite(off.segmentation.logits).all()
        assert np.abs(off.segmentation.logits - whole.segmentation.logits).max() > 1e-3
    lost = Moment(second.stamp, None, second.points)
    np.testing.assert_array_equal(
        engine.answer(lost, HEADS).segmentation.logits,
        engine.answer(second, HEADS, ("lidar",)).segmentation.logits,
    )
    np.testing.assert_array_equal(engine.answer(second, HEADS).segmentation.logits, whole.segmentation.logits)


@needs_gpu
def test_only_what_is_asked_for_is_launched_and_it_is_the_same(engine):
    engine.memory.forget("another test")
    (moment,) = moments(1)
    whole = engine.answer(moment, HEADS)
    assert whole.segmentation is not None
    assert engine.answer(moment, ("boxes",)).segmentation is None
    few, every = engine.network.heads({"boxes"}), engine.network.heads(HEADS)
    assert differences(few.outputs, {"boxes": every.outputs["boxes"]})["boxes"] < 0.01
    assert len(few.launches) < len(every.launches)
    assert engine.answer(moment, ()).segmentation is None


@needs_gpu
def test_a_lost_camera_costs_its_own_part(engine, plain):
    engine.memory.forget("another test")
    plain.memory.forget("another test")
    (moment,) = moments(1)
    frames = moment.cameras
    left = {name: image for name, image in frames.images.items() if name != "cam_2"}
    lost = Moment(0, FrameSet(0, frames.rig, left))
    ours, theirs = (each.answer(lost, ("segmentation",)) for each in (engine, plain))
    np.testing.assert_array_equal(ours.reached, theirs.reached)
    other = theirs.segmentation.logits
    spread = other - other.mean((-1, -2), keepdims=True)
    assert np.linalg.norm(ours.segmentation.logits - other) < 0.05 * np.linalg.norm(spread)


@needs_gpu
def test_pillars_of_most_returns_are_those_of_the_encoder(engine, plain):
    points = returns(np.random.default_rng(4).normal(0, (15, 15, 1, 1, 1), (300_000, 5)))
    with torch.inference_mode(), torch.cuda.stream(engine._stream):
        engine._feel(engine._upload(points))
        launch(engine.network.lidar_launches)
        engine._stream.synchronize()
        sample = torch.zeros(len(points), dtype=torch.int64, device=DEVICE)
        expected = plain._model.lidarencode(torch.from_numpy(points).to(DEVICE), sample, 1)
    torch.testing.assert_close(as_map(engine.network.lidar), expected.cpu(), rtol=2e-3, atol=2e-3)


@needs_gpu
def test_kernels_that_compute_something_else_are_not_used(monkeypatch):
    monkeypatch.setattr(engine_file, "TOLERANCE", {True: 1e-6, False: 1e-6})
    with pytest.raises(RuntimeBackendError, match="is off by"):
        CudaMultiSenseEngine(untrained(0), "seed", gpu_jpeg=False)
    with create_engine("auto", "multi-seed:0") as instead:
        assert not isinstance(instead, CudaMultiSenseEngine)
        assert "by PyTorch's kernels: our own kernels do not work" in instead.reason


@needs_gpu
def test_auto_takes_it(monkeypatch):
    with create_engine("auto", "multi-seed:0") as made:
        assert isinstance(made, CudaMultiSenseEngine), made.reason
