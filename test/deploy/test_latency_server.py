"""A device measures one network after another, and a search may ask it for the next."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from lss_bev_ros.deploy.bundle import LatencyServer
from lss_bev_ros.deploy.bundle.contents import packed
from lss_bev_ros.deploy.bundle.create import runner_files
from lss_bev_ros.deploy.bundle.runner import serving
from lss_bev_ros.deploy.bundle.runner.archive import FORMAT, MANIFEST, VERSION
from lss_bev_ros.deploy.prune.on_device import OnDevice
from lss_bev_ros.errors import DeployError
from lss_bev_ros.model import LiftSplatShoot, ModelConfig
from lss_bev_ros.runtime.onnx import OnnxDescription

onnx = pytest.importorskip("onnx", reason="the extra `export` is not installed")
pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")

QUICK = ("--repetitions", "1", "--warm-up", "0", "--runtime", "onnxruntime")


def written(path, cameras, kind):
    """A network that only looks at its pixels, as an exported file."""
    from onnx import TensorProto, helper

    number = {"fp32": TensorProto.FLOAT, "fp16": TensorProto.FLOAT16}[kind]
    images = helper.make_tensor_value_info("images", number, [1, cameras, 3, 4, 4])
    logits = helper.make_tensor_value_info("logits", number, [1, 1, 3, 4, 4])
    first = helper.make_node("ReduceMax", ["images"], ["logits"], axes=[1], keepdims=1)
    graph = helper.make_graph([first], "looks", [images], [logits])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, OnnxDescription("network", kind, ModelConfig(), "", "").metadata())
    path.write_bytes(model.SerializeToString())


def bundled(path, models):
    """A bundle of one frame without tables, and nothing that is expected of it."""
    frame = packed(pixels=np.zeros((6, 4, 4, 3), np.uint8))
    files = {**runner_files(), "input.npz": frame}
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "id": "tiny",
        "normalise": {"mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0]},
        "models": [{"inputs": {"images": "float32"}, "free": [], "tables": {}, **model} for model in models],
        "frames": [{"input": "input.npz"}],
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {MANIFEST: json.dumps(manifest).encode(), **files}.items():
            archive.writestr(name, content)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A bundle, a network that it has frames for, the same in half precision, and one of other inputs."""
    path = tmp_path_factory.mktemp("server")
    for name, cameras, kind in (("network", 6, "fp32"), ("half", 6, "fp16"), ("five", 5, "fp32")):
        written(path / f"{name}.onnx", cameras, kind)
    bundled(path / "car.lssbundle", [{"name": "network", "precision": "fp32"}])
    return path


@pytest.fixture(scope="module")
def server(folder):
    with LatencyServer(folder / "car.lssbundle", arguments=QUICK) as started:
        yield started


def test_one_connection_measures_one_network_after_another(folder, server):
    assert server.device["cores"] >= 1
    refused = server.measure(folder / "five.onnx")
    assert refused["name"] == "five"
    assert "no model of the bundle has its inputs" in refused["refused"]
    for name in ("network", "half"):
        found = server.measure(folder / f"{name}.onnx")
        assert found["name"] == name
        assert found["median_ms"] > 0
        assert found["runtime"].startswith("onnxruntime ")


class Asked:
    """A server that remembers what it was asked to measure."""

    def __init__(self, answer):
        self.answer, self.files = answer, []

    def measure(self, path):
        self.files.append(onnx.load(path))
        return self.answer


@pytest.mark.parametrize(
    ("model", "precision", "segments"),
    [
        ({"precision": "fp32"}, "fp32", False),
        ({"precision": "fp16", "free": ["points", "pixels", "segments"]}, "fp16", True),
        ({"precision": "int8"}, "fp16", False),
    ],
)
def test_a_search_has_its_networks_measured_as_the_bundle_has_its(tmp_path, model, precision, segments):
    """Nothing is in 8 bits that was not calibrated."""
    network = LiftSplatShoot(ModelConfig(image_height=32, image_width=64, channels=8)).eval()
    bundle = bundled(tmp_path / "car.lssbundle", [{"name": "network", **model}])
    server = Asked({"name": "cut", "median_ms": 4.5})
    assert OnDevice(server, bundle)(network) == 4.5
    (file,) = server.files
    described = {entry.key: entry.value for entry in file.metadata_props}
    assert OnnxDescription.read(described, "").precision == precision
    sizes = {value.name: value.type.tensor_type.shape.dim[0].dim_param for value in file.graph.input}
    assert bool(sizes["points"]) == segments


def test_what_the_device_refuses_or_the_bundle_has_not_is_one_line(tmp_path):
    network = LiftSplatShoot(ModelConfig(image_height=32, image_width=64, channels=8)).eval()
    bundle = bundled(tmp_path / "car.lssbundle", [{"name": "network", "precision": "fp32"}])
    refusing = Asked({"name": "cut", "refused": "it lacks an operator"})
    with pytest.raises(DeployError, match="does not run the network that was cut: it lacks an operator"):
        OnDevice(refusing, bundle)(network)
    multi = bundled(tmp_path / "multi.lssbundle", [{"name": "m", "precision": "fp32", "sensed": ["a"]}])
    with pytest.raises(DeployError, match="has no published network"):
        OnDevice(refusing, multi)
    with pytest.raises(DeployError, match="no such file"):
        OnDevice(refusing, tmp_path / "none.lssbundle")


