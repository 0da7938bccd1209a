"""The cuda backend: on a GPU what it predicts; anywhere how it resizes, counts percent and what it lacks."""

from __future__ import annotations

import contextlib
import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"

from lss_bev_ros.errors import RuntimeBackendError
from lss_bev_ros.geometry import BevGrid, Camera, Lens, Pose, Rig
from lss_bev_ros.model import IMAGE_MEAN, IMAGE_STD, ImageTransform, ModelConfig, build_model
from lss_bev_ros.runtime import FrameSet, Prediction, create_engine
from lss_bev_ros.runtime.calibration_tables import CalibrationTables
from lss_bev_ros.runtime.cuda.engine import cuda_missing
from lss_bev_ros.runtime.cuda.image_loader import baseline_jpegs
from lss_bev_ros.runtime.cuda.percent import count_percent, percent_thresholds
from lss_bev_ros.runtime.cuda.plain_network import fold_normalisation
from lss_bev_ros.runtime.cuda.prediction import DevicePrediction
from lss_bev_ros.runtime.cuda.preprocessor import DevicePreprocessor, rig_shape
from lss_bev_ros.runtime.cuda.resampling import BITS, Resampling
from lss_bev_ros.runtime.cuda.resizer import InterpolatingResizer, PillowResizer
from lss_bev_ros.runtime.cuda.session import SHAPES, Session
from lss_bev_ros.runtime.cuda.splat import has_triton
from lss_bev_ros.runtime.cuda.splat_tables import CameraTables, DeviceTables
from lss_bev_ros.runtime.preprocess import Preprocessor
from lss_bev_ros.runtime.straightening import Straightening, StraighteningCache

from ..tilted_camera import tilted

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


SMALL = ModelConfig(image_height=32, image_width=32)
HERE = torch.device("cuda") if cuda_missing() is None else CPU
BARREL = Lens("plumb_bob", (-0.34, 0.14, 0.001, -0.001, -0.03))
LENSES = {
    "barrel": BARREL,
    "pincushion": Lens("plumb_bob", (0.2, 0.05, 0.0, 0.0, 0.0)),
    "fisheye": Lens("equidistant", (-0.02, 0.004, 0.0, 0.0)),
}


@pytest.fixture(params=[pytest.param("triton", marks=needs_triton), "torch"])
def kernels(request, monkeypatch):
    """Our kernels, or PyTorch's operators."""
    if request.param == "torch":
        for module in ("resizer", "straightener"):
            monkeypatch.setattr(f"lss_bev_ros.runtime.cuda.{module}.has_triton", lambda: False)
    return request.param


def small_camera(name, lens=None, width=80, height=60):
    k = np.array([[0.8 * width, 0.0, width / 2 + 1.3], [0.0, 0.8 * width, height / 2 - 2.1], [0.0, 0.0, 1.0]])
    return Camera(name, k, width, height, Pose(np.eye(3), np.zeros(3)), lens or Lens())


def noise(rig, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (c.height, c.width, 3), dtype=np.uint8) for c in rig.cameras]


def levels_of(preprocess, rig, images, config=SMALL):
    """(N, H, W, 3) levels of 255 that a `DevicePreprocessor` makes of images in a loader's stacks."""
    sizes = dict.fromkeys((c.width, c.height) for c in rig.cameras)
    stacks = [
        torch.from_numpy(np.stack([image for image in images if image.shape[1::-1] == size])).to(HERE)
        for size in sizes
    ]
    out = torch.full((len(rig), config.image_height, config.image_width, 3), 99.0, device=HERE)
    preprocess(stacks, out)
    return (out.cpu().numpy() * np.float32(IMAGE_STD) + np.float32(IMAGE_MEAN)) * 255.0


def device_preprocessor(rig):
    return DevicePreprocessor(rig, SMALL, HERE, StraighteningCache(SMALL))


