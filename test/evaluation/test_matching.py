from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lss_bev_ros.errors import EvaluationError
from lss_bev_ros.evaluation.matching import ReferenceMatcher

MS = 1_000_000


def test_a_prediction_waits_for_the_references_of_its_instant():
    matcher = ReferenceMatcher()
    assert matcher.add_prediction(0, "grid", now=0) == []
    assert matcher.add_truth(1 * MS, "boxes", now=1) == []
    (match,) = matcher.add_scan(1 * MS, "scan", now=2)
    assert (match.stamp, match.prediction, match.truth, match.scan) == (0, "grid", "boxes", "scan")


def test_without_references_it_goes_on_at_the_timeout():
    matcher = ReferenceMatcher(timeout=1.0)
    matcher.add_prediction(0, "grid", now=0)
    assert matcher.poll(999 * MS) == []
    (match,) = matcher.poll(1000 * MS)
    assert match.truth is None
    assert match.scan is None


def test_annotations_serve_one_prediction_only():
    matcher = ReferenceMatcher(slop=0.1)
    matcher.add_truth(0, "boxes", 0)
    matcher.add_truth(500 * MS, "boxes 2", 0)
    matcher.add_scan(500 * MS, "scan", 0)
    (first,) = matcher.add_prediction(-10 * MS, "a", 0)
    (second,) = matcher.add_prediction(50 * MS, "b", 0)
    assert (first.truth, second.truth) == ("boxes", None)


def test_the_scan_is_that_of_the_annotations():
    matcher = ReferenceMatcher()
    for stamp in (-30, 0, 50):
        matcher.add_scan(stamp * MS, stamp, 0)
    matcher.add_truth(0, "boxes", 0)
    (match,) = matcher.add_prediction(-20 * MS, "grid", 0)
    assert match.scan == 0


def test_a_recording_that_starts_again_matches_anew():
    matcher = ReferenceMatcher()
    matcher.add_truth(100_000 * MS, "old", 0)
    matcher.add_truth(0, "new", 0)
    matcher.add_scan(0, "scan", 0)
    (match,) = matcher.add_prediction(0, "grid", 0)
    assert match.truth == "new"


def test_what_waits_is_flushed_at_the_end():
    matcher = ReferenceMatcher()
    matcher.add_prediction(0, "grid", 0)
    assert [match.prediction for match in matcher.flush()] == ["grid"]
    assert matcher.flush() == []


@pytest.mark.parametrize("arguments", [{"slop": 0.0}, {"timeout": -1.0}])
def test_nonsense_is_refused(arguments):
    with pytest.raises(EvaluationError):
        ReferenceMatcher(**arguments)


@given(st.permutations([("truth", i) for i in range(4)] + [("scan", i) for i in range(4)]))
def test_the_order_across_topics_does_not_matter(order):
    """Each topic arrives in order, the topics in any order: every prediction finds its own."""
    matcher = ReferenceMatcher()
    counts = {"truth": 0, "scan": 0}
    matches = []
    for index in range(4):
        matches += matcher.add_prediction(index * 500 * MS - MS, index, 0)
    for kind, _ in order:
        index, counts[kind] = counts[kind], counts[kind] + 1
        add = matcher.add_truth if kind == "truth" else matcher.add_scan
        matches += add(index * 500 * MS, index, 0)
    assert [(m.prediction, m.truth, m.scan) for m in matches] == [(i, i, i) for i in range(4)]
