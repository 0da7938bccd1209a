"""A data set larger than the device: every sample once an epoch, and a resumed run goes on exactly."""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lss_bev_ros.errors import TrainingError
from lss_bev_ros.training import source
from lss_bev_ros.training.pool import sample_bytes
from lss_bev_ros.training.source import DatasetSource, IndexedSource
from lss_bev_ros.training.windows import WindowFeed, Windows, share, spread

from . import test_trainer
from .test_trainer import LAYOUT, MODEL, FewSamples, assert_same_weights, take_steps


def pieces_of(sizes):
    first = itertools.accumulate(sizes, initial=0)
    return [range(start, start + size) for start, size in zip(first, sizes, strict=False)]


sizes_of_pieces = st.lists(st.integers(1, 9), min_size=1, max_size=30)


@given(sizes_of_pieces, st.integers(2, 60), st.integers(0, 5), st.integers(0, 3))
def test_every_sample_is_taken_once_an_epoch(sizes, places, seed, rank):
    windows = Windows(pieces_of(sizes), places, seed, rank)
    assert windows.count == sum(sizes)
    for epoch in range(3):
        taken = []
        for position in range(epoch * windows.count, (epoch + 1) * windows.count):
            number, offset = windows.at(position)
            taken.append(windows.samples(number)[offset])
            assert len(windows.samples(number)) <= places // 2
        assert sorted(taken) == list(range(windows.count))


def test_epochs_seeds_and_ranks_take_different_orders():
    def order(seed, rank, epoch):
        windows = Windows(pieces_of([10] * 20), 80, seed, rank)
        found = [windows.at(position) for position in range(epoch * 200, epoch * 200 + 200)]
        return tuple(windows.samples(number)[offset] for number, offset in found)

    assert len({order(0, 0, 0), order(0, 0, 1), order(1, 0, 0), order(0, 1, 0), tuple(range(200))}) == 5


