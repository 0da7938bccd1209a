"""Prompts: what a user wants to see in the bird's-eye view, in words of their own."""

from __future__ import annotations

import unicodedata
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ..errors import WordsError
from .encoder import TextEncoder
from .phrasings import PHRASES
from .projection import EMBEDDING, THINGS, Encode, WordSpace, ensemble

MOST = 16
"""Prompts at a time: each is a layer of its own."""
LONGEST = 200
"""Characters of a prompt."""
SHARPNESS = 1 / 0.07
"""How fast likeness falls with the angle: the inverse of the temperature of the head's training."""
_MEANT, _CUBE, _WIDTH = 0.35, 0.85, 0.05
"""A prompt means the things whose cosine with it is above `_MEANT` and above `_CUBE` times the cube of the
largest, and this over `_WIDTH`. A word for one thing is at that thing, and its kin are not meant; a word for
several lies between them, and the more they are, the smaller are all its cosines."""
_UNLIKE = 0.5
"""Cosine with the nearest thing below which a prompt is like none."""
_KEPT = 256
_ARTICLES = ("a", "an", "the")
_PLURALS = (("", ""), ("s", ""), ("es", ""), ("ies", "y"), ("ves", "f"))
"""Endings, and what a singular has in their place."""


@dataclass(frozen=True, eq=False)
class Prompts:
    """Prompts that are understood.

    Attributes:
        texts: K prompts, in the user's words and order.
        vectors: (K, 64) float32 of length one, to compare with cells.
        notes: one line for each prompt that is like nothing of the street.
    """

    texts: tuple[str, ...]
    vectors: np.ndarray
    notes: tuple[str, ...] = ()


class Interpreter:
    """Prompts as vectors; what was asked before is remembered.

    A prompt that is among the phrasings of a thing is at that thing. What the projection makes of it lies
    between that thing and others that the words are used for too: `pavement` is a road in some countries,
    and a `bus shelter` is no bus.
    """

    def __init__(self, space: WordSpace | None = None, encode: Encode | None = None):
        """Prepare; the text encoder is loaded with the first prompt that is no phrasing.

        Args:
            space: by default the built-in one.
            encode: (n phrases) to (n, 384); by default a `TextEncoder`.
        """
        self.space = space or WordSpace.load()
        self._encode = encode
        self._known: OrderedDict[str, np.ndarray] = OrderedDict()

    def __call__(self, prompts: Sequence[str]) -> Prompts:
        """Understand prompts.

        Raises:
            WordsError: a prompt cannot be taken; the line names which and why.
            ImportError: the extra `words` is not installed.
        """
        texts = parsed(prompts)
        for text in texts:
            if text not in self._known and (number := thing_called(text)) is not None:
                self._known[text] = self.space.things[number]
        if new := [text for text in texts if text not in self._known]:
            if self._encode is None:
                self._encode = TextEncoder()
            self._known.update(zip(new, self.space(ensemble(self._encode, new)), strict=True))
        for text in texts:
            self._known.move_to_end(text)
        vectors = np.array([self._known[text] for text in texts], np.float32).reshape(-1, EMBEDDING)
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return Prompts(texts, vectors, tuple(self._notes(texts, vectors)))

    def _notes(self, texts: tuple[str, ...], vectors: np.ndarray) -> list[str]:
        cosines = vectors @ self.space.things.T
        return [
            f"prompt {text!r} is like nothing that the network knows (nearest: {THINGS[row.argmax()]}): "
            "say it in other words, in English"
            for text, row in zip(texts, cosines, strict=True)
            if row.max() < _UNLIKE
        ]


def thing_called(text: str) -> int | None:
    """The number of the thing that has a text among its phrasings; None of another.

    Capitals, an article before it and a plural do not matter.
    """
    words = text.casefold().split()
    words = words[1:] if words[0] in _ARTICLES and len(words) > 1 else words
    phrase = " ".join(words)
    for ending, single in _PLURALS:
        if phrase.endswith(ending) and (number := _phrasings().get(phrase.removesuffix(ending) + single)):
            return number
    return None


