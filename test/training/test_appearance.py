"""Pictures look otherwise and show the same."""

from __future__ import annotations

import pytest
import torch

from lss_bev_ros.training.appearance import SKYLINE, low_frequencies, restyled
from lss_bev_ros.training.config import LOOKS, AppearanceConfig

HORIZON = 14.0


def pictures(count=6):
    torch.manual_seed(0)
    smooth = torch.nn.functional.interpolate(torch.rand(count, 3, 4, 8), size=(32, 64), mode="bilinear")
    return (0.2 + 0.6 * smooth + 0.1 * torch.rand(count, 3, 32, 64)).clamp(0, 1)


def test_by_default_nothing_changes():
    before = pictures()
    assert restyled(before, 3, LOOKS["mild"]) is before


@pytest.mark.parametrize("what", ["style", "colour", "covered", "skyline"])
def test_each_change_keeps_shape_and_range_and_is_of_the_seed(what):
    before, config = pictures(), AppearanceConfig(**{what: 1.0})
    torch.manual_seed(1)
    after = restyled(before, 3, config, HORIZON)
    torch.manual_seed(1)
    assert torch.equal(restyled(before, 3, config, HORIZON), after)
    assert after.shape == before.shape
    assert after.min() >= 0
    assert after.max() <= 1
    assert (after - before).abs().amax((1, 2, 3)).gt(0.02).sum() >= 3


def test_a_style_changes_what_is_coarse_and_keeps_the_edges():
    """Of two pictures one gets mean colours on the way to the other's; differences of neighbours stay."""
    before = pictures(2) * torch.tensor([0.4, 0.9])[:, None, None, None] + 0.05
    means, edges = before.mean((2, 3)), before.diff(dim=3)
    for seed in range(20):
        torch.manual_seed(seed)
        after = restyled(before, 1, AppearanceConfig(style=1.0))
        assert (after.mean((2, 3)) >= means.amin(0) - 0.02).all()
        assert (after.mean((2, 3)) <= means.amax(0) + 0.02).all()
        # Clipped at black and white here and there.
        assert (after.diff(dim=3) - edges).abs().median() < 0.01


def test_colours_of_one_cars_cameras_change_much_alike():
    torch.manual_seed(2)
    before = torch.full((200 * 6, 3, 1, 1), 0.4)
    change = restyled(before, 6, AppearanceConfig(colour=1.0)).mean((1, 2, 3)).view(200, 6) - 0.4
    assert change.mean(1).std() > change.sub(change.mean(1, keepdim=True)).std()


def test_low_frequencies_hold_the_mean_and_grow_with_the_share():
    assert low_frequencies(32, 64, 0.0, torch.device("cpu")).nonzero().tolist() == [[0, 0]]
    some, all_of_it = (low_frequencies(32, 64, s, torch.device("cpu")).sum() for s in (0.1, 1.0))
    assert 1 < some < all_of_it == 32 * 33


def test_another_skyline_is_another_pictures_or_plain_and_ends_above_the_horizon():
    before, config = pictures(60), AppearanceConfig(skyline=1.0)
    torch.manual_seed(2)
    after = restyled(before, 6, config, HORIZON)
    assert torch.equal(after[:, :, int(HORIZON) :], before[:, :, int(HORIZON) :])
    rows = round(HORIZON * (1 - SKYLINE))
    above = after[:, :, :rows]
    plain = above.std((2, 3)).amax(1) < 1e-6
    assert 0 < plain.sum() < 30
    whole = torch.cat((before, before.flip(-1)))[:, :, :rows].flatten(1)
    for picture in above[~plain].flatten(1):
        assert (whole - picture).abs().amax(1).min() == 0


def test_where_pictures_differ_in_their_horizon_skylines_stay():
    before = pictures()
    assert torch.equal(restyled(before, 3, AppearanceConfig(skyline=1.0)), before)
