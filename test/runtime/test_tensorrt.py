"""TensorRT without TensorRT: our calls against published signatures, and the logic around them."""

from __future__ import annotations

import json
import os
import signal
import sys
import zlib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from lss_bev_ros.errors import RuntimeBackendError
from lss_bev_ros.runtime import create_engine
from lss_bev_ros.runtime.tensorrt import building as building_module
from lss_bev_ros.runtime.tensorrt import engine as engine_module
from lss_bev_ros.runtime.tensorrt import module as module_file
from lss_bev_ros.runtime.tensorrt.builder import (
    BuildOptions,
    TensorRtError,
    build_plan,
    import_tensorrt,
    is_rtx,
    library_version,
    open_engine,
    refuse_fp8,
    tensors_of,
)
from lss_bev_ros.runtime.tensorrt.building import ensure_engine, unknown_to_rtx
from lss_bev_ros.runtime.tensorrt.engine import load_part
from lss_bev_ros.runtime.tensorrt.engine_file import (
    EngineNote,
    Machine,
    engine_name,
    jit_cache_of,
    note_path,
    read_engine,
    sha256,
)
from lss_bev_ros.runtime.tensorrt.inspection import Inspection
from lss_bev_ros.runtime.tensorrt.module import TensorRtModule
from lss_bev_ros.runtime.tensorrt.torch2trt_file import read_torch2trt

from .tensorrt_bindings import describe, overloads
from .tensorrt_fake import SIGNATURES, VERSIONS, Script, fake_tensorrt

ORIN = Machine("10.3.0", "Orin", "8.7")
RTX = "rtx1.7.1.116"
ADA = Machine(RTX, "NVIDIA GeForce RTX 4090", "8.9")
NO_DRIVER = [
    "IRuntime::deserializeCudaEngine: Error Code 1: Cuda Runtime (In ScopedCudaStream at "
    "cudaResources.cpp:25 (cudaError 35: CUDA driver version is insufficient for CUDA runtime version))",
    "[checkMacros.cpp::catchCudaError::250] Error Code 1: Cuda Runtime (In catchCudaError at "
    "checkMacros.cpp:250 (cudaError 35: CUDA driver version is insufficient for CUDA runtime version))",
]
"""What TensorRT for RTX 1.7.1.116 said on a machine without a driver."""
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
    assert bool(cache) == (not is_rtx(trt))
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
def test_fp8_is_built_where_there_is_some_and_refused_in_one_line_elsewhere(version, script):
    trt = fake_tensorrt(version, script)
    if hasattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED"):
        assert build_plan(b"onnx", BuildOptions("fp8"), trt=trt)[0] == b"plan"
        assert not script.flags & {"FP16", "INT8", "FP8"}
    else:
        with pytest.raises(
            TensorRtError, match=rf"TensorRT {version} knows no fp8: use TensorRT 10 or newer"
        ):
            build_plan(b"onnx", BuildOptions("fp8"), trt=trt)
    script.dla_cores = 2
    with pytest.raises(TensorRtError, match="DLA computes in fp16 or int8 alone"):
        build_plan(b"onnx", BuildOptions("fp8", dla=0), trt=trt)
    if is_rtx(trt):
        assert build_plan(b"onnx", BuildOptions("fp8", target="8.9"), trt=trt)[0] == b"plan"
        with pytest.raises(TensorRtError, match=r"from compute capability 8\.9 on, and this is for 8\.6"):
            build_plan(b"onnx", BuildOptions("fp8", target="8.6"), trt=trt)


@pytest.mark.parametrize("capability", ["7.2", "8.0", "8.7", "8.9", "9.0", "10.1", "11.0", "12.0"])
def test_the_gpus_that_have_fp8(capability):
    if capability in ("7.2", "8.0", "8.7"):
        with pytest.raises(TensorRtError, match=f"for {capability}: use the file in int8 or fp16"):
            refuse_fp8(capability)
    else:
        refuse_fp8(capability)


