"""Every exported file built by the one TensorRT that needs no GPU: `make test-tensorrt`, some minutes."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from lss_bev_ros.deploy.inspecting import inspect_model
from lss_bev_ros.geometry.example_rig import nuscenes_like_rig
from lss_bev_ros.model import build_model
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
FP32 = {
    "network": {"camencode.scores.fp32 + camencode.softmax", "logits"},
    "camera": {"camencode.pixels + features + camencode.scores + camencode.softmax + camencode.scores.fp32"},
    "bev": {"logits"},
}
"""Layers of the fp16 engines that write fp32: the softmax over depth, and the logits."""

MOVES = {
    "network": {"camencode.images + camencode.trunk._conv_stem", "camencode.images", "logits"},
    "camera": {"camencode.trunk._conv_stem", "depth"},
    "bev": {"bevencode.channels", "logits"},
}
"""Layers that only move data: padding of the images, and what outputs and inputs need."""

SHAPES = {"images": tuple((1, count, 3, 128, 352) for count in (1, 6, 8))}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder, models, made = tmp_path_factory.mktemp("onnx"), {}, {}

    def write(weights="builtin", **options):
        key = f"{weights} {sorted(options.items())}"
        if key not in made:
            model = models.setdefault(weights, build_model(weights))
            made[key] = folder / f"{len(made)}.onnx"
            made[key].write_bytes(write_network(model, OnnxOptions(**options)).SerializeToString())
        return made[key]

    return write


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("weights", ["builtin", "builtin-pruned"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_fp16_has_no_fp32_layer_and_no_move_but_those_that_are_known(written, variant, weights, target):
    options = VARIANTS[variant]
    shapes = SHAPES if "cameras" in options.get("dynamic", ()) else {}
    found = inspect_model(written(weights, precision="fp16", **options), target, shapes, trt).layers
    part = options.get("part", "network")
    assert {layer.label for layer in found.writing("fp32")} <= FP32[part]
    assert {layer.label for layer in found.moves} <= MOVES[part]
    assert found.fused > 10


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_fp32_builds(written, variant, target):
    options = VARIANTS[variant]
    shapes = SHAPES if "cameras" in options.get("dynamic", ()) else {}
    assert inspect_model(written(**options), target, shapes, trt).plan > 1_000_000


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
