"""Whether the replay stands is known at once after an answer, and by its diagnostics in the end."""

from __future__ import annotations

import pytest

from lss_bev_ros.dashboard.replay_control import Playback


def told(paused, switches):
    return {"paused": str(paused), "switches": str(switches)}


@pytest.fixture
def playback():
    """Of a replay that was told to pause and to go on before."""
    made = Playback()
    assert made.paused(told(False, 2)) is False
    return made


def test_nothing_heard_is_not_paused():
    assert Playback().paused({}) is False


def test_what_was_asked_holds_until_the_diagnostics_count_it(playback):
    playback.granted("pause")
    assert playback.paused(told(False, 2)) is True
    assert playback.paused(told(True, 3)) is True
    assert playback.paused(told(False, 4)) is False  # somebody else


def test_the_last_of_several_holds(playback):
    playback.granted("pause")
    playback.granted("resume")
    playback.granted("pause")
    assert [playback.paused(told(p, n)) for p, n in ((False, 2), (True, 3), (False, 4), (True, 5))] == [
        True
    ] * 4


def test_a_step_changes_nothing(playback):
    playback.granted("step")
    assert playback.answers == 1
    assert playback.paused(told(True, 3)) is True


def test_a_replay_that_was_started_anew_is_believed(playback):
    playback.granted("pause")
    assert playback.paused(told(False, 0)) is False
    playback.granted("pause")
    assert playback.paused(told(False, 0)) is True


def test_a_replay_that_does_not_count_is_believed():
    playback = Playback()
    playback.granted("pause")
    assert playback.paused({"paused": "False"}) is False
