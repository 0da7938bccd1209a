"""One camera's clock is wrong: the others' sets stay what they are without it, and it is named."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lss_bev_ros.geometry import CAMERA_NAMES
from lss_bev_ros.runtime.synchronizer import CameraSynchronizer

S = 1_000_000_000
MS = 1_000_000
EPOCH = 1_700_000_000 * S
POLL = 50 * MS
LAGS = {name: index * 8 * MS for index, name in enumerate(CAMERA_NAMES)}  # a LiDAR's turn, as nuScenes


class Drive:
    """Cameras that take images in turns, and what a synchroniser makes of them.

    `stamps[name]` turns the true time of an image, nanoseconds, into its stamp, None where no image comes;
    `delays[name]` is how long it takes to arrive.
    """

    def __init__(self, stamps=None, delays=None, period=0.5, turns=20, seed=0, lags=LAGS, **arguments):
        noise = random.Random(seed)
        self.synchronizer = CameraSynchronizer(CAMERA_NAMES, **arguments)
        self.sets, self.released_at, self.faults, self.largest = [], [], [], 0
        self.images = []
        for turn in range(turns):
            for name in CAMERA_NAMES:
                true = round(turn * period * S) + lags[name]
                arrival = true + 10 * MS + noise.randrange(4 * MS)
                stamp = (stamps or {}).get(name, lambda t: t)(EPOCH + true)
                if stamp is not None:
                    delay = (delays or {}).get(name, lambda _: 0)(true)
                    self.images.append((arrival + delay, name, stamp, (name, turn)))
        self.images.sort()
        self.now = 0
        for arrival, name, stamp, item in self.images:
            self._poll_until(arrival)
            self._take(self.synchronizer.add(name, stamp, item, arrival), arrival)
        self._poll_until(self.images[-1][0] + 2 * S)

    def _poll_until(self, end):
        while self.now + POLL <= end:
            self.now += POLL
            self._take(self.synchronizer.poll(self.now), self.now)
            self.largest = max(self.largest, len(self.synchronizer._pending))
            self.faults.append((self.now, self.synchronizer.faults(self.now)))

    def _take(self, released, now):
        self.sets += released
        self.released_at += [now] * len(released)

    def without(self, name):
        """Items of the sets, less those of one camera."""
        return [{n: item for n, item in each.items.items() if n != name} for each in self.sets]

    def named_after(self, name, since):
        """Seconds until a camera was named, with the text."""
        for now, faults in self.faults:
            if now >= since and name in faults:
                return (now - since) / S, faults[name]
        pytest.fail(f"{name} was never named")


def ascending(sets):
    stamps = [each.stamp for each in sets]
    return all(a < b for a, b in itertools.pairwise(stamps))


WRONG = {
    "behind 37 s": lambda t: t - 37 * S,
    "ahead 37 s": lambda t: t + 37 * S,
    "ahead 2 s": lambda t: t + 2 * S,
    "ahead a turn": lambda t: t + S // 2,
    "ahead 0.1 s": lambda t: t + S // 10,
    "behind 0.1 s": lambda t: t - S // 10,
    "behind 0.6 s": lambda t: t - 6 * S // 10,
    "behind 1 h": lambda t: t - 3600 * S,
    "from its start": lambda t: t - EPOCH + 5 * S,
    "zero": lambda _: 0,
    "the same": lambda _: EPOCH - 3 * S,
    "the same, of the first": lambda _: EPOCH,
    "back once": lambda t: t if t < EPOCH + 4 * S else t - 12 * S,
    "ahead once": lambda t: t if t < EPOCH + 4 * S else t + 12 * S,
    "back a little": lambda t: t if t < EPOCH + 4 * S else t - S // 5,
    "drifts ahead": lambda t: t + (t - EPOCH) // 20,
    "drifts behind": lambda t: t - (t - EPOCH) // 20,
    "runs twice as fast": lambda t: EPOCH + 2 * (t - EPOCH),
}


@pytest.mark.parametrize("odd", ["cam_front_left", "cam_back", "cam_back_right"])
@pytest.mark.parametrize("wrong", WRONG)
def test_one_wrong_clock_costs_no_other_camera(wrong, odd):
    without = Drive({odd: lambda _: None})
    drive = Drive({odd: WRONG[wrong]})
    assert drive.without(odd) == without.without(odd)
    assert ascending(drive.sets)
    assert drive.largest <= 3 * len(CAMERA_NAMES)
    assert not drive.synchronizer._pending


@pytest.mark.parametrize("wrong", [name for name in WRONG if "drift" not in name])
def test_a_wrong_clock_is_named_within_two_seconds(wrong):
    drive = Drive({"cam_back": WRONG[wrong]})
    begin = 4 * S if "once" in wrong or "little" in wrong else 0
    seconds, fault = drive.named_after("cam_back", begin)
    assert seconds <= 2.0
    assert fault.text.startswith("cam_back: ")
    assert {name for _, faults in drive.faults for name in faults if _ <= drive.images[-1][0]} == {"cam_back"}


@settings(deadline=None, max_examples=60)
@given(
    odd=st.sampled_from(CAMERA_NAMES),
    period=st.sampled_from([0.5, 0.1, 1 / 12, 0.25]),
    behaviour=st.lists(
        st.tuples(
            st.integers(1, 8),  # turns that it lasts
            st.sampled_from(["good", "shift", "same", "zero", "none", "random"]),
            st.one_of(st.integers(-1500, 1500), st.sampled_from([-3_600_000, -37_000, 37_000])),  # ms
        ),
        min_size=1,
        max_size=5,
    ),
    seed=st.integers(0, 99),
)
def test_whatever_one_camera_does_the_others_sets_stay(odd, period, behaviour, seed):
    stages = [stage for stage in behaviour for _ in range(stage[0])]
    noise = random.Random(seed)
    turn = iter(range(10_000))

    def stamp(true):
        _, kind, shift = stages[next(turn) % len(stages)]
        if kind == "good":
            return true
        if kind == "none":
            return None
        if kind == "random":
            return true + noise.randrange(-5 * S, 5 * S)
        return {"shift": true + shift * MS, "same": EPOCH + shift * MS, "zero": 0}[kind]

    lags = {name: index * 4 * MS for index, name in enumerate(CAMERA_NAMES)}
    warm = {odd: lambda t: t if t < EPOCH + 3 * period * S else stamp(t)}
    drive = Drive(warm, period=period, turns=30, seed=seed, lags=lags, slop=0.03)
    without = Drive({odd: lambda _: None}, period=period, turns=30, seed=seed, lags=lags, slop=0.03)
    assert drive.without(odd) == without.without(odd)
    assert ascending(drive.sets)
    assert not drive.synchronizer._pending
