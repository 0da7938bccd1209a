"""Word vectors come from a file in which each thing has phrasings of its own number."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from lss_bev_ros.errors import TrainingError
from lss_bev_ros.synthetic.things import THINGS
from lss_bev_ros.training.multi_sense.words import drawn_words, read_words


def written(path, **changes):
    owners = np.repeat(np.arange(len(THINGS)), 2)[1:].astype(np.uint8)
    phrases = np.random.default_rng(0).standard_normal((len(owners), 16)).astype(np.float16)
    save_file({"phrases": phrases, "owners": owners} | changes, str(path))
    return phrases.astype(np.float32)


def test_every_phrasing_of_a_thing_is_there(tmp_path):
    phrases = written(tmp_path / "words.safetensors")
    words = read_words(tmp_path / "words.safetensors", 16)
    assert words.shape == (len(THINGS), 2, 16)
    assert torch.allclose(words.norm(dim=-1), torch.ones(len(THINGS), 2), atol=1e-5)
    assert torch.equal(words[0, 0], words[0, 1]), "its only one, twice"
    assert np.allclose(words[1, 1], phrases[2] / np.linalg.norm(phrases[2]), atol=1e-3)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"phrases": np.ones((85, 8), np.float16)}, "for this embedding"),
        ({"owners": np.zeros(85, np.uint8)}, "has a phrase"),
        ({"phrases": np.full((85, 16), np.nan, np.float16)}, "zero, NaN"),
    ],
)
def test_a_file_that_does_not_fit_is_named(tmp_path, changes, said):
    written(tmp_path / "words.safetensors", **changes)
    with pytest.raises(TrainingError, match=said):
        read_words(tmp_path / "words.safetensors", 16)
    with pytest.raises(TrainingError, match="no safetensors file"):
        read_words(tmp_path / "none.safetensors", 16)


def test_words_by_chance_are_of_length_one():
    words = drawn_words(16)
    assert words.shape == (len(THINGS), 1, 16)
    assert torch.allclose(words.norm(dim=-1), torch.ones(len(THINGS), 1), atol=1e-6)
