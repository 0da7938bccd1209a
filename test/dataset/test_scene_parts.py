"""Large tables are only searched when they are opened; what comes of it is what the parser finds."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle

import numpy as np
import pytest

from lss_bev_ros.benchmark.large_tables import VERSION, TableSizes, write_large_tables
from lss_bev_ros.dataset import NuScenesReader, index, large_table, scene_parts
from lss_bev_ros.dataset.tables import Tables
from lss_bev_ros.errors import DatasetError

SIZES = TableSizes(scenes=3, samples=31, sample_data=1201, annotations=100, instances=12)
LARGE = ("sample_data", "ego_pose", "sample_annotation")


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Data root of tables that count as large, and a cache of their own."""
    monkeypatch.setattr(scene_parts, "LARGE", 1)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_large_tables(tmp_path / "data", SIZES)
    return tmp_path / "data"


@pytest.fixture
def in_process(monkeypatch):
    """The tables are read here, not in a process of its own; counts how often."""
    made = []

    def run(command, stdout, **_):
        made.append(command)
        found = None
        try:
            tables, found, cameras = index._found(index.Path(command[3]), command[4], command[5:])
            places = {}
            for name, one in found:
                data = pickle.dumps(one)
                places[name] = (stdout.tell(), len(data))
                stdout.write(data)
            result = index.Contents(places, tables.categories, tuple(tables.notices), cameras)
        except DatasetError as error:
            result = str(error)
        data, offset = pickle.dumps(result), stdout.tell()
        stdout.write(data + index._TRAILER.pack(offset, len(data)))
        stdout.flush()
        return index.subprocess.CompletedProcess(command, 0, stderr=b"")

    monkeypatch.setattr(index.subprocess, "run", run)
    return made


def parts(root):
    found = scene_parts.scene_parts(root / VERSION, Tables(root, VERSION, everything=False))
    return None if found is None else dict(found)


def rewrite(root, table, change, **layout):
    """Change the records of a table and write it with another layout than indent=0, if given."""
    path = root / VERSION / f"{table}.json"
    records = json.loads(path.read_text())
    change(records)
    path.write_text(json.dumps(records, **({"indent": 0} | layout)))


def same(a, b):
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    return a == b


def test_a_scene_is_what_the_parser_makes_of_it(root):
    found = parts(root)
    for wanted in Tables(root, VERSION).indices():
        part = pickle.loads(pickle.dumps(found.pop(wanted.name)))
        got = part.load()
        fields = {field.name for field in dataclasses.fields(wanted)} - {"calibrations", "calibration"}
        assert all(same(getattr(wanted, name), getattr(got, name)) for name in fields)
        used = [[one.calibrations[row] for row in one.calibration] for one in (wanted, got)]
        assert used[0] == used[1]
    assert not found


def test_records_in_any_order(root):
    rng = np.random.default_rng(1)
    for table in LARGE:
        rewrite(root, table, lambda records: rng.shuffle(records))
    test_a_scene_is_what_the_parser_makes_of_it(root)


@pytest.mark.parametrize("chunk", [*range(1500, 1600, 7), 1 << 14])
def test_chunks_end_anywhere(root, monkeypatch, chunk):
    whole = large_table.scan(root / VERSION / "sample_data.json", ("token", "sample_token"))
    monkeypatch.setattr(large_table, "_CHUNK", chunk)
    cut = large_table.scan(root / VERSION / "sample_data.json", ("token", "sample_token"))
    assert same(whole.starts, cut.starts)
    assert same(whole.ends, cut.ends)
    assert all(same(whole.tokens[name], cut.tokens[name]) for name in whole.tokens)
    assert len(whole.starts) == SIZES.sample_data


def swap_fields(records):
    records[700] = dict(sorted(records[700].items(), reverse=True))


def short_token(records):
    records[700]["sample_token"] = "short"


@pytest.mark.parametrize(
    ("change", "layout"),
    [
        (lambda records: None, {"indent": 4}),
        (lambda records: None, {"indent": None}),
        (swap_fields, {}),
        (short_token, {}),
        (lambda records: records.clear(), {}),
        (lambda records: records[700].update(token="0" * 31), {}),
        (lambda records: records[700].update(sensor=[{"a": 1}, {"b": 2}]), {}),
    ],
)
def test_any_other_layout_is_left_to_the_parser(root, change, layout):
    rewrite(root, "sample_data", change, **layout)
    assert parts(root) is None


def test_a_table_that_was_cut_is_left_to_the_parser_which_says_so(root):
    path = root / VERSION / "ego_pose.json"
    path.write_bytes(path.read_bytes()[:-30])
    assert parts(root) is None
    with pytest.raises(DatasetError, match=r"ego_pose\.json: broken JSON"):
        NuScenesReader(root, VERSION)


def test_an_escaped_text_is_parsed_when_the_scene_is(root):
    def quote(records):
        next(each for each in records if "CAM_BACK/" in each["filename"])["filename"] = 'samples/"quoted".jpg'

    rewrite(root, "sample_data", quote)
    files = [file for part in parts(root).values() for file in part.load().files]
    assert 'samples/"quoted".jpg' in files


