"""From the encoder's 384 numbers to the 64 that a cell of the bird's-eye view has.

A phrase is first asked which of the known things it may mean: a logistic regression, fitted to the phrasings.
Its vector is the mean of the anchors of those things, weighted so (Norouzi et al., "Zero-shot learning by
convex combination of semantic embeddings", 2014): a word for several things lies between them, and so does a
kind that nothing was fitted to. The last numbers are the phrase's own principal components, which tell it
from others between the same things.

`python -m lss_bev_ros.words.projection` fits it again and writes `model/builtin/words.safetensors`.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from .. import files
from ..errors import WordsError
from .encoder import CHECKSUM, SIZE, TextEncoder
from .phrasings import FAMILIES, HELD_OUT, MODIFIED, PHRASES, TEMPLATES

BUILTIN = Path(__file__).parents[1] / "model" / "builtin" / "words.safetensors"
EMBEDDING = 64
"""Numbers of a cell, as `SensesConfig.embedding`."""
THINGS = tuple(PHRASES)
"""Names of the things, in the order of their numbers."""

_KINSHIP = 0.5
"""How much of the cosine of two things' texts their anchors have: cars are near one another, a car and a
person are not."""
_OWN = 0.5
"""Length of a phrase's own part beside an anchor of length one."""
_TEMPERATURE = 1.25
_PENALTY = 1e-5
_FAMILY_WEIGHT = 1.0
_TURNS = 3

