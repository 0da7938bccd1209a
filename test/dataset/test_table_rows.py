"""Tables are written row by row, and are what json.dumps writes of all rows at once."""

from __future__ import annotations

import json

import pytest

from lss_bev_ros.dataset.recorded_tables import DriveFile, RecordedTables
from lss_bev_ros.dataset.table_rows import TableFile
from lss_bev_ros.geometry import Pose


@pytest.mark.parametrize("rows", [[], [{"a": 1}], [{"a": [], "b": [[1.5], "x\n"]}, {}, {"c": {"d": None}}]])
def test_a_table_has_the_bytes_of_a_list(rows, tmp_path):
    with TableFile(tmp_path, "table") as table:
        for row in rows:
            table.add(row)
    assert (tmp_path / "table.json").read_text() == json.dumps(rows, indent=0) + "\n"


def test_files_of_a_scene_are_chained_by_time_whatever_their_order(tmp_path):
    tables = RecordedTables("drive")
    calibration = tables.calibrated("LIDAR_TOP", Pose.identity())
    files = [
        DriveFile(
            "LIDAR_TOP", micros, micros if key else None, f"{micros}.pcd.bin", Pose.identity(), calibration
        )
        for micros, key in ((30, True), (10, True), (20, False))
    ]
    tables.add_scene("scene-0001", tables.add_log("2024-01-01"), "", [10, 30], files)
    tables.write(tmp_path, "v1.0-mini")
    data = json.loads((tmp_path / "v1.0-mini" / "sample_data.json").read_text())
    assert [row["timestamp"] for row in data] == [10, 20, 30]
    assert [row["next"] for row in data] == [data[1]["token"], data[2]["token"], ""]
    # What is between two keyframes belongs to the later one.
    assert data[1]["sample_token"] == data[2]["sample_token"] != data[0]["sample_token"]
    assert len(json.loads((tmp_path / "v1.0-mini" / "ego_pose.json").read_text())) == 3


def test_a_table_that_was_broken_off_does_not_look_whole(tmp_path):
    table = TableFile(tmp_path, "scene")
    table.add({"token": "a"})
    table.__exit__(OSError, OSError("full"), None)
    with pytest.raises(json.JSONDecodeError):
        json.loads((tmp_path / "scene.json").read_text())
