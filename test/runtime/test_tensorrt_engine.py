"""The tensorrt backend from files to grids; TensorRT is a stand-in that runs the ONNX a plan was built of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lss_bev_ros.errors import RuntimeBackendError
from lss_bev_ros.geometry import BevGrid, Rig
from lss_bev_ros.model import LiftSplatShoot, ModelConfig
from lss_bev_ros.model.weights import seed_state
from lss_bev_ros.runtime import FrameSet, create_engine
from lss_bev_ros.runtime.cpu.engine import TorchEngine
from lss_bev_ros.runtime.cuda.engine import cuda_missing, warm_up_rig
from lss_bev_ros.runtime.onnx import OnnxDescription, OnnxOptions, write_network
from lss_bev_ros.runtime.segment_tables import SegmentSizes
from lss_bev_ros.runtime.tensorrt import building as building_file
from lss_bev_ros.runtime.tensorrt import engine as engine_file
from lss_bev_ros.runtime.tensorrt import module as module_file
from lss_bev_ros.runtime.tensorrt import network as network_file
from lss_bev_ros.runtime.tensorrt.builder import BuildOptions, build_plan, open_engine, tensors_of
from lss_bev_ros.runtime.tensorrt.engine import EnginePart, TensorRtEngine
from lss_bev_ros.runtime.tensorrt.engine_file import Machine

from .cuda_on_cpu import CPU, use_the_cpu
from .tensorrt_fake import VERSIONS, Plan, Script, fake_tensorrt, plan_of_onnx
from .test_tensorrt_network import PlainSplat

onnx = pytest.importorskip("onnx", reason="the extra `export` is not installed")
pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")

CONFIG = ModelConfig(
    image_height=64, image_width=128, channels=16, grid=BevGrid(-32.0, 32.0, -32.0, 32.0, 1.0), depth_step=2.0
)
NX, NY = CONFIG.grid.shape


@pytest.fixture(scope="module")
def model():
    made = LiftSplatShoot(CONFIG)
    made.load_state_dict(seed_state(made, 2))
    return made.eval().requires_grad_(False)


@pytest.fixture
def on_cpu(monkeypatch):
    if cuda_missing() is None:
        pytest.skip("there is a GPU, on which engines are loaded")
    use_the_cpu(monkeypatch)
    monkeypatch.setattr(engine_file, "this_gpu", lambda: CPU)
    monkeypatch.setattr(network_file, "splat_kernels", lambda dtype: PlainSplat())


def exported(model, script, profiles=None, **options):
    """A part of the network, and the plan that the stand-in has of it."""
    written = write_network(model, OnnxOptions(**options)).SerializeToString()
    metadata = {entry.key: entry.value for entry in onnx.load_from_string(written).metadata_props}
    plan = f"plan {len(script.plans)}".encode()
    script.plans[plan] = plan_of_onnx(written, profiles)
    name = Path(f"{options.get('part', 'network')}.engine")
    return EnginePart(name, plan, OnnxDescription.read(metadata, str(name)))


def frame_of(rig, names=None):
    rng = np.random.default_rng(1)
    images = {c.name: rng.integers(0, 256, (c.height, c.width, 3), np.uint8) for c in rig.cameras}
    return FrameSet(3, rig, {name: images[name] for name in names or rig.names})


def assert_as_torch(model, engine, frame):
    with TorchEngine(model, "", "fp32") as theirs:
        expected = theirs.infer(frame)
    prediction = engine.infer(frame)
    assert np.array_equal(prediction.visible, expected.visible)
    # The interpolating resizer is Pillow's to a level.
    np.testing.assert_allclose(prediction.logits, expected.logits, atol=0.05, rtol=0.05)
    assert np.array_equal(prediction.occupancy >= 0, expected.occupancy >= 0)
    assert np.abs(prediction.occupancy.astype(int) - expected.occupancy).max() <= 3
    assert prediction.occupancy.max() > 0


def camera_profile(config, low, usual, high):
    image = (3, config.image_height, config.image_width)
    return tuple((count, *image) for count in (low, usual, high))


def network_profiles(config, low, usual, high, tables=8):
    """Profiles of a network whose cameras and tables are free."""
    roomy = SegmentSizes.roomy(config, tables)
    profiles = {"images": tuple((1, *shape) for shape in camera_profile(config, low, usual, high))}
    for name, largest in (
        ("points", (roomy.segments, 8)),
        ("pixels", (roomy.segments, 8)),
        ("segments", (roomy.hits, roomy.width)),
    ):
        smallest = (1, 8) if name != "segments" else (1, 1)
        profiles[name] = (smallest, largest, largest)
    return profiles


@pytest.mark.parametrize("version", [VERSIONS[0], VERSIONS[-1]])
def test_the_whole_network_is_loaded_and_predicts(model, ring, on_cpu, version):
    script = Script()
    part = exported(model, script, weights="ours")
    with TensorRtEngine((part,), "ours", trt=fake_tensorrt(version, script)) as engine:
        assert engine.name == "tensorrt-fp32"
        assert engine.grid == CONFIG.grid
        assert_as_torch(model, engine, frame_of(ring))
        # A camera that is lost, and one that comes back.
        assert_as_torch(model, engine, frame_of(ring, ring.names[1:]))
        assert_as_torch(model, engine, frame_of(ring))


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("parts", [("network",), ("camera", "bev"), ("bev", "camera")], ids="+".join)
def test_a_network_of_any_number_of_cameras_is_loaded_and_predicts(model, on_cpu, count, parts):
    script, rig = Script(), warm_up_rig(count)
    made = tuple(exported(model, script, part=part, cameras=count) for part in parts)
    with TensorRtEngine(made, "", trt=fake_tensorrt(VERSIONS[-1], script)) as engine:
        assert_as_torch(model, engine, frame_of(rig))
        with pytest.raises(
            RuntimeBackendError,
            match=rf"for {count} cameras, and the rig has {count + 1}: .*"
            rf"--cameras {count + 1}",
        ):
            engine.infer(frame_of(warm_up_rig(count + 1)))
        assert_as_torch(model, engine, frame_of(rig))


@pytest.mark.parametrize("parts", [("network",), ("camera", "bev")], ids="+".join)
def test_free_numbers_of_cameras_are_those_that_the_engine_was_built_for(model, on_cpu, parts):
    script = Script()
    made = []
    for part in parts:
        profiles = {"images": camera_profile(CONFIG, 1, 4, 7), "bev": ((1, NX, NY, 16),) * 3}
        if part == "network":
            profiles = network_profiles(CONFIG, 1, 4, 7)
        dynamic = ("batch", "cameras", "tables") if part == "bev" else ("cameras", "tables")
        made.append(exported(model, script, profiles, part=part, dynamic=dynamic))
    with TensorRtEngine(tuple(made), "", trt=fake_tensorrt(VERSIONS[0], script)) as engine:
        assert list(engine._sessions) == [4]
        for count in (7, 3, 7):
            assert_as_torch(model, engine, frame_of(warm_up_rig(count)))
        with pytest.raises(RuntimeBackendError, match="was not built for images"):
            engine.infer(frame_of(warm_up_rig(8)))


def test_tables_that_a_built_engine_cannot_hold_are_said(model, ring, on_cpu):
    script = Script()
    profiles = network_profiles(CONFIG, 1, 6, 6)
    profiles["segments"] = ((1, 1), (40, 2), (40, 2))
    part = exported(model, script, profiles, dynamic=("cameras", "tables"))
    with pytest.raises(RuntimeBackendError, match=r"built for 40: .*`--shape` of the tables"):
        TensorRtEngine((part,), "", trt=fake_tensorrt(VERSIONS[-1], script))


@pytest.mark.parametrize("count", [6, 4])
def test_constant_tables_serve_their_own_rig_alone(model, ring, on_cpu, count):
    script, rig = Script(), Rig(ring.cameras[:count])
    part = exported(model, script, cameras=count, rig=rig)
    with TensorRtEngine((part,), "", trt=fake_tensorrt(VERSIONS[-1], script)) as engine:
        assert_as_torch(model, engine, frame_of(rig))
        moved = Rig((*rig.cameras[:-1], replace(rig.cameras[-1], pose=rig.cameras[0].pose)))
        with pytest.raises(RuntimeBackendError, match=r"of another calibration, of cam_front_left, .*--rig"):
            engine.infer(frame_of(moved))
        with pytest.raises(RuntimeBackendError, match="of all its cameras, and cam_front sent no image"):
            engine.infer(frame_of(rig, [name for name in rig.names if name != "cam_front"]))
        assert_as_torch(model, engine, frame_of(rig))


@pytest.mark.parametrize("options", [{}, {"cameras": 5}, {"rig": True}], ids=str)
def test_an_exported_file_is_built_and_run_by_its_name(model, ring, on_cpu, monkeypatch, tmp_path, options):
    """What `lss-bev export`, `build` and `create_engine` do, all but TensorRT's part."""
    script, machine = Script(), Machine("11.4.0", "a processor", "9.0")
    trt = fake_tensorrt("11.4.0", script)
    for module in (engine_file, building_file):
        monkeypatch.setattr(module, "import_tensorrt", lambda: trt)
        monkeypatch.setattr(module, "this_machine", lambda _: machine)
    monkeypatch.setattr(module_file, "open_engine", lambda plan, dla, _: open_engine(plan, dla, trt))
    monkeypatch.setattr(module_file, "tensors_of", lambda engine, _: tensors_of(engine, trt))
    monkeypatch.setattr(engine_file, "tensorrt_missing", lambda: None)
    cameras = options.get("cameras", 6)
    rig = ring if cameras == 6 else warm_up_rig(cameras)
    written = OnnxOptions(cameras=cameras, rig=rig if options.get("rig") else None, weights="ours")
    content = write_network(model, written).SerializeToString()
    path = tmp_path / "network.onnx"
    path.write_bytes(content)
    # The name of every plan that the stand-in builds.
    script.plans[b"plan"] = plan_of_onnx(content)
    built = building_file.ensure_engine(path)
    for file in (path, built.path):
        with create_engine("tensorrt", file, grid=CONFIG.grid) as engine:
            assert engine.weights == "ours"
            assert_as_torch(model, engine, frame_of(rig))


