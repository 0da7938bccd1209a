from __future__ import annotations

import numpy as np
import pytest
import torch

from lss_bev_ros.answers.plan import PathPlan, decode
from lss_bev_ros.errors import ModelError
from lss_bev_ros.geometry import BevGrid

GRID = BevGrid(-4, 4, -4, 4, 0.5)
PATHS = torch.arange(7.0)[:, None, None] * torch.linspace(0.1, 0.6, 6)[:, None] * torch.tensor([1.0, 0.2])


def test_the_best_paths_come_first_with_their_share_of_the_softmax():
    scores = torch.tensor([0.0, 3.0, 1.0, 0.0, 2.0, 0.0, 0.0])
    plan = decode(torch.zeros(1, *GRID.shape), scores, PATHS, GRID, count=3)
    np.testing.assert_array_equal(plan.paths, PATHS[[1, 4, 2]].numpy())
    np.testing.assert_allclose(plan.probabilities, scores.softmax(0)[[1, 4, 2]].numpy())
    np.testing.assert_array_equal(plan.best, PATHS[1].numpy())


def test_all_templates_come_with_their_scores_where_they_are_asked_for():
    scores = torch.tensor([0.0, 3.0, float("nan"), 0.0, 2.0, 0.0, 0.0])
    plan = decode(torch.zeros(1, *GRID.shape), scores, PATHS, GRID, whole=True)
    np.testing.assert_array_equal(plan.templates, PATHS.numpy())
    np.testing.assert_array_equal(plan.scores, [0, 3, -np.inf, 0, 2, 0, 0])
    np.testing.assert_array_equal(plan.templates[plan.scores.argmax()], plan.best)
    plain = decode(torch.zeros(1, *GRID.shape), scores, PATHS, GRID)
    assert plain.templates is plain.scores is None


def test_more_paths_than_there_are_are_all():
    assert len(decode(torch.zeros(1, *GRID.shape), torch.zeros(7), PATHS, GRID, count=100).paths) == 7


def test_a_score_that_is_no_number_is_never_best():
    scores = torch.tensor([0.0, float("nan"), 1.0, 0.0, float("inf"), 0.0, -float("inf")])
    plan = decode(torch.zeros(1, *GRID.shape), scores, PATHS, GRID)
    np.testing.assert_array_equal(plan.best, PATHS[2].numpy())
    plan = decode(torch.zeros(1, *GRID.shape), torch.full((7,), float("nan")), PATHS, GRID)
    assert np.isfinite(plan.probabilities).all()


def test_costs_are_percentages_for_a_costmap():
    cost = np.linspace(-3, 5, 256, dtype=np.float32).reshape(16, 16)
    cost[0, 0] = np.nan
    percents = PathPlan(PATHS.numpy(), np.ones(7), cost, GRID).percents
    assert percents[0, 0] == -1
    assert percents[15, 15] == 100
    assert percents[0, 1] == 0
    assert (np.diff(percents.reshape(-1)[1:].astype(int)) >= 0).all()
    assert (PathPlan(PATHS.numpy(), np.ones(7), np.full((16, 16), np.nan), GRID).percents == -1).all()
    assert (PathPlan(PATHS.numpy(), np.ones(7), np.zeros((16, 16)), GRID).percents == 0).all()


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(ModelError, match="templates"):
        decode(torch.zeros(1, *GRID.shape), torch.zeros(6), PATHS, GRID)
    with pytest.raises(ModelError, match="plan head"):
        decode(torch.zeros(1, 8, 8), torch.zeros(7), PATHS, GRID)
