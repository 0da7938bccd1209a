from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def run_on_device() -> Callable[[Path], Path]:
    """Runs a bundle as on a device: plain Python, in another folder, without the package on its path."""

    def run(bundle: Path) -> Path:
        out = bundle.with_name("car.results.npz")
        words = [sys.executable, str(bundle), "run", "--runtime", "onnxruntime", "-o", str(out)]
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        done = subprocess.run(
            [*words, "--repetitions", "1", "--warm-up", "0", "--layers"],
            cwd="/",
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return out

    return run