@pytest.mark.parametrize("lens", LENSES.values(), ids=LENSES.keys())
def test_an_image_is_looked_up_as_opencv_does_to_the_last_bit(lens, kernels):
    camera = small_camera("cam", lens)
    preprocess = device_preprocessor(Rig((camera,)))
    (image,) = noise(Rig((camera,)))
    levels_of(preprocess, Rig((camera,)), [image])
    straightener = preprocess._groups[0].resize
    expected = Straightening.of(camera, SMALL).sample(image)
    np.testing.assert_array_equal(straightener._samples[0].cpu().numpy(), expected)


def test_every_fraction_and_every_edge_is_looked_up_as_opencv_does(kernels):
    """Places all over an image, its last column and row included."""
    from lss_bev_ros.runtime.cuda.straightener import Straightener

    rng = np.random.default_rng(3)
    x, y = rng.uniform(0, 79, (96, 64)), rng.uniform(0, 59, (96, 64))
    x[:, :4], y[:4], x[:, -1], y[-1] = 79.0, 59.0, 0.0, 0.0
    rest = np.arange(32) / 32
    x[10:42, 10:42], y[10:42, 10:42] = 7 + rest, 5 + rest[:, None]
    lookup = Straightening(36, 36, *cv2.convertMaps(x.astype(np.float32), y.astype(np.float32), cv2.CV_16SC2))
    images = rng.integers(0, 256, (2, 60, 80, 3), dtype=np.uint8)
    images[1] = rng.integers(0, 2, (60, 80, 3), dtype=np.uint8) * 255
    straightener = Straightener([lookup, lookup], SMALL, HERE)
    straightener(torch.from_numpy(images).to(HERE), torch.zeros(2, 32, 32, 3, device=HERE))
    for image, samples in zip(images, straightener._samples.cpu().numpy(), strict=True):
        np.testing.assert_array_equal(samples, lookup.sample(image))


RIGS = {
    "all bent": [("barrel", 80), ("fisheye", 80), ("pincushion", 80)],
    "the middle one bent": [(None, 80), ("barrel", 80), (None, 80)],
    "the middle one straight": [("barrel", 80), (None, 80), ("barrel", 80)],
    "sizes by turns": [(None, 80), ("barrel", 64), ("fisheye", 80), (None, 64), (None, 80), ("barrel", 64)],
    "all straight, sizes by turns": [(None, 80), (None, 64), (None, 80), (None, 64)],
}


@pytest.mark.parametrize("cameras", RIGS.values(), ids=RIGS.keys())
def test_rigs_of_any_mixture_are_preprocessed_as_on_the_cpu(cameras, kernels):
    rig = Rig(
        tuple(small_camera(f"c{i}", LENSES.get(lens), width) for i, (lens, width) in enumerate(cameras))
    )
    images = noise(rig)
    expected = Preprocessor(SMALL, torch.float32).pixels(images, rig.cameras).astype(float)
    got = levels_of(device_preprocessor(rig), rig, images)
    assert np.abs(got - expected).max() <= 1 + 1e-3
    # A pinhole's values are those that it has alone.
    for place in [place for place, camera in enumerate(rig.cameras) if camera.lens.is_pinhole][-1:]:
        alone = Rig((rig.cameras[place],))
        ours = levels_of(device_preprocessor(alone), alone, [images[place]])
        np.testing.assert_array_equal(got[place], ours[0])


def test_another_calibration_of_the_same_shape_is_taken_over_in_place(kernels):
    first = Rig((small_camera("a", BARREL), small_camera("b")))
    second = Rig((small_camera("a", LENSES["fisheye"]), first.cameras[1]))
    images = noise(first)
    preprocess = device_preprocessor(first)
    straightener = preprocess._groups[1].resize
    buffers = [straightener._places.data_ptr(), straightener._fractions.data_ptr()]
    for rig in (second, first):
        preprocess.use(rig)
        expected = Preprocessor(SMALL, torch.float32).pixels(images, rig.cameras).astype(float)
        assert np.abs(levels_of(preprocess, rig, images) - expected).max() <= 1 + 1e-3
    assert buffers == [straightener._places.data_ptr(), straightener._fractions.data_ptr()]