def test_what_tensorrt_says_of_fp8_is_told_with_the_remedy(script):
    script.builds, script.says = False, ["the model contains HW-specific datatypes: fp8_e4m3"]
    with pytest.raises(TensorRtError, match=r"built no engine of fp8.*8\.9 on: use the file in int8.*e4m3"):
        build_plan(b"onnx", BuildOptions("fp8"), trt=fake_tensorrt("11.4.0", script))


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


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        (
            {"image": [(1, 3), (2, 3), (3, 3)]},
            r"--shape image: the model has no such input, but images, cells",
        ),
        ({"cells": [(1, 9)] * 3}, r"--shape cells: its size is fixed, 1x9: leave it out"),
        (
            {"images": [(1, 3, 8)] * 3},
            r"1x3x8 does not fit \?x3x8x9; it can be --shape images=1x3x8x9,6x3x8x9",
        ),
        ({"images": [(1, 4, 8, 9)] * 3}, r"1x4x8x9 does not fit \?x3x8x9"),
        ({"images": [(2, 3, 8, 9), (1, 3, 8, 9), (3, 3, 8, 9)]}, "no size of the usual shape may be below"),
    ],
)
def test_a_shape_that_no_input_has_is_refused_with_one_that_it_can_have(script, shapes, words):
    script.inputs = (("images", (-1, 3, 8, 9)), ("cells", (1, 9)))
    with pytest.raises(TensorRtError, match=words):
        build_plan(b"onnx", BuildOptions(shapes=shapes), trt=fake_tensorrt("10.3.0", script))


def test_the_hint_has_the_sizes_of_the_input_at_hand(script):
    script.inputs = (("points", (-1, 8)),)
    with pytest.raises(TensorRtError, match=r"points has free sizes, \?x8: .*--shape points=1x8,6x8,8x8$"):
        build_plan(b"onnx", BuildOptions(), trt=fake_tensorrt("10.3.0", script))


def test_the_first_error_is_the_cause_and_is_named(script):
    script.builds, script.says = False, ["Cannot compile for sm86: fp8_e4m3", "compileGraph failed"]
    with pytest.raises(TensorRtError, match=r"built no engine: Cannot compile for sm86: fp8_e4m3$"):
        build_plan(b"onnx", BuildOptions(), trt=fake_tensorrt(RTX, script))


@pytest.mark.parametrize("version", ["10.3.0", RTX])
def test_a_missing_cuda_is_named_and_not_the_engine_blamed(script, version):
    script.opens, script.says = False, NO_DRIVER
    with pytest.raises(
        TensorRtError, match=r"CUDA does not work here.*nvidia-smi.*driver version is insuffic"
    ):
        open_engine(b"plan", trt=fake_tensorrt(version, script))


def test_int32_biases_are_told_from_an_operator_that_is_lacking(script):
    script.errors = [
        ("input has type Int32 but must have type FP8, Int8 or UInt8", "DequantizeLinear", "bias")
    ]
    with pytest.raises(TensorRtError, match=r"--runtime tensorrt.*DequantizeLinear \(bias\)"):
        build_plan(b"onnx", BuildOptions("int8"), trt=fake_tensorrt(RTX, script))


def test_a_check_that_failed_is_said_in_words(script):
    """The parser names no operator where an importer fails, and says `false` where it has no words."""
    script.errors, script.says = (
        [("Unsupported reduction type", "", "")],
        ["In function importScatterND: [9]"],
    )
    with pytest.raises(TensorRtError, match=r"ONNX model: ScatterND: Unsupported reduction type$"):
        build_plan(b"onnx", BuildOptions(), trt=fake_tensorrt(RTX, script))
    script.errors = [("false", "Bernoulli", "drawn")]
    with pytest.raises(TensorRtError, match=r"ONNX model: Bernoulli \(drawn\): unsupported node$"):
        build_plan(b"onnx", BuildOptions(), trt=fake_tensorrt(RTX, script))


