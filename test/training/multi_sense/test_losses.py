"""Losses are what their papers say, by plain sums over single elements."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from lss_bev_ros.model.heads import BOX_NUMBERS
from lss_bev_ros.training.multi_sense.balance import Balance
from lss_bev_ros.training.multi_sense.losses import (
    TEMPERATURE,
    box_losses,
    heat_loss,
    plan_loss,
    rarity,
    segment_losses,
    voxel_losses,
    word_loss,
)
from lss_bev_ros.training.multi_sense.targets import Boxes


@pytest.fixture(autouse=True)
def _chance():
    torch.manual_seed(0)


def test_segments_of_certain_answers_lose_nothing():
    target = torch.rand(2, 8, 6, 6) < 0.3
    entropy, overlap = segment_losses(torch.where(target, 30.0, -30.0), target)
    assert entropy.shape == overlap.shape == (8,)
    assert entropy.max() < 1e-6
    assert overlap.max() < 1e-5
    wrong, apart = segment_losses(torch.where(target, -30.0, 30.0), target)
    assert wrong.min() > 10
    assert apart.min() > 0.9


def test_heat_is_cornernets_focal_loss():
    logits, heat = torch.randn(1, 10, 4, 4), torch.rand(1, 10, 4, 4) * 0.9
    heat[0, 2, 1, 1] = heat[0, 4, 3, 3] = 1
    expected = 0.0
    for p, y in zip(logits.sigmoid().flatten().tolist(), heat.flatten().tolist(), strict=True):
        expected -= (1 - p) ** 2 * math.log(p) if y == 1 else (1 - y) ** 4 * p**2 * math.log(1 - p)
    assert float(heat_loss(logits, heat)) == pytest.approx(expected / 2, rel=1e-4)


def test_boxes_lose_where_they_are_and_only_what_is_known():
    numbers = torch.zeros(1, 3, 10)
    numbers[0, 0, BOX_NUMBERS.index("z")] = 2.0
    numbers[0, 0, BOX_NUMBERS.index("velocity_x")] = math.nan
    numbers[0, 1] = math.nan
    boxes = Boxes(torch.zeros(1), torch.tensor([[5, 7, 0]]), numbers, torch.tensor([[True, False, False]]))
    predicted = torch.zeros(1, 10, 4, 4, requires_grad=True)
    lost = box_losses(predicted, boxes)
    assert lost[BOX_NUMBERS.index("z")] == 2
    assert lost.sum() == 2
    lost.sum().backward()
    assert predicted.grad.isfinite().all()
    assert predicted.grad[0, 2].nonzero().tolist() == [[1, 1]]


def test_the_velocity_of_what_moves_weighs_more_than_that_of_what_stands():
    # Of five cars one moves at 4 m/s: an answer of nothing but zeros is off by more than the mean of all.
    numbers = torch.zeros(1, 5, 10)
    numbers[0, 0, BOX_NUMBERS.index("velocity_x")] = 4.0
    boxes = Boxes(torch.zeros(1), torch.arange(5)[None], numbers, torch.ones(1, 5, dtype=torch.bool))
    lost = box_losses(torch.zeros(1, 10, 4, 4), boxes)
    assert lost[BOX_NUMBERS.index("velocity_x")] == pytest.approx(5 * 4.0 / (5 + 4))
    assert lost[BOX_NUMBERS.index("z")] == 0


def test_voxels_out_of_sight_count_little():
    classes = torch.randint(18, (1, 4, 5, 5), dtype=torch.uint8)
    seen = torch.ones(1, 4, 5, 5, dtype=torch.bool)
    seen[:, :, 3:] = False
    right = F.one_hot(classes.long(), 18).permute(0, 1, 4, 2, 3) * 40.0
    entropy, overlap = voxel_losses(right, classes, seen)
    assert float(entropy) < 1e-4
    assert float(overlap) < 1e-4
    wrong_hidden = torch.where(seen[:, :, None], right, right.roll(1, 2))
    wrong_seen = torch.where(seen[:, :, None], right.roll(1, 2), right)
    assert voxel_losses(wrong_hidden, classes, seen)[1] < 1e-4
    assert voxel_losses(wrong_hidden, classes, seen)[0] < voxel_losses(wrong_seen, classes, seen)[0] / 5


def test_rare_classes_weigh_more_up_to_a_limit():
    weights = rarity(torch.tensor([1e6, 1e4, 1.0, 0.0]))
    assert weights.tolist() == pytest.approx([1, 100**0.4, 8, 8])


def test_words_that_are_held_out_are_neither_learned_nor_negatives():
    words = F.normalize(torch.randn(5, 8), dim=-1)
    known = torch.tensor([False, True, True, False, True])
    things = torch.tensor([[[1, 2, 3, 0]]])
    embedding = F.normalize(torch.randn(1, 8, 1, 4), dim=1).requires_grad_()
    plain = torch.ones(1, 1, 4, dtype=torch.bool)
    lost = word_loss(embedding, things, plain, words, known)
    expected = []
    for column, thing in enumerate((1, 2)):
        near = embedding[0, :, 0, column] @ words[[1, 2, 4]].T / TEMPERATURE
        expected.append(-near.log_softmax(0)[(1, 2).index(thing)])
    assert lost.item() == pytest.approx(sum(expected).item() / 2, rel=1e-4)
    lost.backward()
    assert embedding.grad[..., 2:].abs().max() == 0


def test_plans_of_unknown_futures_lose_nothing():
    scores = torch.randn(2, 1000)
    lost = plan_loss(scores, torch.tensor([3, 4]), torch.tensor([True, False]))
    assert float(lost) == pytest.approx(float(-scores[0].log_softmax(0)[3]), rel=1e-5)
    assert plan_loss(scores, torch.tensor([3, 4]), torch.tensor([False, False])) == 0


def test_the_balance_does_not_depend_on_units():
    one, other = Balance({"a": 1.0, "b": 2.0}), Balance({"a": 1.0, "b": 2.0})
    for value in (4.0, 2.0, 1.0):
        losses = {"a": torch.tensor(value), "b": torch.tensor([value, 3 * value])}
        scaled = {"a": losses["a"] * 1000, "b": losses["b"] / 10}
        assert float(one.total(losses)) == pytest.approx(float(other.total(scaled)), rel=1e-5)
    copy = Balance({"a": 1.0, "b": 2.0})
    copy.restore(one.state())
    assert float(copy.total(losses)) == pytest.approx(float(one.total(losses)), rel=1e-6)
