"""Which names and files mean a multi-sense network; told without loading one."""

from __future__ import annotations

from pathlib import Path

from ..errors import ModelError

CONFIG = "senses"
"""Key of the configuration in a file's header, by which it is told from one of the published network."""

BUILTIN = "builtin-multi"
"""The multi-sense weights that ship."""

STREET = "builtin-street"
"""Those that were trained on the street that is nearer to recorded ones."""

SHIPPED = Path(__file__).parent / "builtin" / "lss_multi.safetensors"
SHIPPED_STREET = SHIPPED.with_name("lss_street.safetensors")
"""Their files; an installation may be without them."""

NAMES = (BUILTIN, STREET)

SEED = "multi-seed:"
"""Before the number of an untrained one."""


def multi_sense_path(weights: str | Path) -> Path:
    """The file that a name or a path of multi-sense weights means.

    Raises:
        ModelError: those that ship, and this installation lacks them.
    """
    shipped = {BUILTIN: SHIPPED, STREET: SHIPPED_STREET}.get(str(weights))
    if shipped is None:
        return Path(weights)
    if not shipped.is_file():
        raise ModelError(
            f"weights {weights}: this installation lacks their file, {shipped}: install a release that has "
            f"it, or give the path of multi-sense weights, such as those of `lss-bev train --senses`"
        )
    return shipped


def is_multi_sense(weights: str | Path) -> bool:
    """Whether weights are a multi-sense network's: those that ship, `multi-seed:N`, or a file of one."""
    spec = str(weights)
    if spec in NAMES or spec.startswith(SEED):
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


def refuse_multi_sense(weights: str | Path) -> None:
    """Say of a multi-sense network's weights that the published network is asked for.

    Args:
        weights: any; of other weights nothing is said.

    Raises:
        ModelError: they are a multi-sense network's.
    """
    if is_multi_sense(weights):
        raise ModelError(
            f"weights {weights} are of the multi-sense network, and this takes the published one: give such "
            f"as builtin; these run in the inference node and in `lss-bev evaluate`, `export` and `compare`"
        )
