"""A network's widths are data: read off a checkpoint's shapes, and the published ones by default."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lss_bev_ros.errors import ModelError
from lss_bev_ros.model import LiftSplatShoot, ModelConfig, Widths, build_model

PUBLISHED = Widths()


def shapes(widths):
    with torch.device("meta"):
        return LiftSplatShoot(ModelConfig(widths=widths)).state_dict()


@settings(max_examples=10, deadline=None)
@given(st.data())
def test_widths_survive_the_shapes_of_a_state_dict(data):
    named = PUBLISHED.named()
    changed = data.draw(st.dictionaries(st.sampled_from(sorted(named)), st.integers(1, 300), max_size=8))
    widths = PUBLISHED.with_named(changed)
    assert Widths.of_state(shapes(widths)) == widths
    assert widths.named() == {**named, **changed}


def test_an_empty_state_dict_has_the_published_widths():
    assert Widths.of_state({}) == PUBLISHED


def test_a_checkpoint_of_other_widths_builds_its_own_network(tmp_path):
    widths = PUBLISHED.with_named(
        {"bev.0": 24, "hidden.4": 40, "stages.4": 56, "camera_up.1": 64, "stem.0": 16}
    )
    model = LiftSplatShoot(ModelConfig(widths=widths))
    torch.save(model.state_dict(), tmp_path / "narrow.pt")
    loaded = build_model(tmp_path / "narrow.pt")
    assert loaded.config.widths == widths
    assert loaded.config.channels == ModelConfig().channels
    assert all(torch.equal(loaded.state_dict()[name], t) for name, t in model.state_dict().items())


@pytest.mark.parametrize("wrong", [{"stages": (16, 24)}, {"bev": (64, 0, 256)}])
def test_impossible_widths_are_named(wrong):
    with pytest.raises(ModelError, match=next(iter(wrong))):
        Widths(**wrong)


def test_an_unknown_width_is_named():
    with pytest.raises(ModelError, match=r"hidden\.99"):
        PUBLISHED.with_named({"hidden.99": 8})
