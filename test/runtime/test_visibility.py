"""The field-of-view mask against sampled columns, and what a rig must see."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lss_bev_ros.geometry import BevGrid, Camera, Pose, Rig
from lss_bev_ros.model import ImageTransform, ModelConfig
from lss_bev_ros.runtime.calibration_tables import KEPT, CalibrationCache
from lss_bev_ros.runtime.field_of_view import COLUMN_HEIGHT, NEAREST, visible_cells, visible_cells_of

CONFIG = ModelConfig()
OPTICAL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


def sampled(camera: Camera, config: ModelConfig, margin: float, steps: int = 301) -> np.ndarray:
    """The definition: project points of every column; the view grown by `margin` pixels of the input."""
    t = ImageTransform.of_camera(camera, config)
    seen = np.zeros(config.grid.shape, dtype=bool)
    centers = config.grid.centers()
    for z in np.linspace(0, COLUMN_HEIGHT, steps):
        pixels, depth = camera.project(np.concatenate([centers, np.full((*config.grid.shape, 1), z)], -1))
        u, v = pixels[..., 0] * t.scale - t.left, pixels[..., 1] * t.scale - t.top
        near = depth >= NEAREST - margin * 1e-3
        seen |= near & (u >= -margin) & (u <= t.width + margin) & (v >= -margin) & (v <= t.height + margin)
    return seen


@settings(max_examples=20, deadline=None)
@given(
    yaw=st.floats(-3.1, 3.1),
    pitch=st.floats(-0.6, 0.6),
    x=st.floats(-10, 10),
    y=st.floats(-5, 5),
    z=st.floats(0.3, 2.5),
    focal=st.floats(150, 900),
)
def test_a_cell_is_visible_when_a_point_of_its_column_is_imaged(yaw, pitch, x, y, z, focal):
    config = ModelConfig(grid=BevGrid(-12, 12, -12, 12, 0.5))
    tilt = np.array([[np.cos(pitch), 0, np.sin(pitch)], [0, 1, 0], [-np.sin(pitch), 0, np.cos(pitch)]])
    pose = Pose(Pose.from_yaw(yaw).rotation @ tilt @ OPTICAL, np.array([x, y, z]))
    camera = Camera("cam", np.array([[focal, 0, 320], [0, focal, 180], [0, 0, 1.0]]), 640, 360, pose)
    mask = visible_cells_of(camera, config)
    assert not (sampled(camera, config, 0.0) & ~mask).any()
    # Sampling misses columns that cross the view between two samples, so it gets a margin of pixels here.
    assert not (mask & ~sampled(camera, config, 8.0)).any()


def test_the_cameras_of_nuscenes_see_nearly_the_full_ring(real_frame):
    seen = visible_cells(real_frame.rig, CONFIG)
    distance = np.linalg.norm(CONFIG.grid.centers(), axis=-1)
    assert seen[(distance > 5) & (distance < 50)].mean() > 0.99


@pytest.mark.parametrize("lost", ["cam_front", "cam_front_left", "cam_back"])
def test_a_lost_camera_blanks_exactly_its_own_sector(street_frame, lost):
    rig = street_frame.rig
    whole = visible_cells(rig, CONFIG)
    others = [camera for camera in rig.cameras if camera.name != lost]
    rest = visible_cells(Rig(tuple(others)), CONFIG)
    own = visible_cells_of(rig[lost], CONFIG)
    shared = np.logical_or.reduce([visible_cells_of(camera, CONFIG) for camera in others])
    np.testing.assert_array_equal(whole & ~rest, own & ~shared)
    assert (whole & ~rest).any()


def test_tables_are_made_once_a_calibration(ring):
    cache = CalibrationCache(CONFIG)
    first = cache[ring]
    assert cache[Rig(ring.cameras)] is first
    assert cache[ring.subset(["cam_front"])] is not first
    assert cache[ring] is first


def test_the_tables_kept_are_bounded(ring):
    cache = CalibrationCache(ModelConfig(image_height=32, image_width=32, grid=BevGrid(-4, 4, -4, 4, 0.5)))
    first = cache[ring]
    for index in range(KEPT):
        pose = Pose.from_yaw(0.01 * (index + 1)) @ ring.cameras[0].pose
        cache[Rig((Camera("cam", ring.cameras[0].intrinsics, 640, 360, pose),))]
    assert len(cache._tables) == KEPT
    assert cache[ring] is not first


def test_the_mask_cannot_be_written_to(ring):
    with pytest.raises(ValueError, match="read-only"):
        CalibrationCache(CONFIG)[ring].visible[0, 0] = True