def test_engines_for_several_samples_are_refused(model, on_cpu):
    script = Script()
    parts = (exported(model, script, part="camera"), exported(model, script, part="bev", batch=2))
    with pytest.raises(RuntimeBackendError, match=r"bev\.engine takes 2 samples at once.*--batch 1"):
        TensorRtEngine(parts, "", trt=fake_tensorrt(VERSIONS[-1], script))
    part = exported(model, script, batch=2)
    with pytest.raises(RuntimeBackendError, match="takes 2 samples at once"):
        TensorRtEngine((part,), "", trt=fake_tensorrt(VERSIONS[-1], script))


def test_engines_of_different_weights_make_no_network(model, on_cpu):
    script = Script()
    other = LiftSplatShoot(CONFIG)
    other.load_state_dict(seed_state(other, 3))
    parts = (exported(model, script, part="camera"), exported(other.eval(), script, part="bev"))
    with pytest.raises(RuntimeBackendError, match="different weights"):
        TensorRtEngine(parts, "", trt=fake_tensorrt(VERSIONS[-1], script))
    with pytest.raises(RuntimeBackendError, match="camera make no network"):
        TensorRtEngine(parts[:1], "", trt=fake_tensorrt(VERSIONS[-1], script))


def test_logits_that_are_no_numbers_are_unknown_cells(model, ring, on_cpu):
    script = Script()
    part = exported(model, script)
    plan = script.plans[part.plan]
    broken = np.full((1, 1, NX, NY), np.nan, np.float32)
    broken[0, 0, :10] = 1.0
    script.plans[part.plan] = Plan(plan.tensors, compute=lambda _: {"logits": broken})
    with TensorRtEngine((part,), "", trt=fake_tensorrt(VERSIONS[-1], script)) as engine:
        prediction = engine.infer(frame_of(ring))
    assert (prediction.occupancy[10:] == -1).all()
    assert prediction.unknown_by_nan == np.count_nonzero(prediction.visible[10:]) > 0


