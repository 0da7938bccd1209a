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
def dataset(drawn_once) -> Path:
    """One scene of one second with sweeps, its pictures a quarter of the size."""

    def draw(out: Path) -> None:
        calls: list[tuple[int, int]] = []
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

    return drawn_once("sweeps", draw)


@pytest.fixture(scope="session")
def labelled(drawn_once) -> Path:
    """One keyframe with all truth that there is, its pictures an eighth of the size."""
    return drawn_once("labelled", lambda out: synthesize(out, 1, 0.5, seed=3, image_scale=0.125, truth="all"))
