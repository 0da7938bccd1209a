"""Where in the view what a text names is: the one place that brings cells and the text encoder together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ...errors import RuntimeBackendError
from ...words.prompts import Interpreter, prompt_scores


class PromptScorer:
    """Compares cells with texts; the encoder is loaded with the first one, and each text is encoded once.

    Attributes:
        notes: one line for each text that is like nothing of the street.
    """

    def __init__(self) -> None:
        self.notes: tuple[str, ...] = ()
        self._interpret: Interpreter | None = None
        self._known: tuple[tuple[str, ...], torch.Tensor, torch.Tensor] | None = None

    def __call__(self, embedding: torch.Tensor, texts: Sequence[str]) -> np.ndarray:
        """Score cells.

        Args:
            embedding: (E, nx, ny) unit vectors.
            texts: P of them.

        Returns:
            (P, nx, ny) float32, 0 to 1: how probable it is that each cell holds what each text means.

        Raises:
            WordsError: a text cannot be taken.
            RuntimeBackendError: the encoder is not installed, or the network has no such embedding.
        """
        vectors, background = self._vectors(tuple(texts), embedding)
        with torch.inference_mode():
            scores: np.ndarray = prompt_scores(embedding.float(), vectors, background).cpu().numpy()
        return scores

    def _vectors(self, texts: tuple[str, ...], embedding: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Vectors (P, E) of texts and (J, E) of all known things, on the device of the cells."""
        known = self._known
        if known is not None and known[0] == texts and known[1].device == embedding.device:
            return known[1], known[2]
        try:
            if self._interpret is None:
                self._interpret = Interpreter()
            prompts = self._interpret(texts)
        except ImportError as error:
            raise RuntimeBackendError(
                f"prompts need the text encoder, which is not installed ({error}): "
                f"pip install 'lss_bev_ros[words]'"
            ) from error
        things = self._interpret.space.things
        if things.shape[1] != len(embedding):
            raise RuntimeBackendError(
                f"prompts: the weights' cells have {len(embedding)} numbers and texts {things.shape[1]}: use "
                f"weights of this version"
            )
        self.notes = prompts.notes
        made = tuple(torch.from_numpy(each).to(embedding.device) for each in (prompts.vectors, things))
        self._known = (texts, made[0], made[1])
        return made[0], made[1]