class Double:
    """What a session needs of a GPU's things; unlike a namespace it can be looked up."""

    def __init__(self, **attributes):
        vars(self).update(attributes)


@pytest.fixture
def session(monkeypatch):
    """A session of three small cameras without a GPU, whose network does nothing, and its captures."""
    monkeypatch.setattr("torch.cuda.stream", lambda _: contextlib.nullcontext())
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: self)
    stream = Double(wait_event=lambda _: None)
    network = Double(
        images=torch.zeros(3, 32, 32, 3),
        bev=torch.zeros(1),
        logits=torch.zeros(1, 200, 200),
        occupancy=torch.zeros(200, 200, dtype=torch.int8),
        stages={},
    )
    captured = []
    monkeypatch.setattr(Session, "_capture", lambda self, work: captured.append(1) or Double(replay=work))
    with ThreadPoolExecutor(1) as captures:
        tables = Double(load=lambda _: None)
        yield Session(network, tables, SMALL, stream, captures), captured


@pytest.mark.skipif(cuda_missing() is None, reason="there is a GPU, on which the whole is tested")
def test_graphs_are_chosen_by_which_cameras_have_a_lens(session, monkeypatch):
    monkeypatch.setattr("lss_bev_ros.runtime.cuda.resizer.has_triton", lambda: False)
    monkeypatch.setattr("lss_bev_ros.runtime.cuda.straightener.has_triton", lambda: False)
    session, captured = session
    marks = [Double(record=lambda: None)] * 2

    def rig_of(*lenses):
        return Rig(tuple(small_camera(f"c{i}", lens) for i, lens in enumerate(lenses)))

    images = noise(rig_of(None, None, None))
    loader = Double(loaded=None, groups=[((0, 1, 2), torch.from_numpy(np.stack(images)))])

    def run(rig):
        session.run_loaded(loader, Double(rig=rig), marks)
        values = session.network.images * torch.tensor(IMAGE_STD) + torch.tensor(IMAGE_MEAN)
        expected = Preprocessor(SMALL, torch.float32).pixels(images, rig.cameras)
        assert np.abs(values.numpy() * 255 - expected).max() <= 1 + 1e-3
        return len(captured)

    straight, bent = rig_of(None, None, None), rig_of(None, BARREL, None)
    assert [run(straight), run(bent), run(straight), run(bent)] == [1, 2, 2, 2]
    assert run(rig_of(None, LENSES["fisheye"], None)) == 2, "another lens needs no other graph"
    assert run(bent) == 2
    for lenses in itertools.product((None, BARREL), repeat=3):
        run(rig_of(*lenses))
    assert len(session._from_images) <= SHAPES
    session.forget(loader)
    assert not session._from_images


def test_the_shape_of_a_rig_is_sizes_and_which_cameras_have_a_lens():
    rig = Rig((small_camera("a"), small_camera("b", BARREL)))
    moved = Rig((rig.cameras[0], replace(rig.cameras[1], lens=LENSES["fisheye"])))
    assert rig_shape(rig, SMALL) == rig_shape(moved, SMALL)
    assert rig_shape(rig, SMALL) != rig_shape(Rig((rig.cameras[0], rig.cameras[1].straight)), SMALL)
    assert rig_shape(rig, SMALL) != rig_shape(Rig((small_camera("a", width=64), rig.cameras[1])), SMALL)


