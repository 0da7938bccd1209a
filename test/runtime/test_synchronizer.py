from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lss_bev_ros.errors import RuntimeBackendError
from lss_bev_ros.geometry import CAMERA_NAMES
from lss_bev_ros.runtime.synchronizer import CameraSynchronizer, _Entry

MS = 1_000_000
OFFSETS = {name: index * 8 * MS for index, name in enumerate(CAMERA_NAMES)}  # a LiDAR's turn, as nuScenes


def feed(synchronizer, start, skip=(), now=None):
    """All cameras' items of one instant, in the order of their stamps."""
    released = []
    for name, offset in OFFSETS.items():
        if name not in skip:
            stamp = start + offset
            released += synchronizer.add(name, stamp, (name, stamp), stamp if now is None else now)
    return released


def test_a_set_is_released_with_its_last_camera():
    synchronizer = CameraSynchronizer(CAMERA_NAMES)
    (camera_set,) = feed(synchronizer, 0)
    assert camera_set.complete
    assert tuple(camera_set.items) == CAMERA_NAMES
    assert camera_set.stamp == 40 * MS


def test_a_missing_camera_costs_no_more_than_the_deadline():
    synchronizer = CameraSynchronizer(CAMERA_NAMES, deadline=0.1)
    assert feed(synchronizer, 0, skip=["cam_back"]) == []
    assert synchronizer.poll(99 * MS) == []
    (camera_set,) = synchronizer.poll(100 * MS)
    assert not camera_set.complete
    assert set(CAMERA_NAMES) - set(camera_set.items) == {"cam_back"}
    assert synchronizer.counts.missed["cam_back"] == 1


def test_a_lost_camera_is_not_waited_for_until_it_speaks_again():
    synchronizer = CameraSynchronizer(CAMERA_NAMES, deadline=0.1, lost_after=2)
    for turn in range(2):
        feed(synchronizer, turn * 500 * MS, skip=["cam_back"])
        synchronizer.poll((turn * 500 + 200) * MS)
    assert synchronizer.lost == ("cam_back",)
    (camera_set,) = feed(synchronizer, 1000 * MS, skip=["cam_back"])
    assert len(camera_set.items) == 5
    feed(synchronizer, 1500 * MS)
    assert synchronizer.lost == ()


def test_a_set_waits_for_what_its_items_need():
    ready = set(CAMERA_NAMES) - {"cam_back"}
    synchronizer = CameraSynchronizer(CAMERA_NAMES, deadline=0.1, is_ready=ready.__contains__)
    assert feed(synchronizer, 0) == []
    ready.add("cam_back")
    (camera_set,) = synchronizer.poll(50 * MS)
    assert camera_set.complete


def test_what_a_camera_needs_and_never_gets_soon_costs_nothing():
    synchronizer = CameraSynchronizer(
        CAMERA_NAMES, deadline=0.1, lost_after=2, is_ready=lambda name: name != "cam_back"
    )
    for turn in range(2):
        start = turn * 500 * MS
        assert feed(synchronizer, start) == []
        assert synchronizer.poll(start + 99 * MS) == []
        (camera_set,) = synchronizer.poll(start + 100 * MS)
        assert camera_set.complete
    (camera_set,) = feed(synchronizer, 1000 * MS)
    assert camera_set.complete
    assert synchronizer.lost == ()


def test_a_newer_complete_set_releases_the_older_one_first():
    synchronizer = CameraSynchronizer(CAMERA_NAMES, deadline=10.0)
    feed(synchronizer, 0, skip=["cam_front"])
    first, second = feed(synchronizer, 83 * MS)
    assert (first.complete, second.complete) == (False, True)
    assert first.stamp < second.stamp


def test_items_of_different_instants_never_meet():
    synchronizer = CameraSynchronizer(CAMERA_NAMES, slop=0.05, deadline=10.0)
    feed(synchronizer, 0, skip=["cam_front_left"])
    released = synchronizer.add("cam_front_left", 83 * MS, "next turn", 83 * MS)
    assert released == []


def test_too_few_cameras_are_discarded_and_counted():
    synchronizer = CameraSynchronizer(CAMERA_NAMES, deadline=0.1, min_cameras=3)
    synchronizer.add("cam_front", 0, None, 0)
    assert synchronizer.poll(1000 * MS) == []
    assert synchronizer.counts.discarded == 1


