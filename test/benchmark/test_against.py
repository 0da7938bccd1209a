"""Two trees in one run: each in processes of its own, and every reason not to in one line."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from lss_bev_ros.benchmark import BenchmarkOptions, random_frames
from lss_bev_ros.benchmark.against import against_table, benchmark_against
from lss_bev_ros.benchmark.first_grid import ROWS, first_grid_table, memory_of
from lss_bev_ros.benchmark.other_tree import Tree, TreeWorker
from lss_bev_ros.benchmark.saved_frames import save_frames
from lss_bev_ros.cli import app
from lss_bev_ros.errors import LssBevError

_MODES = """
import time
from lss_bev_ros.errors import LssBevError
import numpy as np

class Mode:
    def __init__(self, name): self.name = name
    def run(self, index, marked):
        print("a library's noise")
        time.sleep({seconds})
        return np.full((2, 3), {logit} + index), {{}}

class Opened:
    skipped = {{"gone": "it is not installed"}}
    def close(self): pass

def check_modes(words):
    if words[0] not in {known}:
        raise LssBevError(f"mode {{words[0]!r}} is unknown")

def open_modes(words, model, weights, sets, threads):
    opened = Opened()
    opened.modes = [Mode(word) for word in words]
    return opened
"""


def make_tree(
    path: Path,
    known: tuple[str, ...] = ("fast",),
    logit: float = 0.0,
    benchmark: str = "benchmark",
    head: str = "",
) -> Path:
    """A tree whose package has modes that sleep."""
    files = {
        "__init__.py": f"{head}\n__version__ = '9'\n",
        "errors.py": "class LssBevError(Exception): pass\n",
        "model.py": "def build_model(weights):\n    return weights\n",
        f"{benchmark}/__init__.py": "",
        f"{benchmark}/modes.py": _MODES.format(known=known, logit=logit, seconds=0.005),
        f"{benchmark}/saved_frames.py": "class F: sets = [0, 1]\ndef load_frames(path):\n    return F\n",
    }
    for name, text in files.items():
        file = path / "lss_bev_ros" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        (file.parent / "__init__.py").touch()
    return path


@pytest.fixture(scope="module")
def frames():
    return random_frames(2)


@pytest.fixture(scope="module")
def saved(frames, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("frames") / "frames.npz"
    save_frames(frames, path)
    return path


def test_the_modes_of_both_trees_are_compared_and_the_others_told(tmp_path: Path, frames, monkeypatch):
    here = Tree.at(make_tree(tmp_path / "here", ("fast", "new")))
    there = Tree.at(make_tree(tmp_path / "there", ("fast",), 0.5, benchmark="deploy/benchmark"))
    monkeypatch.setattr(Tree, "here", lambda: here)
    told = []
    report = benchmark_against(
        frames, there, BenchmarkOptions(("fast", "new"), repetitions=3), lambda *done: told.append(done)
    )
    (mode,) = report["modes"].values()
    assert mode["largest_difference"] == 0.5
    assert mode["ratio"] > 0
    assert mode["here"]["median_ms"] >= 5.0
    assert mode["runs"] % 3 == 0
    assert report["skipped"]["gone"] == "there: it is not installed"
    assert report["skipped"]["new"].startswith("there: ")
    assert report["versions"] == {"here": "9", "there": "9"}
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert against_table(report).row_count == 1
    with pytest.raises(LssBevError, match=r"no mode runs both here and in .*there: .*mode 'new' is unknown"):
        benchmark_against(frames, there, BenchmarkOptions(("new",)))


def test_a_worker_runs_its_own_tree_whatever_is_on_the_path(tmp_path: Path, saved: Path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Tree.here().path))
    tree = Tree.at(make_tree(tmp_path / "other", logit=3.0))
    with TreeWorker(tree, saved, ["fast", "slow"], "builtin", 1) as worker:
        assert worker.modes == ["fast"]
        assert worker.skipped["slow"] == "mode 'slow' is unknown"
        assert worker.logits("fast", 1) == pytest.approx(np.full(6, 4.0))
        assert all(len(times) == 4 for times in worker.run("fast", 0, 4))
        worker._process.kill()
        with pytest.raises(LssBevError, match="other: its code does not run here"):
            worker.run("fast", 0)


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (
            "import sys; sys.exit('error: lss_bev_ros needs Python 9 to 10')",
            "here: lss_bev_ros needs Python 9",
        ),
        ("import no_such_module", "No module named 'no_such_module'"),
        ("def broken(:", "invalid syntax"),
    ],
)
def test_a_tree_that_does_not_run_here_is_told_in_one_line(tmp_path: Path, saved: Path, head: str, said: str):
    tree = Tree.at(make_tree(tmp_path / "other", head=head))
    with pytest.raises(LssBevError, match=said) as raised:
        TreeWorker(tree, saved, ["fast"], "builtin", 0)
    assert "\n" not in str(raised.value)
    assert str(tree.path) in str(raised.value)


@pytest.mark.parametrize("name", ["missing", "empty", "file"])
def test_a_folder_without_the_package_is_refused(tmp_path: Path, name: str):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(LssBevError, match=f"{name}: there is no package lss_bev_ros in it: give the folder"):
        Tree.at(tmp_path / name)


@pytest.mark.parametrize(
    "option", ["--profile", "--dashboard", "--scaling=torch", "--datasheet=x", "--save-frames=x"]
)
def test_what_says_nothing_of_two_trees_is_refused(option: str):
    done = CliRunner().invoke(app, ["benchmark", "--against", str(Tree.here().path), option])
    assert isinstance(done.exception, LssBevError)
    assert str(done.exception).endswith(f"leave {option.partition('=')[0]} out")


def test_each_tree_brings_its_own_stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    tree = make_tree(tmp_path / "other")
    overlay = tree / "lss_bev_ros" / "standalone" / "overlay"
    overlay.mkdir(parents=True)
    ours = Tree.here().path / "pipros" / "src"
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["/else", str(ours), str(ours / "pipros" / "overlay")]))
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    environment = Tree.at(tree).environment()
    assert environment["PYTHONPATH"].split(os.pathsep) == [str(tree), "/else", str(overlay)]
    assert "OMP_WAIT_POLICY" not in environment, "each tree has its own way"
    path = Tree.here().environment()["PYTHONPATH"].split(os.pathsep)
    assert path[:2] == [str(Tree.here().path), str(ours)]
    assert path[-1] == str(ours / "pipros" / "overlay")


def test_memory_of_a_process_and_the_table_of_first_grids():
    found = memory_of()
    assert set(found) <= set(ROWS)
    assert all(value > 1 for value in found.values())
    assert memory_of(2**30) == {}
    figures = {"first_grid_s": 1.0, **found}
    report = {"here": figures, "there": figures, "ratio": dict.fromkeys(figures, 1.0), "rounds": 2}
    assert first_grid_table(report).row_count == len(figures)