def _interrupt(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("version", [version for version in VERSIONS if not version.startswith("8.")])
def test_an_interrupt_ends_the_build_where_tensorrt_only_prints_it(script, version):
    with pytest.raises(KeyboardInterrupt):
        build_plan(b"onnx", BuildOptions(), progress=_interrupt, trt=fake_tensorrt(version, script))


def test_an_interrupt_that_no_callback_could_catch_ends_the_build_too(script):
    """It comes at a callback's first instruction, outside of all that is ours."""
    script.on_build = lambda: os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        build_plan(b"onnx", BuildOptions(), trt=fake_tensorrt(RTX, script))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert "IProgressMonitor.phase_finish" not in script.told, "the build went on"


def test_an_interrupt_while_layers_are_told_ends_the_build_too(script):
    script.layers = ["Name: a, LayerType: kgen, Inputs: []"]
    with pytest.raises(KeyboardInterrupt):
        build_plan(b"onnx", BuildOptions(), trt=fake_tensorrt(RTX, script), layers=_interrupt)


def test_an_engine_of_another_gpu_is_refused_in_tensorrts_words(script):
    script.opens, script.says = False, ["Target GPU SM 87 is not supported by this TensorRT release."]
    with pytest.raises(TensorRtError, match=r"SM 87.*lss-bev build"):
        open_engine(b"plan", trt=fake_tensorrt("11.4.0", script))


def test_without_tensorrt_every_way_in_is_one_line(monkeypatch):
    for name in ("tensorrt", "tensorrt_rtx"):
        monkeypatch.setitem(sys.modules, name, None)
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

    def test_fp8_for_a_gpu_without_it_is_one_line_before_anything_is_built(self, onnx, script):
        import onnx as library

        model = library.load(onnx)
        said = model.metadata_props[0].value.replace('"precision": "fp16"', '"precision": "fp8"')
        model.metadata_props[0].value = said
        onnx.write_bytes(model.SerializeToString())
        with pytest.raises(RuntimeBackendError, match=r"8\.9 on, and this is for 8\.7: use .* int8 or fp16"):
            self.ensure(onnx, script)
        assert not script.calls
        assert [path.name for path in onnx.parent.iterdir()] == [onnx.name]
        assert self.ensure(onnx, script, replace(ADA, tensorrt="11.4.0")).built

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

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"format": 2, "machine": "of another form"}, r"is of format 2, not 1: build it"),
            ({"plan_sha256": None}, r"\.json is damaged"),
            ({"onnx": 3}, r"\.json is damaged"),
            ({"options": []}, r"\.json is damaged"),
            ({"metadata": None}, r"\.json is damaged"),
            ({"machine": {"tensorrt": 10.3, "gpu": "Orin", "capability": "8.7"}}, r"\.json is damaged"),
            ({"machine": None}, r"\.json is damaged"),
        ],
    )
    def test_a_note_of_a_newer_or_another_form_is_one_line(self, onnx, script, change, words):
        path = self.ensure(onnx, script).path
        content = json.loads(note_path(path).read_text())
        note_path(path).write_text(json.dumps({**content, **change}))
        with pytest.raises(RuntimeBackendError, match=words) as caught:
            read_engine(path)
        assert "\n" not in str(caught.value)

    def test_what_a_newer_note_says_besides_is_left_out(self, onnx, script):
        path = self.ensure(onnx, script).path
        known = read_engine(path)
        content = json.loads(note_path(path).read_text())
        content["machine"]["driver"] = content["signed"] = "new"
        note_path(path).write_text(json.dumps(content))
        assert read_engine(path) == known

    @pytest.mark.parametrize(
        ("there", "here", "target"),
        [
            (ADA, Machine(RTX, "NVIDIA GeForce RTX 5090", "12.0"), "12.0"),
            (ADA, replace(ADA, tensorrt="10.16.1"), ""),
            (replace(ADA, tensorrt="10.16.1"), ADA, "8.9"),
            (ORIN, replace(ORIN, tensorrt="11.4.0"), ""),
        ],
        ids=["another GPU", "RTX to TensorRT", "TensorRT to RTX", "an update"],
    )
    def test_a_moved_engine_is_built_again_for_the_gpu_that_is_here(
        self, onnx, script, monkeypatch, there, here, target
    ):
        """Of its note all options are kept but the GPU that it was built for."""
        moved = self.ensure(onnx, script, there, BuildOptions(workspace_mib=9)).path
        content = json.loads(note_path(moved).read_text())
        content["options"]["of a newer version"] = True
        note_path(moved).write_text(json.dumps(content))
        for module in (engine_module, building_module):
            monkeypatch.setattr(module, "this_machine", lambda _: here)
        part = load_part(moved, fake_tensorrt(here.tensorrt, script))
        _, note = read_engine(part.path)
        assert note.machine == here
        assert note.options["workspace_mib"] == 9
        assert note.options.get("target", "") == target

    def test_engines_of_tensorrt_for_rtx_are_deflated_and_never_taken_for_others(self, onnx, script):
        built = self.ensure(onnx, script, ADA)
        assert built.path.name == "lss_camera_fp16_1x6_rtx1.7.1.116_geforce-rtx-4090.engine"
        assert zlib.decompress(built.path.read_bytes()) == b"plan"
        plan, note = read_engine(built.path)
        assert (plan, note.options["target"]) == (b"plan", "8.9")
        assert not self.ensure(onnx, script, ADA).built
        assert "by TensorRT for RTX 1.7.1.116, but this machine has 1.7.1.116" in note.problem(
            replace(ADA, tensorrt="1.7.1.116")
        )
        assert "by TensorRT 10.3.0, but this machine has TensorRT for RTX 1.7.1.116" in replace(
            note, machine=replace(ADA, tensorrt="10.3.0")
        ).problem(ADA)
        assert self.ensure(onnx, script, replace(ADA, tensorrt="10.3.0")).path != built.path
        built.path.write_bytes(b"plan")
        with pytest.raises(RuntimeBackendError, match="damaged"):
            read_engine(built.path)

    def test_tensorrt_8_is_told_that_it_reads_no_int8_of_opset_19(self, onnx, script):
        import onnx as package

        model = package.load(str(onnx))
        model.opset_import[0].version = 19
        package.save(model, str(onnx))
        with pytest.raises(RuntimeBackendError, match=r"opset 19, and TensorRT 8\.6\.1 reads up to 17"):
            self.ensure(onnx, script, replace(ORIN, tensorrt="8.6.1"))

    def test_a_build_that_fails_leaves_nothing_behind(self, onnx, script):
        script.builds = False
        with pytest.raises(RuntimeBackendError, match="built no engine"):
            self.ensure(onnx, script)
        assert [path.name for path in onnx.parent.iterdir()] == [onnx.name]

    def test_a_truncated_model_is_one_line(self, onnx, script):
        onnx.write_bytes(onnx.read_bytes()[:-5])
        with pytest.raises(RuntimeBackendError, match="truncated"):
            self.ensure(onnx, script)


