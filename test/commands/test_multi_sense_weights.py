"""Commands that do not know the multi-sense network say so in one line, before they do anything."""

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


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("export", ["out", "--weights", "W"]),
        ("compare", ["reference", "torch", "--weights", "W"]),
        ("compare", ["W", "torch"]),
        ("compare", ["torch", "W"]),
        ("quantize", ["W", "out.onnx"]),
        ("prune", ["out.safetensors", "--weights", "W"]),
        ("bundle create", ["out.lssbundle", "--weights", "W"]),
        ("benchmark", ["--weights", "W"]),
    ],
)
@pytest.mark.parametrize("named", [False, True])
def test_one_line_says_that_it_is_not_supported_yet(command, arguments, named, weights, run):
    weights = "builtin-multi" if named else weights
    code, said, left = run(*command.split(), *(weights if word == "W" else word for word in arguments))
    assert code == 1
    assert said.startswith(f"error: weights {weights} are of the multi-sense network, which ")
    assert f"`lss-bev {command}` does not support yet" in said
    assert "Traceback" not in said
    assert said.count("\n") == 1
    assert left <= {"multi.safetensors"}
