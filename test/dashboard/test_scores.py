from __future__ import annotations

import json

import pytest

from lss_bev_ros.dashboard.scores import score_table
from lss_bev_ros.evaluation import Evaluator


def rows(*args):
    return {row["name"]: row for row in score_table(*args)["metrics"]}


def test_every_metric_of_the_evaluator_is_shown_and_nothing_else_of_its_status():
    counts = {
        "frames": "3",
        "skipped": "0",
        "missing_lidar": "1",
        "min_iou": "0.45",
        "max_lidar_recall": "1.0",
    }
    assert (
        rows({**counts, **dict.fromkeys(Evaluator().running, "0.5")}, {}).keys() == Evaluator().running.keys()
    )


def test_a_metric_without_a_title_comes_last_by_its_name():
    table = score_table({"f2": "0.5", "iou": "0.5", "min_f2": "0.6"}, {"f2": "0.25"})
    assert [(row["title"], row["passed"]) for row in table["metrics"]] == [("IoU", None), ("F2", False)]


@pytest.mark.parametrize(
    ("running", "passed"),
    [
        ({"iou": "0.5", "min_iou": "0.45"}, True),
        ({"iou": "0.45", "min_iou": "0.45"}, True),
        ({"iou": "0.44", "min_iou": "0.45"}, False),
        ({"iou": "nan", "min_iou": "0.45"}, None),
        ({"iou": "0.5"}, None),
        ({"iou": "broken", "min_iou": "0.45"}, None),
        ({"iou": "0.1", "max_iou": "0.2"}, True),
        ({"iou": "0.3", "max_iou": "0.2"}, False),
    ],
)
def test_a_metric_is_judged_by_its_bound(running, passed):
    assert rows(running, {})["iou"]["passed"] is passed
    assert score_table(running, {})["passed"] is passed


def test_the_last_frame_is_judged_by_itself():
    row = rows({"iou": "0.5", "min_iou": "0.45"}, {"iou": "0.2"})["iou"]
    assert (row["passed"], row["last_passed"]) == (True, False)


def test_all_bounds_must_be_met():
    running = {"frames": "7", "iou": "0.5", "min_iou": "0.45", "f1": "0.1", "min_f1": "0.77"}
    table = score_table(running, {})
    assert table["passed"] is False
    assert table["frames"] == 7


def test_nothing_measured_is_an_empty_table_that_json_can_say():
    assert score_table({}, {}) == {"frames": 0, "passed": None, "metrics": []}
    json.dumps(score_table({"iou": "inf", "min_iou": "0.4"}, {"iou": "nan"}), allow_nan=False)
