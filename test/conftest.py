"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def nuscenes_frame() -> Path:
    """Data root of one real nuScenes keyframe; it is licensed for tests only and never in the repository."""
    root = Path(os.environ.get("NUSCENES_FRAME", _SHARED / "nuscenes_frame"))
    if not (root / "v1.0-mini" / "sample.json").is_file():
        pytest.skip(f"no real nuScenes frame at {root}; set NUSCENES_FRAME to one")
    return root


@pytest.fixture(scope="session")
def lss_reference() -> Path:
    """Folder with golden outputs of the published network."""
    root = Path(os.environ.get("LSS_REFERENCE", _SHARED / "lss_reference"))
    if not (root / "golden.npz").is_file():
        pytest.skip(f"no golden outputs of Lift-Splat-Shoot at {root}; set LSS_REFERENCE to them")
    return root
