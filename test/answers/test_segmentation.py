from __future__ import annotations

import numpy as np
import pytest
import torch

from lss_bev_ros.answers.segmentation import CLASSES, decode
from lss_bev_ros.errors import ModelError
from lss_bev_ros.geometry import BevGrid
from lss_bev_ros.model.senses import SEGMENTS

GRID = BevGrid(-4, 4, -4, 4, 0.5)


def head(**layers):
    logits = torch.full((len(SEGMENTS), *GRID.shape), -5.0)
    for name, value in layers.items():
        logits[SEGMENTS.index(name)] = value
    return logits


def test_percentages_are_rounded_down_so_that_half_is_exactly_half():
    logits = head()
    logits[0, 0, :3] = torch.tensor([0.0, -1e-3, 30.0])
    vehicle = decode(logits, GRID)["vehicle"]
    assert vehicle[0, :3].tolist() == [50, 49, 100]
    assert vehicle.dtype == np.int8
    assert decode(logits, GRID).probability("vehicle")[0, 0] == 0.5


def test_where_no_sense_reaches_nothing_is_known():
    reached = torch.ones(GRID.shape, dtype=torch.bool)
    reached[:4] = False
    maps = decode(head(drivable=3.0), GRID, reached)
    assert (maps["drivable"][:4] == -1).all()
    assert (maps["drivable"][4:] == 95).all()
    assert (maps.classes[:4] == CLASSES.index("unknown")).all()
    assert (maps.classes[4:] == CLASSES.index("drivable")).all()


def test_the_highest_layer_of_a_cell_is_shown():
    logits = head(drivable=3.0)
    for row, name in enumerate(("crossing", "lane_boundary", "vehicle", "person")):
        logits[SEGMENTS.index(name), row:] = 3.0
    logits[:, 15] = -5.0
    rows = [CLASSES[number] for number in decode(logits, GRID).classes[:, 0]]
    assert rows[:4] == ["crossing", "lane_boundary", "vehicle", "person"]
    assert rows[15] == "background"


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
def test_a_cell_without_a_number_is_unknown(wrong):
    logits = head(drivable=3.0)
    logits[:, 2, 2] = wrong
    maps = decode(logits, GRID)
    assert (maps.percents[:, 2, 2] == -1).all()
    assert maps.classes[2, 2] == 0
    assert maps.classes[2, 3] == CLASSES.index("drivable")


def test_a_head_of_another_shape_and_a_layer_of_another_name_are_named():
    with pytest.raises(ModelError, match="not"):
        decode(torch.zeros(3, 16, 16), GRID)
    with pytest.raises(ModelError, match="'river'"):
        decode(head(), GRID)["river"]
