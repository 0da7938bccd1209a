from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

DEVICE = ("numpy", "numpy.libs", "onnxruntime", "onnxruntime.libs", "flatbuffers", "packaging")
"""All that a device has besides Python: numpy, and onnxruntime with what it imports itself."""

START = """
import runpy, sys
sys.path[:0] = [sys.argv.pop(1)]
for absent in ("torch", "onnx", "cv2", "typer", "lss_bev_ros"):
    sys.modules[absent] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="session")
def run_on_device(tmp_path_factory) -> Callable[[Path], Path]:
    """Runs a bundle as in a container with numpy and onnxruntime: nothing else can be imported there."""
    packages = tmp_path_factory.mktemp("packages")
    installed = Path(importlib.util.find_spec("numpy").origin).parents[1]
    for name in DEVICE:
        if (installed / name).exists():
            (packages / name).symlink_to(installed / name)

    def run(bundle: Path) -> Path:
        out = bundle.with_name("car.results.npz")
        words = [sys.executable, "-I", "-S", "-c", START, str(packages), str(bundle), "run", "-o", str(out)]
        options = ["--repetitions", "1", "--warm-up", "0", "--layers"]
        done = subprocess.run(
            [*words, *options], cwd="/", env={}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return out

    return run
