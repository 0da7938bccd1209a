"""A damaged table is answered with its name, the field and a remedy."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lss_bev_ros.dataset.index import index_scenes
from lss_bev_ros.dataset.records import each_record
from lss_bev_ros.dataset.tables import Tables, choose_lidar, frame_names
from lss_bev_ros.errors import DatasetError


def read(root: Path) -> list:
    return list(index_scenes(root, "v1.0-mini"))


def error_of(root: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        read(root)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_sound_tables_are_read(small_root):
    (index,) = read(small_root)
    assert index.name == "scene-0001"
    assert len(index.stamps) == 16  # 7 sensors twice and 2 sweeps, radar left out


@pytest.mark.parametrize(
    ("table", "field"),
    [
        ("category", "name"),
        ("instance", "category_token"),
        ("sensor", "channel"),
        ("calibrated_sensor", "camera_intrinsic"),
        ("ego_pose", "rotation"),
        ("scene", "name"),
        ("sample", "timestamp"),
        ("sample_data", "filename"),
        ("sample_data", "is_key_frame"),
        ("sample_annotation", "size"),
    ],
)
def test_lacking_field_is_named(tmp_path, maker, table, field):
    made = maker.tables()
    del made[table][0][field]  # of a camera, where it is of a sensor
    message = error_of(maker.write(tmp_path, made))
    assert f"{table}.json" in message
    assert repr(field) in message


@pytest.mark.parametrize("table", ["sample", "ego_pose", "sensor", "scene"])
def test_missing_table_is_named(tmp_path, maker, table):
    maker.write(tmp_path, maker.tables())
    (tmp_path / "v1.0-mini" / f"{table}.json").unlink()
    message = error_of(tmp_path)
    assert f"{table}.json: table is missing" in message


@pytest.mark.parametrize("text", ['[{"token": "a", ', "", "\xff", '{"token": 1}', "[1, 2]"])
def test_broken_json_is_named(tmp_path, maker, text):
    maker.write(tmp_path, maker.tables())
    (tmp_path / "v1.0-mini" / "sample_data.json").write_bytes(text.encode("latin-1"))
    assert "sample_data.json" in error_of(tmp_path)


@pytest.mark.parametrize(
    ("table", "field", "target"),
    [
        ("sample_data", "ego_pose_token", "ego_pose.json"),
        ("sample_data", "sample_token", "sample.json"),
        ("sample_annotation", "instance_token", "instance.json"),
        ("sample_annotation", "next", "sample_annotation.json"),
        ("calibrated_sensor", "sensor_token", "sensor.json"),
    ],
)
def test_dangling_token_is_named(tmp_path, maker, table, field, target):
    made = maker.tables()
    made[table][0][field] = "nowhere"
    message = error_of(maker.write(tmp_path, made))
    assert f"{table}.json" in message
    assert field in message
    assert "'nowhere'" in message
    assert target in message


@pytest.mark.parametrize(("field", "value"), [("translation", [1.0, 2.0]), ("rotation", "north")])
def test_value_of_the_wrong_kind_is_one_line(tmp_path, maker, field, value):
    made = maker.tables()
    made["ego_pose"][3][field] = value
    assert f"ego_pose.json: record 3 has {field} {value!r}" in error_of(maker.write(tmp_path, made))


@pytest.mark.parametrize(
    "change",
    [
        {"timestamp": "soon"},
        {"timestamp": None},
        {"timestamp": True},
        {"is_key_frame": "maybe"},
    ],
)
def test_a_value_that_means_nothing_is_named(tmp_path, maker, change):
    made = maker.tables()
    made["sample_data"][2].update(change)
    (field,) = change
    assert f"sample_data.json: record 2 has {field}" in error_of(maker.write(tmp_path, made))


@pytest.mark.parametrize("table", ["map", "log", "attribute", "visibility"])
def test_what_nobody_reads_may_be_missing(tmp_path, maker, small_root, table):
    made = maker.tables()
    del made[table]
    (index,) = read(maker.write(tmp_path, made))
    (whole,) = read(small_root)
    assert (index.boxes == whole.boxes).all()
    assert index.files == whole.files


def test_without_any_table_of_annotations_there_are_none(tmp_path, maker):
    made = maker.tables()
    for table in ("sample_annotation", "instance", "category", "visibility", "attribute"):
        del made[table]
    (index,) = read(maker.write(tmp_path, made))
    assert len(index.boxes) == 0
    assert len(index.files) == 16


@pytest.mark.parametrize("points", [None, -1, float("nan"), "missing"])
def test_points_that_nobody_counted_are_unknown(tmp_path, maker, points):
    made = maker.tables()
    made["sample_annotation"][0]["num_lidar_pts"] = points
    if points == "missing":
        del made["sample_annotation"][0]["num_lidar_pts"]
    (index,) = read(maker.write(tmp_path, made))
    assert index.box_counts[:, 1].tolist() == [-1, 7]


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        (("v0-40", "v40-60", "v60-80", "v80-100"), [4, 4]),
        (("none", "partial", "most", "full"), [4, 4]),
        (("full", "most", "partial", "none"), [1, 1]),
        ((None, None, None, None), [4, 4]),
    ],
)
def test_visibility_is_told_by_its_level(tmp_path, maker, levels, expected):
    made = maker.tables()
    made["visibility"] = [{"token": str(n + 1), "level": level} for n, level in enumerate(levels)]
    (index,) = read(maker.write(tmp_path, made))
    assert index.box_counts[:, 0].tolist() == expected


@pytest.mark.parametrize("width", [None, 0, "missing"])
def test_sensors_without_images_need_no_size(tmp_path, maker, width):
    made = maker.tables()
    for record in made["sample_data"]:
        if "LIDAR" in record["token"] or "RADAR" in record["token"]:
            record["width"] = record["height"] = width
            if width == "missing":
                del record["width"], record["height"]
    (index,) = read(maker.write(tmp_path, made))
    assert len(index.files) == 16


def test_a_recording_that_says_it_is_not_valid_is_left_out(tmp_path, maker):
    made = maker.tables()
    made["sample_data"][0]["is_valid"] = False
    (index,) = read(maker.write(tmp_path, made))
    assert len(index.files) == 15


# -- units of time -----------------------------------------------------------------------------------

EPOCH = 1_532_402_927_000_000
"""Microseconds since 1970, in 2018."""


def with_times(made, convert, start):
    for table in ("sample", "sample_data"):
        for record in made[table]:
            record["timestamp"] = convert(record["timestamp"] + start)
    return made


@pytest.mark.parametrize("start", [0, EPOCH])
@pytest.mark.parametrize(
    ("unit", "convert"),
    [
        ("seconds", lambda us: us / 1e6),
        ("milliseconds", lambda us: us / 1e3),
        ("microseconds", lambda us: us),
        ("microseconds", lambda us: us + 0.25),
        ("microseconds", lambda us: str(us)),
        ("nanoseconds", lambda us: us * 1000),
    ],
)
def test_stamps_of_any_unit_are_the_same_times(tmp_path, maker, unit, convert, start):
    made = with_times(maker.tables(), convert, start)
    tables = Tables(maker.write(tmp_path, made), "v1.0-mini")
    (index,) = tables.indices()
    micros = [1_000_000 + start, 1_500_000 + start]
    assert index.sample_stamps.tolist() == [value * 1000 for value in micros]
    assert index.stamps[0] == (990_000 + start) * 1000
    told = [notice for notice in tables.notices if "time stamps" in notice]
    assert len(told) == (0 if unit == "microseconds" else 2)
    assert all(unit in notice for notice in told)


def test_tables_of_two_units_agree(tmp_path, maker):
    made = with_times(maker.tables(), lambda us: us, EPOCH)
    for record in made["sample"]:
        record["timestamp"] *= 1000
    (index,) = read(maker.write(tmp_path, made))
    assert index.sample_stamps[0] - index.stamps[0] == 10_000_000


def test_tables_of_two_clocks_are_refused(tmp_path, maker):
    made = maker.tables()
    for record in made["sample"]:
        record["timestamp"] += EPOCH
    assert "of one clock" in error_of(maker.write(tmp_path, made))


# -- names -------------------------------------------------------------------------------------------


def test_scenes_of_one_name_are_both_reachable(tmp_path, maker):
    made = maker.tables()
    made["scene"] += [{"token": "two", "name": "scene-0001"}, {"token": "three", "name": "scene-0001_2"}]
    made["sample"].append({"token": "late", "timestamp": 9_000_000, "scene_token": "two"})
    tables = Tables(maker.write(tmp_path, made), "v1.0-mini")
    counts = {index.name: len(index.sample_tokens) for index in tables.indices()}
    assert counts == {"scene-0001": 2, "scene-0001_3": 1, "scene-0001_2": 0}
    assert any("occur twice" in notice and "scene-0001_3" in notice for notice in tables.notices)


def test_scenes_without_a_name_get_one_and_are_not_called_doubled(tmp_path, maker):
    made = maker.tables()
    made["scene"] = [
        {**made["scene"][0], "name": None},
        {"token": "two", "name": " "},
        {"token": "three", "name": 7},
    ]
    tables = Tables(maker.write(tmp_path, made), "v1.0-mini")
    assert tables.scenes == ("unnamed", "unnamed_2", "7")
    assert tables.notices == ["scene.json: scenes without a name are called unnamed, unnamed_2"]
    assert len(next(tables.indices()).sample_tokens) == 2


@pytest.mark.parametrize(
    ("channels", "chosen"),
    [
        ([], None),
        (["LIDAR_CONCAT"], "LIDAR_CONCAT"),
        (["LIDAR_FRONT", "LIDAR_TOP", "LIDAR_CONCAT"], "LIDAR_TOP"),
        (["LIDAR_REAR", "LIDAR_CONCAT", "LIDAR_TOP_FRONT"], "LIDAR_CONCAT"),
        (["LIDAR_LEFT", "LIDAR_TOP_FRONT", "LIDAR_REAR"], "LIDAR_TOP_FRONT"),
    ],
)
def test_the_lidar_that_sees_most_is_taken(channels, chosen):
    assert choose_lidar(channels) == chosen


@given(st.lists(st.text(max_size=12), max_size=8, unique=True))
def test_frame_names_are_topic_names_and_differ(channels):
    names = list(frame_names(channels).values())
    assert len(set(names)) == len(channels)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) and "__" not in name for name in names)


# -- large tables ------------------------------------------------------------------------------------

values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(alphabet='}{,[]" ab\\', max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab}{,", max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    records=st.lists(st.dictionaries(st.text("kt", max_size=2), values, max_size=4), max_size=12),
    indent=st.sampled_from([None, 0, 2]),
    chunk=st.integers(1, 60),
)
def test_a_table_read_in_pieces_is_the_table(tmp_path_factory, records, indent, chunk):
    path = tmp_path_factory.mktemp("pieces") / "table.json"
    path.write_text(json.dumps(records, indent=indent))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lss_bev_ros.dataset.records._CHUNK", chunk)
        assert list(each_record(path, frozenset())) == records


@pytest.mark.parametrize("cut", [30, 200, 1000])
def test_a_large_table_that_is_cut_short_is_named(tmp_path, monkeypatch, cut):
    path = tmp_path / "table.json"
    path.write_text(json.dumps([{"token": str(n)} for n in range(200)])[:cut])
    monkeypatch.setattr("lss_bev_ros.dataset.records._CHUNK", 16)
    with pytest.raises(DatasetError, match=r"table\.json: broken JSON"):
        list(each_record(path, frozenset()))


def test_unknown_scene_names_those_there_are(small_root):
    with pytest.raises(DatasetError, match="no scene 'scene-9999'; it has scene-0001"):
        list(index_scenes(small_root, "v1.0-mini", ["scene-9999"]))
