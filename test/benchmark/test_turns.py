"""Contenders take turns; what reports say of the runs is what they can say."""

from __future__ import annotations

import time
from functools import partial

import numpy as np
import pytest

from lss_bev_ros.benchmark.turns import Turns, quantiles, rotated, take_turns, times_faster


@pytest.fixture
def clock(monkeypatch):
    """A clock that moves only when told to: `clock(seconds)`."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def advance(seconds):
        now[0] += seconds

    return advance


def test_each_contender_is_timed_in_every_round_and_warm_up_does_not_count(clock):
    calls = []

    def run(name, number):
        calls.append(name)
        clock(number + (0.010 if name == "a" else 0.020))

    times = take_turns([partial(run, "a"), partial(run, "b")], 3)
    np.testing.assert_allclose(times, [[10, 1010, 2010], [20, 1020, 2020]])
    assert "".join(calls) == "abab" + "ab" + "ba" + "ab"


def test_results_come_in_the_order_of_the_contenders_whoever_is_first(clock):
    turns = Turns(3, warm_up=0)
    for number in range(4):
        assert turns.round([lambda i=i: i for i in range(3)]) == [0, 1, 2]
        assert turns.milliseconds.shape == (3, number + 1)


def test_everyone_is_first_as_often():
    assert [rotated("abc", number) for number in range(4)] == [list(o) for o in ("abc", "bca", "cab", "abc")]
    assert rotated([], 3) == []


def test_a_slow_moment_counts_on_both_sides():
    assert times_faster([100, 900, 110], [50, 450, 55]) == pytest.approx(2.0)


@pytest.mark.parametrize("runs", [1, 999, 1000])
def test_a_thousandth_is_said_of_a_thousand_runs(runs):
    found = quantiles(list(range(runs)))
    assert found["median_ms"] == (runs - 1) / 2
    assert found["p95_ms"] == pytest.approx(0.95 * (runs - 1))
    assert ("p999_ms" in found) == (runs == 1000)


def test_nothing_is_known_of_no_runs():
    assert all(np.isnan(value) for value in quantiles([]).values())
    assert take_turns([lambda _: None] * 2, 0).shape == (2, 0)
