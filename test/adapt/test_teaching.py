"""Cameras are taught what the LiDAR network is sure of, but for what the scans contradict."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lss_bev_ros.adapt.evidence import CLEAR, FILLED, FREE, MOVES, STANDS
from lss_bev_ros.adapt.judging import FIELDS, SCORE, UnlabelledScore, is_better, why_not
from lss_bev_ros.adapt.recipe import AdaptRecipe
from lss_bev_ros.adapt.teaching import Taught, hit_voxels, segments_known, taught, voxels_known
from lss_bev_ros.errors import TrainingError
from lss_bev_ros.geometry.classes import FREE as EMPTY
from lss_bev_ros.model.senses import OCCUPIED, SEGMENTS

from ..small_senses import SMALL
from .passage_of_chance import passages

RECIPE = AdaptRecipe()
VEHICLE, PERSON, ROAD = (SEGMENTS.index(name) for name in ("vehicle", "person", "drivable"))
SIZE = 9
MIDDLE = (0, slice(3, 6), slice(3, 6))


def at(value: float, layer: int = VEHICLE, rest: float = 0.02) -> torch.Tensor:
    """(1, 8, 9, 9): a patch of nine cells in the middle has a probability in a layer, the rest another."""
    share = torch.full((1, len(SEGMENTS), SIZE, SIZE), rest)
    share[0, layer, 3:6, 3:6] = value
    return share


def patch(inside: int, outside: int = 0) -> torch.Tensor:
    found = torch.full((1, SIZE, SIZE), outside, dtype=torch.uint8)
    found[MIDDLE] = inside
    return found


def known(share: torch.Tensor, bits: torch.Tensor, layer: int = VEHICLE) -> list[bool]:
    """Whether something is known of the middle, and of a corner."""
    found = segments_known(share, bits, RECIPE)[0, layer]
    return [bool(found[4, 4]), bool(found[0, 0])]


def test_what_is_sure_is_known_and_what_is_not_is_left_out():
    for value, expected in ((0.9, True), (0.6, True), (0.5, False), (0.3, False), (0.1, True)):
        assert known(at(value), patch(0)) == [expected, True]


def test_a_vehicle_where_a_beam_passes_low_is_left_out():
    assert known(at(0.9), patch(FREE)) == [False, True]
    assert known(at(0.9), patch(CLEAR)) == [False, True]
    # Inside of a car nothing is hit, and its edge is hit next to cells that are passed.
    assert known(at(0.9), patch(0)) == [True, True]
    assert known(at(0.9), patch(FREE | FILLED)) == [True, True]


def test_what_moves_and_is_called_nothing_is_left_out():
    assert known(at(0.02), patch(MOVES | FILLED)) == [False, True]
    assert known(at(0.9), patch(MOVES | FILLED)) == [True, True]
    # It is a person, so it is no vehicle.
    assert known(at(0.9, PERSON), patch(MOVES | FILLED)) == [True, True]


def test_a_road_on_which_something_stands_is_left_out():
    assert known(at(0.9, ROAD), patch(STANDS | FILLED), ROAD) == [False, True]
    assert known(at(0.9, ROAD), patch(FREE), ROAD) == [True, True]
    parked = at(0.9, ROAD)
    parked[0, VEHICLE, 3:6, 3:6] = 0.9
    assert known(parked, patch(STANDS | FILLED), ROAD) == [True, True]


def test_where_nothing_can_stand_there_is_nothing():
    """Geometry teaches where the network is not sure."""
    batch = passages(2)
    share = torch.full((2, len(SEGMENTS), 32, 32), 0.4)
    said = {"segmentation": torch.logit(share)}
    bits = torch.zeros(2, 32, 32, dtype=torch.uint8)
    bits[:, :8] = FREE
    found = taught(said, type(batch)(**{**vars(batch), "evidence": bits}), SMALL, RECIPE)
    assert found.known[:, VEHICLE, :8].all()
    assert not found.known[:, VEHICLE, 8:].any()
    assert (found.segments[:, VEHICLE, :8] == 0).all()
    assert not found.known[:, ROAD].any()


def test_voxels_that_a_return_or_a_beam_contradicts_are_left_out():
    batch = passages(1)
    points = torch.full_like(batch.points, torch.nan)
    points[0, 1, 0, :3] = torch.tensor([4.5, 4.5, 1.0])
    bits = torch.zeros_like(batch.evidence)
    bits[0, 25, 25] = FREE
    batch = type(batch)(**{**vars(batch), "points": points, "evidence": bits})
    logits = torch.zeros(1, SMALL.heights, len(OCCUPIED) + 1, 32, 32)
    logits[:, :, EMPTY] = 9.0
    hit = hit_voxels(points[:, 1], SMALL)
    assert hit.sum() == 1
    layer, i, j = hit[0].nonzero()[0].tolist()
    assert (i, j) == (20, 20)
    classes, found = voxels_known(logits, batch, SMALL, RECIPE)
    assert (classes == EMPTY).all()
    assert not found[0, layer, 20, 20]
    assert found.sum() == found.numel() - 1
    logits[:, :, 0] = 20.0
    _, found = voxels_known(logits, batch, SMALL, RECIPE)
    assert found[0, layer, 20, 20]
    assert 0 < (~found[0, :, 25, 25]).sum() < SMALL.heights
    assert found[0, :, 24, 25].all()


def test_scores_need_no_label():
    score = UnlabelledScore(SMALL.model.grid)
    share = torch.zeros(1, len(SEGMENTS), 32, 32)
    share[0, VEHICLE, 10:14, 10:14] = 1.0
    sure = torch.ones_like(share, dtype=torch.bool)
    sure[:, :, :4] = False
    bits = torch.zeros(1, 32, 32, dtype=torch.uint8)
    bits[0, 10:14, 10:14] = FILLED
    bits[0, 20:] = FREE
    logits = torch.full_like(share, -5.0)
    logits[0, VEHICLE, 10:14, 12:16] = 5.0  # half of it, and as much beside it
    logits[0, VEHICLE, 24:26, 0:4] = 5.0  # where beams pass
    logits[0, VEHICLE, 0:2] = 5.0  # where nobody knows
    score.add(logits, Taught(share, sure, {}), bits)
    figures = score.figures()
    assert tuple(figures) == FIELDS
    predicted = 16 + 8 + 64
    assert figures[SCORE] == pytest.approx(8 / (16 + 8 + 8))
    assert figures["lidar_recall"] == pytest.approx(8 / 16)
    assert figures["lidar_contradiction"] == pytest.approx(8 / predicted)
    assert figures["lidar_support"] == pytest.approx(12 / predicted)
    assert figures["predicted"] == pytest.approx(predicted / 1024)


BEFORE = {
    SCORE: 0.3,
    "lidar_support": 0.7,
    "lidar_recall": 0.5,
    "lidar_contradiction": 0.1,
    "predicted": 0.05,
}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({SCORE: 0.4}, ""),
        ({SCORE: 0.302}, "agreement with the LiDAR rose by 0.0020"),
        ({SCORE: 0.2}, "agreement"),
        ({SCORE: np.nan}, "agreement"),
        ({SCORE: 0.4, "lidar_support": 0.6}, "support and recall together fell by 0.100"),
        ({SCORE: 0.4, "lidar_support": 0.6, "lidar_recall": 0.6}, ""),
        ({SCORE: 0.4, "lidar_contradiction": 0.2}, "the LiDAR contradicts rose by 0.100"),
        ({SCORE: 0.4, "lidar_support": 0.69, "lidar_contradiction": 0.11}, ""),
    ],
)
def test_better_is_better_in_nothing_worse(change, why):
    assert why in why_not({**BEFORE, **change}, BEFORE, 0.005)
    assert is_better({**BEFORE, **change}, BEFORE, 0.005) == (not why)


def test_a_network_that_said_nothing_is_easily_better():
    silent = {**dict.fromkeys(BEFORE, np.nan), SCORE: 0.0, "predicted": 0.0}
    assert is_better({**BEFORE, "lidar_contradiction": 0.01}, silent, 0.005)


def test_a_recipe_that_makes_no_sense_is_refused():
    with pytest.raises(TrainingError, match=r"unlikely 0\.6"):
        AdaptRecipe(unlikely=0.6)
    with pytest.raises(TrainingError, match="judged"):
        AdaptRecipe(judged=0.9)
