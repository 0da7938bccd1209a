"""Run tests under NumPy 2: `python test/numpy2.py [--all] [arguments of pytest]`.

The environment of the tests has NumPy 1.26 below Python 3.13, since nuscenes-devkit knows no other, and
everything else in it knows both. So NumPy 2 alone is put, once, into a folder of its own beside this Python.
Where the environment has NumPy 2 anyway, or it cannot be had, this says so and ends with 0.

Without `--all` and without paths it runs the tests that do most with numbers.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NUMPY = "numpy>=2.1,<3"
CHOSEN = (
    "test/dataset",
    "test/evaluation",
    "test/geometry",
    "test/images",
    "test/visualization",
    "test/synthetic/test_rasterizer.py",
    "test/runtime/test_synchronizer.py",
    "test/test_camera_info.py",
    "test/test_messages.py",
    "pipros/test/test_cdr.py",
    "pipros/test/test_message.py",
)


def main(*arguments: str) -> int:
    """Run pytest; its exit code, or 0 where it cannot be run."""
    if not version("numpy").startswith("1."):
        print(f"skipped: tests under NumPy 2: all tests here run under NumPy {version('numpy')}", flush=True)
        return 0
    folder = Path(os.environ.get("NUMPY2", Path(sys.prefix) / "numpy2"))
    if not (folder / "numpy").is_dir():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run(
            [*pip, "--no-deps", "--only-binary=:all:", "--target", str(folder), NUMPY],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            reason = next(
                (line for line in done.stderr.splitlines() if line.startswith("ERROR")), "pip failed"
            )
            print(f"skipped: tests under NumPy 2: it cannot be had ({reason})", flush=True)
            return 0
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, (folder, ROOT, ROOT / "pipros" / "src"))),
    }
    # Tests that silently ran under NumPy 1 would say nothing.
    subprocess.check_call(
        [sys.executable, "-c", "import numpy; assert numpy.__version__ >= '2'"], env=environment
    )
    given = [each for each in arguments if each != "--all"]
    if "--all" not in arguments and not any((ROOT / each.partition("::")[0]).exists() for each in given):
        given += CHOSEN
    return subprocess.call([sys.executable, "-m", "pytest", *given], cwd=ROOT, env=environment)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
