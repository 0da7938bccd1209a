"""Quantisation says what it costs, keeps in float what it is told to, and refuses what it cannot do."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

pytest.importorskip("onnx", reason="quantisation needs the extra `export`")
pytest.importorskip("onnxruntime", reason="quantisation needs the extra `export`")

import onnx
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper
from typer.testing import CliRunner

from lss_bev_ros.deploy.export import export_network
from lss_bev_ros.deploy.quantize import QuantizeOptions, quantize
from lss_bev_ros.deploy.quantize.accuracy import run_frames
from lss_bev_ros.deploy.quantize.equalization import ChannelGroups, channel_factors, equalized
from lss_bev_ros.deploy.quantize.explicit import EIGHT_BITS
from lss_bev_ros.deploy.quantize.network import FloatNetwork, LabelledInput, labelled_inputs
from lss_bev_ros.deploy.quantize.ranges import measure_ranges
from lss_bev_ros.deploy.quantize.rewrite import QuantizationScheme, quantized
from lss_bev_ros.errors import DeployError, LssBevError
from lss_bev_ros.files import write_json
from lss_bev_ros.geometry import BevGrid, Rig
from lss_bev_ros.geometry.example_rig import level_camera
from lss_bev_ros.model import LiftSplatShoot, ModelConfig, Widths
from lss_bev_ros.runtime import FrameSet
from lss_bev_ros.runtime.onnx import OnnxDescription
from lss_bev_ros.runtime.onnx.engine import OnnxRuntimeEngine
from lss_bev_ros.runtime.onnx.session import OnnxSession

SMALL = Widths().with_named({name: max(8, width // 16) for name, width in Widths().named().items()})
CONFIG = ModelConfig(
    image_height=64, image_width=96, depth_min=2, depth_max=10, channels=8, grid=BevGrid(-8, 8, -8, 8, 0.5),
    widths=SMALL,
)  # fmt: skip
BOUND = 0.2
"""Of the logits' error, which a network of random weights only keeps with most layers in float."""

RIG = Rig((level_camera("cam_front", 0.0, 1200.0), level_camera("cam_back", 180.0, 1200.0)))


