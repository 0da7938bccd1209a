"""Exported files compute the network, at any width and size, and say what they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lss_bev_ros.benchmark.compare import Tolerances, compare, failures, joined, markdown, open_subject
from lss_bev_ros.benchmark.compare.subject import EngineSubject, ReferenceSubject
from lss_bev_ros.errors import DeployError, LssBevError, ModelError, RuntimeBackendError
from lss_bev_ros.evaluation.difference import Difference
from lss_bev_ros.evaluation.frames import random_frames
from lss_bev_ros.geometry import BevGrid
from lss_bev_ros.geometry.example_rig import nuscenes_like_rig
from lss_bev_ros.model import LiftSplatShoot, ModelConfig, SplatTable, build_model
from lss_bev_ros.model.weights import seed_state
from lss_bev_ros.model.widths import Widths
from lss_bev_ros.runtime import create_engine
from lss_bev_ros.runtime.segment_tables import SegmentSizes, SegmentTables

pytest.importorskip("onnx", reason="the extra `export` is not installed")
pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")
pytest.importorskip("onnxslim", reason="the extra `export` is not installed")

from lss_bev_ros.deploy.export import export_network, exporting
from lss_bev_ros.runtime.onnx import OnnxDescription
from lss_bev_ros.runtime.onnx.engine import OnnxRuntimeEngine
from lss_bev_ros.runtime.onnx.seal import sealed

SMALL = ModelConfig(
    image_height=64, image_width=128, channels=16, grid=BevGrid(-32.0, 32.0, -32.0, 32.0, 1.0), depth_step=2.0
)


def make(config: ModelConfig) -> LiftSplatShoot:
    model = LiftSplatShoot(config)
    model.load_state_dict(seed_state(model, 1))
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def model():
    return make(SMALL)


@pytest.fixture(scope="module")
def network(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "network.onnx"
    export_network(model, path, weights="seed 1")
    return path


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("part", ["network", "camera", "bev"])
def test_a_part_agrees_with_pytorch(model, tmp_path, part, precision):
    exported = export_network(model, tmp_path / "part.onnx", part, precision)
    assert exported.path.is_file()
    assert exported.nodes == exported.written, "the writer left something to simplify"
    for size in exported.agreement:
        for difference in size.tensors.values():
            assert difference.cosine >= (0.99999 if precision == "fp32" else 0.999)


def test_batch_and_cameras_may_be_left_free(model, tmp_path):
    exported = export_network(model, tmp_path / "free.onnx", dynamic=("batch", "cameras"))
    assert [(size.batch, size.cameras) for size in exported.agreement] == [(1, 6), (2, 5)]


def test_a_network_of_other_widths_is_exported_like_any_other(tmp_path):
    widths = Widths().with_named(
        {"hidden.3": 56, "bev.0": 24, "bev_up.1": 40, "camera_up.0": 72, "stages.4": 48}
    )
    exported = export_network(make(replace(SMALL, widths=widths)), tmp_path / "thin.onnx")
    assert exported.agreement[0].tensors["logits"].cosine >= 0.99999
    assert exported.description.config.widths == widths


def test_tables_of_a_rig_may_be_constants_which_serve_no_other_rig(model, tmp_path):
    rig = nuscenes_like_rig()
    path = tmp_path / "fixed.onnx"
    export_network(model, path, rig=rig)
    frame = random_frames(1).sets[0]
    with OnnxRuntimeEngine(path) as engine:
        engine.infer(frame)
        fewer = replace(frame, images=dict(list(frame.images.items())[1:]))
        with pytest.raises(RuntimeBackendError, match="another calibration"):
            engine.infer(fewer)


def test_one_file_serves_every_calibration_and_a_lost_camera(model, network):
    frame = random_frames(1).sets[0]
    turned = replace(
        frame, rig=frame.rig.subset(frame.rig.names[:4]), images=dict(list(frame.images.items())[:4])
    )
    lost = replace(frame, images=dict(list(frame.images.items())[2:]))
    reference = ReferenceSubject("reference", model, "seed 1")
    with OnnxRuntimeEngine(network) as engine:
        subject = EngineSubject("file", engine)
        for one in (frame, turned, lost):
            images = torch.randn(len(one.images), 3, SMALL.image_height, SMALL.image_width)
            expected = reference.run(reference.prepare(one, images))
            found = subject.run(subject.prepare(one, images))
            assert Difference.between(expected, found).cosine > 0.99999


def test_a_file_says_what_it_is(network):
    with OnnxRuntimeEngine(network) as engine:
        assert engine.description.config == SMALL
        assert (engine.weights, engine.name) == ("seed 1", "onnxruntime-cpu-fp32")
        assert OnnxDescription.read(engine.description.metadata(), "x") == engine.description


def test_a_file_that_does_not_compute_the_network_gets_no_name(model, tmp_path, monkeypatch):
    monkeypatch.setitem(exporting.MIN_COSINE, "fp32", 1.1)
    with pytest.raises(DeployError, match="is not kept: its logits has a cosine"):
        export_network(model, tmp_path / "network.onnx", "bev")
    assert not list(tmp_path.iterdir())


def test_weights_beyond_fp16_are_named(tmp_path):
    model = make(SMALL)
    model.bevencode.conv1.weight.data[0, 0, 0, 0] = 1e9
    with pytest.raises(ModelError, match=r"bevencode\.conv1\.weight exceeds"):
        export_network(model, tmp_path / "bev.onnx", "bev", "fp16")
    with pytest.raises(ModelError, match=r"model\.eval"):
        export_network(make(SMALL).train(), tmp_path / "bev.onnx")


def test_broken_foreign_and_unfit_files_are_one_line_each(network, tmp_path):
    import onnx

    def refused(path, words, **options):
        with pytest.raises(LssBevError, match=words) as caught:
            create_engine(weights=path, **options)
        assert "\n" not in str(caught.value)

    refused(tmp_path / "none.onnx", "no ONNX file")
    (tmp_path / "text.onnx").write_text("hello")
    refused(tmp_path / "text.onnx", "not an ONNX model, or it is truncated")
    (tmp_path / "cut.onnx").write_bytes(network.read_bytes()[:-1000])
    refused(tmp_path / "cut.onnx", "not an ONNX model, or it is truncated")
    foreign = onnx.load(network)
    del foreign.metadata_props[:]
    onnx.save(foreign, tmp_path / "foreign.onnx")
    refused(tmp_path / "foreign.onnx", "does not say what it is")
    strange = onnx.load(network)
    strange.graph.node[0].op_type = "Fancy"
    onnx.save(strange, tmp_path / "strange.onnx")
    refused(tmp_path / "strange.onnx", r"strange\.onnx is damaged: .*if you changed it on purpose, remove")
    (tmp_path / "strange.onnx").write_bytes(sealed(strange))
    refused(tmp_path / "strange.onnx", "operator that onnxruntime .* lacks: .*Fancy")
    refused(network, "is fp32, not fp16", precision="fp16")
    refused(network, "reads no .onnx file", backend="torch")
    refused(network, "another grid", grid=BevGrid())


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_segments_sum_what_the_table_sums(data):
    """Gathering segments equals summing each cell's points, whatever falls where."""
    pixels, bins, shape = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 5)), (4, 2)
    draw = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    samples = data.draw(st.integers(1, 3))
    spread = data.draw(st.integers(0, 8))
    cells = [
        torch.from_numpy(draw.integers(-1, max(spread, 1), (1, bins, 1, pixels)))
        if spread
        else torch.full((1, bins, 1, pixels), -1)
        for _ in range(samples)
    ]
    tables = [SplatTable.build(one, shape) for one in cells]
    sizes = data.draw(st.sampled_from([None, SegmentSizes(60, 30, 20)]))
    made = SegmentTables.build(tables, pixels, bins, sizes)
    depth = draw.random(samples * pixels * bins)
    features = draw.random((samples * pixels, 3))
    weights = np.append(depth, 0.0)[made.points]
    segments = np.einsum("sp,spc->sc", weights, features[made.pixels])
    found = segments[made.segments].sum(axis=1)[made.cells]
    expected = np.zeros((samples, 8, 3))
    for sample, one in enumerate(cells):
        for b in range(bins):
            for p in range(pixels):
                cell = int(one[0, b, 0, p])
                if cell >= 0:
                    row = sample * pixels + p
                    expected[sample, cell] += depth[row * bins + b] * features[row]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_rig_that_does_not_fit_the_tables_of_a_file_is_named():
    table = SplatTable.build(torch.arange(8).view(1, 2, 1, 4), (4, 2))
    with pytest.raises(RuntimeBackendError, match="--dynamic tables"):
        SegmentTables.build([table], 4, 2, SegmentSizes(4, 40, 4))


