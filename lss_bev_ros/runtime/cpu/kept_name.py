"""What the file of a folded network is called: by what it is made of. Needs no PyTorch."""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

SUFFIX = ".folded"


def stem_of_kept(checkpoint: Path) -> str:
    """Begin of the names of all that is made of a checkpoint: by its bytes, this code and PyTorch's version.

    Raises:
        OSError: the checkpoint cannot be read.
    """
    made_of = hashlib.sha256(hashlib.sha256(checkpoint.read_bytes()).digest())
    made_of.update(torch_version().encode())
    here = Path(__file__).parent
    for folder in (here.parents[1] / "model", here):
        for code in sorted(folder.glob("*.py")):
            made_of.update(code.read_bytes())
    return made_of.hexdigest()[:32]


def kept_name(stem: str, dtype: str, config: str) -> str:
    """Name of what is made in a precision, of the sizes that were asked for."""
    return f"{stem}-{hashlib.sha256(f'{dtype} {config}'.encode()).hexdigest()[:8]}{SUFFIX}"


def torch_version() -> str:
    """PyTorch's version, without importing it where its installation tells."""
    try:
        return version("torch")
    except PackageNotFoundError:  # some builds for boards are copied there
        import torch

        return str(torch.__version__)
