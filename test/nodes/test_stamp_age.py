from __future__ import annotations

import pytest

from lss_bev_ros.nodes import stamp_age
from lss_bev_ros.nodes.stamp_age import StampAges

S = 1_000_000_000


class FakeClock:
    """A node and its clock in one."""

    def __init__(self, now=1_700_000_000 * S, simulated=False):
        self.nanoseconds = now
        self.ros_time_is_active = simulated

    def get_clock(self):
        return self

    def now(self):
        return self


@pytest.fixture
def steady(monkeypatch):
    """The steady clock's time in a list of one."""
    now = [100.0]
    monkeypatch.setattr(stamp_age.time, "monotonic", lambda: now[0])
    return now


def test_the_age_of_a_stamp_is_told_in_milliseconds(steady):
    clock = FakeClock()
    assert StampAges(clock).milliseconds(clock.nanoseconds - S // 4) == pytest.approx(250.0)
    assert StampAges(clock).problem() == ""


@pytest.mark.parametrize(
    ("stamp", "told"),
    [
        (0, "stamps are 53.9 years behind this node's clock"),
        (1_600_000_000 * S, "stamps are 3.2 years behind"),
        (1_700_000_000 * S - 7200 * S, "stamps are 2.0 h behind"),
        (1_700_000_000 * S - 37 * S, "stamps are 37.0 s behind"),
        (1_700_000_000 * S + 37 * S, "stamps are 37.0 s ahead of"),
        (1_700_000_000 * S + S // 5, "stamps are 0.20 s ahead of"),
    ],
)
def test_clocks_of_two_kinds_tell_no_age_and_are_named(stamp, told, steady):
    ages = StampAges(FakeClock())
    assert ages.milliseconds(stamp) is None
    assert told in ages.problem()
    assert "play it with --clock" in ages.problem()


def test_clocks_that_are_nearly_synchronised_are_compared(steady):
    clock = FakeClock()
    assert StampAges(clock).milliseconds(clock.nanoseconds + S // 20) == 0.0


def test_a_simulated_clock_that_was_never_heard_is_named(steady):
    ages = StampAges(FakeClock(0, simulated=True))
    assert ages.milliseconds(0) is None
    assert ages.milliseconds(1_700_000_000 * S) is None
    assert "no /clock has arrived" in ages.problem()


def test_a_simulated_clock_that_stands_still_is_named_while_images_come(steady):
    clock = FakeClock(50 * S, simulated=True)
    ages = StampAges(clock)
    assert ages.milliseconds(50 * S) == 0.0
    assert ages.problem() == ""
    for _ in range(3):
        steady[0] += 1.0
        age = ages.milliseconds(50 * S)
    assert age is None
    assert "/clock is frozen at 50.000 s while images arrive" in ages.problem()
    clock.nanoseconds += 100_000_000
    assert ages.milliseconds(50 * S) == pytest.approx(100.0)
    assert ages.problem() == ""


def test_a_simulated_clock_that_stands_still_without_images_is_a_pause(steady):
    ages = StampAges(FakeClock(50 * S, simulated=True))
    ages.milliseconds(50 * S)
    steady[0] += 4.0
    assert ages.problem() == ""
