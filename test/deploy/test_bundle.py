"""A bundle runs by itself, says what became of the network, and is never believed when it is not whole."""

from __future__ import annotations

import ast
import json
import os
import re
import stat
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from lss_bev_ros.deploy.bundle import (
    check_bundle,
    create_bundle,
    device_page,
    publish,
    rows_of,
    run_remote,
)
from lss_bev_ros.deploy.bundle.runner.archive import Archive, BundleError
from lss_bev_ros.deploy.bundle.runner.conditions import Conditions
from lss_bev_ros.deploy.bundle.runner.measuring import percentiles
from lss_bev_ros.errors import DeployError
from lss_bev_ros.evaluation.frames import random_frames
from lss_bev_ros.model import build_model

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

RUNNER = Path(sys.modules["lss_bev_ros.deploy.bundle"].__file__).with_name("runner")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    from lss_bev_ros.deploy.export import export_network

    folder = tmp_path_factory.mktemp("bundle")
    network = export_network(build_model("seed:0"), folder / "network.onnx", check=False)
    frames = random_frames(1)
    return create_bundle(folder / "car.lssbundle", [network.path], frames, "seed:0", repetitions=1)


@pytest.fixture(scope="module")
def results(bundle, run_on_device):
    return run_on_device(bundle)


def test_the_runner_imports_only_what_a_device_has():
    known = {"__future__", "numpy", "onnxruntime", "tensorrt"} | sys.stdlib_module_names
    for path in RUNNER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert {alias.name.split(".")[0] for alias in node.names} <= known, path
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 1 or node.module.split(".")[0] in known, path


def test_a_bundle_holds_what_it_needs(bundle):
    with Archive(bundle) as archive:
        assert archive.verify() == len(archive.manifest["files"])
        frame = archive.manifest["frames"][0]
        assert len(frame["images"]) == 6
        assert archive.read(frame["images"]["cam_front"]).startswith(b"\xff\xd8")
        cameras = archive.manifest["calibrations"][frame["calibration"]]
        assert [camera["name"] for camera in cameras][1] == "cam_front"


def test_what_a_device_computes_is_compared_with_pytorch(bundle, results):
    [verdict], device = check_bundle(bundle, results)
    assert verdict.difference.cosine > 0.99999
    assert verdict.agreement > 0.999
    assert verdict.median_ms > 0
    assert verdict.problem(iou_loss=0.01, cosine=0.99999) == ""
    assert verdict.problem(iou_loss=0.01, cosine=1.1).startswith("cosine")
    assert device["cores"]


def test_a_model_that_the_device_refuses_is_reported(bundle, results, tmp_path):
    with np.load(results) as file:
        arrays = {name: file[name] for name in file.files}
    report = json.loads(arrays["report"].tobytes())
    report["models"] = [{"name": "network", "refused": "it lacks an operator"}]
    arrays["report"] = np.frombuffer(json.dumps(report).encode(), dtype=np.uint8)
    np.savez(tmp_path / "r.npz", **arrays)
    [verdict], _ = check_bundle(bundle, tmp_path / "r.npz")
    assert "lacks an operator" in verdict.problem(0.01, 0.9)


def altered(results, path, change):
    """Results whose report was changed."""
    with np.load(results) as file:
        arrays = {name: file[name] for name in file.files}
    report = json.loads(arrays["report"].tobytes())
    change(report)
    arrays["report"] = np.frombuffer(json.dumps(report).encode(), dtype=np.uint8)
    np.savez(path, **arrays)
    return path


def test_a_run_says_how_it_was_loaded_in_what_state_and_what_each_layer_took(bundle, results):
    [verdict], _ = check_bundle(bundle, results)
    assert verdict.times.shape == (1,)
    assert verdict.percentiles == {"p50": verdict.median_ms}, "one run says nothing of the slowest hundredth"
    assert re.fullmatch(r"loaded in \d+\.\d s the first time, \d+\.\d s again", verdict.loading)
    assert "throttled: " in verdict.conditions
    layers = verdict.report["layers_ms"]
    assert sum(value for name, value in layers.items() if name.startswith("camencode.trunk._blocks.3.")) > 0
    assert sum(layers.values()) > 1


