"""Another tree of this package, whose code runs in processes of their own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import LssBevError
from ..openmp import POLICY, let_threads_sleep

PACKAGE = __name__.partition(".")[0]

_PIPROS = Path("pipros") / "src"
_STAND_INS = (_PIPROS / "pipros" / "overlay", Path(PACKAGE) / "standalone" / "overlay")
"""Where the part of ROS 2's API that the nodes use lies in a tree: now, and before it was a distribution."""

_ALONE = f"""import sys
sys.meta_path[:] = [each for each in sys.meta_path if "{PACKAGE}" not in getattr(each, "__module__", "")]
"""
"""Before any other code: an editable installation would give a tree the modules that it lacks."""


@dataclass(frozen=True)
class Tree:
    """A folder that holds the package.

    Attributes:
        path: of the folder.
    """

    path: Path

    @classmethod
    def here(cls) -> Tree:
        """The one that this code is of."""
        return cls(Path(__file__).resolve().parents[2])

    @classmethod
    def at(cls, path: Path) -> Tree:
        """The tree at a path.

        Raises:
            LssBevError: there is none.
        """
        if not (path / PACKAGE / "__init__.py").is_file():
            raise LssBevError(
                f"{path}: there is no package {PACKAGE} in it: give the folder of a checkout, such as one of "
                f"`git worktree add PATH COMMIT`"
            )
        return cls(path.resolve())

    def environment(self) -> dict[str, str]:
        """In which Python finds this tree's package first, and its own stand-in for ROS 2 if need be.

        How OpenMP's threads wait is left to the tree: this process may have said it for itself.
        """
        others = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        stand_ins = {str(Tree.here().path / part) for part in _STAND_INS}
        ours = [part for part in others if part and part not in (str(Tree.here().path / _PIPROS), *stand_ins)]
        own = [self.path, self.path / _PIPROS]
        last = [self.path / part for part in _STAND_INS]
        found = [*(str(part) for part in own if part.is_dir()), *ours]
        found += [str(part) for part in last if part.is_dir()]
        others_said = {name: value for name, value in os.environ.items() if name != POLICY}
        return {**others_said, "PYTHONPATH": os.pathsep.join(found)}

    def command(self, source: str, *arguments: str) -> list[str]:
        """What runs some code with this tree's package alone, in `environment` and in an empty folder."""
        return [sys.executable, "-c", f"{_ALONE}{source}", *arguments]

    def module_command(self, module: str, *arguments: str) -> list[str]:
        """The same for a module of the package, as `python -m` runs it."""
        source = (
            f"import runpy\nrunpy.run_module({f'{PACKAGE}.{module}'!r}, run_name='__main__', alter_sys=True)"
        )
        return self.command(source, *arguments)


class TreeWorker:
    """A process that runs the modes of a tree.

    Attributes:
        modes: names of those that it has opened.
        skipped: others to why they do not run there.
        version: of the tree's package.
    """

    def __init__(self, tree: Tree, frames: Path, words: Sequence[str], weights: str, threads: int) -> None:
        """Start it and wait until its modes are open.

        Args:
            tree: whose code it runs.
            frames: file of `save_frames`.
            words: of `--modes`.
            weights: see `lss_bev_ros.model.build_model`; by name they are those of the tree.
            threads: PyTorch's; 0 leaves them alone.

        Raises:
            LssBevError: it does not start.
        """
        self._tree = tree
        self._errors = tempfile.TemporaryFile(mode="w+")  # noqa: SIM115 (until `close`)
        environment = tree.environment()
        let_threads_sleep(environment)  # in both trees, so that a busy machine blurs the ratios less
        # Not a script: its folder, whose modules have names of Python's own, would come first on the path.
        source = Path(__file__).with_name("tree_worker.py").read_text()
        self._process = subprocess.Popen(
            tree.command(source, str(frames.resolve()), weights, str(threads), *words),
            env=environment,
            cwd=frames.resolve().parent,  # the folder that Python searches first
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        try:
            told = self._read()
            if not Path(told["package"]).resolve().is_relative_to(tree.path):
                raise LssBevError(f"{tree.path}: Python takes {PACKAGE} from {told['package']} instead")
        except BaseException:
            self.close()
            raise
        self.modes: list[str] = told["modes"]
        self.skipped: dict[str, str] = told["skipped"]
        self.version: str = told["version"]

    def run(self, mode: str, frame: int, runs: int = 1) -> tuple[list[float], list[float]]:
        """Run a mode on a frame some times.

        Returns:
            Milliseconds of each run, and of processor time.
        """
        return self._ask(mode, frame, runs, "")

    def logits(self, mode: str, frame: int) -> np.ndarray:
        """(cells,) float32 that a mode says of a frame."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "logits"
            self._ask(mode, frame, 1, str(path))
            return np.fromfile(path, np.float32)

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._errors.close()

    def __enter__(self) -> TreeWorker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, *question: object) -> tuple[list[float], list[float]]:
        assert self._process.stdin is not None, "it was asked for"
        with contextlib.suppress(OSError):  # it has ended, which reading tells
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        answer = self._read()
        return answer["ms"], answer["processor_ms"]

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None, "it was asked for"
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            said = [text for text in self._errors.read().splitlines() if text.strip()]
            reason = said[-1].strip().removeprefix("error: ") if said else "it said nothing"
            raise LssBevError(f"{self._tree.path}: its code does not run here: {reason}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise LssBevError(f"{self._tree.path}: {answer['error']}")
        return answer
