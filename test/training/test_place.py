"""The ranks of a run leave together, and one that fails leaves at once."""

from __future__ import annotations

import pytest
import torch
import torch.distributed as dist

from lss_bev_ros.training.place import Place, together

PLACE = Place(0, 2, torch.device("cpu"))


@pytest.fixture
def group(monkeypatch):
    """What is done to the group of a run, of which this is one process of two."""
    done = []
    monkeypatch.setattr(dist, "init_process_group", lambda *_, **__: done.append("join"))
    monkeypatch.setattr(dist, "destroy_process_group", lambda: done.append("leave"))
    monkeypatch.setattr(dist, "is_initialized", lambda: "join" in done)
    return done


def test_a_run_is_left_in_order(group):
    with together(PLACE):
        assert group == ["join"]
    assert group == ["join", "leave"]


def test_who_fails_waits_for_nobody(group):
    """The others are in a step that this one never takes: an orderly leave would last for ever."""
    with pytest.raises(ValueError, match="failed"), together(PLACE):
        raise ValueError("failed")
    assert group == ["join"]
