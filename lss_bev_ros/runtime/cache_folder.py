"""Where what takes long to make is kept."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """`LSS_BEV_CACHE`, or the user's cache folder. It need not be there yet."""
    chosen = os.environ.get("LSS_BEV_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lss_bev_ros"
