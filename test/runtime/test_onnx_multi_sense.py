"""The multi-sense network in onnxruntime answers what PyTorch answers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lss_bev_ros.errors import RuntimeBackendError
from lss_bev_ros.evaluation.frames import random_frames
from lss_bev_ros.geometry import Pose
from lss_bev_ros.model.senses import HEADS
from lss_bev_ros.runtime import create_engine
from lss_bev_ros.runtime.multi_sense.engine import MultiSenseEngine
from lss_bev_ros.runtime.multi_sense.moment import Moment
from lss_bev_ros.runtime.multi_sense.weights import untrained

pytest.importorskip("onnx", reason="the extra `export` is not installed")
pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")

from lss_bev_ros.runtime.onnx import OnnxOptions, session, write_network
from lss_bev_ros.runtime.onnx.multi_sense_engine import OnnxMultiSenseEngine

from ..small_senses import SMALL

SECOND = 10**9
ALL = (*HEADS, "lanes", "templates")


@pytest.fixture(scope="module")
def model():
    return untrained(1, SMALL)


@pytest.fixture(scope="module")
def file(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "multi.onnx"
    written = write_network(model, OnnxOptions(dynamic=("cameras", "tables"), weights="seed 1"))
    path.write_bytes(written.SerializeToString())
    return path


@pytest.fixture(scope="module")
def engines(model, file):
    with MultiSenseEngine(untrained(1, SMALL), "seed 1") as ours, create_engine(weights=file) as theirs:
        yield ours, theirs


@pytest.fixture
def both(engines):
    for engine in engines:
        engine.memory.forget("another test")
    return engines


@pytest.fixture(scope="module")
def moment():
    draw = np.random.default_rng(0)
    points = np.column_stack([draw.uniform(-15, 15, (3000, 2)), draw.random((3000, 2)), np.zeros(3000)])
    frame = random_frames(1).sets[0]
    return Moment(frame.stamp, frame, points, Pose.identity(), (2.0, 0.1, 0.05, 0.5))


def close(one, other):
    for name in ("segmentation", "embedding"):
        ours, theirs = (getattr(each, name) for each in (one, other))
        if name == "segmentation":
            ours, theirs = ours.logits, theirs.logits
        np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), atol=1e-4)
    np.testing.assert_array_equal(one.reached, other.reached)
    np.testing.assert_allclose(one.plan.best, other.plan.best, atol=1e-5)
    np.testing.assert_allclose(one.plan.scores, other.plan.scores, atol=1e-3)
    assert (one.senses, one.memory_age) == (other.senses, other.memory_age)


def test_answers_are_those_of_pytorch_with_every_sense(both, moment):
    later = dataclasses.replace(
        moment, stamp=moment.stamp + SECOND // 2, pose=Pose.from_yaw(0.1, (2.0, 0.0, 0.0))
    )
    for each in (moment, later):
        found = [engine.answer(each, ALL) for engine in both]
        close(*found)
    assert found[0].senses == ("cameras", "lidar", "memory")


@pytest.mark.parametrize("senses", [("cameras",), ("lidar",)])
def test_answers_are_those_of_pytorch_where_a_sense_is_missing(both, moment, senses):
    close(*(engine.answer(moment, ALL, senses) for engine in both))


def test_memory_alone_answers_too(both, moment):
    for engine in both:
        engine.answer(moment, ())
    blind = Moment(moment.stamp + SECOND // 2, pose=moment.pose, motion=moment.motion)
    close(*(engine.answer(blind, ALL) for engine in both))


def test_a_camera_that_sends_nothing_costs_its_sector_alone(both, moment):
    images = dict(list(moment.cameras.images.items())[2:])
    lost = dataclasses.replace(moment, cameras=dataclasses.replace(moment.cameras, images=images))
    close(*(engine.answer(lost, ALL, ("cameras",)) for engine in both))


def test_the_vehicle_grid_comes_as_from_any_engine(both, moment):
    ours, theirs = (engine.infer(moment.cameras) for engine in both)
    np.testing.assert_allclose(ours.logits, theirs.logits, atol=1e-4)


def test_an_engine_of_a_file_says_what_it_is(engines, file):
    engine = engines[1]
    assert isinstance(engine, OnnxMultiSenseEngine)
    assert (engine.name, engine.weights) == ("onnxruntime-cpu-fp32-multi", "seed 1")
    assert engine.answers_moments
    with pytest.raises(RuntimeBackendError, match="is fp32, not fp16"):
        create_engine("onnxruntime", file, precision="fp16")


def test_a_part_alone_is_no_network(model, tmp_path):
    path = tmp_path / "bev.onnx"
    path.write_bytes(write_network(model, OnnxOptions("bev")).SerializeToString())
    with pytest.raises(RuntimeBackendError, match="no whole multi-sense network"):
        create_engine(weights=path)


class _Runtime:
    """onnxruntime as it is installed for a GPU."""

    @staticmethod
    def get_available_providers():
        return ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]


def test_a_gpu_is_used_where_onnxruntime_has_one_and_without_tf32():
    found = session._providers(_Runtime, "auto")
    assert found == [("CUDAExecutionProvider", {"use_tf32": "0"}), "CPUExecutionProvider"]
    assert session._providers(_Runtime, "cpu") == ["CPUExecutionProvider"]