@given(st.integers(-3, 3000), st.integers(1, 64), st.integers(1, 5000), st.integers(1, 2000))
def test_the_room_is_shared_and_windows_hold_a_batch(room, batch, training, validation):
    held = share(room, batch, training, validation)
    if held is None:
        assert training + validation > room
        assert room < 4 * batch + 4
        return
    assert 1 <= held.validation <= validation
    assert held.training + held.validation <= room
    assert held.streamed == (held.training < training)
    if training + validation <= room:
        assert (held.training, held.validation) == (training, validation)
    if held.streamed:
        windows = Windows(pieces_of([training]), held.training, 0)
        lengths = [len(windows.samples(k)) for k in range(-(-training // windows.room))]
        assert min(lengths) >= batch


@given(st.integers(1, 300), st.data())
def test_what_is_held_is_spread_evenly(count, data):
    held = data.draw(st.integers(1, count))
    kept = spread(count, held)
    assert len(set(kept)) == held
    assert 0 <= kept[0] <= kept[-1] < count
    gaps = {b - a for a, b in itertools.pairwise(kept)}
    assert not gaps or max(gaps) - min(gaps) <= 1


class Places:
    """A pool that keeps the samples' numbers."""

    def __init__(self, count):
        self.held, self.added = [None] * count, 0

    def put(self, place, sample):
        self.held[place] = sample


@settings(max_examples=25, deadline=None)
@given(sizes_of_pieces, st.integers(1, 7), st.integers(0, 40), st.integers(1, 4))
def test_a_step_finds_its_own_samples_wherever_a_run_begins(sizes, batch, start, threads):
    count = sum(sizes)
    held = share(max(5 * batch + 5, count // 2), batch, count, 1)
    places = held.training if held.streamed else 3 * batch + 2
    windows = Windows(pieces_of(sizes), places, 7)
    shortest = min(len(windows.samples(k)) for k in range(-(-count // windows.room)))
    if shortest < batch:
        return
    pool = Places(places)

    def read(sample):
        time.sleep(random.random() * 1e-4)
        return sample

    feed = WindowFeed(windows, pool, read, threads)
    try:
        for step in range(start, start + 3 * count // batch + 1):
            taken = [pool.held[place] for place in feed.index(step, batch).tolist()]
            positions = range(step * batch, (step + 1) * batch)
            expected = [windows.samples(n)[k] for n, k in map(windows.at, positions)]
            assert taken == expected
    finally:
        feed.close()


def test_a_sample_that_cannot_be_read_ends_the_run_with_its_own_line():
    def read(sample):
        raise TrainingError("keyframe.jpg is truncated")

    feed = WindowFeed(Windows(pieces_of([20]), 12, 0), Places(12), read, 2)
    with pytest.raises(TrainingError, match="truncated"):
        feed.index(0, 2)
    feed.close()


class ManyKeyframes(IndexedSource):
    """A data set of 40 keyframes to train and 10 to validate on, and what was read of it."""

    training_samples, validation_samples = 40, 10

    def __init__(self):
        self._samples = [sample for _, sample in FewSamples()._samples]
        self.read = Counter()

    def take(self, wait):
        for use, count in (("val", self.validation_samples), ("train", self.training_samples)):
            done = sum(number for (kind, _), number in self.read.items() if kind == use)
            if done < count:
                return use, self.sample(use, done)
        return None

    def pieces(self):
        return pieces_of([10] * 4)

    def sample(self, use, number):
        self.read[use, number] += 1
        return self._samples[number % 10]


EACH = sample_bytes(LAYOUT, MODEL)


def trainer(out, room, steps=20, resume=False, message=None, data=None):
    data = data or ManyKeyframes()
    return test_trainer.trainer(out, steps, resume, data, room * EACH, message)


def test_a_data_set_larger_than_the_device_is_trained_on_whole(tmp_path):
    data, lines = ManyKeyframes(), []
    run = trainer(tmp_path, room=20, message=lines.append, data=data)
    scores = run.run()
    run.close()
    # 20 steps of 4 are two epochs; what is read ahead of them may be read a third time.
    assert all(2 <= data.read["train", number] <= 3 for number in range(40))
    assert [number for number in range(10) if data.read["val", number]] == [0, 2, 4, 6, 8]
    assert lines[0] == (
        "40 training samples per rank, more than cpu holds: each is read once an epoch, 7 per window; "
        "validation on 5 of 10, evenly spread"
    )
    assert 0 <= scores["iou"] <= 1


@pytest.mark.parametrize(
    ("room", "said"),
    [
        (50, "40 training samples per rank, all of them on cpu; validation on 10"),
        (
            49,
            "40 training samples per rank, more than cpu holds: each is read once an epoch, 19 per window; "
            "validation on 10",
        ),
    ],
)
def test_what_is_held_is_said(tmp_path, room, said):
    lines = []
    run = trainer(tmp_path, room, steps=1, message=lines.append)
    run.run()
    run.close()
    assert lines[0] == said


def test_validation_gives_way_where_all_training_samples_fit_without_it(tmp_path):
    data = ManyKeyframes()
    data.validation_samples = 100
    lines = []
    run = trainer(tmp_path, room=60, steps=12, message=lines.append, data=data)
    run.run()
    assert lines[0].endswith("all of them on cpu; validation on 15 of 100, evenly spread")
    assert all(data.read["train", number] == 1 for number in range(40))


def test_a_streamed_run_that_is_resumed_continues_exactly(tmp_path):
    def steps(run, until):
        take_steps(run, until, 16).close()
        return run

    straight = steps(trainer(tmp_path / "straight", 20), 16)
    steps(trainer(tmp_path / "parts", 20), 9).save()
    rest = steps(trainer(tmp_path / "parts", 20, resume=True), 16)
    assert_same_weights(straight, rest)


@pytest.mark.parametrize(
    ("kind", "room"),
    [(ManyKeyframes, 0), (ManyKeyframes, 1), (ManyKeyframes, 12), (FewSamples, 0), (FewSamples, 5)],
)
def test_too_little_room_is_one_line_with_the_remedy(tmp_path, kind, room):
    with pytest.raises(TrainingError, match=rf"hold {room} samples of 0\.\d MB, .*--memory") as raised:
        trainer(tmp_path, room, data=kind())
    assert "\n" not in str(raised.value)
    assert "hold -" not in str(raised.value)


def test_a_finite_source_that_does_not_fit_is_refused_and_not_cut(tmp_path):
    run = trainer(tmp_path, room=2 + 5, data=FewSamples())
    with pytest.raises(TrainingError, match="8 training samples arrived, but there is room for 5"):
        run.run()


@pytest.fixture
def dataset(monkeypatch):
    """A data set of three scenes without files: a sample is its scene and place."""
    sizes = {"one": 23, "two": 5, "three": 12}
    reader = SimpleNamespace(
        scenes=tuple(sizes),
        dataroot="root",
        notices=(),
        annotated=lambda scene: True,
        count_keyframes=sizes.__getitem__,
        keyframes=lambda scene: ((scene, place) for place in range(sizes[scene])),
    )
    monkeypatch.setattr("lss_bev_ros.dataset.NuScenesReader", lambda *_: reader)
    monkeypatch.setattr("lss_bev_ros.training.split.split_scenes", lambda _: (["one", "two"], ["three"]))
    monkeypatch.setattr(source, "keyframe_sample", lambda keyframe, layout: keyframe)
    return lambda rank=0, ranks=1: DatasetSource("root", "", LAYOUT, rank, ranks)


@pytest.mark.parametrize("ranks", [1, 3])
def test_the_keyframes_of_a_data_set_are_the_same_in_any_order(dataset, ranks):
    everything = []
    for rank in range(ranks):
        read, indexed = dataset(rank, ranks), dataset(rank, ranks)
        in_order = list(iter(lambda read=read: read.take(1.0), None))
        for use, count in (("val", indexed.validation_samples), ("train", indexed.training_samples)):
            assert [indexed.sample(use, k) for k in range(count)] == [s for u, s in in_order if u == use]
        numbers = [number for piece in indexed.pieces() for number in piece]
        assert numbers == list(range(indexed.training_samples))
        for piece in indexed.pieces():
            assert len({indexed.sample("train", number)[0] for number in piece}) == 1
        everything += [sample for _, sample in in_order]
    assert len(everything) == len(set(everything)) == 40