@lru_cache(maxsize=1)
def _phrasings() -> dict[str, int]:
    """Phrasing to the number of its thing; those of free space, which a prompt cannot show, are left out."""
    numbers = enumerate(PHRASES.values())
    return {phrase.casefold(): number for number, phrases in numbers for phrase in phrases if number}


def parsed(prompts: Sequence[str]) -> tuple[str, ...]:
    """Prompts as they are taken: white space made single, of the same order.

    A list of one empty text is no prompt, since a ROS parameter cannot be an empty list in every file.

    Raises:
        WordsError: one is no text, empty, too long, repeated or not in Latin letters, or there are too many.
    """
    if isinstance(prompts, str) or not all(isinstance(prompt, str) for prompt in prompts):
        raise WordsError("prompts must be a list of texts, as ['someone on foot', 'zebra crossing']")
    if len(prompts) > MOST:
        raise WordsError(f"there are {len(prompts)} prompts: give at most {MOST}, since each is a layer")
    if list(prompts) == [""]:
        return ()
    places: dict[str, int] = {}
    texts = tuple(_text(place, prompt) for place, prompt in enumerate(prompts))
    for place, text in enumerate(texts):
        if (first := places.setdefault(text.casefold(), place)) != place:
            raise WordsError(f"prompts[{place}] {text!r} is that of prompts[{first}] again: leave it out")
    return texts


def _text(place: int, prompt: str) -> str:
    if len(prompt) > LONGEST:
        raise WordsError(
            f"prompts[{place}] '{_line(prompt[:40])}...' has {len(prompt)} characters: "
            f"say it in at most {LONGEST}"
        )
    text = _line(prompt)
    letters = [c for c in text if c.isalpha()]
    if not letters:
        raise WordsError(
            f"prompts[{place}] {text!r} has no word: name what to look for, as 'someone on foot'"
        )
    if not all(unicodedata.name(c, "").startswith("LATIN") for c in letters):
        raise WordsError(f"prompts[{place}] {text!r} is not in Latin letters: say it in English")
    return text


def _line(text: str) -> str:
    seen = "".join(
        " " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c)[0] != "C"
    )
    return " ".join(seen.split())


def prompt_scores(cells: Any, prompts: Any, background: Any, sharpness: float = SHARPNESS) -> Any:
    """How probable it is that a cell holds what a prompt means.

    A softmax over the known things, of which those count that the prompt means, and the prompt itself as one
    more, so that a kind is found that lies between the known ones. With a threshold of 0.5 a cell is the
    prompt's if it is more like that than like all else.

    Args:
        cells: (..., E, nx, ny) of length one along E, of the embedding head; numpy or torch.
        prompts: (K, E) of length one, `Prompts.vectors`; of the same library and device.
        background: (J, E) of length one: `WordSpace.things`, all or those that the head was trained on.
        sharpness: the inverse of the temperature that the head was trained with.

    Returns:
        (..., K, nx, ny), 0 to 1.
    """
    library: Any = np
    if not isinstance(cells, np.ndarray):
        import torch

        library = torch
    flat = cells.reshape(*cells.shape[:-2], -1)
    cosines = prompts @ background.T
    limits = (_CUBE * library.amax(cosines, 1) ** 3).clip(_MEANT)[:, None]
    meant = 1 / (1 + library.exp((limits - cosines) / _WIDTH))  # (K, J)
    things = library.exp(sharpness * (background @ flat - 1))  # (..., J, nx ny)
    itself = library.exp(sharpness * (prompts @ flat - 1))  # (..., K, nx ny)
    scores = (meant @ things + itself) / (things.sum(-2)[..., None, :] + itself)
    return scores.reshape(*cells.shape[:-3], len(prompts), *cells.shape[-2:])