MEASURING = r"was lost while it (measured|was sent) network\.onnx"


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([], "was lost before it measured"),
        (["nonsense"], "was lost before it measured"),
        (["[]"], "was lost before it measured"),
        (['{"name": "network"}'], "was lost before it measured"),
        (['{"ready": "id", "device": {}}'], r"was lost while it (measured|was sent) network\.onnx"),
        (
            ['{"ready": "id", "device": {}}', '{"name": 3}'],
            r"was lost while it (measured|was sent) network\.onnx",
        ),
    ],
)
def test_a_device_that_vanishes_is_one_line(folder, tmp_path, monkeypatch, answers, words):
    """An ssh whose other end says so much and is gone, though it reads what it is sent."""
    (tmp_path / "ssh").write_text(
        "#!/bin/sh\n"
        'case "$*" in *sha256sum*) echo same; exit 0;; esac\n'
        + "".join(f"echo '{answer}'\n" for answer in answers)
        + ("head -c 100 > /dev/null\n" if answers else "")
    )
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with (
        pytest.raises(DeployError, match=rf"user@orin {words}") as caught,
        LatencyServer(folder / "car.lssbundle", "user@orin") as server,
    ):
        server.measure(folder / "network.onnx")
    assert "\n" not in str(caught.value)


def test_over_ssh_the_bundle_is_copied_and_the_device_is_noticed_to_be_gone(folder, tmp_path, monkeypatch):
    home, calls = tmp_path / "home", tmp_path / "calls"
    home.mkdir()
    programs = {
        "ssh": f'cd {home}; for last; do :; done; exec sh -c "$last"',
        "scp": f'cd {home}; shift; cp "$1" "${{2#*:}}"',
    }
    for name, body in programs.items():
        (tmp_path / name).write_text(f'#!/bin/sh\necho {name} "$@" >> {calls}\n{body}\n')
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with LatencyServer(folder / "car.lssbundle", "user@orin", QUICK, sys.executable) as server:
        assert "refused" in server.measure(folder / "five.onnx")
    assert [path.name for path in home.glob(".cache/lss_bev_ros/*")] == ["car.lssbundle"]
    said = calls.read_text().splitlines()
    assert [line.split()[0] for line in said] == ["ssh", "scp", "ssh", "ssh"]
    assert "ServerAliveInterval=15" in said[-1]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"nonsense\n", "must be a line of JSON"),
        (b"[]\n", "must be a line of JSON"),
        (b'{"name": "a", "precision": "fp32", "inputs": {}, "size": -1}\n', "must be a line of JSON"),
        (b'{"name": "a", "precision": "fp32", "inputs": {"x": 3}, "size": 1}\n', "must be a line of JSON"),
        (b'{"name": "a", "precision": "fp32", "inputs": {}, "size": 9}\nabc', "ended after 3 of 9 bytes"),
    ],
)
def test_what_is_no_request_is_one_line(monkeypatch, line, words):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(line)))
    monkeypatch.setattr(sys, "stdout", answers := io.StringIO())
    # What the runner prints for people is not among the answers.
    monkeypatch.setattr(serving, "prepared", lambda _: print("TensorRT is left out") or "onnxruntime")
    archive = SimpleNamespace(manifest={"id": "b", "models": []})
    with pytest.raises(serving.BundleError, match=words):
        serving.serve(archive, SimpleNamespace(engines=None))
    assert sys.stdout is answers
    assert json.loads(answers.getvalue())["ready"] == "b"


def test_the_command_shows_percentiles_and_writes_them_whole(folder, tmp_path, monkeypatch):
    import lss_bev_ros.deploy.bundle as library
    from lss_bev_ros.cli import app
    from lss_bev_ros.deploy.bundle.runner.measuring import percentiles

    class Made:
        def __init__(self, *given):
            self.device = {"model": "Orin"}
            assert given[2][:2] == ["--repetitions", "1000"]

        def measure(self, path):
            if path.stem == "gone":
                raise DeployError("user@orin was lost")
            if path.stem == "odd":
                return {"name": "odd", "refused": "it lacks an operator"}
            times = np.arange(1000, dtype=np.float64)
            about = {"name": path.stem, "runtime": "TensorRT", "mean_ms": 499.5, "deviation_ms": 288.7}
            return {**about, "median_ms": 499.5, **percentiles(times)}

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(library, "LatencyServer", Made)
    monkeypatch.setenv("COLUMNS", "160")
    words = ["bundle", "measure", str(folder / "car.lssbundle"), "--host", "user@orin", "-o"]
    out = tmp_path / "out.json"
    done = CliRunner().invoke(app, [*words, str(out), "a.onnx", "b.onnx"])
    assert done.exit_code == 0, done.output
    assert "998.00" in done.output
    assert [one["name"] for one in json.loads(out.read_text())["models"]] == ["a", "b"]
    done = CliRunner().invoke(app, [*words, str(tmp_path / "odd.json"), "a.onnx", "odd.onnx"])
    assert done.exit_code == 1
    assert "odd: not run: it lacks an operator" in done.output
    done = CliRunner().invoke(app, [*words, str(tmp_path / "gone.json"), "a.onnx", "gone.onnx"])
    assert done.exit_code != 0
    assert not (tmp_path / "gone.json").exists()


def test_a_bundle_to_measure_with_goes_with_what_it_measured(tmp_path):
    from lss_bev_ros.cli import app

    for words in (["--bundle", "car.lssbundle"], ["--host", "user@orin", "--device", "orin.npz"]):
        done = CliRunner().invoke(app, ["prune", str(tmp_path / "p.safetensors"), *words])
        assert isinstance(done.exception, DeployError) or "go with --device RESULTS" in done.output
        assert not Path(tmp_path, "p.safetensors").exists()
