"""Words and what they find."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lss_bev_ros.errors import EvaluationError
from lss_bev_ros.evaluation.words import PromptScore, SynonymScore

SHAPE = (40, 50)


def scene(seed=0, share=0.1):
    rng = np.random.default_rng(seed)
    truth = rng.random(SHAPE) < share
    return np.where(truth, 0.8, 0.1) + rng.uniform(-0.05, 0.05, SHAPE), truth


def test_words_that_find_their_cells_score_one():
    similarity, truth = scene()
    score = PromptScore()
    score.update({"a car": similarity}, {"a car": truth})
    assert score.running["iou_a car"] == score.running["iou_at_a car"] == 1.0
    assert score.thresholds["a car"] == pytest.approx(0.15)  # the lowest that leaves the others out


def test_a_prompt_has_its_own_threshold_and_one_that_all_share():
    similarity, truth = scene()
    score = PromptScore(threshold=0.5)
    score.update({"hedge": similarity - 0.4}, {"hedge": truth})
    assert score.running["iou_hedge"] == 1.0
    assert score.running["iou_at_hedge"] == 0.0


def test_held_out_kinds_are_a_share_of_the_known_ones():
    similarity, truth = scene()
    half = truth.copy()
    half[:20] = False
    score = PromptScore(unknown=["tram"])
    score.update({"car": similarity, "tram": np.where(half, 0.8, 0.1)}, {"car": truth, "tram": truth})
    running = score.running
    assert running["iou_known"] == 1.0
    assert 0.3 < running["iou_unknown"] < 0.7
    assert running["unknown_share"] == running["iou_unknown"]


@settings(max_examples=20)
@given(st.integers(0, 2**31), st.sampled_from([-0.3, 0.0, 0.25, 0.5]))
def test_the_shared_threshold_gives_the_usual_iou(seed, threshold):
    rng = np.random.default_rng(seed)
    score = PromptScore(threshold=threshold)
    hit = union = 0
    for _ in range(2):
        similarity, truth = rng.uniform(-1, 1, SHAPE), rng.random(SHAPE) < 0.3
        score.update({"x": similarity}, {"x": truth})
        hit += ((similarity >= threshold) & truth).sum()
        union += ((similarity >= threshold) | truth).sum()
    assert score.running["iou_at_x"] == pytest.approx(hit / union)
    assert score.running["iou_x"] >= score.running["iou_at_x"] - 1e-12


def test_a_kind_that_is_nowhere_has_no_iou():
    similarity, truth = scene()
    score = PromptScore()
    score.update({"bus": similarity}, {"bus": truth & False})
    assert math.isnan(score.running["iou_bus"])
    assert math.isnan(score.running["iou_known"])
    assert math.isnan(score.running["unknown_share"])


def test_cells_without_answer_are_not_found_and_unknown_ones_do_not_count():
    similarity, truth = scene()
    score = PromptScore()
    score.update({"x": np.where(truth, np.nan, similarity)}, {"x": truth})
    assert score.running["iou_at_x"] == 0.0
    other = PromptScore()
    known = np.zeros(SHAPE, bool)
    known[:, :10] = True
    other.update({"x": np.where(known, similarity, 0.9)}, {"x": truth}, known)
    assert other.running["iou_x"] == 1.0


def test_prompts_without_truth_or_of_another_grid_are_named():
    similarity, truth = scene()
    with pytest.raises(EvaluationError, match="'bus'"):
        PromptScore().update({"bus": similarity}, {})
    with pytest.raises(EvaluationError, match="'bus'"):
        PromptScore().update({"bus": similarity}, {"bus": truth[:5]})
    with pytest.raises(EvaluationError, match="threshold"):
        PromptScore(threshold=2.0)


def test_synonyms_land_on_the_nearest_kind():
    score = SynonymScore({"car": np.array([1.0, 0, 0]), "tree": np.array([[0, 2.0, 0], [0, 1.0, 0.1]])})
    assert score.update("automobile", "car", np.array([0.9, 0.3, 0.0])) == "car"
    assert score.update("lorry", "car", np.array([0.3, 0.4, 0.0])) == "tree"
    assert score.running == {"synonyms": 0.5, "synonyms_right": 1.0, "synonyms_asked": 2.0}
    assert score.confused == [("lorry", "car", "tree")]


def test_the_length_of_an_embedding_says_nothing():
    kinds = {"a": np.array([1.0, 0.1]), "b": np.array([0.0, 9.0])}
    assert SynonymScore(kinds).update("x", "a", np.array([100.0, 90.0])) == "a"


@pytest.mark.parametrize("embedding", [np.zeros(2), np.array([np.nan, 1.0])])
def test_what_has_no_direction_is_refused(embedding):
    with pytest.raises(EvaluationError, match="direction"):
        SynonymScore({"a": np.ones(2)}).update("x", "a", embedding)


def test_kinds_that_are_not_there_are_named():
    with pytest.raises(EvaluationError, match="'ship'"):
        SynonymScore({"a": np.ones(2)}).update("x", "ship", np.ones(2))
    with pytest.raises(EvaluationError, match="kind"):
        SynonymScore({})