class TestRtx:
    """TensorRT for RTX, where TensorRT itself is not installed."""

    def test_it_is_taken_where_it_alone_is_installed(self, monkeypatch, script):
        trt = fake_tensorrt(RTX, script)
        monkeypatch.setitem(sys.modules, "tensorrt", None)
        monkeypatch.setitem(sys.modules, "tensorrt_rtx", trt)
        assert import_tensorrt() is trt
        assert is_rtx(trt)
        assert library_version(trt) == RTX
        other = fake_tensorrt("10.3.0", script)
        monkeypatch.setitem(sys.modules, "tensorrt", other)
        assert import_tensorrt() is other
        assert library_version(other) == "10.3.0"

    def test_a_gpu_that_it_does_not_serve_is_named(self, script):
        trt = fake_tensorrt(RTX, script)
        assert not unknown_to_rtx(trt, "8.6")
        assert not unknown_to_rtx(trt, "12.0")
        assert "serves GPUs of compute capability 7.5" in unknown_to_rtx(trt, "9.0")
        assert not unknown_to_rtx(fake_tensorrt("10.3.0", script), "9.0")

    def test_a_target_is_asked_for_and_checked(self, script):
        build_plan(b"onnx", BuildOptions(target="8.9"), trt=fake_tensorrt(RTX, script))
        asked = dict(script.calls)["IBuilderConfig.set_compute_capability"]
        assert (asked[0].name, asked[1]) == ("SM89", 0)
        with pytest.raises(TensorRtError, match=r"compute capabilities 7\.5, .*12\.1, not for 8\.7"):
            build_plan(b"onnx", BuildOptions(target="8.7"), trt=fake_tensorrt(RTX, script))
        with pytest.raises(TensorRtError, match=r"TensorRT 10\.3\.0 builds for the GPU that it runs on"):
            build_plan(b"onnx", BuildOptions(target="8.7"), trt=fake_tensorrt("10.3.0", script))

    def test_what_it_compiled_is_kept_beside_the_engine_for_the_next_start(self, script, tmp_path):
        kept = jit_cache_of(tmp_path / "camera.engine")
        assert kept.name == "camera.engine.jit"
        for _ in range(2):
            engine = TensorRtModule(b"plan", "camera", None, "cpu", fake_tensorrt(RTX, script), kept)
            assert script.contexts in (0, 1)
            engine.allocate()
            engine.keep_jit_cache()
        assert script.jit == b"compiled"
        plain = tmp_path / "plain.jit"
        engine = TensorRtModule(b"plan", "camera", None, "cpu", fake_tensorrt("10.3.0", script), plain)
        engine.allocate()
        engine.keep_jit_cache()
        assert not plain.exists()


