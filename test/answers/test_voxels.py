from __future__ import annotations

import numpy as np
import pytest
import torch

from lss_bev_ros.answers.voxels import COLORS, FREE, classify, decode
from lss_bev_ros.errors import ModelError
from lss_bev_ros.geometry import BevGrid
from lss_bev_ros.model import ModelConfig
from lss_bev_ros.model.senses import OCCUPIED, SensesConfig

CONFIG = SensesConfig(ModelConfig(grid=BevGrid(-4, 4, -4, 4, 0.5)), heads=("occupancy",))


def head(*filled):
    """Logits with voxels (x, y, z, class) filled and all others free."""
    logits = torch.zeros(CONFIG.heights, FREE + 1, *CONFIG.model.grid.shape)
    logits[:, FREE] = 5.0
    for i, j, k, number in filled:
        logits[k, number, i, j] = 9.0
    return logits


def test_only_what_is_filled_comes_with_its_class_and_its_middle():
    found = decode(head((3, 5, 2, 4), (0, 15, 15, 16)), CONFIG)
    assert sorted(map(tuple, found.cells.tolist())) == [(0, 15, 15), (3, 5, 2)]
    order = np.argsort(found.cells[:, 0])
    assert [OCCUPIED[number] for number in found.classes[order]] == ["vegetation", "car"]
    np.testing.assert_allclose(found.centers[order], [(-3.75, 3.75, 5.2), (-2.25, -1.25, 0.0)], atol=1e-6)


def test_where_no_sense_reaches_no_voxel_is_told():
    reached = torch.zeros(CONFIG.model.grid.shape, dtype=torch.bool)
    reached[3, 5] = True
    assert len(decode(head((3, 5, 2, 4), (4, 5, 2, 4)), CONFIG, reached)) == 1


def test_a_voxel_without_a_number_is_none():
    logits = head((3, 5, 2, 4))
    logits[7, :, 1, 1] = float("nan")
    assert len(decode(logits, CONFIG)) == 1


def test_classes_of_a_batch_lie_as_the_truth_does():
    classes = classify(torch.stack([head((3, 5, 2, 4)), head()]))
    assert classes.shape == (2, 16, 16, CONFIG.heights)
    assert classes[0, 3, 5, 2] == 4
    assert (classes[1] == FREE).all()


def test_each_class_has_a_color_and_another_shape_is_named():
    assert len({tuple(color) for color in COLORS.tolist()}) == len(OCCUPIED)
    with pytest.raises(ModelError, match="18"):
        classify(torch.zeros(16, 17, 8, 8))
