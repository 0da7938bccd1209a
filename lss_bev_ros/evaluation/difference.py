"""How far one tensor is from another."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass
class Difference:
    """Collects over frames how far a tensor is from its reference, in float64.

    Attributes:
        elements: compared so far.
        max_error: largest absolute difference.
    """

    elements: int = 0
    max_error: float = 0.0
    _product: float = 0.0
    _reference: float = 0.0
    _other: float = 0.0
    _error: float = 0.0

    def update(self, reference: np.ndarray, other: np.ndarray) -> None:
        """Count one pair of arrays of the same shape."""
        a = np.asarray(reference, dtype=np.float64).ravel()
        b = np.asarray(other, dtype=np.float64).ravel()
        error = b - a
        self.elements += a.size
        # NaN compares as no error, which would hide the worst one.
        worst = float(np.abs(error).max(initial=0.0))
        self.max_error = max(self.max_error, worst if math.isfinite(worst) else math.inf)
        self._product += float(a @ b)
        self._reference += float(a @ a)
        self._other += float(b @ b)
        self._error += float(error @ error)

    @classmethod
    def between(cls, reference: np.ndarray, other: np.ndarray) -> Difference:
        """Of one pair of arrays."""
        difference = cls()
        difference.update(reference, other)
        return difference

    @property
    def cosine(self) -> float:
        """Cosine of the angle between the two as vectors; 1 where both are 0, 0 where one is or is broken."""
        if self._reference == 0.0 and self._other == 0.0:
            return 1.0
        scale = math.sqrt(self._reference) * math.sqrt(self._other)
        cosine = self._product / scale if scale else 0.0
        return cosine if math.isfinite(cosine) else 0.0

    @property
    def l2(self) -> float:
        """Length of the difference over the length of the reference."""
        if self._reference == 0.0:
            return 0.0 if self._error == 0.0 else math.inf
        return math.sqrt(self._error / self._reference) if math.isfinite(self._error) else math.inf

    def report(self) -> dict[str, float | int]:
        """Ready for JSON; an infinite error is the largest float, which JSON can say."""
        return {
            "cosine": self.cosine,
            "l2": min(self.l2, float(np.finfo(np.float64).max)),
            "max_error": min(self.max_error, float(np.finfo(np.float64).max)),
            "elements": self.elements,
        }
