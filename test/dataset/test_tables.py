"""A damaged table is answered with its name, the field and a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from lss_bev_ros.dataset.index import index_scenes
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
        ("sample_annotation", "num_lidar_pts"),
        ("map", "log_tokens"),
    ],
)
def test_lacking_field_is_named(tmp_path, maker, table, field):
    made = maker.tables()
    del made[table][-1][field]
    message = error_of(maker.write(tmp_path, made))
    assert f"{table}.json" in message
    assert repr(field) in message


@pytest.mark.parametrize("table", ["sample", "ego_pose", "map", "visibility"])
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
    made["ego_pose"][0][field] = value
    assert "scene-0001" in error_of(maker.write(tmp_path, made))


def test_missing_map_mask_is_named(tmp_path, maker):
    maker.write(tmp_path, maker.tables())
    (tmp_path / "maps" / "mask.png").unlink()
    assert "mask.png" in error_of(tmp_path)


def test_unknown_scene_names_those_there_are(small_root):
    with pytest.raises(DatasetError, match="no scene 'scene-9999'; it has scene-0001"):
        list(index_scenes(small_root, "v1.0-mini", ["scene-9999"]))