def test_rows_about_the_horizon_are_taken_on_the_device_as_on_the_processor():
    config = ModelConfig(image_height=32, image_width=96, horizon=14.0)
    angles = (0.0, 3.0, 8.0, 3.0)
    rig = Rig(tuple(replace(tilted(angle), name=f"c{n}") for n, angle in enumerate(angles)))
    level = Rig(tuple(replace(tilted(0.0), name=camera.name) for camera in rig.cameras))
    assert rig_shape(rig, config) != rig_shape(level, config)
    assert rig_shape(rig, ModelConfig()) == rig_shape(level, ModelConfig())
    images = noise(rig)
    preprocess = DevicePreprocessor(rig, config, HERE, StraighteningCache(config))
    expected = Preprocessor(config, torch.float32).pixels(images, rig.cameras)
    found = levels_of(preprocess, rig, images, config)
    assert np.abs(found - expected).max() <= 1 + 1e-3


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
def test_lenses_are_straightened_in_the_graph_and_change_without_a_new_one(
    engines, ring, pictures, monkeypatch
):
    ours, theirs = engines
    captured = []
    capture = Session._capture
    monkeypatch.setattr(Session, "_capture", lambda self, work: captured.append(1) or capture(self, work))

    def bent(**lenses):
        return Rig(tuple(replace(c, lens=lenses.get(c.name, Lens())) for c in ring.cameras))

    one = bent(cam_front=BARREL, cam_back=BARREL)
    other = bent(cam_front=LENSES["fisheye"], cam_back=LENSES["pincushion"])
    smooth = {n: cv2.GaussianBlur(p, (0, 0), 2.0) for n, p in pictures.items()}
    seen = []
    for rig in (ring, one, other, one, ring, bent(**dict.fromkeys(ring.names, BARREL))):
        frame = FrameSet(0, rig, smooth)
        assert_close(ours.infer(frame), theirs.infer(frame))
        seen.append(len(captured))
    assert seen[1:4] == [seen[0] + 1] * 3
    assert seen[4:] == [seen[1], seen[1] + 1]
    lost = FrameSet(0, other, {name: smooth[name] for name in ring.names[1:]})
    assert_close(ours.infer(lost), theirs.infer(lost))
    assert len(captured) == seen[-1]


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
def test_a_damaged_image_leaves_the_engine_ready(engines, street_frame):
    ours, theirs = engines
    broken = dict(street_frame.images, cam_back=street_frame.images["cam_back"][:2000])
    prediction, problems = ours.infer_usable(FrameSet(1, street_frame.rig, broken))
    assert set(problems) == {"cam_back"}
    whole = ours.infer(street_frame)
    assert_close(whole, theirs.infer(street_frame))
    assert not np.array_equal(prediction.visible, whole.visible)


def test_the_gpu_decodes_baseline_jpegs_and_the_host_all_else(ring, pictures):
    def file(suffix, *options):
        return cv2.imencode(suffix, pictures["cam_front"], options)[1].tobytes()

    files = [
        file(".jpg"),
        file(".jpg") + bytes(5000),
        file(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        file(".png"),
        file(".webp"),
        pictures["cam_front"],
    ]
    frame = FrameSet(1, ring, dict(zip(ring.names, files, strict=True)))
    assert baseline_jpegs(list(enumerate(ring.cameras)), frame) == {0: files[0], 1: files[0]}


def test_the_host_decodes_grey_jpegs_which_the_decoder_units_may_give_otherwise(ring, pictures):
    grey = cv2.imencode(".jpg", cv2.cvtColor(pictures["cam_front"], cv2.COLOR_RGB2GRAY))[1].tobytes()
    frame = FrameSet(1, ring, dict.fromkeys(ring.names, grey))
    assert baseline_jpegs(list(enumerate(ring.cameras)), frame) == {}


@needs_gpu
def test_files_of_any_kind_are_read_side_by_side(engines, ring, pictures):
    ours, theirs = engines
    smooth = {name: cv2.GaussianBlur(picture, (0, 0), 4) for name, picture in pictures.items()}
    kinds = [".jpg", ".png", ".webp", ".jpg", ".jpg"]
    options = [[], [], [cv2.IMWRITE_WEBP_QUALITY, 101], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1], []]
    files = {
        name: cv2.imencode(kind, smooth[name], each)[1].tobytes()
        for name, kind, each in zip(ring.names, kinds, options, strict=False)
    }
    files[ring.names[4]] += bytes(5000)
    frame = FrameSet(1, ring, {**files, ring.names[5]: smooth[ring.names[5]]})
    assert_close(ours.infer(frame), theirs.infer(frame))


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
