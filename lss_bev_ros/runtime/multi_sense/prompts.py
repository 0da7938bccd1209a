"""Where in the view what a text names is: the one place that knows the text encoder."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

import numpy as np
import torch

from ...errors import RuntimeBackendError

LONGEST = 200
"""Characters that a prompt may have."""

MOST = 16
"""Prompts at the same time."""


def check_prompts(texts: Sequence[str]) -> str:
    """What is wrong with prompts, one line with the remedy; empty where nothing is."""
    if len(texts) > MOST:
        return f"prompts: {len(texts)} of them, at most {MOST}: leave some out"
    for number, text in enumerate(texts):
        if len(text) > LONGEST:
            return (
                f"prompts: number {number} has {len(text)} characters, at most {LONGEST}: name a thing in a "
                f"few words, such as 'zebra crossing'"
            )
        if not text.strip() or not text.isprintable():
            return f"prompts: number {number} is {text[:20]!r}: name a thing in a few words"
    return ""


class PromptScorer:
    """Compares cells with texts; the encoder is loaded with the first one.

    Attributes:
        notes: one line for each text that the encoder has something to say of.
    """

    def __init__(self) -> None:
        self.notes: tuple[str, ...] = ()

    def __call__(self, embedding: torch.Tensor, texts: Sequence[str]) -> np.ndarray:
        """Score cells.

        Args:
            embedding: (E, nx, ny) unit vectors.
            texts: P of them.

        Returns:
            (P, nx, ny) float32, 0 to 1: how well each cell fits each text.

        Raises:
            RuntimeBackendError: the encoder is not installed; one line with the remedy.
        """
        if importlib.util.find_spec("lss_bev_ros.words") is None:
            raise RuntimeBackendError("prompts: this version has no text encoder: leave `prompts` empty")
        raise RuntimeBackendError("prompts: the text encoder is not connected yet")
