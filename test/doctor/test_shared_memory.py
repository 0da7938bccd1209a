"""Whether the doctor names a /dev/shm that is too small for what Fast DDS takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lss_bev_ros.doctor import Recording
from lss_bev_ros.doctor.middleware import check_middleware
from lss_bev_ros.doctor.shared_memory import SharedMemory

CONFIG = Path(__file__).resolve().parents[2] / "config"
CONTAINER = 64 * 2**20
LARGE = {"FASTRTPS_DEFAULT_PROFILES_FILE": str(CONFIG / "fastdds.xml")}
SMALL = {"FASTRTPS_DEFAULT_PROFILES_FILE": str(CONFIG / "fastdds_small.xml")}


@pytest.mark.parametrize(
    ("environment", "stand_in", "segment"),
    [
        (LARGE, False, 32 * 2**20),
        (SMALL, False, 4 * 2**20),
        ({}, False, 512 * 2**10),
        ({**LARGE, "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}, False, 512 * 2**10),
        ({"FASTDDS_BUILTIN_TRANSPORTS": "DEFAULT"}, False, 512 * 2**10),
        (LARGE, True, None),
        ({**LARGE, "RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp"}, False, None),
    ],
)
def test_what_a_process_takes_is_what_its_profile_says(
    tmp_path: Path, environment: dict[str, str], stand_in: bool, segment: int | None
) -> None:
    found = SharedMemory.read(environment, stand_in, tmp_path)
    assert (found.segment if found else None) == segment
    assert found is None or 0 <= found.free <= found.total


def test_where_there_is_no_shared_memory_nothing_is_told(tmp_path: Path) -> None:
    assert SharedMemory.read(LARGE, False, tmp_path / "missing") is None


@pytest.mark.parametrize(
    ("total", "free", "segment", "short"),
    [
        (CONTAINER, CONTAINER, 32 * 2**20, True),
        (CONTAINER, CONTAINER, 4 * 2**20, False),
        (CONTAINER, CONTAINER, 512 * 2**10, False),
        (512 * 2**20, 400 * 2**20, 32 * 2**20, False),
        (512 * 2**20, 10 * 2**20, 32 * 2**20, True),  # others have it
    ],
)
def test_the_shortage_is_named_with_what_to_do(total: int, free: int, segment: int, short: bool) -> None:
    memory = SharedMemory(total, free, segment, "fastdds.xml")
    stamps = np.zeros(0, np.int64)
    live = Recording("live", {}, (), shared_memory=memory, ego=(stamps, ()))
    problems = [each for each in check_middleware(live) if each.code == "qos.shared-memory"]
    assert bool(problems) == short
    if short:
        assert "Failed to create segment" in problems[0].text
        assert "--shm-size 269m" in problems[0].remedy
    assert check_middleware(Recording("a bag", {}, (), shared_memory=memory)) == []
