"""How far two ways to run the network may be apart."""

from __future__ import annotations

from dataclasses import dataclass

from .subject import PRECISIONS

DEFAULTS = {
    "fp32": (0.99999, 0.0005),
    "fp16": (0.999, 0.001),
    "bf16": (0.99, 0.01),
    "int8": (0.97, 0.01),
    "fp8": (0.97, 0.01),
}
"""Least cosine of any tensor, and largest difference of IoU, by the coarser precision of the two."""


@dataclass(frozen=True)
class Tolerances:
    """What a comparison fails beyond.

    Attributes:
        cosine: least cosine of any tensor.
        iou: largest difference between the two sides' IoU; without annotations, see `iou_difference`.
        agreement: least share of cells on which both sides decide alike.
        max_error: largest difference of any logit; None for any.
    """

    cosine: float
    iou: float
    agreement: float = 0.0
    max_error: float | None = None

    @classmethod
    def of(
        cls,
        precisions: tuple[str, str],
        cosine: float | None = None,
        iou: float | None = None,
        agreement: float | None = None,
        max_error: float | None = None,
    ) -> Tolerances:
        """Those given, and for the others what the coarser of two precisions allows."""
        coarser = min(precisions, key=lambda name: PRECISIONS.index(name) if name in PRECISIONS else 0)
        usual = DEFAULTS.get(coarser, DEFAULTS["int8"])
        return cls(
            usual[0] if cosine is None else cosine,
            usual[1] if iou is None else iou,
            0.0 if agreement is None else agreement,
            max_error,
        )