def test_late_and_duplicate_items_are_counted_not_released():
    synchronizer = CameraSynchronizer(CAMERA_NAMES)
    synchronizer.add("cam_back", 32 * MS, None, 0)
    synchronizer.add("cam_back", 32 * MS, None, 0)
    feed(synchronizer, 0, skip=["cam_back"])
    assert synchronizer.counts.duplicate == 1
    assert synchronizer.add("cam_back", 32 * MS, None, 50 * MS) == []
    assert synchronizer.counts.late == 1


def test_a_looped_bag_starts_anew():
    synchronizer = CameraSynchronizer(CAMERA_NAMES)
    feed(synchronizer, 100_000 * MS)
    (camera_set,) = feed(synchronizer, 0, now=100_500 * MS)
    assert camera_set.complete


def test_stamps_that_never_meet_do_not_pile_up():
    synchronizer = CameraSynchronizer(CAMERA_NAMES, deadline=1e6)
    for turn in range(100):
        synchronizer.add("cam_front", turn * 1000 * MS, None, 0)
    assert len(synchronizer._pending) <= 16


@pytest.mark.parametrize(
    "arguments",
    [{"slop": 0.0}, {"deadline": -1.0}, {"min_cameras": 0}, {"min_cameras": 7}, {"lost_after": 0}],
)
def test_nonsense_is_refused(arguments):
    with pytest.raises(RuntimeBackendError):
        CameraSynchronizer(CAMERA_NAMES, **arguments)


@given(
    lost=st.lists(st.sets(st.sampled_from(CAMERA_NAMES), max_size=5), min_size=1, max_size=12),
    jitter=st.lists(st.integers(0, 4), min_size=6, max_size=6),
)
def test_every_item_leaves_once_in_the_set_of_its_instant(lost, jitter):
    """Whatever is lost and however arrivals shift, sets hold one instant and leave in order."""
    synchronizer = CameraSynchronizer(CAMERA_NAMES, slop=0.05, deadline=0.1)
    released, sent = [], 0
    for turn, missing in enumerate(lost):
        start = turn * 500 * MS
        arrivals = sorted(
            (OFFSETS[name] + shift * 3 * MS, name)
            for name, shift in zip(CAMERA_NAMES, jitter, strict=True)
            if name not in missing
        )
        for arrival, name in arrivals:
            sent += 1
            released += synchronizer.add(name, start + OFFSETS[name], turn, start + arrival)
        released += synchronizer.poll(start + 499 * MS)
    assert all(len(set(camera_set.items.values())) == 1 for camera_set in released)
    stamps = [camera_set.stamp for camera_set in released]
    assert stamps == sorted(stamps)
    late = synchronizer.counts.late
    strayed = synchronizer.counts.strayed
    assert sum(len(camera_set.items) for camera_set in released) + late + strayed == sent
    if all(len(missing) <= 2 for missing in lost):
        assert strayed == 0


@pytest.mark.parametrize("name", CAMERA_NAMES)
def test_a_camera_that_comes_back_is_waited_for_wherever_it_stands_in_the_turn(name):
    synchronizer = CameraSynchronizer(CAMERA_NAMES, deadline=0.1, lost_after=2)
    sizes = []
    for turn in range(8):
        released = feed(synchronizer, turn * 500 * MS, skip=[name] if turn in (1, 2, 3) else [])
        released += synchronizer.poll((turn * 500 + 200) * MS)
        sizes += [len(camera_set.items) for camera_set in released]
    assert sizes[:4] == [6, 5, 5, 5]
    assert sizes[5:] == [6, 6, 6]


@given(
    stamps=st.lists(st.integers(0, 90), min_size=1, max_size=6),
    names=st.lists(st.sampled_from("abcdef"), min_size=6, max_size=6),
)
def test_what_can_be_one_group_is_and_nothing_else(stamps, names):
    sync = CameraSynchronizer(tuple("abcdef"), 50e-9, 1.0, 1)
    entries = [
        _Entry(name, stamp, 0, None, False, False, 0)
        for stamp, name in zip(sorted(stamps), names, strict=False)
    ]
    groups = [[*group.entries.values()] for group in sync._divided(entries)]
    distinct = len({entry.name for entry in entries}) == len(entries)
    together = entries[-1].stamp - entries[0].stamp <= 50
    assert (len(groups) == 1) == (distinct and together)
    assert sorted(map(id, (entry for group in groups for entry in group))) == sorted(map(id, entries))
    assert max(map(len, groups)) == len(groups[0]), "the largest first"
