"""Text is cut into the pieces that the encoder was trained with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lss_bev_ros.words import pieces


def cut(text):
    known = {number: piece for piece, number in pieces.vocabulary().items()}
    return [known[number] for number in pieces.numbers(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("zebra crossing", ["zebra", "crossing"]),
        ("Motorcyclists", ["motor", "##cy", "##cl", "##ists"]),
        ("pushbike", ["push", "##bi", "##ke"]),
        ("vélo", ["ve", "##lo"]),
        ("hi-vis vest!", ["hi", "-", "vis", "vest", "!"]),
        ("行人 walk", ["行", "人", "walk"]),
        ("[SEP] car", ["[", "sep", "]", "car"]),
        ("x" * 101, ["[UNK]"]),
        (" \t\u200b\n", []),
    ],
)
def test_pieces(text, expected):
    assert cut(text) == ["[CLS]", *expected, "[SEP]"]


def test_the_vocabulary_is_berts():
    known = pieces.vocabulary()
    assert len(known) == 30522
    assert [known[piece] for piece in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "the")] == [0, 100, 101, 102, 1996]


@given(st.text())
def test_any_text_has_pieces_and_a_word_alone_the_same(text):
    numbers = pieces.numbers(text)
    alone = [number for word in pieces.words(text) for number in pieces.numbers(word)[1:-1]]
    assert numbers[1:-1] == alone
    assert numbers == pieces.numbers(f" {text}\n")
