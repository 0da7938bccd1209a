"""Scores of prompts: whether words find what they name, and whether other words find the same.

`PromptScore` counts cells by how similar they are to a prompt, so that every threshold's IoU follows. The
IoU of a prompt is that of its own best threshold, and `iou_at` that of one threshold for all: no prompt
comes with a threshold of its own. Kinds that were held out of training are reported apart, and as a share
of the known ones.

`SynonymScore` asks which known kind a phrase is nearest to.

| name | meaning |
|---|---|
| iou_known, iou_unknown | mean over prompts of kinds seen in training, and held out, each at its best |
| unknown_share | iou_unknown / iou_known |
| iou_at_known, iou_at_unknown | the same at one threshold |
| iou_<prompt>, iou_at_<prompt> | of one prompt |
| synonyms, synonyms_right, synonyms_asked | share and numbers of phrases nearest to the kind that they mean |
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import EvaluationError
from .metrics import ratio
from .occupancy import mean_of_known

_LEVELS = 201
"""Steps of 0.01 from -1 to 1 into which similarities are sorted."""


class PromptScore:
    """Counts cells of prompts by similarity and truth, frame by frame."""

    def __init__(self, unknown: Sequence[str] = (), threshold: float = 0.5) -> None:
        """Prepare.

        Args:
            unknown: prompts of kinds that training never saw.
            threshold: similarity from which a cell counts as found where all prompts share one, -1 to 1.
        """
        if not -1.0 <= threshold <= 1.0:
            raise EvaluationError(f"threshold {threshold} of similarities must be from -1 to 1")
        self.unknown, self.threshold = frozenset(unknown), threshold
        self.reset()

    def reset(self) -> None:
        """Forget all frames."""
        self._counts: dict[str, np.ndarray] = {}
        self.frames = 0

    def merge(self, later: PromptScore) -> None:
        """Count the frames of a score of the same settings too."""
        for prompt, table in later._counts.items():
            self._counts[prompt] = self._counts.get(prompt, 0) + table
        self.frames += later.frames

    def update(
        self,
        similarities: Mapping[str, np.ndarray],
        truths: Mapping[str, np.ndarray],
        known: np.ndarray | None = None,
    ) -> None:
        """Count one frame.

        Args:
            similarities: prompt to (nx, ny) cosines, or probabilities; a cell that is NaN is not found.
            truths: prompt to (nx, ny) bool, cells of the kind that it names.
            known: (nx, ny) bool where it is known what is there; everywhere where not given.
        """
        for prompt, similarity in similarities.items():
            if prompt not in truths:
                raise EvaluationError(
                    f"nobody says where {prompt!r} is: give its truth, or leave out the prompt"
                )
            truth = np.asarray(truths[prompt], bool)
            if similarity.shape != truth.shape:
                raise EvaluationError(
                    f"{prompt!r} has similarities {similarity.shape} but a truth {truth.shape}: give both "
                    f"over one grid"
                )
            counts = np.ones(truth.shape, bool) if known is None else known.astype(bool)
            level = np.nan_to_num(similarity[counts].astype(np.float64), nan=-1.0)
            level = np.floor(np.clip(level, -1.0, 1.0) * 100 + 100 + 1e-6).astype(np.int64)
            code = truth[counts] * _LEVELS + level
            table = np.bincount(code, minlength=2 * _LEVELS).reshape(2, _LEVELS)
            self._counts[prompt] = self._counts.get(prompt, 0) + table
        self.frames += 1

    @property
    def running(self) -> dict[str, float]:
        """Metrics of all frames by name."""
        best, at = {}, {}
        for prompt, table in self._counts.items():
            wrong, right = table[:, ::-1].cumsum(1)[:, ::-1]
            there = int(table[1].sum())
            curve = [
                ratio(int(hit), int(miss) + there) if there else math.nan
                for hit, miss in zip(right, wrong, strict=True)
            ]
            best[prompt] = max(curve) if there else math.nan
            at[prompt] = curve[math.ceil(round(100 * self.threshold + 100, 6))]
        metrics = {}
        for name, ious in (("iou", best), ("iou_at", at)):
            for kind, wanted in (("known", False), ("unknown", True)):
                metrics[f"{name}_{kind}"] = mean_of_known(
                    [iou for prompt, iou in ious.items() if (prompt in self.unknown) == wanted]
                )
        known = metrics["iou_known"]
        metrics["unknown_share"] = metrics["iou_unknown"] / known if known else math.nan
        for prompt in self._counts:
            metrics |= {f"iou_{prompt}": best[prompt], f"iou_at_{prompt}": at[prompt]}
        return metrics

    @property
    def thresholds(self) -> dict[str, float]:
        """Prompt to the similarity with the largest IoU, to be suggested to whoever asks with these words."""
        found = {}
        for prompt, table in self._counts.items():
            wrong, right = table[:, ::-1].cumsum(1)[:, ::-1]
            union = wrong + table[1].sum()
            found[prompt] = float(np.argmax(right / np.maximum(union, 1))) / 100 - 1.0
        return found


class SynonymScore:
    """Asks of phrases which kind they are nearest to.

    Attributes:
        confused: (phrase, kind meant, kind found) of those that were wrong.
    """

    def __init__(self, kinds: Mapping[str, np.ndarray]) -> None:
        """Prepare.

        Args:
            kinds: name of a kind to (E,) its embedding, or (V, E) several, whose mean direction counts.
        """
        if not kinds:
            raise EvaluationError("synonyms need at least one kind to be told from")
        self.kinds = tuple(kinds)
        self._table = np.stack([_direction(vectors) for vectors in kinds.values()])
        self.confused: list[tuple[str, str, str]] = []
        self._asked = 0

    def update(self, phrase: str, meant: str, embedding: np.ndarray) -> str:
        """Ask for one phrase.

        Args:
            phrase: in words.
            meant: the kind that it means.
            embedding: (E,) of the phrase.

        Returns:
            The kind found.
        """
        if meant not in self.kinds:
            raise EvaluationError(
                f"{phrase!r} means {meant!r}, which is no kind: choose among {', '.join(self.kinds)}"
            )
        found = self.kinds[int(np.argmax(self._table @ _direction(embedding)))]
        self._asked += 1
        if found != meant:
            self.confused.append((phrase, meant, found))
        return found

    @property
    def running(self) -> dict[str, float]:
        """Metrics of all phrases by name."""
        right = self._asked - len(self.confused)
        return {
            "synonyms": ratio(right, self._asked),
            "synonyms_right": float(right),
            "synonyms_asked": float(self._asked),
        }


def _direction(vectors: np.ndarray) -> np.ndarray:
    """(E,) unit vector: the mean of the directions of (E,) or (V, E)."""
    vectors = np.atleast_2d(np.asarray(vectors, np.float64))
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (lengths > 0).all() or not np.isfinite(vectors).all():
        raise EvaluationError("an embedding must be finite and not zero: it has no direction")
    mean = (vectors / lengths).mean(0)
    direction: np.ndarray = mean / max(1e-12, float(np.linalg.norm(mean)))
    return direction
