"""INT8 of the multi-sense network: what every head loses is known, and bounded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lss_bev_ros.errors import DeployError
from lss_bev_ros.runtime import create_engine
from lss_bev_ros.runtime.multi_sense.weights import untrained

pytest.importorskip("onnx", reason="the extra `export` is not installed")
pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")

import onnx
from onnx import numpy_helper

from lss_bev_ros.deploy.quantize import QuantizeOptions, quantize, quantize_table
from lss_bev_ros.deploy.quantize.half import in_half
from lss_bev_ros.deploy.quantize.network import FloatNetwork
from lss_bev_ros.runtime.onnx import OnnxOptions, write_network

from ..small_senses import SMALL

LIDAR = replace(SMALL, senses=("lidar", "memory"), heads=("segmentation", "boxes"))


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    path = tmp_path_factory.mktemp("quantize") / "network.onnx"
    written = write_network(untrained(1, LIDAR), OnnxOptions(dynamic=("tables",), weights="seed 1"))
    path.write_bytes(written.SerializeToString())
    return path


def test_metres_and_the_ends_of_heads_stay_in_float(network):
    layers = FloatNetwork.read(network).layers
    assert {"fuse.conv", "fuse.recall", "heads.boxes.conv", "bevencode.conv1"} <= set(layers)
    assert not [name for name in layers if name.endswith(".last") or "lidarencode" in name]


def test_every_score_of_the_int8_network_stands_beside_that_of_fp32(network, street, tmp_path):
    out = tmp_path / "int8.onnx"
    options = QuantizeOptions(frames=2, sensitivity_frames=0, bound=0.5, turns=1)
    result = quantize(network, out, street, options)
    scores = result.report["scores_fp32"]
    assert {"layers.iou_vehicle", "boxes.map"} <= set(scores)
    assert set(result.trials[-1].scores) == set(scores)
    assert result.trials[-1].loss <= 0.5
    assert quantize_table(result).row_count > len(scores)
    with create_engine(weights=out) as engine:
        assert engine.name == "onnxruntime-cpu-int8-multi"
        assert engine.config == LIDAR


@pytest.mark.parametrize("part", ["network", "camera", "bev"])
def test_in_half_is_what_the_export_in_fp16_is(part):
    model = untrained(1, SMALL)
    made = in_half(write_network(model, OnnxOptions(part)))
    written = write_network(model, OnnxOptions(part, "fp16"))
    assert list(made.graph.node) == list(written.graph.node)
    for ours, theirs in ((made.graph.input, written.graph.input), (made.graph.output, written.graph.output)):
        assert {one.name: one.type for one in ours} == {one.name: one.type for one in theirs}
    weights, expected = (
        {c.name: numpy_helper.to_array(c) for c in file.graph.initializer} for file in (made, written)
    )
    assert weights.keys() == expected.keys()
    for name, value in weights.items():
        assert value.dtype == expected[name].dtype, name
        assert np.array_equal(value, expected[name]), name


def test_int8_for_tensorrt_keeps_memory_and_answers_in_fp32_and_runs(network, street, tmp_path):
    out = tmp_path / "int8.onnx"
    options = QuantizeOptions(frames=2, sensitivity_frames=0, bound=0.5, turns=0, runtime="tensorrt")
    quantize(network, out, street, options)
    model = onnx.load(out)
    onnx.checker.check_model(model, full_check=True)
    types = {one.name: one.type.tensor_type.elem_type for one in [*model.graph.input, *model.graph.output]}
    assert types["segmentation"] == types["boxes"] == types["warp"] == types["age"] == onnx.TensorProto.FLOAT
    assert types["remembered"] == types["memory"] == types["returns"] == onnx.TensorProto.FLOAT16
    assert [node for node in model.graph.node if node.op_type == "QuantizeLinear"]
    with create_engine(weights=out) as engine:
        assert engine.name == "onnxruntime-cpu-int8-multi"


def test_a_bound_that_cannot_be_met_leaves_no_file(network, street, tmp_path, monkeypatch):
    from lss_bev_ros.deploy.quantize import accuracy

    monkeypatch.setattr(accuracy.Outcome, "loss", lambda *_: 1.0)
    with pytest.raises(DeployError, match=r"loss of 1\.0000 is above"):
        quantize(network, tmp_path / "int8.onnx", street, QuantizeOptions(frames=1, sensitivity_frames=0))
    assert not any(tmp_path.iterdir())
