"""What a LiDAR's intensities count to."""

from __future__ import annotations

import numpy as np


def intensity_shares(values: np.ndarray) -> np.ndarray:
    """Intensities as shares of the largest that their scale has: 1, 255 or 65535, by the largest there is.

    Args:
        values: (N,) of one cloud, in whatever its driver counts.

    Returns:
        (N,) 0 to 1, NaN where they are.
    """
    shown = values[np.isfinite(values)]
    largest = float(shown.max(initial=0.0))
    full = 1.0 if largest <= 1.0 else 255.0 if largest <= 255.0 else max(65535.0, largest)
    shares: np.ndarray = np.clip(values / full, 0.0, 1.0)
    return shares