def test_the_tables_need_no_shape_of_the_users(model):
    written = write_network(model, OnnxOptions(dynamic=("tables",)))
    description = OnnxDescription.read(building_file.metadata_of(written), "file")
    roomy = SegmentSizes.roomy(CONFIG, 6)
    shapes = building_file.with_tables(written, description, {})
    assert shapes["points"] == shapes["pixels"] == [[1, 8], [roomy.segments, 8], [roomy.segments, 8]]
    assert shapes["segments"] == [[1, 1], [roomy.hits, roomy.width], [roomy.hits, roomy.width]]
    mine = {"points": [[1, 8], [5, 8], [9, 8]]}
    assert building_file.with_tables(written, description, mine)["points"] == mine["points"]
    # With free cameras it is the images' shape that says how many there may be.
    free = write_network(model, OnnxOptions(dynamic=("cameras", "tables")))
    assert building_file.with_tables(free, description, {}) == {}
    images = {"images": network_profiles(CONFIG, 1, 4, 8)["images"]}
    largest = building_file.with_tables(free, description, images)["points"][-1]
    assert largest == [SegmentSizes.roomy(CONFIG, 8).segments, 8]


BUILDS = {
    "whole": ({}, {}),
    "fp16": ({"precision": "fp16"}, {}),
    "five cameras": ({"cameras": 5}, {}),
    "constant tables": ({"rig": True}, {}),
    "camera encoder": ({"part": "camera"}, {}),
    "BEV encoder": ({"part": "bev"}, {}),
    "free": ({"dynamic": ("cameras", "tables")}, network_profiles(CONFIG, 1, 6, 8)),
}


