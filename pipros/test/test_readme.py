"""The README's examples run, and its public face is what the modules say."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pipros

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def test_the_examples_run(ros_environment: dict[str, str], tmp_path: Path) -> None:
    """In their order and in one folder; one that begins with a file's name is that file."""
    path = os.pathsep.join(filter(None, [str(pipros.OVERLAY.parents[1]), ros_environment.get("PYTHONPATH")]))
    environment = {**ros_environment, "PYTHONPATH": path, "ROS_LOG_DIR": str(tmp_path / "log")}
    said = ""
    for example in EXAMPLES:
        if named := re.match(r"# (\S+\.py)\n", example):
            (tmp_path / named[1]).write_text(example)
            continue
        command = [sys.executable, "-c", example]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{example}\n{done.stdout}{done.stderr}"
        said += done.stdout
    assert "[launch.user]: hello reader" in said
    assert "/chatter 1700000000000000000 16" in said
    assert "Topic: /chatter | Type: std_msgs/msg/String | Count: 1" in said


@pytest.mark.parametrize("name", ["pipros", "pipros.bag", "pipros.launching", "pipros.topic"])
def test_the_public_face_is_there_and_told(name: str) -> None:
    pipros.activate()
    module = importlib.import_module(name)
    assert list(module.__all__) == sorted(module.__all__)
    for each in module.__all__:
        assert getattr(module, each) is not None
        if each not in ("Bandwidth", "OVERLAY", "Rate", "TopicListing"):  # what the functions told return
            assert re.search(rf"`[^`]*\b{each}\b[^`]*`", README), f"{name}.{each} is not in the README"


def test_the_version_is_in_one_place() -> None:
    assert pipros.__version__ in (ROOT / "CHANGELOG.md").read_text()
    assert 'version = { attr = "pipros.__version__" }' in (ROOT / "pyproject.toml").read_text()


def test_pipros_knows_nothing_of_what_uses_it() -> None:
    """Nor do its tests: they run where it alone is installed."""
    for path in (*ROOT.glob("src/**/*.py"), *ROOT.glob("test/**/*.py")):
        imported = re.findall(r"^\s*(?:from|import) (\w+)", path.read_text(), re.MULTILINE)
        assert "lss_bev" + "_ros" not in imported, path
