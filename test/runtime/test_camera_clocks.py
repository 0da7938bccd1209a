"""One camera's clock is wrong: the others' sets stay what they are without it, and it is named."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lss_bev_ros.geometry import CAMERA_NAMES
from lss_bev_ros.runtime.camera_clock import stamp_apart
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


@settings(deadline=None, max_examples=60)
@given(
    odd=st.sampled_from(CAMERA_NAMES),
    period=st.sampled_from([0.5, 1.4, 0.25]),
    shift=st.integers(100, 5000) | st.integers(-5000, -100) | st.sampled_from([-3_600_000, -37_000, 37_000]),
    seed=st.integers(0, 99),
)
def test_a_clock_that_is_wrong_from_the_start_costs_no_other_camera(odd, period, shift, seed):
    drive = Drive({odd: lambda t: t + shift * MS}, period=period, turns=12, seed=seed)
    without = Drive({odd: lambda _: None}, period=period, turns=12, seed=seed)
    if abs(shift / 1e3) % period > 0.1 and period - abs(shift / 1e3) % period > 0.1:
        assert all(odd not in each.items for each in drive.sets)
    assert drive.without(odd) == without.without(odd)
    assert ascending(drive.sets)


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_clock_soon_costs_no_time(wrong):
    drive = Drive({"cam_back": WRONG[wrong]}, turns=24)
    last = dict.fromkeys(range(24), 0)
    for arrival, name, _, (_, turn) in drive.images:
        if name != "cam_back":
            last[turn] = max(last[turn], arrival)
    waits = [
        at - last[next(iter(s.items.values()))[1]]
        for s, at in zip(drive.sets, drive.released_at, strict=True)
    ]
    assert sum(wait > 20 * MS for wait in waits) <= 3
    assert max(waits) <= 250 * MS


def last_faults(drive):
    """What was said when the last image came."""
    return next(faults for now, faults in reversed(drive.faults) if now <= drive.images[-1][0])


@pytest.mark.parametrize(
    ("wrong", "kind", "told"),
    [
        ("behind 37 s", "behind", "stamps are 37.0 s behind the other cameras': one of them keeps TAI"),
        ("ahead 2 s", "ahead", "stamps are 2.00 s ahead of the other cameras': synchronise its clock"),
        ("ahead 0.1 s", "ahead", "stamps are 0.10 s ahead of"),
        ("behind 0.1 s", "behind", "stamps are 0.10 s behind"),
        ("behind 1 h", "behind", "stamps are 1.0 h behind"),
        ("from its start", "behind", "its clock counts from its own start"),
        ("zero", "zero", "stamps are 0"),
        ("the same", "repeated", "every image has the stamp 1699999997.000"),
        ("back once", "behind", "stamps jumped back by 11.5 s and are 12.0 s behind"),
        ("ahead once", "ahead", "stamps are 12.0 s ahead of"),
    ],
)
def test_the_text_names_camera_offset_and_remedy(wrong, kind, told):
    fault = last_faults(Drive({"cam_back": WRONG[wrong]}))["cam_back"]
    assert fault.kind == kind
    assert fault.text.startswith("cam_back: ")
    assert told in fault.text


@pytest.mark.parametrize(
    ("stamp", "told"),
    [
        (0, "stamp is 0: set header.stamp"),
        (EPOCH - 37 * S, "is 37.0 s behind that of the images: one of them keeps TAI and the other UTC;"),
        (7 * S, "its clock counts from its own start; synchronise the clocks"),
        (EPOCH + 3 * S, "stamp is 3.00 s ahead of that of the images: raise its rate"),
    ],
)
def test_another_sensors_clock_is_told_with_cause_and_remedy(stamp, told):
    assert told in stamp_apart(stamp, EPOCH, "raise its rate")


def test_a_camera_that_is_silent_or_absent_is_named():
    drive = Drive({"cam_front": lambda _: None, "cam_back": lambda t: t if t < EPOCH + 4 * S else None})
    faults = last_faults(drive)
    assert faults["cam_front"].kind == "absent"
    assert faults["cam_back"].kind == "silent"
    assert drive.named_after("cam_front", 0)[0] <= 2.0
    assert drive.named_after("cam_back", 4 * S)[0] <= 2.0
    assert [len(each.items) for each in drive.sets] == [5] * 8 + [4] * 12


def test_a_camera_later_than_the_deadline_is_named_and_soon_not_waited_for():
    drive = Drive(delays={"cam_back": lambda _: 350 * MS})
    assert [len(each.items) for each in drive.sets] == [5] * 20
    fault = last_faults(drive)["cam_back"]
    assert fault.kind == "late"
    assert "past the deadline of 0.2 s" in fault.text
    assert drive.synchronizer.lost == ("cam_back",)


def test_a_camera_within_the_deadline_is_waited_for():
    drive = Drive(delays={"cam_back": lambda _: 120 * MS})
    assert [len(each.items) for each in drive.sets] == [6] * 20
    assert not any(faults for _, faults in drive.faults)


def test_a_clock_that_comes_right_again_is_taken_back():
    wrong = {"cam_back_right": lambda t: t - 37 * S if t < EPOCH + 4 * S else t}
    drive = Drive(wrong)
    assert [len(each.items) for each in drive.sets] == [5] * 9 + [6] * 11
    assert last_faults(drive) == {}


@pytest.mark.parametrize("shift", [-37 * S, 2 * S, S // 5])
@pytest.mark.parametrize("others", [("cam_front", "cam_back"), ("cam_front", "cam_back", "cam_back_right")])
def test_cameras_of_the_same_wrong_clock_make_no_sets_of_their_own(shift, others):
    odd = dict.fromkeys(others, lambda t: t if t < EPOCH + 3 * S else t + shift)
    drive = Drive(odd)
    assert [len(each.items) for each in drive.sets] == [6] * 6 + [6 - len(others)] * 14
    assert last_faults(drive).keys() == set(others)


@pytest.mark.parametrize("shift", [-37 * S, 37 * S])
def test_of_two_equal_halves_one_makes_the_sets(shift):
    drive = Drive(dict.fromkeys(CAMERA_NAMES[:3], lambda t: t + shift))
    assert [len(each.items) for each in drive.sets] == [3] * 20
    assert ascending(drive.sets)
    assert len(last_faults(drive)) == 3


@pytest.mark.parametrize("jump", [12 * S, S, 7 * S // 10, 1_700_000_000 * S - 60 * S])
@pytest.mark.parametrize("odd", [None, "cam_back"])
def test_where_all_stamps_go_back_everything_begins_anew_at_once(jump, odd):
    def stamp(true):
        return true if true < EPOCH + 5 * S else true - jump

    stamps = dict.fromkeys(CAMERA_NAMES, stamp)
    if odd:
        stamps[odd] = lambda t: stamp(t) - 37 * S
    drive = Drive(stamps)
    assert [len(each.items) for each in drive.sets] == [5 if odd else 6] * 20
    assert drive.synchronizer.counts.restarts == 1
    assert ascending(drive.sets[:10])
    assert ascending(drive.sets[10:])


def test_a_bag_in_a_loop_loses_no_set():
    drive = Drive(dict.fromkeys(CAMERA_NAMES, lambda t: EPOCH + (t - EPOCH) % (3 * S)), turns=30)
    assert [len(each.items) for each in drive.sets] == [6] * 30
    assert drive.synchronizer.counts.restarts == 4


@pytest.mark.parametrize("step", [-3 * S // 10, 5 * S, -20 * S])
def test_a_step_of_the_whole_cars_clock_loses_no_set(step):
    drive = Drive(dict.fromkeys(CAMERA_NAMES, lambda t: t if t < EPOCH + 5 * S else t + step))
    assert [len(each.items) for each in drive.sets] == [6] * 20
    assert not any(faults for _, faults in drive.faults)


@pytest.mark.parametrize("every", [2, 3, 4])
@pytest.mark.parametrize("slow", ["cam_front_left", "cam_back_right"])
def test_a_slower_camera_is_in_every_set_that_it_can_be_in(every, slow):
    turns = 40
    drive = Drive(
        {slow: lambda t: t if round((t - EPOCH) / (S // 10)) % every == 0 else None}, period=0.1, turns=turns
    )
    sizes = [len(each.items) for each in drive.sets]
    assert len(sizes) == turns
    assert sizes[20:] == [6 if turn % every == 0 else 5 for turn in range(20, turns)]
    assert not any(faults for now, faults in drive.faults if now > 2 * S)


def test_a_faster_camera_makes_no_sets_of_its_own():
    others = {name: lambda t: t if (t - EPOCH) // (S // 10) % 5 == 0 else None for name in CAMERA_NAMES[1:]}
    lags = {name: 4 * MS * index for index, name in enumerate(CAMERA_NAMES)}
    drive = Drive(others, period=0.1, turns=100, lags=lags)
    # Until the others' rate is known its images may be those of instants that the others lost.
    assert [len(each.items) for each in drive.sets][-16:] == [6] * 16


def test_free_running_cameras_at_30_hz_are_all_in_every_set():
    lags = dict(zip(CAMERA_NAMES, (0, 21 * MS, 7 * MS, 30 * MS, 14 * MS, 27 * MS), strict=True))
    drive = Drive(period=1 / 30, turns=90, lags=lags)
    assert [len(each.items) for each in drive.sets] == [6] * 90
    assert not any(faults for _, faults in drive.faults)


def test_after_a_stall_of_the_network_the_sets_go_on():
    def stalled(at):
        return (7 * S - at) * 99 // 100 if 5 * S <= at < 7 * S else 0

    drive = Drive(delays=dict.fromkeys(CAMERA_NAMES, stalled))
    assert {turn for each in drive.sets for _, turn in each.items.values()} >= set(range(10)) | set(
        range(15, 20)
    )
    assert all(len({turn for _, turn in each.items.values()}) == 1 for each in drive.sets)
    assert ascending(drive.sets)


def test_a_stall_of_one_camera_costs_its_images_only():
    def stalled(at):
        return (7 * S - at) * 99 // 100 if 5 * S <= at < 7 * S else 0

    drive = Drive(delays={"cam_back": stalled})
    assert drive.without("cam_back") == Drive({"cam_back": lambda _: None}).without("cam_back")
    assert [len(each.items) for each in drive.sets][15:] == [6] * 5


def test_all_stamps_zero_make_one_set_and_are_named():
    drive = Drive(dict.fromkeys(CAMERA_NAMES, lambda _: 0))
    assert len(drive.sets) == 1
    assert {fault.kind for fault in last_faults(drive).values()} == {"zero"}
    assert last_faults(drive).keys() == set(CAMERA_NAMES)


def test_a_single_camera_is_believed():
    synchronizer = CameraSynchronizer(["cam"])
    stamps = [0, 0, 10 * S, 9 * S, 40 * S, 2 * S]
    released = [synchronizer.add("cam", stamp, n, n * S) for n, stamp in enumerate(stamps)]
    assert [[each.stamp for each in sets] for sets in released] == [
        [0],
        [],
        [10 * S],
        [9 * S],
        [40 * S],
        [2 * S],
    ]


def test_too_few_cameras_of_one_clock_make_no_set():
    wrong = {name: lambda t, i=i: t + 10 * i * S for i, name in enumerate(CAMERA_NAMES)}
    drive = Drive(wrong, min_cameras=2)
    assert drive.sets == []
    assert drive.synchronizer.counts.discarded > 0


def test_an_absent_camera_that_starts_later_joins():
    drive = Drive({"cam_back_right": lambda t: t if t > EPOCH + 4 * S else None})
    sizes = [len(each.items) for each in drive.sets]
    assert sizes[:8] == [5] * 8
    assert sizes[9:] == [6] * 11


def test_who_speaks_first_does_not_set_the_time():
    wrong = {name: lambda t: t if t > EPOCH + 2 * S else None for name in CAMERA_NAMES}
    wrong["cam_back"] = lambda t: t + 60 * S
    drive = Drive(wrong)
    assert [len(each.items) for each in drive.sets][-15:] == [5] * 15
    assert ascending(drive.sets[-15:])


@pytest.mark.parametrize("rate", [0.3, 1.6, 3.0])
def test_a_bag_at_another_rate_over_a_slow_link_loses_no_image(rate):
    noise = random.Random(3)
    pace = {name: lambda t: EPOCH + round((t - EPOCH) * rate) for name in CAMERA_NAMES}
    delays = dict.fromkeys(CAMERA_NAMES, lambda _: noise.randrange(150 * MS))
    lags = {name: 2 * MS * index for index, name in enumerate(CAMERA_NAMES)}
    drive = Drive(pace, delays, turns=30, lags=lags, deadline=0.3)
    assert [len(each.items) for each in drive.sets] == [6] * 30
