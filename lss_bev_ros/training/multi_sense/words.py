"""Vectors of the words for things, which the embedding is drawn to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from ... import model
from ...errors import TrainingError
from ...synthetic.things import THINGS

BUILTIN = Path(model.__file__).parent / "builtin" / "words.safetensors"
"""The phrasings that ship."""


def words_of(path: str, embedding: int) -> torch.Tensor:
    """Word vectors by a path, or those that ship; see `read_words`."""
    if path or BUILTIN.is_file():
        return read_words(Path(path or BUILTIN), embedding)
    return drawn_words(embedding)


def drawn_words(embedding: int, seed: int = 0) -> torch.Tensor:
    """(T, 1, E) float32 unit vectors by chance, which mean nothing: for a run without text."""
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(len(THINGS), 1, embedding, generator=generator), dim=-1)


def read_words(path: Path, embedding: int) -> torch.Tensor:
    """Vectors of several phrasings for each thing.

    Args:
        path: safetensors with `phrases` (P, E) and `owners` (P,), the number in `synthetic.things.THINGS` of
            the thing that each is of.
        embedding: E of the network.

    Returns:
        (T, K, E) float32, of length one; those of a thing with fewer than K phrasings come again.

    Raises:
        TrainingError: it is no such file, or is for other things or another embedding.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        content = load_file(str(path))
        phrases, owners = content["phrases"].astype(np.float32), content["owners"].astype(np.int64)
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"{path}: no safetensors file of word vectors: leave --words out") from error
    except KeyError as error:
        raise TrainingError(f"{path} has no {error}: give word vectors, or leave --words out") from error
    if phrases.ndim != 2 or phrases.shape[1] != embedding or owners.shape != phrases.shape[:1]:
        raise TrainingError(
            f"{path}: phrases of shape {phrases.shape}, not (P, {embedding}): make them for this embedding"
        )
    if set(owners.tolist()) != set(range(len(THINGS))):
        raise TrainingError(f"{path}: not each of the {len(THINGS)} things has a phrase: make the file again")
    if not (np.isfinite(phrases).all() and np.linalg.norm(phrases, axis=1).all()):
        raise TrainingError(f"{path}: a phrase is zero, NaN or infinite: make the file again")
    most = int(np.bincount(owners).max())
    rows = [np.resize(np.flatnonzero(owners == thing), most) for thing in range(len(THINGS))]
    return F.normalize(torch.from_numpy(phrases[np.stack(rows)]), dim=-1)
