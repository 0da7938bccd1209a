"""What a keyframe asks of a scene is looked up, not searched for: an imported drive of hours is one scene."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lss_bev_ros.dataset.nuscenes import _nearest
from lss_bev_ros.dataset.scene_index import CAMERA, LIDAR, SceneIndex, SensorRecord

RECORDINGS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2), st.booleans()), max_size=40)


def _index(recordings: list[tuple[int, int, bool]]) -> SceneIndex:
    """Two cameras and a LiDAR: the sample, the sensor and whether it is a keyframe's, of each recording."""
    count = len(recordings)
    sensors = tuple(
        SensorRecord(name, name, kind, name.upper(), (0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0), ())
        for name, kind in (("cam_front", CAMERA), ("cam_back", CAMERA), ("lidar_top", LIDAR))
    )
    sample, calibration, is_key = (
        (list(each) for each in zip(*recordings, strict=True)) if count else ([],) * 3
    )
    none = np.zeros(0)
    return SceneIndex(
        name="scene",
        calibrations=sensors,
        stamps=np.arange(count, dtype=np.int64),
        files=("",) * count,
        sizes=np.zeros((count, 2), np.int32),
        calibration=np.array(calibration, np.int32),
        sample=np.array(sample, np.int32),
        is_key=np.array(is_key, bool),
        ego=np.zeros((count, 7)),
        sample_tokens=tuple("012345"),
        sample_stamps=np.arange(6, dtype=np.int64),
        box_sample=none,
        boxes=none,
        box_category=(),
        box_instance=(),
        box_counts=none,
        box_attribute=(),
        location="",
    )


@given(RECORDINGS)
def test_the_recordings_of_a_keyframe_are_those_of_its_sample_that_are_marked(recordings):
    index = _index(recordings)
    for sample in range(6):
        told = [row for row, (of, _, key) in enumerate(recordings) if of == sample and key]
        assert index.key_rows(sample).tolist() == told


@given(RECORDINGS)
def test_a_camera_has_its_shots_and_one_without_any_is_none(recordings):
    rows = _index(recordings).camera_rows
    for number, name in enumerate(("cam_front", "cam_back")):
        told = [row for row, (_, sensor, _) in enumerate(recordings) if sensor == number]
        assert rows.get(name, np.zeros(0, int)).tolist() == told
        assert (name in rows) == bool(told)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=30).map(sorted), st.integers(-5, 65))
def test_the_nearest_stamp_is_the_first_of_those_that_are_as_near(stamps, stamp):
    stamps = np.array(stamps, np.int64)
    assert _nearest(stamps, stamp) == int(np.argmin(np.abs(stamps - stamp)))