def drawn(variance):
    """A small network of random weights; the smaller the variances, the more its values grow."""
    torch.manual_seed(0)
    model = LiftSplatShoot(CONFIG).eval().requires_grad_(False)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.uniform_(0.8, 1.6)
            module.bias.uniform_(-0.3, 0.3)
            module.running_var.uniform_(*variance)
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The three fp32 files of a small network."""
    model = drawn((0.05, 0.2))
    where = tmp_path_factory.mktemp("fp32")
    for part in ("network", "camera", "bev"):
        export_network(model, where / f"{part}_fp32.onnx", part, cameras=2, dynamic=("tables",), check=False)
    return where


@pytest.fixture(scope="module")
def network(folder):
    return FloatNetwork.read(folder / "network_fp32.onnx")


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """A network whose values stay within half precision."""
    path = tmp_path_factory.mktemp("calm") / "network_fp32.onnx"
    export_network(drawn((0.2, 0.6)), path, "network", cameras=2, dynamic=("tables",), check=False)
    return FloatNetwork.read(path)


@pytest.fixture(scope="module")
def frames(network):
    rng = np.random.default_rng(0)
    with OnnxRuntimeEngine(network.path) as engine:
        tables = engine.tables(FrameSet(0, RIG, {"cam_front": b"", "cam_back": b""}))
    images = [rng.standard_normal((1, 2, 3, 64, 96), dtype=np.float32) for _ in range(3)]
    return [LabelledInput({"images": batch, **tables.inputs}, tables.visible, None) for batch in images]


@pytest.fixture(scope="module")
def ranges(network, frames):
    return measure_ranges(network, frames)


def error(network, model, frames):
    reference = run_frames(OnnxSession(network.path), frames)
    return run_frames(OnnxSession(model.SerializeToString(), "int8"), frames).error(reference)


def test_every_convolution_but_those_of_squeeze_and_excitation_can_be_quantised(network):
    convolutions = [node.name for node in network.model.graph.node if node.op_type == "Conv"]
    assert set(convolutions) - set(network.layers) == {name for name in convolutions if "._se_" in name}
    assert network.find(["bevencode.layer1"]) == tuple(n for n in network.layers if ".layer1." in n)


def test_with_no_layer_quantised_the_network_is_the_same(network, ranges, frames):
    assert error(network, quantized(network, ranges, [], QuantizationScheme()), frames) == 0.0


@pytest.mark.parametrize(
    ("runtime", "precision"), [("onnxruntime", "int8"), ("tensorrt", "int8"), ("tensorrt", "fp8")]
)
def test_a_quantised_network_is_near_says_so_and_holds_8_bits(network, calm, frames, runtime, precision):
    network = calm if runtime == "tensorrt" else network  # what is not in 8 bits is in half precision there
    scheme = QuantizationScheme(runtime, precision=precision)
    ranges = measure_ranges(network, frames, symmetric=scheme.symmetric)
    model = quantized(network, ranges, network.layers, scheme)
    onnx.checker.check_model(model)
    # Random weights amplify rounding from layer to layer, so that all together only do not explode.
    assert 0.0 < error(network, model, frames) < 2.0
    last = quantized(network, ranges, network.layers[-1:], scheme)
    # A number of fp8 has 3 bits of mantissa, whatever its size.
    assert 0.0 < error(network, last, frames) < {"int8": 0.05, "fp8": 0.2}[precision]
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert OnnxDescription.read(metadata, "file").precision == precision
    made = {name: node for node in model.graph.node for name in node.output}
    for node in model.graph.node:
        if node.op_type == "Conv" and node.name in network.layers:
            assert made[node.input[0]].op_type == "DequantizeLinear"
        elif "._se_" in node.name and node.op_type == "Conv":
            assert made[node.input[0]].op_type != "DequantizeLinear"
    if runtime == "tensorrt":
        constants = {c.name: numpy_helper.to_array(c) for c in model.graph.initializer}
        points = [constants[n.input[2]] for n in model.graph.node if n.op_type.endswith("uantizeLinear")]
        assert points
        dtype = {"int8": "int8", "fp8": "float8_e4m3fn"}[precision]
        assert all(point.dtype.name == dtype and not point.astype(np.float32).any() for point in points)


def e4m3():
    """All finite numbers of fp8, by its definition: a sign, 4 bits of exponent from -6, 3 of mantissa."""
    steps, exponents = np.arange(8) / 8, np.arange(15)
    found = [*(steps * 2.0**-6), *(np.exp2(exponents - 6)[:, None] * (1 + steps)).ravel()]
    found += [256 * (1 + step) for step in steps[:7]]  # the eighth is not a number
    return np.array(sorted({*found, *(-one for one in found)}), np.float32)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1000, 1000, width=32), min_size=1, max_size=20))
def test_fp8_is_the_nearest_number_that_there_is(values):
    values = np.array(values, np.float32)
    held = numpy_helper.to_array(EIGHT_BITS["fp8"].constant("x", values)).astype(np.float32)
    assert set(held.tolist()) <= set(e4m3().tolist())
    distance = np.abs(held - np.clip(values, -448, 448))
    np.testing.assert_array_equal(distance, np.abs(e4m3()[None] - np.clip(values, -448, 448)[:, None]).min(1))


def test_fp8_leaves_room_above_what_was_seen_and_its_scales_are_powers_of_two(calm, frames):
    ranges = measure_ranges(calm, frames, symmetric=True)
    model = quantized(calm, ranges, calm.layers, QuantizationScheme("tensorrt", precision="fp8"))
    constants = {c.name: numpy_helper.to_array(c) for c in model.graph.initializer}
    scales = {name: value for name, value in constants.items() if name.endswith(".scale")}
    assert scales
    for name, scale in scales.items():
        assert scale.shape == ()
        assert np.log2(float(scale)) % 1 == 0
        tensor = name.removesuffix(".scale")
        if tensor in ranges.data:
            reach = max(float(np.abs(one).max()) for one in ranges.data[tensor].range_value)
            assert 28 < reach / float(scale) <= 56 or float(scale) == 2.0**-14, name
    weights = [
        value for value in constants.values() if value.ndim == 4 and value.dtype.name == "float8_e4m3fn"
    ]
    assert len(weights) == len(calm.layers)
    assert all(np.isfinite(weight.astype(np.float32)).all() for weight in weights)


def test_onnxruntime_rounds_fp8_as_the_file_means_it(calm, frames):
    """It has no convolution in fp8, but rounds to it, which is how the loss is measured."""
    from onnx import TensorProto, helper

    bits, values = EIGHT_BITS["fp8"], np.linspace(-500, 500, 4001, dtype=np.float32)
    given, made = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [4001]) for name in "xy")
    constants = [
        numpy_helper.from_array(np.array(1, np.float32), "s"),
        bits.constant("z", np.zeros((), "f4")),
    ]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "rounded", [given], [made], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    found = OnnxSession(model.SerializeToString(), "rounded").run({"x": values})["y"]
    np.testing.assert_array_equal(found, numpy_helper.to_array(bits.constant("x", values)).astype(np.float32))


def test_a_bundles_runner_runs_fp8_in_onnxruntime_too(calm, frames, monkeypatch):
    """Its optimiser moves Q/DQ through a transpose, which knows no fp8, unless it is told not to."""
    from lss_bev_ros.deploy.bundle.runner.onnxruntime_session import OnnxRuntimeSession

    ranges = measure_ranges(calm, frames[:1], symmetric=True)
    scheme = QuantizationScheme("tensorrt", precision="fp8")
    content = quantized(calm, ranges, calm.layers, scheme).SerializeToString()
    ours, theirs = OnnxSession(content, "fp8"), OnnxRuntimeSession("fp8", content)
    fed = frames[0].of(ours)
    np.testing.assert_array_equal(ours.run(fed)["logits"], theirs.run(fed)["logits"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"precision": "fp8"}, "precision fp8 is for TensorRT: give --runtime tensorrt"),
        ({"precision": "fp4", "runtime": "tensorrt"}, "precision 'fp4' must be int8 or fp8"),
    ],
)
def test_8_bits_that_cannot_be_are_one_line(options, words):
    with pytest.raises(DeployError, match=words) as caught:
        QuantizeOptions(**options)
    assert "\n" not in str(caught.value)


def test_fp8_is_asked_for_on_the_command_line(folder, frames, tmp_path, monkeypatch):
    from lss_bev_ros.cli import app

    monkeypatch.setattr("lss_bev_ros.deploy.quantize.quantizing.labelled_inputs", lambda *_: frames)
    out = tmp_path / "fp8.onnx"
    words = [
        "quantize",
        str(folder / "network_fp32.onnx"),
        str(out),
        "--dataroot",
        str(tmp_path),
        "--bound",
        "9",
    ]
    options = ["--precision", "fp8", "--sensitivity-frames", "0", "--turns", "0"]
    bev = folder / "bev_fp32.onnx"
    refused = CliRunner().invoke(app, [*words, *options])
    assert "--runtime tensorrt" in str(refused.exception)
    assert not out.exists()
    result = CliRunner().invoke(app, [*words, *options, "--runtime", "tensorrt", "--part", str(bev)])
    assert result.exit_code == 0, result.output
    assert "fp8, 0 of " in result.output
    assert OnnxRuntimeEngine(out).name.endswith("fp8")
    assert json.loads(out.with_suffix(".json").read_text())["precision"] == "fp8"
    assert (folder / "bev_fp8.onnx").is_file()


@pytest.mark.parametrize("runtime", ["onnxruntime", "tensorrt"])
def test_onnxruntime_stays_in_8_bits_from_a_convolution_over_its_swish_to_the_next(network, ranges, runtime):
    model = quantized(network, ranges, network.layers, QuantizationScheme(runtime))
    made = {name: node for node in model.graph.node for name in node.output}
    muls = [node for node in model.graph.node if node.op_type == "Mul" and "camencode" in node.name]
    swish = [node for node in muls if "_se_" not in node.name]
    assert len(swish) > 16
    for node in swish:
        eight = all(made[name].op_type == "DequantizeLinear" for name in node.input)
        assert eight == (runtime == "onnxruntime")
    gates = [node for node in model.graph.node if node.name.endswith("._se_reduce")]
    assert gates
    assert all(made[node.input[0]].op_type == "ReduceMean" for node in gates)


def test_for_tensorrt_all_but_8_bits_is_fp16_and_nothing_is_between_a_convolution_and_what_it_fuses(
    network, ranges, folder
):
    layers = [name for name in network.layers if "_depthwise" not in name]
    model = quantized(network, ranges, layers, QuantizationScheme("tensorrt"))
    assert model.opset_import[0].version == 19
    constants = {c.name: numpy_helper.to_array(c) for c in model.graph.initializer}
    made = {name: node for node in model.graph.node for name in node.output}
    assert {c.dtype.name for n, c in constants.items() if n.endswith(".bias")} == {"float16"}
    for node in model.graph.node:
        if node.op_type == "Conv" and node.name in layers:
            weight = made[node.input[1]]
            assert weight.op_type == "DequantizeLinear"
            assert constants[weight.input[0]].dtype == np.int8
            assert constants[weight.input[1]].shape == (len(constants[weight.input[0]]),)
        if node.op_type in ("Relu", "Sigmoid"):
            assert made[node.input[0]].op_type in ("Conv", "Add")
    # Both branches of a residual block's sum are in 8 bits, the one that is added as Q/DQ.
    sums = [node for node in model.graph.node if node.op_type == "Add" and "bevencode" in node.name]
    assert len(sums) == 6
    for node in sums:
        assert sorted(made[name].op_type for name in node.input) == ["Conv", "DequantizeLinear"]


def test_no_file_for_tensorrt_has_what_its_known_faults_want(network, ranges):
    """See docs/jetson.md, "Known faults"."""
    from lss_bev_ros.deploy.quantize.explicit import heavy_layers

    model = quantized(network, ranges, heavy_layers(network), QuantizationScheme("tensorrt"))
    assert model.opset_import[0].version < 20
    made = {name: node for node in model.graph.node for name in node.output}
    joined = {name for node in model.graph.node if node.op_type == "Concat" for name in node.input}
    for node in model.graph.node:
        if node.op_type == "Conv" and "_depthwise" in node.name:
            assert made[node.input[0]].op_type != "DequantizeLinear"
        if node.op_type == "QuantizeLinear" and node.input[0] in made:
            assert made[node.input[0]].op_type not in ("Reshape", "Slice", "Gather"), node.name
        if node.op_type == "Add" and "splat" not in node.name:
            assert not joined & {made[name].input[0] if name.endswith(".dq") else name for name in node.input}


def test_what_is_left_in_fp16_for_tensorrt(network):
    from lss_bev_ros.deploy.quantize.explicit import heavy_layers

    left = {"camencode.trunk._conv_stem", *(name for name in network.layers if "_depthwise" in name)}
    assert set(heavy_layers(network)) == set(network.layers) - left


def test_in_half_is_what_the_export_in_fp16_is(folder, tmp_path):
    from lss_bev_ros.deploy.quantize.half import in_half

    torch.manual_seed(0)
    model = LiftSplatShoot(CONFIG).eval().requires_grad_(False)
    for precision in ("fp32", "fp16"):
        export_network(model, tmp_path / f"{precision}.onnx", precision=precision, cameras=2, check=False)
    made, written = in_half(onnx.load(tmp_path / "fp32.onnx")), onnx.load(tmp_path / "fp16.onnx")
    assert nodes_of(made) == nodes_of(written)
    weights, expected = (
        {c.name: numpy_helper.to_array(c) for c in file.graph.initializer} for file in (made, written)
    )
    assert weights.keys() == expected.keys()
    for name, value in weights.items():
        assert value.dtype == expected[name].dtype, name
        assert np.array_equal(value, expected[name]), name


def nodes_of(model):
    """What the operators are, read and write, and the types of inputs and outputs."""
    nodes = {
        node.name: (node.op_type, [*node.input], [*node.output], sorted(map(str, node.attribute)))
        for node in model.graph.node
    }
    values = [*model.graph.input, *model.graph.output]
    return nodes, {value.name: value.type.tensor_type.elem_type for value in values}


def test_channels_of_one_range_compute_the_same(folder, network, frames):
    factors = channel_factors(network, frames)
    even = replace(network, model=equalized(network.model, factors))
    assert run_frames(even.session(), frames).error(run_frames(network.session(), frames)) == 0
    assert not np.array_equal(even.model.SerializeToString(), network.model.SerializeToString())
    again = channel_factors(even, frames)
    spread = [np.ptp(np.log(group.factor)) for group in factors]
    assert sum(np.ptp(np.log(group.factor)) for group in again) < 0.5 * sum(spread)
    # An encoder's own file gets the same weights as the whole network.
    weights = {c.name: numpy_helper.to_array(c) for c in even.model.graph.initializer}
    for part in ("camera", "bev"):
        encoder = equalized(FloatNetwork.read(folder / f"{part}_fp32.onnx").model, factors)
        for constant in encoder.graph.initializer:
            if constant.name.endswith(".weight"):
                assert np.array_equal(numpy_helper.to_array(constant), weights[constant.name])


def test_channels_that_meet_in_a_sum_are_scaled_alike(network):
    groups = ChannelGroups(network.model)
    stream = next(names for names in groups.writers.values() if "bevencode.conv1" in names)
    assert {"bevencode.layer1.0.conv2", "bevencode.layer1.1.conv2"} < set(stream)
    written = {name for names in groups.writers.values() for name in names}
    # What a sigmoid, the softmax over depth or the user reads keeps its scale.
    assert not written & {"camencode.depthnet", "bevencode.up2.4", "camencode.trunk._conv_stem"}


def test_a_layer_alone_costs_less_than_all(network, ranges, frames):
    scheme = QuantizationScheme()
    alone = error(network, quantized(network, ranges, network.layers[:1], scheme), frames)
    assert 0.0 < alone <= error(network, quantized(network, ranges, network.layers, scheme), frames)


def test_the_most_sensitive_layers_stay_in_float_until_the_bound_holds(folder, frames, tmp_path, monkeypatch):
    monkeypatch.setattr("lss_bev_ros.deploy.quantize.quantizing.labelled_inputs", lambda *_: frames)
    monkeypatch.setattr("lss_bev_ros.deploy.quantize.quantizing.layer_errors", lambda net, *_: ranking(net))
    source, out = folder / "network_fp32.onnx", tmp_path / "int8.onnx"
    loose = quantize(source, out, tmp_path, QuantizeOptions(bound=10.0, turns=2, method="minmax"))
    assert loose.trials[-1].floating == ()
    tight = quantize(
        source,
        out,
        tmp_path,
        QuantizeOptions(bound=BOUND, turns=0, method="minmax", keep=("camencode.depthnet",)),
        parts=[folder / "camera_fp32.onnx", folder / "bev_fp32.onnx"],
    )
    assert "camencode.depthnet" in tight.trials[-1].floating
    assert len(tight.trials[-1].floating) > len(tight.trials[0].floating) > 0
    assert tight.trials[-1].error <= BOUND < loose.trials[-1].error
    kinds = {n.name: n for n in onnx.load(out).graph.node}
    assert all(name in kinds for name in tight.trials[-1].floating)
    for part in ("camera", "bev"):
        nodes = {n.name: n for n in onnx.load(folder / f"{part}_int8.onnx").graph.node}
        made = {name: n.op_type for n in nodes.values() for name in n.output}
        for name in set(nodes) & set(FloatNetwork.read(source).layers):
            in_8_bits = made.get(nodes[name].input[0]) == "DequantizeLinear"
            assert in_8_bits == (name not in tight.trials[-1].floating)
    write_json(tmp_path / "report.json", loose.report)
    assert json.loads((tmp_path / "report.json").read_text())["speedup"] > 0


def ranking(network):
    """The first layers first: what they add everything behind them amplifies."""
    return {layer: float(len(network.layers) - place) for place, layer in enumerate(network.layers)}


def test_a_bound_that_cannot_be_met_writes_nothing(folder, frames, tmp_path, monkeypatch):
    monkeypatch.setattr("lss_bev_ros.deploy.quantize.quantizing.labelled_inputs", lambda *_: frames)
    options = QuantizeOptions(bound=0.0, sensitivity_frames=0)
    with pytest.raises(DeployError, match=r"bound|loss"):
        quantize(folder / "network_fp32.onnx", tmp_path / "int8.onnx", tmp_path, options)
    assert not list(tmp_path.iterdir())


def test_a_layer_that_is_not_there_is_named(network):
    with pytest.raises(DeployError, match=r"bevencode\.layer9"):
        network.find(["bevencode.layer9"])


def test_an_encoder_alone_is_refused(folder, tmp_path):
    with pytest.raises(DeployError, match="camera encoder alone"):
        quantize(folder / "camera_fp32.onnx", tmp_path / "out.onnx", tmp_path)


@pytest.mark.parametrize("content", [b"", b"no model at all", b"\x08\x07\x12\x04torn"])
def test_a_file_that_is_no_network_is_named(tmp_path, content):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(LssBevError, match=r"model\.onnx") as caught:
        quantize(path, tmp_path / "out.onnx", tmp_path)
    assert "\n" not in str(caught.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.onnx"]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DeployError, match=r"none\.onnx"):
        FloatNetwork.read(tmp_path / "none.onnx")


def test_an_empty_calibration_set_is_refused(network, tmp_path):
    with pytest.raises(DeployError, match="at least 1"):
        labelled_inputs(network, tmp_path, 0)
    with pytest.raises(DeployError, match="no calibration frame"):
        measure_ranges(network, [])


@pytest.mark.parametrize(
    "wrong",
    [{"frames": 0}, {"method": "guess"}, {"bound": -1.0}, {"runtime": "abacus"}, {"reduced": "maybe"},
     {"percentile": 10.0}],
)  # fmt: skip
def test_impossible_options_name_the_field(wrong):
    name = next(iter(wrong))
    with pytest.raises(DeployError, match="calibration" if name == "frames" else name):
        QuantizeOptions(**wrong)