TENSOR = "{{ Name: {}, Dimensions: [1,64,9,9], Strides: [5184,1,576,64], StrideOrder: [3,0,2,1], Datatype: {}, Format: (NHWC) Channel major format }}"  # noqa: E501
LINES = [
    "Name: __myl_ReshMoveConc_myl0_0, LayerType: kgen, Inputs: [ " + TENSOR.format("images", "Half") + "], "
    "Constants: [], Outputs: [ " + TENSOR.format("a", "Half") + "], TacticName: t, StreamId: 0, "
    "Metadata: [ONNX Layer: camencode.images]",
    "Name: bevencode.conv1_U0_myl0_1, LayerType: correlation, Inputs: [ " + TENSOR.format("a", "Half") + "], "
    "Constants: [ " + TENSOR.format("w", "Float") + "], Outputs: [ " + TENSOR.format("b", "Int8") + "], "
    "TacticName: t, StreamId: 0, Metadata: [ONNX Layer: bevencode.conv1][ONNX Layer: bevencode.relu]",
    "Name: __mye1370_myl0_6, LayerType: signal, Inputs: [], Constants: [], Outputs: [], TacticName: , "
    "StreamId: 0, EventId: 1, Metadata: ",
    "Name: __myl_Cast_myl0_30, LayerType: kgen, Inputs: [ "
    + TENSOR.format("b", "Half")
    + "], Constants: [], "
    "Outputs: [ "
    + TENSOR.format("logits", "Float")
    + "], TacticName: t, StreamId: 0, Metadata: [ONNX Layer: logits]",
]
"""As TensorRT for RTX 1.7.1.116 writes its layers, shortened."""