def test_a_percentile_needs_runs_enough():
    times = np.arange(1000, dtype=np.float64)
    assert set(percentiles(times)) == {"p50_ms", "p95_ms", "p99_ms", "p99.9_ms"}
    assert percentiles(times)["p99.9_ms"] == pytest.approx(998.0, abs=1.0)
    assert set(percentiles(times[:100])) == {"p50_ms", "p95_ms", "p99_ms"}
    assert set(percentiles(times[:50])) == {"p50_ms", "p95_ms"}


def test_heat_clocks_and_throttling_are_read_of_the_kernel(tmp_path):
    def put(path, text):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    put("class/thermal/thermal_zone0/type", "gpu-thermal\n")
    put("class/thermal/thermal_zone0/temp", "48500\n")
    put("class/thermal/thermal_zone1/type", "broken\n")
    put("class/devfreq/17000000.gpu/cur_freq", "1300500000\n")
    put("devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "2201600\n")
    put("class/thermal/cooling_device0/type", "pwm-fan\n")
    put("class/thermal/cooling_device0/cur_state", "3\n")
    put("class/thermal/cooling_device1/type", "gpu-throttle-alert\n")
    put("class/thermal/cooling_device1/cur_state", "0\n")
    put("devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "7\n")
    found = Conditions(tmp_path)
    found.read()
    assert found.report() == {
        "temperatures_c": {"gpu-thermal": 48.5},
        "clocks_mhz": {"cpu0": [2202, 2202], "17000000.gpu": [1300, 1300]},
        "throttling": [],
    }
    put("class/thermal/thermal_zone0/temp", "83000\n")
    put("class/devfreq/17000000.gpu/cur_freq", "612000000\n")
    put("class/thermal/cooling_device1/cur_state", "1\n")
    put("devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "8\n")
    found.read()
    report = found.report()
    assert report["temperatures_c"] == {"gpu-thermal": 83.0}
    assert report["clocks_mhz"]["17000000.gpu"] == [612, 1300]
    assert report["throttling"] == ["gpu-throttle-alert", "processor too hot"]


def test_the_page_has_every_plot_and_nothing_from_elsewhere(bundle, results):
    from xml.etree import ElementTree

    verdicts, device = check_bundle(bundle, results)
    page = device_page(verdicts, {**device, "model": "<Orin & co>"}, {"network": "cosine 0.9 below 0.99"})
    assert page.count("<svg") == 3
    for drawing in re.findall(r"<svg.*?</svg>", page, re.S):
        ElementTree.fromstring(drawing)
    assert "cosine 0.9 below 0.99" in page
    assert "&lt;Orin &amp; co&gt;" in page
    assert "http" not in page.replace("http://www.w3.org", "")


class TestPublish:
    """A results file becomes rows of the page of devices."""

    @pytest.fixture
    def page(self, tmp_path):
        text = (Path(__file__).parents[2] / "docs" / "devices.md").read_text()
        path = tmp_path / "devices.md"
        path.write_text(text)
        return path

    def published(self, bundle, results, page, sender="someone"):
        with Archive(bundle) as archive:
            known = archive.manifest["id"]
        rows = rows_of(*check_bundle(bundle, results), known, sender)
        publish(page, rows)
        return [line for line in page.read_text().splitlines() if f"| {sender} |" in line]

    def test_rows_stand_in_the_table_once_however_often_they_are_sent(self, bundle, results, page, tmp_path):
        def orin(report):
            report["device"] |= {"model": "Jetson AGX Orin", "power_mode": "NV Power Mode: MAXN\n0"}
            report["models"][0] |= {"p99_ms": 9.5, "median_ms": 8.0}

        before = page.read_text()
        sent = altered(results, tmp_path / "orin.npz", orin)
        for _ in range(2):
            (row,) = self.published(bundle, sent, page)
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert [cells[0], *cells[2:4], *cells[5:7]] == ["Jetson AGX Orin", "MAXN", "network", "8.00", "9.50"]
        (other,) = self.published(bundle, results, page, "another")
        assert other != row
        assert row in page.read_text()
        left = [line for line in page.read_text().splitlines() if line not in (row, other)]
        assert left == before.splitlines()

    def test_results_of_other_models_or_of_none_change_nothing(self, bundle, results, page, tmp_path):
        before = page.read_bytes()

        def foreign(report):
            report["models"][0]["name"] = "theirs"

        def refused(report):
            report["models"][0] = {"name": "network", "refused": "it lacks an operator"}

        with pytest.raises(DeployError, match=r"speaks of theirs, which .* does not hold"):
            self.published(bundle, altered(results, tmp_path / "a.npz", foreign), page)
        with pytest.raises(DeployError, match="no model ran"):
            self.published(bundle, altered(results, tmp_path / "b.npz", refused), page)
        assert page.read_bytes() == before
        with pytest.raises(DeployError, match=r"other\.md cannot be read"):
            self.published(bundle, results, tmp_path / "other.md")
        (tmp_path / "plain.md").write_text("# Devices\n")
        with pytest.raises(DeployError, match=r"plain\.md has no table"):
            self.published(bundle, results, tmp_path / "plain.md")
        assert (tmp_path / "plain.md").read_text() == "# Devices\n"


@pytest.mark.parametrize("keep", [0, 100, 1_000_000])
def test_a_bundle_cut_short_is_named(bundle, tmp_path, keep):
    cut = tmp_path / "cut.lssbundle"
    cut.write_bytes(bundle.read_bytes()[:keep])
    with pytest.raises(BundleError, match="truncated, or not"):
        Archive(cut)


def test_a_changed_file_is_named(bundle, tmp_path):
    changed = tmp_path / "changed.lssbundle"
    with zipfile.ZipFile(bundle) as source, zipfile.ZipFile(changed, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            target.writestr(name, content[:-1] + b"x" if name == "models/network.onnx" else content)
    with (
        Archive(changed) as archive,
        pytest.raises(BundleError, match=r"network\.onnx is .* changed"),
    ):
        archive.verify()


def test_results_of_another_bundle_are_refused(bundle, results, tmp_path):
    other = tmp_path / "other.lssbundle"
    with zipfile.ZipFile(bundle) as source, zipfile.ZipFile(other, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "manifest.json":
                content = json.dumps({**json.loads(content), "id": "another"}).encode()
            target.writestr(name, content)
    with pytest.raises(DeployError, match="by another bundle"):
        check_bundle(other, results)


@pytest.mark.parametrize("content", [b"", b"nonsense", None])
def test_damaged_results_are_one_line(bundle, tmp_path, content):
    path = tmp_path / "results.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DeployError, match=r"run it again|no such file"):
        check_bundle(bundle, path)


def paths_of(value, path=()):
    """Every place in a report."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        yield (*path, key)
        yield from paths_of(each, (*path, key))


def test_a_results_file_that_came_by_mail_is_taken_or_is_one_line_whatever_is_in_it(
    bundle, results, tmp_path
):
    """Each field of the report becomes something else, or is left out: no other error comes of it."""
    with np.load(results) as file:
        whole = json.loads(file["report"].tobytes())
    model = whole["models"][0]
    model["layers_ms"] = dict(list(model["layers_ms"].items())[:2])
    model["conditions"] = {
        "temperatures_c": {"cpu": 50.0},
        "clocks_mhz": {"cpu0": [1, 2]},
        "throttling": ["x"],
    }
    page = tmp_path / "devices.md"
    lines = len((page_text := (Path(__file__).parents[2] / "docs" / "devices.md").read_text()).splitlines())
    refused, said = set(), []
    for path in paths_of(whole):
        for other in (None, [], {}, "a\n| b <script>", -1.5, {"a": [None]}, ...):
            report = json.loads(json.dumps(whole))
            at = report
            for key in path[:-1]:
                at = at[key]
            if other is ...:
                at.pop(path[-1])
            else:
                at[path[-1]] = other
            sent = altered(
                results, tmp_path / "sent.npz", lambda old, new=report: (old.clear(), old.update(new))
            )
            page.write_text(page_text)
            try:
                verdicts, device = check_bundle(bundle, sent)
                device_page(verdicts, device, {})
                publish(page, rows_of(verdicts, device, "0" * 64, "a\nsender"))
            except DeployError as error:
                refused.add(path[-1])
                said.append(str(error))
                continue
            written = page.read_text()
            assert "<script>" not in written
            assert len(written.splitlines()) == lines + 1
    assert not any("\n" in line for line in said)
    assert {"models", "name", "bundle", "median_ms", "throttling", "layers_ms"} <= refused


def test_answers_of_another_size_are_one_line(bundle, results, tmp_path):
    with np.load(results) as file:
        arrays = {name: file[name] for name in file.files}
    for other in (np.zeros(3), np.zeros((1, 1, 2, 2)), np.array(["a"])):
        np.savez(tmp_path / "r.npz", **{**arrays, "network/0/logits": other})
        with pytest.raises(DeployError, match=r"has a network/0/logits of another size than"):
            check_bundle(bundle, tmp_path / "r.npz")


class Lost:
    """A model on a device that is there for some runs."""

    name, built = "a runtime", False

    def __init__(self, runs, error):
        self.left, self.error = runs, error

    def run(self, inputs):
        self.left -= 1
        if self.left < 0:
            raise self.error("CUDA: the GPU failed: it fell off the bus")
        return {"logits": np.zeros((1, 1, 200, 200), np.float32)}

    def layer_times(self, inputs):
        return {"a layer": float(self.run(inputs)["logits"].sum())}

    def close(self):
        pass


@pytest.mark.parametrize("runs", [0, 1, 2, 3, 4])
def test_of_a_model_whose_device_is_lost_nothing_is_kept_but_the_reason(
    bundle, tmp_path, monkeypatch, capsys, runs
):
    """At the first frame, while it warms up, while it is timed, and in the runs of the layers."""
    # Out of the bundle itself, where all that the runner needs lies beside it.
    monkeypatch.syspath_prepend(str(bundle))
    from runner import archive, command, measuring

    monkeypatch.setattr(measuring, "_load", lambda *_: (Lost(runs, archive.BundleError), 0.0))
    out = tmp_path / "out.npz"
    words = ["run", "--repetitions", "1", "--warm-up", "1", "--layers", "-o", str(out)]
    assert command.main(bundle, words) == (0 if runs == 4 else 1)
    if runs < 4:
        assert capsys.readouterr().err == "error: no model ran: CUDA: the GPU failed: it fell off the bus\n"
    assert [path.name for path in tmp_path.iterdir()] == (["out.npz"] if runs == 4 else [])


@pytest.fixture
def device(tmp_path, monkeypatch):
    """An ssh and an scp that end on this machine, in a home folder of their own."""
    home, path = tmp_path / "home", tmp_path / "bin"
    home.mkdir()
    path.mkdir()
    programs = {
        "ssh": f'cd {home} && shift && exec sh -c "$1"',
        "scp": f'cd {home}; shift; case $1 in *:*) cp "${{1#*:}}" "$2";; *) cp "$1" "${{2#*:}}";; esac',
    }
    for name, body in programs.items():
        program = path / name
        program.write_text(f"#!/bin/sh\necho {name} >> {tmp_path}/calls\n{body}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{path}:{os.environ['PATH']}")
    return tmp_path


def test_a_device_is_reached_over_ssh_and_a_bundle_is_copied_once(bundle, device):
    out, quick = device / "here.npz", ["--repetitions", "1", "--warm-up", "0", "--runtime", "onnxruntime"]
    run_remote(bundle, "user@orin", out, quick, sys.executable)
    assert check_bundle(bundle, out)[0][0].difference.cosine > 0.99999
    copies = (device / "calls").read_text().count("scp")
    run_remote(bundle, "user@orin", out, quick, sys.executable)
    assert (device / "calls").read_text().count("scp") == copies + 1


def test_what_a_device_refuses_leaves_no_results(bundle, device):
    out = device / "here.npz"
    with pytest.raises(DeployError, match="could not run the bundle"):
        run_remote(bundle, "user@orin", out, ["--repetitions", "0"], sys.executable)
    assert not out.exists()
    (device / "bin" / "ssh").write_text("#!/bin/sh\nexit 255\n")
    with pytest.raises(DeployError, match="no connection over ssh"):
        run_remote(bundle, "user@orin", out, python=sys.executable)
    with pytest.raises(DeployError, match="must be a host name"):
        run_remote(bundle, "-oProxyCommand=evil", out)


class FakeGpu:
    """Memory, an engine that adds one, and its context, as TensorRtSession uses them."""

    def __init__(self):
        self.memory, self.bound, self.stream = {}, {}, 7
        self.profiler = None

    def allocate(self, size):
        self.memory[len(self.memory) + 1] = np.zeros(size, dtype=np.uint8)
        return len(self.memory)

    def upload(self, address, array):
        self.memory[address][:] = array.reshape(-1).view(np.uint8)

    def download(self, address, array):
        array.reshape(-1).view(np.uint8)[:] = self.memory[address]

    def wait(self):
        pass

    close = wait

    def create_execution_context(self):
        return self

    def set_tensor_address(self, name, address):
        self.bound[name] = address

    def set_input_shape(self, name, shape):
        self.shape = shape

    def get_tensor_shape(self, name):
        return self.shape

    def execute_async_v3(self, stream):
        assert stream == self.stream
        if self.profiler is not None:
            self.profiler.report_layer_time("camencode.depthnet", 0.5)
        self.memory[self.bound["out"]][:] = (self.memory[self.bound["in"]].view(np.float32) + 1).view(
            np.uint8
        )
        return True


def test_a_device_with_tensorrt_builds_an_engine_once(bundle, tmp_path, monkeypatch):
    from types import SimpleNamespace

    # Out of the bundle itself, since the builder lies beside the runner there alone.
    monkeypatch.syspath_prepend(str(bundle))
    from runner import builder, tensorrt_session

    built = []
    monkeypatch.setattr(builder, "build_plan", lambda *_, **__: (built.append(1), (b"plan", b""))[1])
    gpu = FakeGpu()

    def open_engine(plan, dla, trt):
        if plan != b"plan":
            raise builder.TensorRtError("it is damaged")
        return gpu

    monkeypatch.setattr(builder, "open_engine", open_engine)
    infos = [
        builder.TensorInfo("in", True, (-1, 2), "float32"),
        builder.TensorInfo("out", False, (-1, 2), "float32"),
    ]
    monkeypatch.setattr(builder, "tensors_of", lambda engine, trt: infos)
    options = SimpleNamespace(dla=None, workspace=64, engines=tmp_path)
    trt = SimpleNamespace(__version__="10.3.0", IProfiler=object)
    for first in (True, False):
        session = tensorrt_session.TensorRtSession("net", b"onnx", "fp16", options, gpu, trt)
        assert session.built == first
        given = np.arange(6, dtype=np.float32).reshape(3, 2)
        np.testing.assert_array_equal(session.run({"in": given})["out"], given + 1)
        np.testing.assert_array_equal(session.run({"in": given * 2})["out"], given * 2 + 1)
    assert built == [1]
    assert [path.suffix for path in tmp_path.iterdir()] == [".plan"]
    assert session.layer_times({"in": given}) == {"camencode.depthnet": pytest.approx(0.5)}
    # One that was cut short is built again, and so is one where a fresh one is asked for.
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(b"pl")
    assert tensorrt_session.TensorRtSession("net", b"onnx", "fp16", options, gpu, trt).built
    assert kept.read_bytes() == b"plan"
    options.fresh = True
    assert tensorrt_session.TensorRtSession("net", b"onnx", "fp16", options, gpu, trt).built
    assert len(built) == 3
