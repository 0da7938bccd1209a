"""One small world and one small data set, made once for all tests of the synthetic layer."""

from __future__ import annotations

from pathlib import Path

import pytest

from lss_bev_ros.synthetic import synthesize
from lss_bev_ros.synthetic.world import World


@pytest.fixture(scope="session")
def world() -> World:
    return World.draw((7, 0), 2.0)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory) -> Path:
    """One scene of one second with sweeps, its pictures a quarter of the size."""
    calls: list[tuple[int, int]] = []
    out = tmp_path_factory.mktemp("synthetic") / "set"
    synthesize(
        out,
        1,
        1.0,
        seed=3,
        sweeps=True,
        image_scale=0.25,
        progress=lambda done, total: calls.append((done, total)),
    )
    assert [done for done, _ in calls] == list(range(1, calls[-1][1] + 1))
    return out


@pytest.fixture(scope="session")
def labelled(tmp_path_factory) -> Path:
    """One keyframe with all truth that there is, its pictures an eighth of the size."""
    out = tmp_path_factory.mktemp("labelled") / "set"
    return synthesize(out, 1, 0.5, seed=3, image_scale=0.125, truth="all")