class TestInspection:
    """What became of the layers, from the builder's log or the inspector's JSON."""

    def test_the_log_says_precision_fusion_and_moves(self):
        found = Inspection.of_log(
            ["Layers:\n" + "\n".join(LINES) + "\n\nI/O Tensors:", " Name: bev, IOMode: Input"]
        )
        assert [layer.kind for layer in found.layers] == ["kgen", "correlation", "signal", "kgen"]
        assert found.precisions() == {"fp16": 1, "int8": 1, "fp32": 1}
        assert found.fused == 1
        assert found.layers[1].operators == ("bevencode.conv1", "bevencode.relu")
        assert found.layers[1].reads == ("fp16",)
        assert [layer.label for layer in found.moves] == ["camencode.images", "logits"]
        assert [layer.label for layer in found.writing("fp32")] == ["logits"]
        assert found.layers[1].constants == {"w": 4 * 64 * 9 * 9}
        assert found.weights == found.layers[1].weights

    def test_json_is_read_in_both_of_its_forms(self):
        half = {"Name": "x", "Format/Datatype": "Channel major FP16 format where channel % 8 == 0"}
        layers = [
            {"Name": "conv", "LayerType": "CaskConvolution", "Inputs": [half], "Outputs": [half],
             "Metadata": "[ONNX Layer: conv][ONNX Layer: relu]"},
            {"Name": "Reformatting CopyNode for Input Tensor 0", "LayerType": "Reformat", "Inputs": [half],
             "Outputs": [{"Name": "y", "Datatype": "Float"}]},
        ]  # fmt: skip
        found = Inspection.of_json(json.dumps({"Layers": layers, "Bindings": []}))
        assert found.precisions() == {"fp16": 1, "fp32": 1}
        assert [layer.kind for layer in found.moves] == ["Reformat"]
        assert found.fused == 1


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


@pytest.mark.parametrize("name", ["tensorrt", "tensorrt_rtx"])
def test_the_signatures_are_those_of_the_installed_bindings(name):
    trt = pytest.importorskip(name, reason=f"{name} is not installed")
    version = next((v for v in VERSIONS if library_version(trt).startswith(v)), None)
    if version is None:
        pytest.skip(f"no signatures of {library_version(trt)} are kept")
    known = SIGNATURES["versions"][version]
    assert describe(trt) == {part: known[part] for part in ("classes", "enums")}


def test_parameters_are_read_off_docstrings_of_every_form():
    one = "parse(self: trt.OnnxParser, model: buffer, path: str = None) -> bool\n\n    Parse it."
    assert overloads("parse", one) == [["model", "path?"]]
    two = (
        "set(*args, **kwargs)\nOverloaded function.\n\n"
        "1. set(self: C, shape: tuple[int, ...], a: typing.SupportsInt) -> bool\n\n"
        "2. set(self: C, shape: numpy.ndarray[numpy.int32], a: typing.SupportsInt) -> bool\n\n"
        "3. set(self: C, other: Callable[[int, str], None]) -> bool\n"
    )
    assert overloads("set", two) == [["shape", "a"], ["other"]]
    assert overloads("__init__", "__init__(self: C) -> None") == [[]]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_table_of_versions_says_what_our_builder_does(version, script):
    """The row of docs/jetson.md, against a build with the version's own names and parameters."""
    page = (Path(__file__).parents[2] / "docs" / "jetson.md").read_text()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if "|" in line]
    head = next(row for row in rows if row[0] == "bindings read")
    row = dict(zip(head, next(row for row in rows if row[0] == version.replace("rtx", "RTX ")), strict=True))
    script.dla_cores = 2
    trt = fake_tensorrt(version, script)
    build_plan(b"onnx", BuildOptions("int8"), trt=trt)
    assert row["precision from"] == ("flags" if "INT8" in script.flags else "the file")
    script.flags.clear()
    build_plan(b"onnx", BuildOptions("int8", dla=0), trt=trt)
    assert row["on DLA"] == ("flags" if "INT8" in script.flags else "the file")
    assert ("OnnxParser.set_flag" in dict(script.calls)) == hasattr(trt.OnnxParserFlag, "ADJUST_FOR_DLA")
    assert row["progress"] == ("yes" if hasattr(trt, "IProgressMonitor") else "no")
    assert row["INT8 calibrator"] == ("there" if "int8_calibrator" in dir(trt.IBuilderConfig) else "gone")
    assert row["STRONGLY_TYPED"] == str(getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", "-"))
