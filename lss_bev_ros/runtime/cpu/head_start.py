"""What an engine on the processor needs and Python has no part in, done while Python does something else.

Loading PyTorch's libraries, hashing weights and reading the folded network take a third of a second, in which
the interpreter's lock is free: the node joins its ROS domain meanwhile and imports PyTorch's modules.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import threading
from dataclasses import dataclass
from pathlib import Path

from ..cache_folder import cache_folder
from .array_file import ArrayFile, read_arrays
from .kept_name import SUFFIX, stem_of_kept

_LIBRARIES = (("libtorch_global_deps.so", ctypes.RTLD_GLOBAL), ("libtorch_cpu.so", ctypes.DEFAULT_MODE))
"""In the order and the way in which `import torch` loads them."""


@dataclass(frozen=True, eq=False)
class Early:
    """What was found for some weights.

    Attributes:
        stem: see `stem_of_kept`.
        path: of the network that was used last.
        content: what it holds; None where it is damaged.
    """

    stem: str
    path: Path
    content: ArrayFile | None


class HeadStart:
    """Reads what was kept of some weights, on a thread of its own."""

    def __init__(self, checkpoint: Path) -> None:
        """Begin.

        Args:
            checkpoint: file of the weights that an engine will be asked for.
        """
        self._checkpoint = checkpoint
        self._early: Early | None = None
        self._thread = threading.Thread(target=self._read, name="head start", daemon=True)
        self._thread.start()

    def take(self, checkpoint: Path) -> Early | None:
        """Wait for what was read, and hand it out once.

        Returns:
            None where it is of other weights, or where nothing was kept.
        """
        self._thread.join()
        early, self._early = self._early, None
        return early if checkpoint == self._checkpoint else None

    def forget(self) -> None:
        """Let go of what nobody took."""
        self._thread.join()
        self._early = None

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # whoever reads the weights says what is wrong with them
            stem = stem_of_kept(self._checkpoint)
            found = sorted(cache_folder().glob(f"{stem}-*{SUFFIX}"), key=lambda path: path.stat().st_mtime)
            if found:
                self._early = Early(stem, found[-1], read_arrays(found[-1]))


def load_libraries() -> threading.Thread:
    """Load PyTorch's libraries on a thread, without importing it: `import torch` finds them loaded then.

    Where they lie elsewhere nothing happens.
    """
    thread = threading.Thread(target=_load_libraries, name="libraries", daemon=True)
    thread.start()
    return thread


def _load_libraries() -> None:
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return
    folder = Path(spec.origin).parent / "lib"
    with contextlib.suppress(OSError):  # import torch finds them where they are
        for name, mode in _LIBRARIES:
            ctypes.CDLL(str(folder / name), mode=mode)