Encode = Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True, eq=False)
class WordSpace:
    """The space that text and cells share.

    Attributes:
        mean: (384,) float32, the middle of all phrasings.
        weight: (known, 384) float32, of the regression.
        bias: (known,) float32.
        anchors: (known, known) float32, one row each of length one.
        own: (64 - known, 384) float32 principal components.
        things: (len(THINGS), 64) float32 of length one: the mean over the phrasings of each thing, which is
            what its cells should say. Those held out are where text alone puts them.
        phrases: (P, 64) float16 of length one: every phrasing, thing by thing as in `PHRASES`.
        owners: (P,) uint8, the number of the thing that each is of.
    """

    mean: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    anchors: np.ndarray
    own: np.ndarray
    things: np.ndarray
    phrases: np.ndarray
    owners: np.ndarray

    @classmethod
    def load(cls, path: Path = BUILTIN) -> WordSpace:
        """Read a file of `save`.

        Raises:
            WordsError: it cannot be read, or was fitted to another encoder or other phrasings.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "numpy") as file:
                parts = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                made_of = file.metadata()
        except (OSError, SafetensorError) as problem:
            raise WordsError(f"cannot read the word space {path}: {problem}; {_REMEDY}") from problem
        if set(parts) != {field.name for field in fields(cls)} or made_of != _origin():
            raise WordsError(f"the word space {path} was made of another encoder or phrasings: {_REMEDY}")
        return cls(**parts)

    def save(self, path: Path) -> None:
        """Write it as safetensors, whole or not at all."""
        from safetensors.numpy import save

        content = save({field.name: getattr(self, field.name) for field in fields(self)}, _origin())
        files.write(path, content, WordsError)

    def __call__(self, texts: np.ndarray) -> np.ndarray:
        """Texts as vectors to compare with cells.

        Args:
            texts: (n, 384) float32 of the encoder; for a prompt the mean over `TEMPLATES` of them.

        Returns:
            (n, 64) float32 of length one.
        """
        centred = _unit(_unit(texts) - self.mean)
        shares = _softmax((centred @ self.weight.T + self.bias) / _TEMPERATURE)
        parts = shares @ self.anchors, _OWN * _unit(centred @ self.own.T)
        return _unit(np.concatenate(parts, axis=1)).astype(np.float32)


def ensemble(encode: Encode, phrases: Sequence[str], templates: Sequence[str] = TEMPLATES) -> np.ndarray:
    """(n, 384) float32: the mean vector of each phrase over sentences that it is put into."""
    sentences = [template.format(phrase) for phrase in phrases for template in templates]
    return encode(sentences).reshape(len(phrases), len(templates), SIZE).mean(axis=1)


def fit(encode: Encode, held_out: Sequence[str] = HELD_OUT) -> WordSpace:
    """Fit the word space to the phrasings, in about a minute on one core.

    Args:
        encode: the text encoder.
        held_out: things whose phrasings are not fitted to.
    """
    known = [number for number, name in enumerate(THINGS) if name not in held_out]
    phrases = [phrase for each in PHRASES.values() for phrase in each]
    owners = np.repeat(np.arange(len(THINGS)), [len(each) for each in PHRASES.values()])
    vectors = _unit(ensemble(encode, phrases))
    used = np.isin(owners, known)
    mean = vectors[used].mean(axis=0)

    def centred(texts: np.ndarray) -> np.ndarray:
        return _unit(_unit(texts) - mean)

    singles = [phrase for phrase, one in zip(phrases, used, strict=True) if one]
    said = [_modified(singles, turn) for turn in range(_TURNS)]
    sentences = [centred(encode(each)) for each in (singles, *said)] + [centred(vectors[used])]
    meant = np.eye(len(THINGS))[owners[used]][:, known]
    family_phrases, family_meant = _families(known)
    rows = np.concatenate([*sentences, centred(ensemble(encode, family_phrases))])
    targets = np.concatenate([meant] * len(sentences) + [family_meant])
    weights = np.ones(len(rows))
    weights[-len(family_phrases) :] = _FAMILY_WEIGHT * len(sentences)
    weight, bias = _regression(rows, targets, weights)

    own = np.linalg.svd(centred(vectors[used]), full_matrices=False)[2][: EMBEDDING - len(known)]
    own *= np.sign(own[np.arange(len(own)), np.abs(own).argmax(axis=1)])[:, None]  # SVD leaves the sign open
    middles = np.stack([_unit(centred(vectors[owners == number]).mean(axis=0)) for number in known])
    parts = [mean, weight, bias, _anchors(middles), own]
    mean, weight, bias, anchors, own = (part.astype(np.float32) for part in parts)
    empty = np.empty(0, np.float32)
    space = WordSpace(mean, weight, bias, anchors, own, empty, empty, empty)
    placed = space(vectors)
    things = _unit(np.stack([placed[owners == number].mean(axis=0) for number in range(len(THINGS))]))
    return WordSpace(
        mean, weight, bias, anchors, own, things, placed.astype(np.float16), owners.astype(np.uint8)
    )


def _modified(phrases: Sequence[str], turn: int) -> list[str]:
    """Each phrase with something said of it, another thing in another turn."""
    return [MODIFIED[(n + turn) % len(MODIFIED)].format(phrase) for n, phrase in enumerate(phrases)]


def _families(known: Sequence[int]) -> tuple[list[str], np.ndarray]:
    """Words for several things, and (n, known) float64 how much of each they mean."""
    phrases: list[str] = []
    rows: list[np.ndarray] = []
    for words, things in FAMILIES:
        meant = np.array([float(THINGS[number] in things) for number in known])
        if meant.any():
            phrases += words
            rows += [meant / meant.sum()] * len(words)
    return phrases, np.array(rows)


def _regression(rows: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weight and bias of the least cross-entropy, weighted, with a penalty on the weight's square."""
    import torch

    x, t = torch.from_numpy(rows.astype(np.float64)), torch.from_numpy(targets)
    w = torch.from_numpy(weights / weights.sum())
    weight = torch.zeros(t.shape[1], x.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(t.shape[1], dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS([weight, bias], max_iter=150, line_search_fn="strong_wolfe")

    def loss() -> Any:
        search.zero_grad()
        value = -(w * (t * torch.log_softmax(x @ weight.T + bias, 1)).sum(1)).sum()
        value = value + _PENALTY * weight.square().sum()
        value.backward()
        return value

    search.step(loss)
    return weight.detach().numpy(), bias.detach().numpy()


def _anchors(middles: np.ndarray) -> np.ndarray:
    """(known, known) rows of length one whose cosines are `_KINSHIP` times those of the things' texts."""
    middles = _unit(middles - middles.mean(axis=0))
    cosines = (1 - _KINSHIP) * np.eye(len(middles)) + _KINSHIP * (middles @ middles.T)
    return np.linalg.cholesky(cosines)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _origin() -> dict[str, str]:
    """What a word space is made of: one entry, since safetensors writes several in an order by chance."""
    made_of = repr((CHECKSUM, PHRASES, FAMILIES, TEMPLATES, MODIFIED, HELD_OUT))
    return {"origin": hashlib.sha256(made_of.encode()).hexdigest()}


_REMEDY = "make it again with python -m lss_bev_ros.words.projection, or install the package again"


def main() -> None:
    """Fit the word space and write it."""
    parser = argparse.ArgumentParser(description="Fit the word space of the embedding head to the phrasings.")
    parser.add_argument("--out", type=Path, default=BUILTIN, help="file to write")
    space = fit(TextEncoder())
    path = parser.parse_args().out
    space.save(path)
    found = (space.phrases.astype(np.float32) @ space.things.T).argmax(axis=1) == space.owners
    known = ~np.isin(space.owners, [THINGS.index(name) for name in HELD_OUT])
    print(f"{found[known].sum()} of {known.sum()} phrasings lie nearest to their thing; held out:")
    cosines = space.things @ space.things.T
    for name in HELD_OUT:
        order = [n for n in cosines[THINGS.index(name)].argsort()[::-1] if THINGS[n] not in HELD_OUT][:3]
        print(f"  {name}: " + ", ".join(f"{THINGS[n]} {cosines[THINGS.index(name), n]:.2f}" for n in order))
    print(path)


if __name__ == "__main__":
    main()
