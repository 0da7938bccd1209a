"""Commands that time networks measure the networks, and not threads that wait for each other."""

from __future__ import annotations

import os

import pytest
from typer.testing import CliRunner

from lss_bev_ros.cli import app


@pytest.mark.parametrize(
    "words",
    [
        ["compare", "nothing", "nothing"],
        ["frontier", "reports", "--model", "nothing"],
        ["benchmark", "--modes", "nothing"],
        ["prune", "--speedup", "0.2"],
    ],
)
def test_threads_that_wait_do_not_spin(words, tmp_path, monkeypatch):
    """With them PyTorch took 2,970 ms beside onnxruntime on two busy cores, without them 180."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_WAIT_POLICY", "")
    monkeypatch.delenv("OMP_WAIT_POLICY")
    assert CliRunner().invoke(app, words).exit_code
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
