"""A network is pruned for another device by the latencies that the bundle measured there."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from lss_bev_ros.deploy.prune import PruneOptions, pruning
from lss_bev_ros.deploy.prune.allocation import allocate
from lss_bev_ros.deploy.prune.device_latency import DeviceLatency, milliseconds, part_of
from lss_bev_ros.deploy.prune.latency import LatencyTable, MeasuredPart
from lss_bev_ros.deploy.prune.parts import network_parts
from lss_bev_ros.errors import DeployError
from lss_bev_ros.model import LiftSplatShoot, ModelConfig

PARTS = {"camencode.trunk._blocks.7._expand_conv": 3.0, "bevencode.layer3.1.conv2": 1.0, "splat.segment": 4.0}


def results(path, layers, **more):
    model = {"name": "network", "runtime": "TensorRT 10.3.0", "median_ms": 16.0, "layers_ms": layers, **more}
    report = {"bundle": "b", "device": {"model": "Jetson AGX Orin"}, "models": [model]}
    np.savez(path, report=np.frombuffer(json.dumps(report).encode(), np.uint8))
    return path


def table(scale):
    """Two parts whose latency is a product of widths."""
    grid = np.outer((12, 48), (12, 48)).astype(float) * scale
    levels = ((12, 48), (12, 48))
    return LatencyTable(
        "here",
        tuple(MeasuredPart(name, names, levels, grid) for name, names in (
            ("camera block 7", ("a", "b")), ("bev block 5", ("b", "c")),
        )),
    )  # fmt: skip


def test_every_convolution_of_the_file_is_of_one_part():
    pytest.importorskip("onnx", reason="the extra `export` is not installed")
    from lss_bev_ros.runtime.onnx import OnnxOptions, write_network

    config = ModelConfig()
    graph = write_network(LiftSplatShoot(config).eval(), OnnxOptions()).graph
    found = {part_of(node.name) for node in graph.node if node.op_type == "Conv"}
    assert found == {part.name for part in network_parts(config)}
    # A runtime fuses operators, and puts words of its own around their names.
    assert part_of("Reformat + camencode.trunk._blocks.3._swish + camencode.up1.conv.0") == "camera block 3"
    assert part_of("__myl_Cast_myl0_3") == part_of("splat.segment") == ""


def test_a_part_takes_as_long_as_there_and_is_narrowed_as_here(tmp_path):
    device = DeviceLatency.read(results(tmp_path / "orin.npz", PARTS))
    assert device.where == "Jetson AGX Orin, network on TensorRT 10.3.0"
    # The layers' own sum is 8 ms, and the network takes 16: so each counts double.
    assert device.parts == {"camera block 7": 6.0, "bev block 5": 2.0}
    full = {"a": 48, "b": 48, "c": 48}
    made = device.table(table(0.01), full)
    assert made.elsewhere
    assert made.total(full) == pytest.approx(16.0)
    assert made.total({**full, "a": 12}) == pytest.approx(16.0 - 6.0 * 0.75)
    assert made.total({**full, "c": 12}) == pytest.approx(16.0 - 2.0 * 0.75)


def test_the_devices_figures_steer_the_cut(tmp_path):
    # What both parts share is too dear to take.
    importance = {name: torch.full((48,), worth) for name, worth in (("a", 1.0), ("b", 1e6), ("c", 1.0))}
    kept = {}
    for heavy in ("camencode.trunk._blocks.7._expand_conv", "bevencode.layer3.1.conv2"):
        layers = {**dict.fromkeys(PARTS, 1.0), heavy: 20.0}
        made = DeviceLatency.read(results(tmp_path / "r.npz", layers)).table(
            table(1.0), dict.fromkeys(importance, 48)
        )
        chosen = allocate(importance, made, 1.4, 8)
        kept[heavy] = {name: len(chosen.get(name, range(48))) for name in importance}
    camera, bev = kept.values()
    assert camera["a"] < camera["c"]
    assert bev["c"] < bev["a"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({}, r"no latencies of layers: .*--layers"),
        ({"fuse.conv": 3.0}, "is of another network"),
        ({"camencode.depthnet": 0.0}, "is of another network"),
    ],
)
def test_results_that_say_nothing_of_the_parts_are_one_line(tmp_path, content, words):
    with pytest.raises(DeployError, match=words) as caught:
        DeviceLatency.read(results(tmp_path / "r.npz", content))
    assert "\n" not in str(caught.value)


def test_missing_damaged_and_partial_results_are_one_line(tmp_path):
    with pytest.raises(DeployError, match="no such file"):
        DeviceLatency.read(tmp_path / "none.npz")
    (tmp_path / "cut.npz").write_bytes(results(tmp_path / "r.npz", PARTS).read_bytes()[:100])
    with pytest.raises(DeployError, match="truncated"):
        DeviceLatency.read(tmp_path / "cut.npz")
    np.savez(tmp_path / "other.npz", report=np.frombuffer(b"[]", np.uint8))
    with pytest.raises(DeployError, match="not the results"):
        DeviceLatency.read(tmp_path / "other.npz")
    some = DeviceLatency.read(results(tmp_path / "r.npz", {"bevencode.layer3.1.conv2": 1.0}))
    with pytest.raises(DeployError, match="has no latency of camera block 7"):
        some.table(table(1.0), dict.fromkeys("abc", 48))


def test_a_target_is_milliseconds_and_must_be_ahead(tmp_path):
    assert milliseconds("5ms") == milliseconds("5 ms") == milliseconds("5") == 5.0
    for wrong in ("fast", "0", "-1ms", "nan", "inf"):
        with pytest.raises(DeployError, match=r"--target .* must be milliseconds, such as 5ms"):
            milliseconds(wrong)
    full = dict.fromkeys("abc", 48)
    assert pruning._speedup(table(0.001), full, 2.304) == pytest.approx(2.0)
    with pytest.raises(DeployError, match=r"takes 4\.61 ms on here, which is within 5 ms already"):
        pruning._speedup(table(0.001), full, 5.0)
    with pytest.raises(DeployError, match="target"):
        PruneOptions(target=-1.0)


def test_results_that_are_none_are_refused_before_a_scene_is_made(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from lss_bev_ros.cli import app

    monkeypatch.chdir(tmp_path)
    (tmp_path / "results.npz").write_bytes(b"nonsense")
    done = CliRunner().invoke(app, ["prune", "--target", "5ms", "--device", "results.npz"])
    assert isinstance(done.exception, DeployError)
    assert "results.npz" in str(done.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["results.npz"]
