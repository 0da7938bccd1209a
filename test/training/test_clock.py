"""How far a run is: by steps or by seconds, whichever is farther, over all its sessions."""

from __future__ import annotations

import time

import pytest
import torch

from lss_bev_ros.training.clock import RunClock

CPU = torch.device("cpu")


def clock(steps=100, seconds=0.0, ago=0.0, behind=0.0):
    return RunClock(steps, seconds, CPU, began=time.monotonic() - ago, behind=behind)


def test_steps_are_progress():
    run = clock()
    run.step = 25
    assert run.progress() == (0.25, False)
    run.step = 100
    assert run.progress() == (1.0, True)


def test_seconds_are_where_they_are_farther():
    run = clock(seconds=1000, ago=400)
    run.step = 25
    assert run.progress()[0] == pytest.approx(0.4, abs=0.01)
    run.step = 60
    assert run.progress()[0] == pytest.approx(0.6)


def test_a_resumed_run_counts_the_earlier_sessions():
    run = clock(seconds=1000, ago=100)
    run.resume(3, 400.0)
    assert run.step == 3
    assert run.seconds == pytest.approx(500, abs=5)
    assert run.progress()[0] == pytest.approx(0.5, abs=0.01)


def test_what_lies_behind_the_weights_counts_too():
    run = clock(seconds=1000, ago=200, behind=0.4)
    assert run.progress()[0] == pytest.approx(0.6, abs=0.01)
    run = clock(seconds=1000, ago=601, behind=0.4)
    assert run.progress()[1]


def test_a_session_ends_at_its_pause():
    assert clock(ago=10).progress(pause=5.0) == (0.0, True)
    assert clock(ago=1).progress(pause=5000.0) == (0.0, False)
