"""A lean PyTorch computes what a whole one does, and is whole once somebody asks."""

from __future__ import annotations

import subprocess
import sys

from lss_bev_ros.runtime.cpu import lean_torch

_SCRIPT = """
import sys
from lss_bev_ros.runtime.cpu.lean_torch import DEFERRED, lean_torch
if sys.argv[1] == "lean":
    with lean_torch():
        import torch
    assert not any(type(finder).__name__ == "_Deferring" for finder in sys.meta_path)
import torch
from lss_bev_ros.model import build_model
from lss_bev_ros.runtime.cpu.kept_network import FoldedNetwork
network = FoldedNetwork.of(build_model("seed:0"), torch.float32)
torch.set_num_threads(1)
images = torch.linspace(0, 9999, 2 * 3 * 128 * 352).sin().view(2, 3, 128, 352)
with torch.inference_mode():
    depth, features = network.camera_encoder(images.contiguous(memory_format=torch.channels_last))
    logits = network.bev_encoder(features[:1].expand(200 * 200, -1).reshape(200, 200, 64))
waiting = [name for name in DEFERRED if type(sys.modules.get(name)).__name__ == "_LazyModule"]
assert bool(waiting) <= (sys.argv[1] == "lean"), waiting
for name in waiting:
    assert sys.modules[name].__doc__ != 0
    assert type(sys.modules[name]).__name__ == "module", "asked for, it is there"
torch.Generator()
doubled = torch.export.export(torch.nn.Linear(3, 3), (torch.ones(2, 3),)).module()(torch.ones(2, 3))
print(depth.sum().item(), features.sum().item(), logits.sum().item(), doubled.shape)
"""


def _said(how: str) -> str:
    done = subprocess.run([sys.executable, "-c", _SCRIPT, how], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_lean_one_says_the_same_and_exports_once_it_is_whole():
    assert _said("lean") == _said("whole")


def test_a_version_that_was_not_tried_is_imported_whole(monkeypatch):
    monkeypatch.setattr(lean_torch, "torch_version", lambda: "99.0")
    before = [*sys.meta_path]
    with lean_torch.lean_torch():
        assert sys.meta_path == before
    monkeypatch.setattr(lean_torch, "torch_version", lambda: lean_torch.TRIED[0])
    with lean_torch.lean_torch():
        assert sys.meta_path != before
    assert sys.meta_path == before
