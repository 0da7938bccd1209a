"""Which names and files mean a multi-sense network; told without loading one."""

from __future__ import annotations

from pathlib import Path

from ..errors import ModelError

CONFIG = "senses"
"""Key of the configuration in a file's header, by which it is told from one of the published network."""

BUILTIN = "builtin-multi"
"""The multi-sense weights that ship."""

SHIPPED = Path(__file__).parent / "builtin" / "lss_multi.safetensors"
"""Their file; an installation may be without it."""

SEED = "multi-seed:"
"""Before the number of an untrained one."""


def multi_sense_path(weights: str | Path) -> Path:
    """The file that a name or a path of multi-sense weights means.

    Raises:
        ModelError: those that ship, and this installation lacks them.
    """
    if str(weights) != BUILTIN:
        return Path(weights)
    if not SHIPPED.is_file():
        raise ModelError(
            f"weights {BUILTIN}: this installation lacks their file, {SHIPPED}: install a release that has "
            f"it, or give the path of multi-sense weights, such as those of `lss-bev train --senses`"
        )
    return SHIPPED


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


def refuse_multi_sense(weights: str | Path, what: str = "this") -> None:
    """Say of a multi-sense network's weights that they are not supported yet.

    Args:
        weights: any; of other weights nothing is said.
        what: that does not support them, such as a command.

    Raises:
        ModelError: they are a multi-sense network's.
    """
    if is_multi_sense(weights):
        raise ModelError(
            f"weights {weights} are of the multi-sense network, which {what} does not support yet: give "
            f"weights of the published network, such as builtin; these run in `lss-bev evaluate` and in the "
            f"inference node"
        )
