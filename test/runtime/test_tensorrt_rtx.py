"""Every exported file built by the one TensorRT that needs no GPU, and looked into: `make test-tensorrt`.

A build takes a second of processor time and is made once for all tests; what is written and what is built is
kept by its options.
"""

from __future__ import annotations

import os
import re
import signal
import threading

import numpy as np
import pytest

from lss_bev_ros.deploy.inspecting import inspect_model
from lss_bev_ros.deploy.quantize.explicit import heavy_layers
from lss_bev_ros.deploy.quantize.network import FloatNetwork
from lss_bev_ros.deploy.quantize.rewrite import QuantizationScheme, quantized
from lss_bev_ros.errors import RuntimeBackendError
from lss_bev_ros.geometry.example_rig import nuscenes_like_rig
from lss_bev_ros.model.senses import HEADS
from lss_bev_ros.runtime.multi_sense.weights import read_network
from lss_bev_ros.runtime.onnx import OnnxOptions, write_network
from lss_bev_ros.runtime.tensorrt.builder import BuildOptions, TensorRtError, build_plan, open_engine

trt = pytest.importorskip("tensorrt_rtx", reason="the extra `rtx` is not installed: make test-tensorrt")
pytest.importorskip("onnx", reason="the extra `export` is not installed")

TARGETS = ("8.6", "8.9", "12.0", "")
VARIANTS = {
    "network": {},
    "five cameras": {"cameras": 5},
    "batch": {"batch": 2},
    "tables": {"dynamic": ("tables",)},
    "cameras": {"dynamic": ("cameras", "tables")},
    "rig": {"rig": nuscenes_like_rig()},
    "camera": {"part": "camera"},
    "bev": {"part": "bev"},
}
SENSES = {
    "cameras alone": {"senses": ("cameras",)},
    "LiDAR alone": {"senses": ("lidar",)},
    "cameras and LiDAR": {"senses": ("cameras", "lidar")},
    "cameras and memory": {"senses": ("cameras", "memory")},
    "LiDAR and memory": {"senses": ("lidar", "memory")},
    **{f"{head} alone": {"heads": (head,)} for head in HEADS},
}
"""Of the multi-sense network, beside the variants above."""

FP32 = {
    "camencode.scores.fp32 + camencode.softmax",
    "camencode.pixels + features + camencode.scores + camencode.softmax + camencode.scores.fp32",
    "logits",
    "segmentation",
    "boxes",
    "plan",
    "heads.occupancy.fp32 + occupancy",
    "heads.embedding.fp32 + heads.embedding.length",
    "embedding + heads.embedding.above + heads.embedding.length",
}
"""Layers of the fp16 engines that write fp32: the softmax over depth and the answers."""

MEMORY = {"channels_last", "rows", "gathered", "sampled", "map", "moved", "joined"}
"""Operators of `runtime.onnx.senses.recalled` that hold the memory itself; what else is computed there is
where in it each cell lies, in fp32, in one kernel or in several."""

MOVES = {
    "camencode.images + camencode.trunk._conv_stem",
    "camencode.images",
    "camencode.trunk._conv_stem",
    "depth",
    "bevencode.channels",
    "fuse.cameras + fuse.joined + fuse.lidar",
    "lidarencode.linear",
    "logits",
    "segmentation",
    "boxes",
    "plan",
    "heads.occupancy.fp32 + occupancy",
    "__myl_Tran_myl",
}
"""Layers that only move data: padding of the images, and what inputs and outputs need."""

LEFT = {"builtin": 0.65, "builtin-pruned": 0.8, "builtin-multi": 0.65}
"""Share of the weights' bytes in 8 bits: what is pruned has more convolutions too small for it."""

SHAPES = {"images": tuple((1, count, 3, 128, 352) for count in (1, 6, 8))}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder, models, made = tmp_path_factory.mktemp("onnx"), {}, {}

    def write(weights="builtin", **options):
        key = f"{weights} {sorted(options.items())}"
        if key not in made:
            if weights not in models:
                models[weights] = read_network(weights)
            made[key] = folder / f"{len(made)}.onnx"
            model = write_network(models[weights], OnnxOptions(**options))
            assert "GridSample" not in {node.op_type for node in model.graph.node}, "TensorRT's is wrong"
            made[key].write_bytes(model.SerializeToString())
        return made[key]

    return write


