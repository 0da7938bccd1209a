"""What an import keeps of each message is some numbers, and tells the same as the objects they stand for."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lss_bev_ros.bags.drive import _Kept, _Use, _Uses
from lss_bev_ros.geometry import Pose

USES = st.lists(
    st.tuples(st.integers(0, 10**15), st.booleans(), st.floats(-3, 3)), unique_by=lambda use: use[0]
)


@given(USES)
def test_the_files_of_a_sensor_come_back_in_order_with_exact_poses(uses):
    kept, told = _Kept("CAM_FRONT", "log"), {}
    for micros, key, yaw in uses:
        pose = Pose.from_yaw(yaw, (yaw, 2.0, -micros / 7))
        size = (1600, 900) if key else (800, 450)
        kept.add(_Use(0, micros * 1000, micros if key else None), "jpg", f"calibration {key}", size, pose)
        told[micros] = key, pose, size
    assert [file.micros for file in kept] == sorted(told)
    assert kept.keys == {micros for micros, (key, _, _) in told.items() if key}
    for file in kept:
        key, pose, size = told[file.micros]
        assert (file.key, file.size, file.calibration) == (
            file.micros if key else None,
            size,
            f"calibration {key}",
        )
        assert file.filename.startswith("samples/CAM_FRONT/log__" if key else "sweeps/CAM_FRONT/log__")
        assert np.array_equal(file.ego.matrix, pose.matrix)


def test_a_message_between_two_scenes_stays_in_the_first_unless_it_is_of_a_keyframe():
    uses = _Uses(np.array([10, 20, 30, 40], np.int64))
    uses.keep(np.array([0, 1, 2]), 0)
    uses.keep(np.array([2, 3]), 1)
    uses.keep_keys(np.array([1]), 1, np.array([7]))
    assert [uses.of(row) for row in range(5)] == [
        _Use(0, 10, None), _Use(1, 20, 7), _Use(0, 30, None), _Use(1, 40, None), None,
    ]  # fmt: skip
    assert (uses.count, uses.keys) == (4, 1)
