"""Cameras project as pinholes do; a rig's fingerprint changes with its calibration and with nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lss_bev_ros.errors import GeometryError
from lss_bev_ros.geometry import CAMERA_NAMES, Camera, Pose, Rig

INTRINSICS = np.array([[1266.0, 0.0, 816.0], [0.0, 1250.0, 491.0], [0.0, 0.0, 1.0]])
quaternions = hnp.arrays(np.float64, 4, elements=st.floats(-1, 1)).filter(lambda q: np.linalg.norm(q) > 0.1)
cameras = st.builds(
    lambda q, t: Camera("cam_front", INTRINSICS, 1600, 900, Pose.from_quaternion(q, t)),
    quaternions,
    hnp.arrays(np.float64, 3, elements=st.floats(-3, 3)),
)


def camera(name="cam_front", **change) -> Camera:
    values = {"intrinsics": INTRINSICS, "width": 1600, "height": 900, "pose": Pose.identity(), **change}
    return Camera(name, **values)


@given(cameras, st.floats(0, 1600), st.floats(0, 900), st.floats(0.5, 80))
def test_a_pixel_lifted_to_a_depth_projects_back(cam, u, v, depth):
    ray = np.linalg.inv(cam.intrinsics) @ [u, v, 1.0]
    pixel, found = cam.project(cam.pose.apply(ray * depth))
    assert found == pytest.approx(depth)
    np.testing.assert_allclose(pixel, [u, v], atol=1e-6)


@given(cameras)
def test_the_optical_axis_goes_through_the_principal_point(cam):
    pixels, depth = cam.project(cam.pose.apply(np.array([[0.0, 0.0, 5.0], [0.0, 0.0, -5.0]])))
    np.testing.assert_allclose(pixels[0], [816.0, 491.0], atol=1e-6)
    np.testing.assert_allclose(depth, [5.0, -5.0], atol=1e-9)


def test_right_is_right_and_below_is_below():
    pixels, _ = camera().project(np.array([[1.0, 1.0, 10.0]]))
    assert (pixels[0] > [816.0, 491.0]).all()


def test_points_in_the_plane_of_the_camera_stay_finite():
    pixels, depth = camera().project(np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]))
    assert np.isfinite(pixels).all()
    np.testing.assert_array_equal(depth, [0.0, 0.0])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"intrinsics": np.zeros((3, 3))}, "focal length"),
        ({"intrinsics": np.diag([-1.0, 1.0, 1.0])}, "focal length"),
        ({"intrinsics": np.full((3, 3), np.nan)}, "finite"),
        ({"intrinsics": np.eye(4)}, r"\(3, 3\)"),
        ({"width": 0}, "image size"),
        ({"height": -1}, "image size"),
    ],
)
def test_impossible_cameras_are_named(change, says):
    with pytest.raises(GeometryError, match=f"cam_front: .*{says}"):
        camera(**change)


def test_rig_finds_and_selects_by_name():
    rig = Rig(camera(name) for name in CAMERA_NAMES)
    assert len(rig) == 6
    assert rig["cam_back"].name == "cam_back"
    assert rig.subset(["cam_back", "cam_front"]).names == ("cam_front", "cam_back")
    with pytest.raises(GeometryError, match="no camera 'cam_top'"):
        rig["cam_top"]
    with pytest.raises(GeometryError, match="differ"):
        Rig((camera(), camera()))


def test_fingerprint_is_that_of_the_calibration():
    rig = Rig((camera("a"), camera("b")))
    assert rig.fingerprint == Rig((camera("a"), camera("b"))).fingerprint
    others = [
        Rig((camera("b"), camera("a"))),
        Rig((camera("a"),)),
        Rig((camera("a"), camera("b", width=800))),
        Rig((camera("a"), camera("b", intrinsics=INTRINSICS + np.diag([1e-9, 0, 0])))),
        Rig((camera("a"), camera("b", pose=Pose.from_yaw(1e-9)))),
        Rig((camera("a"), camera("b", pose=Pose.from_yaw(0.0, (0.0, 0.0, 1e-9))))),
    ]
    assert len({rig.fingerprint, *(other.fingerprint for other in others)}) == 7
