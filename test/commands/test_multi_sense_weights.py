"""Commands say in one line what they cannot do with a multi-sense network, before they do anything."""

from __future__ import annotations

import sys

import pytest
import torch

from lss_bev_ros import cli
from lss_bev_ros.model.multi_sense_names import CONFIG
from lss_bev_ros.model.weights import write_weights


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "multi.safetensors"
    write_weights({"fuse.conv.weight": torch.zeros(1)}, path, {CONFIG: "{}"})
    return str(path)


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["lss-bev", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code, "".join(capsys.readouterr()), {path.name for path in tmp_path.iterdir()}

    return run


BROKEN = "its header's 'senses' cannot be read"


@pytest.mark.parametrize(
    ("command", "arguments", "expected"),
    [
        ("export", ["out", "--weights", "W"], BROKEN),
        ("compare", ["reference", "torch", "--weights", "W"], BROKEN),
        ("compare", ["W", "torch"], BROKEN),
        ("quantize", ["W", "out.onnx", "--dataroot", "."], "is not an ONNX model"),
        ("prune", ["out.safetensors", "--weights", "W"], "give --minutes 0"),
        ("prune", ["out.safetensors", "--weights", "W", "--minutes", "0", "--dataroot", "."], BROKEN),
        ("bundle create", ["out.lssbundle", "--weights", "W"], BROKEN),
        ("benchmark", ["--weights", "W", "--scaling", "torch"], "--scaling measures the published network"),
    ],
)
def test_one_line_says_what_cannot_be_done(command, arguments, expected, weights, run):
    words = [word.replace("W", weights) for word in arguments]
    code, said, left = run(*command.split(), *words)
    assert code == 1
    *before, last = said.splitlines()
    assert last.startswith("error: ")
    assert expected in last
    assert "Traceback" not in said
    # Nothing else but where the work would have begun.
    assert len(before) <= 1
    assert left <= {"multi.safetensors"}
