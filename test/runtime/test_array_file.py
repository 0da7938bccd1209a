"""A file of arrays is what was written, or nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lss_bev_ros.runtime.cpu.array_file import ArrayFile, read_arrays, write_arrays


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    arrays = [np.arange(200, dtype=np.uint8), np.empty(0, np.uint8), np.ones(7, np.uint8)]
    write_arrays(path, ArrayFile({"a": [1, None, 0.5]}, arrays))
    return path


def test_it_gives_back_what_it_was_given(path: Path):
    found = read_arrays(path)
    assert found is not None
    assert found.said == {"a": [1, None, 0.5]}
    assert [array.tolist() for array in found.arrays] == [[*range(200)], [], [1] * 7]
    assert path.stat().st_mode & 0o777 == 0o600


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_any_changed_byte_or_cut_makes_it_nothing(path: Path, data: st.DataObject):
    whole = path.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    changed = bytearray(whole)
    changed[place] ^= data.draw(st.integers(1, 255))
    other = path.with_name("other")
    for content in (bytes(changed), whole[:place], whole + b"\0"):
        other.unlink(missing_ok=True)
        other.write_bytes(content)
        other.chmod(0o600)
        assert read_arrays(other) is None


@pytest.mark.parametrize(
    "text", ["[]", "{}", '{"said": 1, "sizes": [-1]}', '{"said": 1, "sizes": "no"}', "nul"]
)
def test_a_text_of_another_shape_is_nothing(tmp_path: Path, text: str):
    import hashlib

    rest = len(text).to_bytes(8, "little") + text.encode()
    path = tmp_path / "file"
    path.write_bytes(hashlib.sha256(rest).digest() + rest)
    path.chmod(0o600)
    assert read_arrays(path) is None


def test_no_file_is_nothing(tmp_path: Path):
    assert read_arrays(tmp_path / "missing") is None
    assert read_arrays(tmp_path) is None


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no users here")
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_what_others_may_write_is_not_read(path: Path, mode: int):
    path.chmod(mode)
    assert read_arrays(path) is None


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no users here")
def test_what_another_user_wrote_is_not_read(path: Path, monkeypatch: pytest.MonkeyPatch):
    owner = path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert (read_arrays(path) is None) == (owner != 0), "root's is read"


def test_it_is_no_pickle(path: Path):
    text = path.read_bytes()[40:].partition(b'"sizes"')[0]
    assert json.loads(text + b'"sizes": 0}')["said"] == {"a": [1, None, 0.5]}
