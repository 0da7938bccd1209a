"""The published network's weights that ship, by name; told without loading PyTorch."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent / "model" / "builtin"

SHIPPED = {
    "builtin": _FOLDER / "lss_synthetic.safetensors",
    "builtin-pruned": _FOLDER / "lss_synthetic_pruned.safetensors",
}
"""Their files; `MODEL_CARD.md` beside them says what they are."""


def checkpoint_file(weights: str | Path) -> Path | None:
    """The file that weights are read from; None where they are drawn from a seed."""
    spec = str(weights)
    return None if spec.startswith("seed:") else SHIPPED.get(spec, Path(spec))
