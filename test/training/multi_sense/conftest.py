"""A few pairs of a small world, drawn once by the processor for all tests of multi-sense training."""

from __future__ import annotations

import pytest

from lss_bev_ros.model import ModelConfig
from lss_bev_ros.training.config import SampleLayout
from lss_bev_ros.training.multi_sense.pair import Pairs

SEED = (7, 0)
SECONDS = 4.0


@pytest.fixture(scope="session")
def pair_layout() -> SampleLayout:
    return SampleLayout.of(ModelConfig(), 0.06)


@pytest.fixture(scope="session")
def pairs(pair_layout) -> Pairs:
    """Two pairs of one world with nuScenes' own mounts: pictures are 96 x 54, the grid is whole."""
    pytest.importorskip("numba")
    from lss_bev_ros.training.multi_sense.synthetic import synthetic_pairs

    return synthetic_pairs(SEED, 2, pair_layout, varied=False, seconds=SECONDS)
