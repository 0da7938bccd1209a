"""The process that reads the tables: what it leaves behind, and how its death is told."""

from __future__ import annotations

import subprocess

import pytest

from lss_bev_ros.dataset import index
from lss_bev_ros.errors import DatasetError


def test_named_scenes_only(tmp_path, maker):
    made = maker.tables()
    made["scene"].append({"token": "other", "name": "scene-0002"})
    root = maker.write(tmp_path, made)
    assert index.build_index(root, "v1.0-mini").scenes == ("scene-0001", "scene-0002")
    only = index.build_index(root, "v1.0-mini", ["scene-0002"])
    assert only.scenes == ("scene-0002",)
    assert only.load("scene-0002").sample_tokens == ()


@pytest.mark.parametrize(
    ("code", "stderr", "says"),
    [
        (-9, b"", "lack of memory"),
        (1, b"Traceback\nValueError: odd\n", "ValueError: odd"),
        (3, b"", "code 3"),
    ],
)
def test_death_of_the_process_is_one_line(tmp_path, monkeypatch, code, stderr, says):
    monkeypatch.setattr(
        index.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], code, stderr=stderr)
    )
    with pytest.raises(DatasetError, match=says) as caught:
        index.build_index(tmp_path, "v1.0-mini")
    assert "\n" not in str(caught.value)
