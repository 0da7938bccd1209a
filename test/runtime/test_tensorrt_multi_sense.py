"""The multi-sense network on the tensorrt backend; TensorRT is a stand-in that runs the ONNX of its plan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lss_bev_ros.errors import RuntimeBackendError
from lss_bev_ros.evaluation.frames import random_frames
from lss_bev_ros.geometry import Pose
from lss_bev_ros.model.senses import HEADS
from lss_bev_ros.runtime import create_engine
from lss_bev_ros.runtime.cuda.engine import cuda_missing
from lss_bev_ros.runtime.multi_sense.moment import Moment
from lss_bev_ros.runtime.multi_sense.weights import untrained
from lss_bev_ros.runtime.onnx import OnnxDescription, OnnxOptions, write_network
from lss_bev_ros.runtime.tensorrt import building as building_file
from lss_bev_ros.runtime.tensorrt import engine as engine_file
from lss_bev_ros.runtime.tensorrt import module as module_file
from lss_bev_ros.runtime.tensorrt import multi_sense_engine as multi_file
from lss_bev_ros.runtime.tensorrt.builder import open_engine, tensors_of
from lss_bev_ros.runtime.tensorrt.engine_file import Machine

from ..small_senses import SMALL
from .cuda_on_cpu import CPU, use_the_cpu
from .tensorrt_fake import Script, fake_tensorrt, plan_of_onnx

pytest.importorskip("onnx", reason="the extra `export` is not installed")
pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")

SECOND = 10**9
FILES = {
    "whole": {},
    "fp16": {"precision": "fp16"},
    "free tables": {"dynamic": ("tables",)},
    "cameras alone": {"senses": ("cameras",)},
    "LiDAR alone": {"senses": ("lidar",), "heads": ("boxes", "occupancy")},
    "cameras and memory": {"senses": ("cameras", "memory"), "heads": ("segmentation", "plan")},
    "seven cameras": {"cameras": 7},
}


@pytest.fixture(scope="module")
def model():
    return untrained(1, SMALL)


@pytest.fixture(scope="module")
def moments():
    draw = np.random.default_rng(0)
    points = np.column_stack([draw.uniform(-15, 15, (900, 2)), draw.random((900, 2)), np.zeros(900)])
    frame = random_frames(1).sets[0]
    first = Moment(frame.stamp, frame, points, Pose.identity(), (2.0, 0.1, 0.05, 0.5))
    later = replace(first, stamp=frame.stamp + SECOND // 2, pose=Pose.from_yaw(0.1, (2.0, 0.0, 0.0)))
    return first, replace(later, points=points[:500]), replace(later, stamp=frame.stamp + SECOND, points=None)


@pytest.fixture
def tensorrt(monkeypatch):
    """TensorRT with no GPU below it: each plan is the ONNX file that it was built of."""
    if cuda_missing() is None:
        pytest.skip("there is a GPU, on which engines are loaded")
    use_the_cpu(monkeypatch)
    script, machine = Script(), Machine("11.4.0", "a processor", "9.0")
    trt = fake_tensorrt("11.4.0", script)
    for module in (engine_file, building_file):
        monkeypatch.setattr(module, "import_tensorrt", lambda: trt)
        monkeypatch.setattr(module, "this_machine", lambda _: machine)

    def build(content, options, *_):
        profiles = {name: tuple(map(tuple, shapes)) for name, shapes in options.shapes.items()}
        script.plans[b"plan"] = plan_of_onnx(content, profiles)
        return b"plan", b""

    monkeypatch.setattr(building_file, "build_plan", build)
    monkeypatch.setattr(multi_file, "this_gpu", lambda: CPU)
    monkeypatch.setattr(module_file, "open_engine", lambda plan, dla, _: open_engine(plan, dla, trt))
    monkeypatch.setattr(module_file, "tensors_of", lambda engine, _: tensors_of(engine, trt))
    monkeypatch.setattr(engine_file, "tensorrt_missing", lambda: None)
    return script


@pytest.mark.parametrize("options", FILES.values(), ids=FILES)
def test_it_answers_what_onnxruntime_answers_moment_by_moment(model, moments, tensorrt, tmp_path, options):
    path = tmp_path / "multi.onnx"
    written = write_network(model, OnnxOptions(**options, returns=1200, weights="ours"))
    path.write_bytes(written.SerializeToString())
    heads = options.get("heads") or HEADS
    with create_engine("tensorrt", path) as ours, create_engine("onnxruntime", path) as theirs:
        assert ours.name == f"tensorrt-{options.get('precision', 'fp32')}-multi"
        assert (ours.weights, ours.grid) == ("ours", SMALL.model.grid)
        for moment in moments[: 2 if options.get("senses") == ("lidar",) else 3]:
            mine, expected = ours.answer(moment, heads), theirs.answer(moment, heads)
            assert (mine.senses, mine.memory_age) == (expected.senses, expected.memory_age)
            np.testing.assert_array_equal(mine.reached, expected.reached)
            assert ours.raw.keys() == theirs.raw.keys() >= set(heads)
            for name, value in theirs.raw.items():
                np.testing.assert_allclose(ours.raw[name], value, atol=1e-4, rtol=1e-3, err_msg=name)
    assert tensorrt.contexts == 1, "shapes never change, so the graph's addresses do not either"


def test_weights_are_written_whole_and_built(model, tensorrt, moments, tmp_path, monkeypatch):
    monkeypatch.setenv("LSS_BEV_CACHE", str(tmp_path))
    monkeypatch.setattr(engine_file, "read_multi_sense", lambda _: model)
    with create_engine("tensorrt", "multi-seed:1") as engine:
        assert engine.name == "tensorrt-fp16-multi"
        assert engine.answer(moments[0], HEADS).boxes is not None
    (built,) = tmp_path.rglob("*.engine")
    assert built.name.startswith("multi_network_fp16_1x6_")


def test_a_part_alone_is_refused(model, tensorrt, tmp_path):
    path = tmp_path / "bev.onnx"
    path.write_bytes(write_network(model, OnnxOptions("bev")).SerializeToString())
    with pytest.raises(RuntimeBackendError, match=r"which TensorRT runs whole.*--part network"):
        create_engine("tensorrt", path)


def test_what_an_engine_was_not_built_for_is_named(model, tensorrt):
    written = write_network(model, OnnxOptions(senses=("lidar",), heads=("boxes",), returns=50))
    content = written.SerializeToString()
    tensorrt.plans[b"small"] = plan_of_onnx(content)
    module = module_file.TensorRtModule(b"small", "lidar.engine", device=CPU)
    session = multi_file.EngineSession(module)
    fed = {name: np.zeros(shape, session.dtypes[name]) for name, shape in session.shapes.items()}
    with pytest.raises(RuntimeBackendError, match=r"lidar\.engine takes returns of \(50, 9\), not \(51, 9\)"):
        session.run({**fed, "returns": np.zeros((51, 9), np.float32)})


def test_the_tables_of_returns_need_no_shape_of_the_users(model):
    written = write_network(model, OnnxOptions(dynamic=("tables",)))
    description = OnnxDescription.read(building_file.metadata_of(written), "file")
    shapes = building_file.with_tables(written, description, {})
    assert shapes["returns"] == [[1, 9], [65536, 9], [65536, 9]]
    assert {"pillars", "groups", "crowds", "points", "segments"} <= shapes.keys()
    lidar = write_network(model, OnnxOptions(dynamic=("tables",), senses=("lidar",)))
    description = OnnxDescription.read(building_file.metadata_of(lidar), "file")
    assert set(building_file.with_tables(lidar, description, {})) == {
        "returns",
        "pillars",
        "groups",
        "crowds",
    }