@pytest.mark.parametrize(
    ("table", "field", "value"),
    [
        ("sample_data", "timestamp", "soon"),
        ("ego_pose", "rotation", [1.0, 0.0]),
        ("sample_annotation", "size", "large"),
    ],
)
def test_a_damaged_record_is_named_by_its_number_when_its_scene_is_loaded(root, table, field, value):
    number = {"sample_data": 0, "ego_pose": 0, "sample_annotation": 99}[table]
    rewrite(root, table, lambda records: records[number].update({field: value}))
    scene = "scene-0003" if number else "scene-0001"
    found = parts(root)
    found["scene-0002"].load()
    with pytest.raises(DatasetError, match=rf"{table}\.json: record {number} has {field}"):
        found[scene].load()


@pytest.mark.parametrize("field", ["sample_token", "calibrated_sensor_token", "ego_pose_token"])
def test_a_token_that_leads_nowhere_is_told_at_once(root, field):
    rewrite(root, "sample_data", lambda records: records[5].update({field: "f" * 32}))
    with pytest.raises(DatasetError, match=rf"record 5 has {field} 'f"):
        NuScenesReader(root, VERSION)


def test_an_object_of_two_scenes_is_left_to_the_parser(root):
    def share(records):
        records[-1]["instance_token"] = records[0]["instance_token"]

    rewrite(root, "sample_annotation", share)
    assert parts(root) is None


def test_a_test_set_has_no_annotations(root):
    rewrite(root, "sample_annotation", list.clear)
    assert all(len(part.load().box_sample) == 0 for part in parts(root).values())


def test_the_index_is_kept_as_long_as_the_tables_are_the_same(root, in_process):
    first, again = NuScenesReader(root, VERSION), NuScenesReader(root, VERSION)
    assert len(in_process) == 1
    assert first.scenes == again.scenes
    assert again.cameras == first.cameras
    assert len(again.cameras) == 6
    assert again.count_keyframes("scene-0002") == first.count_keyframes("scene-0002")
    only = NuScenesReader(root, VERSION, scenes=["scene-0003"])
    assert only.scenes == ("scene-0003",)
    assert len(in_process) == 1
    with pytest.raises(DatasetError, match="no scene 'scene-9'"):
        NuScenesReader(root, VERSION, scenes=["scene-9"])
    rewrite(root, "sample_annotation", lambda records: records[0].update(num_lidar_pts=77))
    assert NuScenesReader(root, VERSION).scenes == first.scenes
    assert len(in_process) == 2
    with pytest.raises(DatasetError, match="changed since the data set was opened; open it again"):
        next(first.keyframes("scene-0001"))


def test_a_kept_index_that_is_broken_is_made_again(root, in_process, tmp_path):
    NuScenesReader(root, VERSION)
    (kept,) = (tmp_path / "cache").rglob("*.index")
    kept.write_bytes(b"\0" * 64)
    assert len(NuScenesReader(root, VERSION).scenes) == 3
    assert len(in_process) == 2


def test_a_kept_index_with_a_damaged_scene_is_named_and_made_again(root, in_process, tmp_path):
    NuScenesReader(root, VERSION)
    (kept,) = (tmp_path / "cache").rglob("*.index")
    kept.write_bytes(b"\0" * 64 + kept.read_bytes()[64:])
    with pytest.raises(DatasetError, match="damaged and was removed; open the data set again"):
        next(NuScenesReader(root, VERSION).keyframes("scene-0001"))
    assert len(NuScenesReader(root, VERSION).scenes) == 3
    assert len(in_process) == 2


def test_an_index_that_somebody_else_wrote_is_not_taken(root, in_process, monkeypatch):
    NuScenesReader(root, VERSION)
    monkeypatch.setattr(index.os, "getuid", lambda: os.stat(root).st_uid + 1)
    NuScenesReader(root, VERSION)
    assert len(in_process) == 2


def test_a_kept_index_serves_whatever_the_data_set_is_called(root, in_process, monkeypatch):
    monkeypatch.chdir(root.parent)
    NuScenesReader(root.name, VERSION)
    monkeypatch.chdir(root)
    reader = NuScenesReader(root, VERSION)
    assert len(in_process) == 1
    assert reader.count_keyframes("scene-0001") > 0


def test_a_cache_on_a_disk_that_is_only_read_is_used(root, in_process, monkeypatch):
    NuScenesReader(root, VERSION)

    def refuse(*_):
        raise PermissionError(30, "Read-only file system")

    monkeypatch.setattr(index.os, "utime", refuse)
    assert len(NuScenesReader(root, VERSION).scenes) == 3
    assert len(in_process) == 1


def test_a_cache_that_cannot_be_written_costs_only_time(root, in_process, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    for _ in range(2):
        assert len(NuScenesReader(root, VERSION).scenes) == 3
    assert len(in_process) == 2


def test_only_some_indices_are_kept(root, in_process, tmp_path):
    for _ in range(index._KEPT + 2):
        rewrite(root, "scene", lambda records: records[0].update(description="x" * len(in_process)))
        NuScenesReader(root, VERSION)
    assert len(list((tmp_path / "cache").rglob("*.index"))) == index._KEPT


def test_the_generator_makes_as_many_records_as_it_is_told(root):
    counts = {table: len(json.loads((root / VERSION / f"{table}.json").read_text())) for table in LARGE}
    assert counts == {"sample_data": 1201, "ego_pose": 1201, "sample_annotation": 100}
    assert TableSizes() == TableSizes(850, 34_149, 2_631_083, 1_166_187, 64_386)
