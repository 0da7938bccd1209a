"""Vectors of the words for things, which the embedding is drawn to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from ...errors import TrainingError
from ...synthetic.things import THINGS


def drawn_words(embedding: int, seed: int = 0) -> torch.Tensor:
    """(T, 1, E) float32 unit vectors by chance, which mean nothing: for a run without text."""
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(len(THINGS), 1, embedding, generator=generator), dim=-1)


def read_words(path: Path, embedding: int) -> torch.Tensor:
    """Vectors of several phrasings for each thing.

    Args:
        path: file of numpy, (T, phrasings, E), in the order of `synthetic.things.THINGS`.
        embedding: E of the network.

    Returns:
        (T, phrasings, E) float32, of length one.

    Raises:
        TrainingError: it is no such file.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path}: no numpy file of word vectors ({error}): leave --words out") from error
    if array.ndim != 3 or array.shape[0] != len(THINGS) or array.shape[2] != embedding:
        raise TrainingError(
            f"{path}: word vectors of shape {array.shape}, not ({len(THINGS)}, phrasings, {embedding}): make "
            f"them for this version's things and the network's embedding"
        )
    words = torch.from_numpy(array.astype(np.float32))
    # Free space is no word that is learned, so its row may be anything.
    if not (words[1:].isfinite().all() and (words[1:].norm(dim=-1) > 0).all()):
        raise TrainingError(f"{path}: a word vector is zero, NaN or infinite: make the file again")
    return torch.nan_to_num(F.normalize(words, dim=-1))