class TestCompare:
    """Two subjects on the same frames."""

    @pytest.fixture(scope="class")
    def report(self, model, network):
        frames = random_frames(2)
        with OnnxRuntimeEngine(network) as engine:
            first, second = ReferenceSubject("reference", model, "seed 1"), EngineSubject("file", engine)
            tolerances = Tolerances.of((first.precision, second.precision))
            return compare(first, second, frames, tolerances, cameras=(6, 2), warm_up=0)

    def test_the_same_network_is_within_the_tolerances_at_every_size(self, report):
        assert failures(report) == []
        assert [size["cameras"] for size in report["sizes"]] == [6, 2]
        for size in report["sizes"]:
            assert list(size["tensors"]) == ["depth", "features", "bev", "logits"]
            assert size["cells"]["agreement"] > 0.999
        assert "Within the tolerances" in markdown(report)

    def test_what_is_beyond_a_tolerance_is_said_and_fails(self, report):
        strict = {"cosine": 2.0, "iou": -1.0, "agreement": 1.1, "max_error": -1.0}
        problems = failures({**report, "tolerances": strict})
        assert len(problems) == 2 * 7
        assert any("depth has a cosine" in line for line in problems)
        assert "Within the tolerances" not in markdown({**report, "tolerances": strict})

    def test_the_coarser_precision_sets_the_tolerances(self):
        assert Tolerances.of(("fp32", "fp16")) == Tolerances.of(("fp16", "fp16"))
        assert Tolerances.of(("fp32", "fp32")).cosine == 0.99999
        assert Tolerances.of(("fp32", "int8"), cosine=0.5).cosine == 0.5

    def test_several_input_sizes_are_one_table(self, report):
        whole = joined([report, report])
        lines = markdown(whole).splitlines()
        rows = [line for line in lines[lines.index("## By size") :] if " cameras of " in line]
        assert [row.split("|")[1].strip() for row in rows] == 2 * [
            "6 cameras of 128 x 64",
            "2 cameras of 128 x 64",
        ]
        assert all(row.split("|")[2].strip().startswith("1.000000") for row in rows)

    def test_a_backend_is_compared_at_another_input_size(self):
        subject = open_subject("reference", "seed:0", image=(32, 64))
        assert (subject.config.image_height, subject.config.image_width) == (32, 64)

    def test_what_cannot_be_compared_is_one_line(self, network):
        for spec, words in (("nonsense", "cannot be compared"), (f"{network}+{network}", "camera encoder")):
            with pytest.raises(LssBevError, match=words):
                open_subject(spec)
        with pytest.raises(DeployError, match="image size is for the published network"):
            open_subject("torch", "builtin-multi", image=(64, 64))


