"""SHA-256 of a network's numbers, in the header of their own file or in a list beside it.

A byte that changed on the way is found nowhere else: it makes another number, which is a weight too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch

from ..errors import ModelError

KEY = "sha256"
SUMS = "weights.sha256"
"""Name of the list, as `sha256sum` writes it; files that it does not name are not checked by it."""


def sealed(state: Mapping[str, torch.Tensor], facts: Mapping[str, str]) -> dict[str, str]:
    """The facts of a file's header with the checksum of its tensors and of the other facts."""
    return {**facts, KEY: _digest(state, facts)}


def check_seal(path: Path, state: Mapping[str, torch.Tensor], facts: Mapping[str, str]) -> None:
    """Check what was read of a file against its header; one without a checksum is taken as it is.

    Raises:
        ModelError: it is not what was written.
    """
    if KEY in facts and facts[KEY] != _digest(state, facts):
        raise _damaged(path)


def check_sums(path: Path) -> None:
    """Check a file against the list beside it, if there is one that names it.

    Raises:
        ModelError: it is not the file that was listed.
    """
    try:
        lines = (path.parent / SUMS).read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return
    for expected, _, name in (line.partition("  ") for line in lines):
        if name == path.name and expected != hashlib.sha256(path.read_bytes()).hexdigest():
            raise _damaged(path)


def _digest(state: Mapping[str, torch.Tensor], facts: Mapping[str, str]) -> str:
    others = {name: facts[name] for name in sorted(facts) if name != KEY}
    digest = hashlib.sha256(json.dumps(others).encode())
    for name in sorted(state):
        tensor = state[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _damaged(path: Path) -> ModelError:
    told = "its numbers are not those that were written (SHA-256)"
    return ModelError(f"{path} is damaged: {told}: copy it again")
