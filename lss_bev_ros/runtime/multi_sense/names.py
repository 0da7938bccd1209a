"""Which names and files mean a multi-sense network; told without loading one."""

from __future__ import annotations

from pathlib import Path

from ...model.multi_sense_weights import CONFIG

BUILTIN = "builtin-multi"
"""The multi-sense weights that ship."""

SEED = "multi-seed:"
"""Before the number of an untrained one."""


def is_multi_sense(weights: str | Path) -> bool:
    """Whether weights are a multi-sense network's: `builtin-multi`, `multi-seed:N`, or a file of one."""
    spec = str(weights)
    if spec == BUILTIN or spec.startswith(SEED):
        return True
    path = Path(spec)
    if path.suffix != ".safetensors" or not path.is_file():
        return False
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), "pt") as opened:
            return CONFIG in (opened.metadata() or {})
    except (OSError, SafetensorError):
        return False  # whoever reads it says what is wrong with it
