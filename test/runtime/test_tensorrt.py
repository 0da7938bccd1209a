"""TensorRT without TensorRT: our calls against published signatures, and the logic around them."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from lss_bev_ros.errors import RuntimeBackendError
from lss_bev_ros.runtime import create_engine
from lss_bev_ros.runtime.tensorrt import module as module_file
from lss_bev_ros.runtime.tensorrt.builder import (
    BuildOptions,
    TensorRtError,
    build_plan,
    import_tensorrt,
    open_engine,
    tensors_of,
)
from lss_bev_ros.runtime.tensorrt.building import ensure_engine
from lss_bev_ros.runtime.tensorrt.engine_file import (
    EngineNote,
    Machine,
    engine_name,
    note_path,
    read_engine,
    sha256,
)
from lss_bev_ros.runtime.tensorrt.module import TensorRtModule
from lss_bev_ros.runtime.tensorrt.torch2trt_file import read_torch2trt

from .tensorrt_fake import SIGNATURES, VERSIONS, Script, fake_tensorrt

ORIN = Machine("10.3.0", "Orin", "8.7")
TENSORS = (
    ("images", "INPUT", (6, 3, 128, 352), "HALF"),
    ("depth", "OUTPUT", (6, 8, 22, 41), "HALF"),
)


@pytest.fixture
def script():
    return Script(tensors=TENSORS)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_a_build_uses_only_calls_that_the_version_has(version, precision, script):
    trt = fake_tensorrt(version, script)
    told = []
    options = BuildOptions(precision, workspace_mib=512, level=2)
    plan, cache = build_plan(b"onnx", options, b"old", lambda *step: told.append(step), trt)
    assert plan == b"plan"
    assert cache
    strongly = hasattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED")
    if strongly:
        assert script.network_flags == 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
        assert not script.flags & {"FP16", "INT8"}
        assert told[-1] == ("Tactic", 2, 2)
    else:
        assert ("FP16" in script.flags) == (precision != "fp32")
        assert ("INT8" in script.flags) == (precision == "int8")
    assert ("TF32" in script.flags) == (precision != "fp32")


@pytest.mark.parametrize("version", VERSIONS)
def test_dla_gets_its_core_and_what_it_cannot_run_goes_to_the_gpu(version, script):
    script.dla_cores = 2
    trt = fake_tensorrt(version, script)
    build_plan(b"onnx", BuildOptions("fp16", dla=1), trt=trt)
    assert script.properties["DLA_core"] == 1
    assert script.properties["default_device_type"] == trt.DeviceType.DLA
    assert "GPU_FALLBACK" in script.flags
    with pytest.raises(TensorRtError, match="2 DLA cores, not core 5"):
        build_plan(b"onnx", BuildOptions("fp16", dla=5), trt=trt)
    with pytest.raises(TensorRtError, match="fp16"):
        build_plan(b"onnx", BuildOptions("fp32", dla=0), trt=trt)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_engine_is_opened_described_and_launched_with_calls_that_the_version_has(
    version, script, monkeypatch
):
    trt = fake_tensorrt(version, script)
    described = tensors_of(open_engine(b"plan", trt=trt), trt)
    assert [(one.name, one.is_input, one.dtype) for one in described] == [
        ("images", True, "float16"),
        ("depth", False, "float16"),
    ]
    monkeypatch.setattr(
        module_file.torch.cuda, "current_stream", lambda device: SimpleNamespace(cuda_stream=7)
    )
    engine = TensorRtModule(b"plan", "camera", device="cpu", trt=trt)
    engine.allocate()
    assert engine.tensors["depth"].shape == (6, 8, 22, 41)
    engine.launch()
    bound = {args[0]: args[1] for name, args in script.calls if name.endswith("set_tensor_address")}
    assert bound == {name: tensor.data_ptr() for name, tensor in engine.tensors.items()}
    assert script.calls[-1] == ("IExecutionContext.execute_async_v3", (7,))


@pytest.mark.parametrize("version", VERSIONS)
def test_an_operator_that_tensorrt_lacks_is_one_line_with_its_name(version, script):
    script.errors = [("No importer registered\nfor op", "NonMaxSuppression", "head")]
    with pytest.raises(TensorRtError) as caught:
        build_plan(b"onnx", BuildOptions(), trt=fake_tensorrt(version, script))
    assert "No importer registered for op" in str(caught.value)
    assert ("NonMaxSuppression (head)" in str(caught.value)) == (not version.startswith("8."))
    assert "\n" not in str(caught.value)


def test_too_little_memory_while_building_says_so(script):
    script.builds, script.says = False, ["Requested amount of GPU memory\n(1 bytes): out of memory"]
    with pytest.raises(TensorRtError, match=r"too little GPU memory.*within 64 MiB"):
        build_plan(b"onnx", BuildOptions(workspace_mib=64), trt=fake_tensorrt("10.3.0", script))


def test_free_sizes_need_three_shapes(script):
    script.inputs = (("images", (-1, 3, 128, 352)),)
    trt = fake_tensorrt("10.3.0", script)
    with pytest.raises(TensorRtError, match=r"images has free sizes.*--shape images="):
        build_plan(b"onnx", BuildOptions(), trt=trt)
    shapes = {"images": [(1, 3, 128, 352), (6, 3, 128, 352), (8, 3, 128, 352)]}
    build_plan(b"onnx", BuildOptions(shapes=shapes), trt=trt)
    called = dict(script.calls)["IOptimizationProfile.set_shape"]
    assert called == ("images", *shapes["images"])


def test_an_engine_of_another_gpu_is_refused_in_tensorrts_words(script):
    script.opens, script.says = False, ["Target GPU SM 87 is not supported by this TensorRT release."]
    with pytest.raises(TensorRtError, match=r"SM 87.*lss-bev build"):
        open_engine(b"plan", trt=fake_tensorrt("11.4.0", script))


def test_without_tensorrt_every_way_in_is_one_line(tmp_path):
    if torch.cuda.is_available():
        pytest.skip("this machine may have TensorRT")
    with pytest.raises(TensorRtError, match="cannot be loaded"):
        import_tensorrt()
    with pytest.raises(RuntimeBackendError, match="backend 'tensorrt' cannot run here"):
        create_engine("tensorrt")


class TestEngineFiles:
    """No engine without a note that fits it and this machine."""

    @pytest.fixture
    def onnx(self, tmp_path):
        pytest.importorskip("onnx")
        from onnx import helper

        from lss_bev_ros.model import ModelConfig
        from lss_bev_ros.runtime.onnx import OnnxDescription

        model = helper.make_model(helper.make_graph([], "empty", [], []))
        description = OnnxDescription("camera", "fp16", ModelConfig(), "seed 0", "abc")
        helper.set_model_props(model, description.metadata())
        path = tmp_path / "lss_camera_fp16_1x6.onnx"
        path.write_bytes(model.SerializeToString())
        return path

    def ensure(self, onnx, script, machine=ORIN, options=None, **more):
        trt = fake_tensorrt(machine.tensorrt, script)
        return ensure_engine(onnx, options=options, trt=trt, machine=machine, **more)

    def test_the_name_carries_model_precision_shapes_version_and_gpu(self, onnx, script):
        built = self.ensure(onnx, script)
        assert built.path.name == "lss_camera_fp16_1x6_trt10.3.0_orin.engine"
        assert engine_name(onnx, ORIN, 1) == "lss_camera_fp16_1x6_trt10.3.0_orin_dla1.engine"
        plan, note = read_engine(built.path)
        assert plan == b"plan"
        assert (note.weights_sha256, note.onnx_sha256) == ("abc", sha256(onnx.read_bytes()))
        assert note.machine == ORIN

    def test_one_that_fits_is_kept_and_any_other_is_built_again_with_the_reason(self, onnx, script):
        assert self.ensure(onnx, script).built
        assert not self.ensure(onnx, script).built
        again = self.ensure(onnx, script, options=BuildOptions(workspace_mib=9))
        assert again.built
        assert "other options" in again.reason
        content = json.loads(note_path(again.path).read_text())
        content["onnx_sha256"] = "0" * 64
        note_path(again.path).write_text(json.dumps(content))
        stale = self.ensure(onnx, script, options=BuildOptions(workspace_mib=9))
        assert stale.built
        assert "has changed" in stale.reason
        stale.path.write_bytes(b"pla")
        assert "damaged" in self.ensure(onnx, script, options=BuildOptions(workspace_mib=9)).reason
        assert self.ensure(onnx, script, options=BuildOptions(workspace_mib=9), rebuild=True).built

    @pytest.mark.parametrize(
        ("here", "words"),
        [
            (replace(ORIN, tensorrt="11.4.0"), "TensorRT 10.3.0, but this machine has 11.4.0"),
            (replace(ORIN, gpu="H200", capability="9.0"), "built for Orin"),
        ],
    )
    def test_a_foreign_engine_is_refused_with_the_reason(self, here, words):
        note = EngineNote(ORIN, "a.onnx", "1", "2", "3", {})
        assert words in note.problem(here)
        assert not note.problem(ORIN)

    def test_an_engine_without_its_note_or_with_a_damaged_one_is_not_loaded(self, onnx, script):
        path = self.ensure(onnx, script).path
        note_path(path).write_text("{")
        with pytest.raises(RuntimeBackendError, match="damaged"):
            read_engine(path)
        note_path(path).unlink()
        with pytest.raises(RuntimeBackendError, match="has no note"):
            read_engine(path)

    def test_a_build_that_fails_leaves_nothing_behind(self, onnx, script):
        script.builds = False
        with pytest.raises(RuntimeBackendError, match="built no engine"):
            self.ensure(onnx, script)
        assert [path.name for path in onnx.parent.iterdir()] == [onnx.name]

    def test_a_truncated_model_is_one_line(self, onnx, script):
        onnx.write_bytes(onnx.read_bytes()[:-5])
        with pytest.raises(RuntimeBackendError, match="truncated"):
            self.ensure(onnx, script)


class TestTorch2Trt:
    """Files of torch2trt, without running what they may hold."""

    def test_engine_and_names_are_read(self, tmp_path):
        path = tmp_path / "camera.pth"
        content = {"engine": bytearray(b"plan"), "input_names": ["input_0"], "output_names": ["a", "b"]}
        torch.save(content, path)
        found = read_torch2trt(path)
        assert (found.plan, found.inputs, found.outputs) == (b"plan", ("input_0",), ("a", "b"))

    def test_anything_else_is_one_line(self, tmp_path):
        path = tmp_path / "checkpoint.pth"
        torch.save({"weight": torch.zeros(2)}, path)
        with pytest.raises(RuntimeBackendError, match="holds no torch2trt engine"):
            read_torch2trt(path)
        path.write_bytes(b"no")
        with pytest.raises(RuntimeBackendError, match="damaged"):
            read_torch2trt(path)
        with pytest.raises(RuntimeBackendError, match="no engine at"):
            read_torch2trt(tmp_path / "none.pth")


def test_the_signatures_are_those_of_the_installed_bindings():
    trt = pytest.importorskip("tensorrt", reason="TensorRT's bindings are not installed")
    version = next((v for v in VERSIONS if trt.__version__.startswith(v)), None)
    if version is None:
        pytest.skip(f"no signatures of TensorRT {trt.__version__} are kept")
    for name, members in SIGNATURES["versions"][version]["classes"].items():
        for member, overloads in members.items():
            found = getattr(getattr(trt, name), member)
            if isinstance(overloads, list):
                for parameters in overloads:
                    assert all(f"{one.rstrip('?')}:" in found.__doc__ for one in parameters), (name, member)