@given(st.integers(1, 50), st.floats(1e-3, 1e3))
def test_a_tensor_is_at_no_distance_from_itself_and_its_scale_keeps_the_cosine(count, scale):
    values = np.random.default_rng(count).standard_normal(count)
    same, scaled = Difference.between(values, values), Difference.between(values, values * scale)
    assert (same.l2, same.max_error) == (0.0, 0.0)
    assert same.cosine == pytest.approx(1.0)
    assert scaled.cosine == pytest.approx(1.0)
    assert scaled.l2 == pytest.approx(abs(scale - 1.0), abs=1e-9)


def test_a_broken_tensor_is_infinitely_far():
    broken = Difference.between(np.ones(3), np.array([1.0, np.nan, 1.0]))
    assert (broken.cosine, broken.max_error) == (0.0, np.inf)


class TestImageSize:
    """A file for another size of the pictures."""

    def test_the_file_says_its_size_and_has_it_in_its_name(self, tmp_path):
        from typer.testing import CliRunner

        from lss_bev_ros.cli import app
        from lss_bev_ros.runtime.onnx.session import OnnxSession

        words = ["export", str(tmp_path), "--part", "camera", "--weights", "seed:0", "--no-check"]
        done = CliRunner().invoke(app, [*words, "--image-size", "64x96"])
        assert done.exit_code == 0, done.output
        session = OnnxSession(tmp_path / "lss_camera_fp32_1x6_64x96.onnx")
        assert session.shapes["images"] == [6, 3, 64, 96]
        config = OnnxDescription.read(session.metadata, "").config
        assert (config.image_height, config.image_width) == (64, 96)

    @pytest.mark.parametrize(
        ("size", "words"),
        [
            ("wide", "must be height x width"),
            ("64", "must be height x width"),
            ("64x96x3", "must be height x width"),
            ("192x528", "image_width 528 must be a positive multiple of 32"),
            ("0x96", "image_height 0 must be a positive multiple of 32"),
            ("999999936x32", "make the image, .* smaller"),
            (f"32x{32 * 10**600}", "make the image, .* smaller"),
        ],
    )
    def test_one_that_the_network_cannot_have_is_one_line(self, size, words):
        from lss_bev_ros.commands.export import sized

        with pytest.raises(LssBevError, match=words) as caught:
            sized(size)
        assert "\n" not in str(caught.value)

    def test_trained_weights_serve_another_size_with_their_own_depths(self):
        """The frustum that a checkpoint carries is of the size that it was trained with."""
        config = ModelConfig(image_height=64, image_width=96)
        model, usual = build_model("builtin", config, resized=True), build_model("builtin")
        assert model.frustum.shape == (41, 4, 6, 3)
        assert torch.equal(model.frustum[:, 0, 0, 2], usual.frustum[:, 0, 0, 2])
        assert torch.equal(model.bevencode.conv1.weight, usual.bevencode.conv1.weight)
        with pytest.raises(ModelError, match="images of 128 x 352"):
            build_model("builtin", config)
        with pytest.raises(ModelError, match="41 depths"):
            build_model("builtin", replace(config, depth_step=2.0), resized=True)
        with pytest.raises(ModelError, match="200 x 200 cells"):
            build_model("builtin", replace(config, grid=SMALL.grid), resized=True)
