"""One network that takes part."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...errors import DeployError
from ...runtime.backends import REGISTRY


@dataclass(frozen=True)
class Contender:
    """What to run, and what to call it.

    Attributes:
        label: for table and plot.
        weights: `builtin`, a checkpoint or an exported file.
        backend: of the registry, or `auto`.
        precision: of the backend, or `auto`.
    """

    label: str
    weights: str
    backend: str = "auto"
    precision: str = "auto"

    @classmethod
    def parse(cls, text: str) -> Contender:
        """Read `LABEL=WEIGHTS` or `LABEL=BACKEND[:PRECISION]@WEIGHTS`.

        Raises:
            DeployError: it is neither, or names a file that is not there.
        """
        label, _, rest = text.partition("=")
        runner, at, weights = rest.rpartition("@")
        backend, _, precision = runner.partition(":")
        if not label or not weights or (at and backend not in REGISTRY):
            raise DeployError(
                f"{text!r} does not name a network: write LABEL=WEIGHTS or LABEL=BACKEND:PRECISION@WEIGHTS, "
                f"BACKEND one of {', '.join(REGISTRY)}"
            )
        if Path(weights).suffix and not Path(weights).is_file():
            raise DeployError(f"{text!r}: there is no file {weights}")
        return cls(label, weights, backend or "auto", precision or "auto")