@pytest.mark.parametrize(("options", "profiles"), BUILDS.values(), ids=BUILDS)
def test_tensorrt_rtx_builds_every_kind_of_file(model, ring, options, profiles):
    """The one TensorRT that builds without a GPU."""
    trt = pytest.importorskip("tensorrt_rtx", reason="the extra `rtx` is not installed")
    rig = ring if options.get("rig") else None
    content = write_network(model, OnnxOptions(**{**options, "rig": rig})).SerializeToString()
    plan, _ = build_plan(content, BuildOptions(options.get("precision", "fp32"), shapes=profiles), trt=trt)
    assert len(plan) > 1_000_000


@pytest.mark.skipif(cuda_missing() is not None, reason=f"no GPU: {cuda_missing()}")
@pytest.mark.parametrize("options", [{}, {"cameras": 5}, {"part": "two"}, {"rig": True}], ids=str)
def test_on_a_gpu_engines_are_loaded_captured_and_launched(model, ring, options):
    """The stand-in computes nothing there: what is tested are streams, graphs, buffers and tables."""
    script, cameras = Script(), options.get("cameras", 6)
    rig = ring if cameras == 6 else warm_up_rig(cameras)
    if options.get("part"):
        made = tuple(exported(model, script, part=part) for part in ("camera", "bev"))
    else:
        made = (exported(model, script, cameras=cameras, rig=rig if options.get("rig") else None),)
    for plan in script.plans.values():
        plan.compute = None
    with TensorRtEngine(made, "", trt=fake_tensorrt(VERSIONS[-1], script)) as engine:
        for _ in range(3):
            prediction = engine.infer(frame_of(rig))
        launched = [name for name, _ in script.calls].count("IExecutionContext.execute_async_v3")
    assert launched > 0
    assert torch.cuda.is_available()
    # Logits are zero, so that every cell that is seen is at one half.
    assert set(np.unique(prediction.occupancy)) <= {-1, 50}
    assert np.array_equal(prediction.occupancy == 50, prediction.visible)
