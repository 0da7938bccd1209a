"""Whose future is to be predicted, as nuScenes' prediction task asks for it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lss_bev_ros.synthetic.tables import FUTURE, TableWriter, token

SAMPLES = 16


def table(category="vehicle.car", attribute="vehicle.moving", missing=()) -> TableWriter:
    """A scene of 8 s and one object that drives along x at 5 m/s, annotated but in some keyframes."""
    writer = TableWriter(0)
    rows = writer._rows
    rows["scene"].append({"token": "scene", "name": "scene-0001"})
    rows["sample"] += [
        {"token": f"s{k}", "timestamp": 500_000 * k, "scene_token": "scene"} for k in range(SAMPLES)
    ]
    rows["instance"].append({"token": "i", "category_token": token("category", category)})
    there = [k for k in range(SAMPLES) if k not in missing]
    for n, k in enumerate(there):
        rows["sample_annotation"].append(
            {
                "token": f"a{k}",
                "sample_token": f"s{k}",
                "instance_token": "i",
                "attribute_tokens": [token("attribute", attribute)],
                "prev": f"a{there[n - 1]}" if n else "",
                "next": f"a{there[n + 1]}" if n + 1 < len(there) else "",
            }
        )
    return writer


def wanted(**changes) -> list[str]:
    return table(**changes).prediction_scenes()["scene-0001"]


def test_a_moving_vehicle_is_asked_for_where_its_past_and_future_are_known():
    # The first keyframe has no past, and 12 of 16 follow the third but not the fourth.
    assert wanted() == ["i_s1", "i_s2", "i_s3"]
    assert FUTURE == 12 * 500_000


@pytest.mark.parametrize(
    ("category", "attribute"),
    [
        ("vehicle.car", "vehicle.parked"),
        ("vehicle.bicycle", "cycle.without_rider"),
        ("human.pedestrian.adult", "pedestrian.moving"),
        ("movable_object.barrier", "vehicle.moving"),
    ],
)
def test_others_are_not_asked_for(category, attribute):
    assert wanted(category=category, attribute=attribute) == []


@pytest.mark.parametrize(
    ("category", "attribute"), [("vehicle.truck", "vehicle.stopped"), ("vehicle.bicycle", "cycle.with_rider")]
)
def test_who_waits_or_rides_is(category, attribute):
    assert len(wanted(category=category, attribute=attribute)) == 3


def test_no_future_has_a_gap():
    assert wanted(missing=(8,)) == []
    assert wanted(missing=(0,)) == ["i_s2", "i_s3"]


def test_the_devkit_finds_them_and_their_future(tmp_path, dataset):
    splits = pytest.importorskip(
        "nuscenes.eval.prediction.splits", reason="the oracle needs Python below 3.13"
    )
    listed = json.loads((dataset / "maps" / "prediction" / "prediction_scenes.json").read_text())
    assert listed == {"scene-0001": []}, "one second has no six to come"
    (tmp_path / "maps" / "prediction").mkdir(parents=True)
    (tmp_path / "maps" / "prediction" / "prediction_scenes.json").write_text(
        json.dumps(table().prediction_scenes())
    )
    # scene-0001 is one of the first 200 of nuScenes' training scenes.
    assert splits.get_prediction_challenge_split("train_val", str(tmp_path)) == wanted()
    from nuscenes.prediction import PredictHelper

    class Nusc:
        sample_annotation = tuple(
            {**row, "translation": [2.5 * k, 0.0, 0.0]}
            for k, row in enumerate(table()._rows["sample_annotation"])
        )

        def get(self, name, wanted_token):
            rows = self.sample_annotation if name == "sample_annotation" else table()._rows[name]
            return next(row for row in rows if row["token"] == wanted_token)

    for each in wanted():
        instance, sample = each.split("_")
        future = PredictHelper(Nusc()).get_future_for_agent(instance, sample, 6, in_agent_frame=False)
        start = 2.5 * int(sample[1:])
        np.testing.assert_allclose(future, np.column_stack([start + 2.5 * np.arange(1, 13), np.zeros(12)]))
