"""Scores are on the grid that most frames are on, whatever came first."""

from __future__ import annotations

import pytest

from lss_bev_ros.errors import EvaluationError
from lss_bev_ros.evaluation.chosen_grid import FEW, ChosenGrid
from lss_bev_ros.geometry import BevGrid

OURS, FOREIGN = BevGrid(), BevGrid(0, 4, 0, 4, 1.0)


def refused(chosen, grid):
    with pytest.raises(EvaluationError, match="bev/occupancy: the grid changed"):
        chosen.take(grid, "bev/occupancy")


def test_the_first_grid_begins():
    chosen = ChosenGrid()
    assert chosen.take(OURS, "bev/occupancy")
    assert not chosen.take(OURS, "bev/occupancy")


def test_a_foreign_grid_that_came_first_decides_nothing():
    chosen = ChosenGrid()
    assert chosen.take(FOREIGN, "bev/occupancy")
    refused(chosen, OURS)
    assert chosen.take(OURS, "bev/occupancy")
    assert not chosen.take(OURS, "bev/occupancy")


def test_a_foreign_grid_now_and_then_is_refused():
    chosen = ChosenGrid()
    chosen.take(OURS, "bev/occupancy")
    for _ in range(30):
        refused(chosen, FOREIGN)
        assert not chosen.take(OURS, "bev/occupancy")


def test_what_was_scored_for_long_stays():
    chosen = ChosenGrid()
    for _ in range(FEW):
        chosen.take(OURS, "bev/occupancy")
    for _ in range(5 * FEW):
        refused(chosen, FOREIGN)
