"""Text as the numbers that BERT's encoders read: WordPiece, uncased.

Written here, since the package `tokenizers` brings an HTTP client and six more packages along, and of its
many models this is the smallest (Devlin et al., "BERT", 2018; Schuster and Nakajima, "Japanese and Korean
voice search", 2012, for the pieces).
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterator
from pathlib import Path

VOCABULARY = Path(__file__).with_name("vocabulary.txt")
"""BERT's uncased English vocabulary, one piece a line (Google, Apache-2.0)."""
START, END, UNKNOWN = "[CLS]", "[SEP]", "[UNK]"
_LONGEST_WORD = 100
_IDEOGRAPHS = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip
"""Chinese characters, each a word; the sixth range is as BERT's successors have it."""

_INVISIBLE = ("Cc", "Cf", "Co")


@functools.cache
def vocabulary() -> dict[str, int]:
    """The number of each of the 30522 pieces."""
    return {piece: number for number, piece in enumerate(VOCABULARY.read_text("utf-8").split("\n")[:-1])}


def numbers(text: str) -> list[int]:
    """The numbers of a text's pieces between those of its start and its end.

    Brackets are text: nobody writes a special piece such as [SEP] into a prompt.
    """
    known = vocabulary()
    pieces = (piece for word in words(text) for piece in _pieces(word, known))
    return [known[START], *(known[piece] for piece in pieces), known[END]]


def words(text: str) -> Iterator[str]:
    """Words in lower case without accents; each punctuation mark and each ideograph is one."""
    clean = "".join(map(_cleaned, text))
    plain = "".join(c for c in unicodedata.normalize("NFD", clean) if unicodedata.category(c) != "Mn")
    for part in "".join(c.lower() for c in plain).split():
        start = 0
        for place, character in enumerate(part):
            if _is_punctuation(character):
                if start < place:
                    yield part[start:place]
                yield character
                start = place + 1
        if start < len(part):
            yield part[start:]


def _cleaned(character: str) -> str:
    kind = unicodedata.category(character)
    if character in "\t\n\r" or (character.isspace() and kind not in _INVISIBLE):
        return " "
    if character == "\ufffd" or kind in _INVISIBLE:
        return ""
    code = ord(character)
    return f" {character} " if any(low <= code <= high for low, high in _IDEOGRAPHS) else character


def _is_punctuation(character: str) -> bool:
    marks = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
    return character in marks or unicodedata.category(character)[0] == "P"


def _pieces(word: str, known: dict[str, int]) -> list[str]:
    """The longest known piece, again and again; nothing is known of a word that does not come out even."""
    if len(word) > _LONGEST_WORD:
        return [UNKNOWN]
    found, start = [], 0
    while start < len(word):
        prefix = "##" if start else ""
        ends = range(len(word), start, -1)
        end = next((end for end in ends if prefix + word[start:end] in known), 0)
        if not end:
            return [UNKNOWN]
        found.append(prefix + word[start:end])
        start = end
    return found
