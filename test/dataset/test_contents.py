from __future__ import annotations

import json

import pytest

from lss_bev_ros.dataset import NuScenesReader
from lss_bev_ros.dataset.contents import count_keyframes
from lss_bev_ros.errors import DatasetError


@pytest.fixture
def two_scenes(tmp_path, maker):
    tables = maker.tables()
    tables["scene"].append({"token": "other", "name": "scene-0002"})
    tables["sample"].append({"token": "sample9", "timestamp": 9_000_000, "scene_token": "other"})
    return maker.write(tmp_path, tables)


def test_keyframes_are_counted_as_the_reader_counts_them(small_root):
    reader = NuScenesReader(small_root)
    assert count_keyframes(small_root) == sum(map(reader.count_keyframes, reader.scenes))


def test_only_the_named_scenes_count(two_scenes):
    assert count_keyframes(two_scenes) == 3
    assert count_keyframes(two_scenes, scenes=["scene-0002"]) == 1
    assert count_keyframes(two_scenes, scenes=["scene-0001", "scene-0001"]) == 4


def test_what_is_wrong_is_named(two_scenes, tmp_path):
    with pytest.raises(DatasetError, match="no such folder"):
        count_keyframes(tmp_path / "nowhere")
    with pytest.raises(DatasetError, match="no scene 'scene-9'; it has scene-0001, scene-0002"):
        count_keyframes(two_scenes, scenes=["scene-9"])
    (two_scenes / "v1.0-mini" / "sample.json").write_text(json.dumps([{"token": "x"}]))
    with pytest.raises(DatasetError, match=r"sample\.json: record 0 lacks the field 'scene_token'"):
        count_keyframes(two_scenes)
