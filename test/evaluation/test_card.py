"""A model card's figures are those of a report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lss_bev_ros.errors import EvaluationError
from lss_bev_ros.evaluation.answers import HEADLINE, TOLD
from lss_bev_ros.evaluation.card import BEGIN, END, MEANINGS, main, score_tables, write_card

CARD = Path(__file__).parents[2] / "lss_bev_ros" / "model" / "builtin" / "MODEL_CARD_MULTI.md"

REPORT = {
    "engine": {"backend": "torch-cpu-fp32-multi"},
    "data": {"scenes": ["scene-0001", "scene-0002"]},
    "frames": {"evaluated": 40},
    "settings": {
        "cameras": {"layers.iou_vehicle": 0.5874, "voxels.miou": None, "plan.ade_3": 1.25},
        "both": {"layers.iou_vehicle": 0.8126, "voxels.miou": 0.6},
    },
}


def test_each_score_stands_once_in_its_column():
    table = score_tables(REPORT)
    assert "40 keyframes of 2 scenes, backend torch-cpu-fp32-multi." in table
    assert "| | cameras | both |" in table
    assert "| vehicles with a LiDAR point, IoU | 0.587 | 0.813 |" in table
    assert "| voxels, mIoU | - | 0.600 |" in table
    assert "| plan, mean distance over 3 s, m | 1.250 | - |" in table
    assert "RayIoU" not in table


def test_what_is_left_where_sensors_fail():
    rows = [
        {"name": "clean", "metrics": {"boxes.map": 0.8}, "relative": {"boxes.map": None}},
        {"name": "LiDAR lost", "metrics": {"boxes.map": 0.4}, "relative": {"boxes.map": 0.5}},
    ]
    spoiled = {"headline": list(HEADLINE), "frames": 10, "rows": rows}
    table = score_tables({**REPORT, "robustness": spoiled})
    assert "| | boxes, mAP |" in table
    assert "| clean | 0.800 |" in table
    assert "| LiDAR lost | 0.400 (50%) |" in table


def test_every_score_of_the_table_has_a_name_in_words():
    assert set(TOLD) <= set(MEANINGS)


def test_only_what_stands_between_the_marks_is_replaced(tmp_path):
    report, card = tmp_path / "report.json", tmp_path / "card.md"
    report.write_text(json.dumps(REPORT))
    card.write_text(f"# Card\n{BEGIN}\nold\n{END}\nrest\n")
    for _ in range(2):
        write_card(report, card)
    text = card.read_text()
    assert text.startswith(f"# Card\n{BEGIN}\n40 keyframes")
    assert text.endswith(f"|\n{END}\nrest\n")
    assert "old" not in text
    card.write_text("# no marks")
    with pytest.raises(EvaluationError, match="lacks the lines"):
        write_card(report, card)


@pytest.mark.parametrize(
    "damaged",
    [[], {**REPORT, "frames": 40}, {**REPORT, "settings": {"cameras": 1}}, {"settings": REPORT["settings"]}],
)
def test_a_damaged_report_is_named_with_the_remedy(tmp_path, damaged):
    report, card = tmp_path / "report.json", tmp_path / "card.md"
    report.write_text(json.dumps(damaged))
    card.write_text(f"{BEGIN}\n{END}\n")
    with pytest.raises(EvaluationError, match=r"report.json is no report, or damaged .*: write it anew"):
        write_card(report, card)


def test_a_report_of_the_published_network_is_refused_in_one_line(tmp_path, capsys):
    report = tmp_path / "report.json"
    report.write_text(json.dumps({**REPORT, "settings": None}))
    assert main([str(report), str(CARD)]) == 1
    assert capsys.readouterr().err.startswith("error: the report has no scores of a multi-sense network")
    assert main([str(tmp_path / "none.json"), str(CARD)]) == 1


def test_the_card_that_ships_has_the_marks():
    text = CARD.read_text(encoding="utf-8")
    assert text.count(BEGIN) == text.count(END) == 1
    assert "lss_multi.safetensors" in text
