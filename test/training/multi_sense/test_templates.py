"""Templates are near every way to drive, and a plan knows how the car moves."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from lss_bev_ros.errors import TrainingError
from lss_bev_ros.model.heads import PlanHead, going_on
from lss_bev_ros.model.senses import SensesConfig
from lss_bev_ros.training.multi_sense.templates import (
    clusters,
    drawn_futures,
    nearest_template,
    read_futures,
)


def test_drawn_cars_drive_as_cars_do():
    futures = drawn_futures(2000, 0)
    assert torch.equal(futures, drawn_futures(2000, 0))
    steps = torch.diff(futures, dim=1, prepend=torch.zeros(2000, 1, 2)).norm(dim=-1) / 0.5
    assert steps.max() <= 18.1
    assert (futures[:, -1].norm(dim=-1) < 0.1).any(), "some stand"
    assert (futures[:, -1, 1] > 3).any()
    assert (futures[:, -1, 1] < -3).any()


def test_clusters_are_near_what_they_are_of():
    futures = drawn_futures(1500, 1)
    centres = clusters(futures, 100, 0)
    assert torch.equal(centres, clusters(futures, 100, 0))
    nearest = centres[nearest_template(centres, futures)]
    assert (nearest - futures).norm(dim=-1).mean() < 1.0
    assert len(nearest_template(centres, futures).unique()) == 100


def test_futures_from_a_file(tmp_path):
    path = tmp_path / "futures.npy"
    array = np.zeros((1200, 6, 2), np.float32)
    array[:100, 0] = np.nan
    np.save(path, array)
    assert read_futures(path).shape == (1100, 6, 2)
    np.save(path, array[:900])
    with pytest.raises(TrainingError, match="at least 1000"):
        read_futures(path)
    with pytest.raises(TrainingError, match="no numpy file"):
        read_futures(tmp_path / "none.npy")


def test_a_car_goes_on_as_it_drove():
    straight = going_on(torch.tensor([[2.0, 0, 0, 0.5]]))[0]
    assert straight[:, 0].tolist() == pytest.approx([2, 4, 6, 8, 10, 12])
    assert straight[:, 1].abs().max() == 0
    # A quarter of a turn in two seconds, on a circle of radius 4 about (0, 4).
    quarter = torch.tensor([[4.0, 4, math.pi / 2, 2.0]])
    # The chord stands for the arc between the two instants: a tenth shorter here.
    at = going_on(quarter, steps=4)[0]
    speed = math.hypot(4, 4) / 2
    radius = speed / (math.pi / 4)
    angle = torch.tensor([0.5, 1, 1.5, 2]) * math.pi / 4
    assert torch.allclose(at[:, 0], radius * angle.sin(), atol=1e-4)
    assert torch.allclose(at[:, 1], radius * (1 - angle.cos()), atol=1e-4)
    back = going_on(torch.tensor([[-1.0, 0, 0, 0.5]]))[0]
    assert back[0, 0] == -1


def test_a_plan_goes_on_unless_it_costs():
    head = PlanHead(8, SensesConfig())
    ahead = going_on(torch.tensor([[2.0, 0, 0, 0.5], [1.0, 0, 0, 0.5], [2.0, 1, 0.3, 0.5]]))
    head.templates[:3] = ahead
    head.templates[3:] = 40
    cost = torch.zeros(2, 1, 200, 200)
    cost[1, 0, 104:, 100] = 5
    motion = torch.tensor([[2.0, 0, 0, 0.5]]).expand(2, 4)
    scores = head.scores(cost, motion)
    assert scores.shape == (2, 1000)
    assert scores.argmax(1).tolist() == [0, 2]
    unknown = head.scores(cost, torch.full((2, 4), math.nan))
    assert torch.equal(unknown, head.scores(cost))
    assert unknown[0].abs().max() == 0