@pytest.fixture(scope="module")
def eight(written, tmp_path_factory):
    """A file with Q/DQ for TensorRT, int8 or fp8, its ranges invented: no build depends on them."""
    from onnxruntime.quantization.calibrate import CalibrationMethod, TensorData, TensorsData

    folder, made = tmp_path_factory.mktemp("eight"), {}

    def write(weights="builtin", precision="int8", **options):
        key = f"{weights} {precision} {sorted(options.items())}"
        if key not in made:
            network = FloatNetwork.read(written(weights, **options))
            reach = (np.array(-4.0, np.float32), np.array(4.0, np.float32))
            names = {name for node in network.model.graph.node for name in (*node.input, *node.output)}
            known = {name: TensorData(lowest=reach[0], highest=reach[1]) for name in names}
            ranges = TensorsData(CalibrationMethod.MinMax, known)
            scheme = QuantizationScheme("tensorrt", precision=precision)
            model = quantized(network, ranges, heavy_layers(network), scheme)
            made[key] = folder / f"{len(made)}.onnx"
            made[key].write_bytes(model.SerializeToString())
        return made[key]

    return write


@pytest.fixture(scope="module")
def inspected():
    made = {}

    def inspect(path, target=""):
        if (path, target) not in made:
            shapes = SHAPES if "cameras" in str(_free(path)) else {}
            made[path, target] = inspect_model(path, target, shapes, trt)
        return made[path, target]

    return inspect


def _free(path):
    import onnx

    given = onnx.load(path).graph.input
    return {size.dim_param for one in given for size in one.type.tensor_type.shape.dim}


def labels(layers):
    """What layers compute; where the file has no name for it, TensorRT's own without its number."""
    return {re.sub(r"_myl\d+_\d+$", "_myl", layer.label) for layer in layers}


def is_place(label):
    """Whether all that a layer computes is where the memory lies."""
    parts = label.split(" + ")
    return all(part.startswith("memory.") and part.removeprefix("memory.") not in MEMORY for part in parts)


