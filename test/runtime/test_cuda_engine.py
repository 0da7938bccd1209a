"""The cuda backend: on a GPU what it predicts; anywhere how it resizes, counts percent and what it lacks."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"

from lss_bev_ros.errors import RuntimeBackendError
from lss_bev_ros.geometry import BevGrid, Rig
from lss_bev_ros.model import IMAGE_MEAN, IMAGE_STD, ImageTransform, ModelConfig, build_model
from lss_bev_ros.runtime import FrameSet, Prediction, create_engine
from lss_bev_ros.runtime.calibration_tables import CalibrationTables
from lss_bev_ros.runtime.cuda.engine import cuda_missing
from lss_bev_ros.runtime.cuda.percent import count_percent, percent_thresholds
from lss_bev_ros.runtime.cuda.plain_network import fold_normalisation
from lss_bev_ros.runtime.cuda.prediction import DevicePrediction
from lss_bev_ros.runtime.cuda.resampling import BITS, Resampling
from lss_bev_ros.runtime.cuda.resizer import InterpolatingResizer, PillowResizer
from lss_bev_ros.runtime.cuda.splat import has_triton
from lss_bev_ros.runtime.cuda.splat_tables import CameraTables, DeviceTables

CPU = torch.device("cpu")
needs_gpu = pytest.mark.skipif(cuda_missing() is not None, reason=f"no GPU: {cuda_missing()}")
needs_triton = pytest.mark.skipif(not has_triton(), reason="Triton is not installed")


# --- anywhere ---------------------------------------------------------------------------------------------


def test_counting_thresholds_is_the_rule_of_the_occupancy():
    thresholds = percent_thresholds()
    assert (np.diff(thresholds[:101]) > 0).all()
    near = [np.nextafter(thresholds[:100], np.float32(side)) for side in (-99, 99)]
    logits = np.concatenate([thresholds[:100], *near, np.linspace(-30, 30, 5001, dtype=np.float32)])
    expected = Prediction(0, BevGrid(), logits[None], np.ones((1, len(logits)), bool)).occupancy[0]
    np.testing.assert_array_equal(np.searchsorted(thresholds, logits, side="right"), expected)


BROKEN = np.array([[np.nan, np.inf, -np.inf, 0.0], [-np.nan, 3e38, -3e38, np.nan]], np.float32)
SEEN = np.array([[True, True, True, True], [True, True, True, False]])
GRID_OF_BROKEN = np.array([[-1, -1, -1, 50], [-1, 100, 0, -1]])


def test_a_logit_that_is_no_finite_number_is_an_unknown_cell_and_counted():
    plain = Prediction(0, BevGrid(), BROKEN, SEEN)
    with np.errstate(invalid="raise", over="raise"):
        np.testing.assert_array_equal(plain.occupancy, GRID_OF_BROKEN)
    assert plain.unknown_by_nan == 4
    on_device = DevicePrediction(0, BevGrid(), torch.from_numpy(BROKEN), plain.occupancy, SEEN, {})
    assert on_device.unknown_by_nan == 4
    assert Prediction(0, BevGrid(), np.zeros((2, 4), np.float32), SEEN).unknown_by_nan == 0


def test_counting_thresholds_leaves_out_what_is_no_finite_number():
    seen = torch.from_numpy(SEEN.reshape(-1).view(np.uint8))
    counted = count_percent(torch.from_numpy(BROKEN), torch.from_numpy(percent_thresholds()), seen)
    np.testing.assert_array_equal(counted.numpy(), GRID_OF_BROKEN)


@pytest.mark.parametrize(
    ("size", "resized"), [((1600, 900), (352, 198)), ((352, 198), (352, 198)), ((200, 120), (352, 211))]
)
def test_the_weights_are_those_of_pillow(size, resized):
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    image = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    expected = np.asarray(pillow.fromarray(image).resize(resized, pillow.BICUBIC))
    level = image.astype(np.int64)
    for axis in (1, 0):
        weights = Resampling.bicubic(size[1 - axis], resized[1 - axis], 0, resized[1 - axis])
        index = np.minimum(weights.starts[:, None] + np.arange(weights.weights.shape[1]), size[1 - axis] - 1)
        taps = np.moveaxis(np.take(level, index, axis=axis), axis + 1, -1)
        shape = (1, -1, 1) if axis == 1 else (-1, 1, 1)
        sums = (taps * weights.weights.reshape(*shape, weights.weights.shape[1])).sum(-1)
        level = np.clip((sums + (1 << (BITS - 1))) >> BITS, 0, 255)
    np.testing.assert_array_equal(level, expected)


@pytest.mark.parametrize(
    ("resizer", "levels"), [pytest.param(PillowResizer, 0, marks=needs_triton), (InterpolatingResizer, 1)]
)
def test_resizing_is_what_pillow_does(resizer, levels):
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    config = ModelConfig(image_height=32, image_width=32)
    t = ImageTransform.of(80, 60, config)
    device = torch.device("cuda") if cuda_missing() is None else CPU
    images = np.random.default_rng(1).integers(0, 256, (2, 60, 80, 3), dtype=np.uint8)
    made = resizer(80, 60, 2, t, device) if resizer is PillowResizer else resizer(t, device)
    out = torch.zeros(2, 32, 32, 3, device=device)
    made(torch.from_numpy(images).to(device), out)
    got = out.cpu().numpy() * np.float32(IMAGE_STD) + np.float32(IMAGE_MEAN)
    for image, pixels in zip(images, got * 255.0, strict=True):
        resized = pillow.fromarray(image).resize((t.resized_width, t.resized_height), pillow.BICUBIC)
        expected = np.asarray(resized)[t.top : t.top + 32, t.left : t.left + 32]
        assert np.abs(pixels - expected).max() <= levels + 1e-3


def test_folding_keeps_the_network():
    model = build_model("seed:1")
    images = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    folded = fold_normalisation(model)
    with torch.inference_mode():
        for ours, theirs in zip(folded.camencode(images), model.camencode(images), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)
    left = [name for name, module in folded.named_modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert left == ["camencode.trunk._bn1"], "of the head that never runs"


def test_tables_of_a_lost_camera_keep_the_places_of_the_others(ring):
    """The network runs all cameras; points of those with an image keep their numbers, the rest have none."""
    config = ModelConfig()
    every = CameraTables.of(CalibrationTables.of_rig(ring, config), ring, ring.names, config, CPU)
    names = tuple(name for name in ring.names if name != "cam_front")
    lost = CameraTables.of(CalibrationTables.of_rig(ring.subset(names), config), ring, names, config, CPU)
    rows, columns = config.feature_shape
    points = rows * columns * config.depth_bins
    front = ring.names.index("cam_front")
    camera = every.weights // points
    assert lost.cameras == len(ring)
    assert front not in lost.slots
    np.testing.assert_array_equal(lost.weights.numpy(), every.weights[camera != front].numpy())


def test_buffers_hold_any_calibration_in_place(ring):
    config = ModelConfig()
    buffers = DeviceTables(config, len(ring), CPU)
    places = [getattr(buffers, name).data_ptr() for name in ("weights", "cells", "starts", "seen", "count")]
    for names in (ring.names, ring.names[:2], ring.names):
        tables = CameraTables.of(
            CalibrationTables.of_rig(ring.subset(names), config), ring, names, config, CPU
        )
        buffers.load(tables)
        hit = int(buffers.count)
        assert hit == len(tables.cells)
        assert torch.equal(buffers.cells[:hit], tables.cells)
        assert int(buffers.starts[hit]) == len(tables.weights)
    assert places == [
        getattr(buffers, name).data_ptr() for name in ("weights", "cells", "starts", "seen", "count")
    ]


def test_logits_are_fetched_when_they_are_asked_for():
    logits = torch.linspace(-5, 5, 12).view(3, 4)
    visible = np.ones((3, 4), dtype=bool)
    plain = Prediction(7, BevGrid(), logits.numpy(), visible)
    prediction = DevicePrediction(7, BevGrid(), logits, plain.occupancy, visible, {"total": 1.0})
    np.testing.assert_array_equal(prediction.logits, logits.numpy())
    np.testing.assert_array_equal(prediction.probability, plain.probability)
    np.testing.assert_array_equal(prediction.occupancy, plain.occupancy)
    assert (prediction.stamp, prediction.timings["total"]) == (7, 1.0)


def test_without_a_gpu_cuda_is_one_line_and_auto_says_why():
    if cuda_missing() is None:
        pytest.skip("there is a GPU")
    with pytest.raises(RuntimeBackendError, match=r"'cuda' cannot run here.*'torch' or 'auto'") as refused:
        create_engine("cuda", weights="seed:0")
    assert "\n" not in str(refused.value)
    with create_engine(weights="seed:0", precision="fp32") as engine:
        assert engine.name.startswith("torch-cpu")
        assert "cuda" in engine.reason


# --- on a GPU ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["triton", "torch"])
def engines(request):
    """The cuda engine in fp16 with our kernels or PyTorch's, and the CPU's in fp32."""
    from lss_bev_ros.model import describe_weights
    from lss_bev_ros.runtime.cuda.engine import CudaEngine

    if request.param == "triton" and not has_triton():
        pytest.skip("Triton is not installed")
    model = build_model("seed:0")
    ours = CudaEngine(model, describe_weights("seed:0"), kernels=request.param)
    with ours, create_engine("torch", weights="seed:0", precision="fp32") as theirs:
        yield ours, theirs


@pytest.fixture
def pictures(ring):
    rng = np.random.default_rng(0)
    return {name: rng.integers(0, 256, (360, 640, 3), dtype=np.uint8) for name in ring.names}


def assert_close(ours, theirs):
    assert np.abs(ours.logits - theirs.logits).max() < 1e-2 * max(1.0, np.abs(theirs.logits).max())
    np.testing.assert_array_equal(ours.visible, theirs.visible)
    by_rule = Prediction(0, ours.grid, ours.logits, ours.visible).occupancy
    np.testing.assert_array_equal(ours.occupancy, by_rule)


@needs_gpu
def test_a_frame_is_predicted_as_on_the_cpu_and_the_same_every_time(engines, ring, pictures):
    ours, theirs = engines
    frame = FrameSet(5, ring, pictures)
    first, second = ours.infer(frame), ours.infer(frame)
    assert_close(first, theirs.infer(frame))
    np.testing.assert_array_equal(first.logits, second.logits)
    assert first.stamp == 5


@needs_gpu
def test_a_lost_camera_and_a_new_calibration_need_no_new_graph(engines, ring, pictures):
    ours, theirs = engines
    turned = Rig(ring.cameras[:5]).cameras
    moved = Rig(
        (*turned, ring.cameras[5].__class__(**{**vars(ring.cameras[5]), "pose": ring.cameras[0].pose}))
    )
    for rig, names in ((ring, ring.names), (ring, ring.names[1:]), (moved, ring.names), (ring, ring.names)):
        frame = FrameSet(0, rig, {name: pictures[name] for name in names})
        assert_close(ours.infer(frame), theirs.infer(frame))


@needs_gpu
def test_frames_that_are_under_way_together_do_not_mix(engines, ring, pictures):
    ours, _ = engines
    rng = np.random.default_rng(2)
    frames = [
        FrameSet(i, ring, {n: rng.integers(0, 256, p.shape, dtype=np.uint8) for n, p in pictures.items()})
        for i in range(6)
    ]
    alone = [ours.infer(frame) for frame in frames]
    together = [future.result() for future in [ours.submit(frame) for frame in frames]]
    for one, other in zip(alone, together, strict=True):
        assert one.stamp == other.stamp
        np.testing.assert_array_equal(one.logits, other.logits)


@needs_gpu
def test_a_damaged_image_leaves_the_engine_ready(engines, real_frame):
    ours, theirs = engines
    broken = dict(real_frame.images, cam_back=real_frame.images["cam_back"][:2000])
    prediction, problems = ours.infer_usable(FrameSet(1, real_frame.rig, broken))
    assert set(problems) == {"cam_back"}
    whole = ours.infer(real_frame)
    assert_close(whole, theirs.infer(real_frame))
    assert not np.array_equal(prediction.visible, whole.visible)


@needs_gpu
@needs_triton
def test_half_precision_keeps_what_logits_would_feel(real_frame):
    """The weights that ship on a real frame: rounding everything is several times further from float32."""
    from lss_bev_ros.runtime.cuda.engine import CudaEngine

    model, frame, errors = build_model("builtin"), real_frame, []
    with create_engine("torch", precision="fp32") as engine:
        expected = engine.infer(frame).logits
    for exact in (True, False):
        with CudaEngine(model, "builtin", gpu_jpeg=False, exact=exact) as engine:
            errors.append(np.abs(engine.infer(frame).logits - expected).mean())
    assert errors[0] < 0.4 * errors[1]


@needs_gpu
def test_what_is_asked_for_is_rounded_and_what_is_chosen_is_not():
    from lss_bev_ros.runtime.cuda.engine import can_be_exact

    with create_engine("cuda", weights="seed:0", precision="fp16") as engine:
        assert engine.name == "cuda-fp16"
    with create_engine("cuda", weights="seed:0") as engine:
        assert engine.name == ("cuda-fp16-exact" if can_be_exact() else "cuda-fp16")