def assert_lean(found):
    wide = labels(found.layers.writing("fp32"))
    assert {label for label in wide if not is_place(label)} <= FP32
    assert labels(found.layers.moves) <= MOVES
    assert found.layers.fused > 10


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("weights", ["builtin", "builtin-pruned", "builtin-multi"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_fp16_has_no_fp32_layer_and_no_move_but_those_that_are_known(
    written, inspected, variant, weights, target
):
    assert_lean(inspected(written(weights, precision="fp16", **VARIANTS[variant]), target))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("variant", SENSES)
def test_every_choice_of_senses_and_heads_is_built_as_lean(written, inspected, variant, target):
    assert_lean(inspected(written("builtin-multi", precision="fp16", **SENSES[variant]), target))


@pytest.mark.parametrize("target", ["7.5", "8.0", "12.1"])
@pytest.mark.parametrize("weights", ["builtin", "builtin-multi"])
def test_the_other_targets_are_served_too(written, inspected, weights, target):
    assert inspected(written(weights, precision="fp16"), target).plan > 1_000_000


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("weights", ["builtin", "builtin-multi"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_fp32_builds(written, inspected, variant, weights, target):
    assert inspected(written(weights, **VARIANTS[variant]), target).plan > 1_000_000


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("part", ["network", "camera", "bev"])
@pytest.mark.parametrize("weights", ["builtin", "builtin-pruned", "builtin-multi"])
def test_int8_builds_and_keeps_its_weights_in_8_bits(written, eight, inspected, weights, part, target):
    found = inspected(eight(weights, part=part), target)
    half = inspected(written(weights, part=part, precision="fp16"), target)
    assert found.layers.weights < LEFT[weights] * half.layers.weights
    assert "int8" in {kind for layer in found.layers.layers for kind in layer.reads}


@pytest.mark.parametrize("target", ["8.9", "12.0", ""])
@pytest.mark.parametrize("part", ["network", "camera", "bev"])
@pytest.mark.parametrize("weights", ["builtin", "builtin-pruned", "builtin-multi"])
def test_fp8_builds_and_is_as_lean_as_fp16_where_gpus_have_it(
    written, eight, inspected, weights, part, target
):
    """One scale a weight: convolution, bias and rectifier stay one kernel, which writes no fp32."""
    found = inspected(eight(weights, "fp8", part=part), target)
    half = inspected(written(weights, part=part, precision="fp16"), target)
    assert found.layers.weights < LEFT[weights] * half.layers.weights
    assert "fp8" in {kind for layer in found.layers.layers for kind in layer.reads}
    assert len(found.layers.writing("fp32")) <= len(half.layers.writing("fp32"))


def test_fp8_is_refused_in_one_line_for_a_gpu_without_it(eight):
    with pytest.raises(RuntimeBackendError, match=r"8\.9 on, and this is for 8\.6: use .* int8") as caught:
        inspect_model(eight(precision="fp8"), "8.6", {}, trt)
    assert "\n" not in str(caught.value)


def test_a_target_that_it_does_not_serve_is_one_line(written):
    with pytest.raises(
        RuntimeBackendError, match=r"builds for the compute capabilities 7\.5, .*not for 8\.7"
    ):
        inspect_model(written(part="bev"), "8.7", {}, trt)


def test_int8_for_onnxruntime_is_told_apart(written, tmp_path):
    """Its biases are int32, which TensorRT refuses."""
    from onnxruntime.quantization.calibrate import CalibrationMethod, TensorData, TensorsData

    network = FloatNetwork.read(written(part="bev"))
    reach = (np.array(-4.0, np.float32), np.array(4.0, np.float32))
    names = {name for node in network.model.graph.node for name in (*node.input, *node.output)}
    known = {name: TensorData(lowest=reach[0], highest=reach[1]) for name in names}
    model = quantized(
        network, TensorsData(CalibrationMethod.MinMax, known), network.layers[:2], QuantizationScheme()
    )
    path = tmp_path / "int8.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(RuntimeBackendError, match=r"int32 biases are for onnxruntime.*--runtime tensorrt"):
        inspect_model(path, "8.9", {}, trt)


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ({}, r"images has free sizes, \?x3x128x352: .*--shape images=1x3x128x352,6x3x128x352,8x3x128x352$"),
        ({"image": [(1, 3, 128, 352)] * 3}, "--shape image: the model has no such input, but images"),
        ({"images": [(1, 3, 128, 300)] * 3}, r"1x3x128x300 does not fit \?x3x128x352"),
    ],
)
def test_shapes_are_checked_against_the_network_that_it_read(written, shapes, words):
    with pytest.raises(RuntimeBackendError, match=words):
        inspect_model(written(part="camera", dynamic=("cameras",)), "8.9", shapes, trt)


@pytest.mark.parametrize(
    ("operator", "attributes", "words"),
    [
        ("ScatterElements", {"reduction": "max"}, "ScatterElements: Unsupported reduction type"),
        ("Bernoulli", {}, r"Bernoulli \(refused\): unsupported node"),
    ],
)
def test_an_operator_that_it_refuses_is_named(operator, attributes, words):
    from onnx import TensorProto, helper

    def tensor(name, kind=TensorProto.FLOAT):
        return helper.make_tensor_value_info(name, kind, (4, 4))

    read = ["x", "at", "x"] if attributes else ["x"]
    refused = helper.make_node(operator, read, ["y"], name="refused", **attributes)
    after = helper.make_node("Relu", ["y"], ["z"], name="after")
    given = [tensor("x"), tensor("at", TensorProto.INT32)]
    graph = helper.make_graph([refused, after], "refused", given, [tensor("z")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    with pytest.raises(TensorRtError, match=f"cannot read the ONNX model: {words}$") as caught:
        build_plan(model.SerializeToString(), BuildOptions(), trt=trt)
    assert "\n" not in str(caught.value)


def test_an_interrupt_ends_a_build(written):
    content = written(part="camera", precision="fp16").read_bytes()
    told = []

    def progress(*step):
        if not told:
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        told.append(step)

    with pytest.raises(KeyboardInterrupt):
        build_plan(content, BuildOptions("fp16"), progress=progress, trt=trt)


def test_without_a_driver_an_engine_is_built_and_not_opened(written):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    plan, _ = build_plan(written(part="bev").read_bytes(), BuildOptions(), trt=trt)
    with pytest.raises(TensorRtError, match=r"CUDA does not work here.*nvidia-smi"):
        open_engine(plan, trt=trt)
