"""Poses form a group, and quaternions name the same rotations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lss_bev_ros.errors import GeometryError
from lss_bev_ros.geometry import Pose

coordinate = st.floats(-1e3, 1e3)
points = hnp.arrays(np.float64, st.tuples(st.integers(1, 5), st.just(3)), elements=coordinate)
quaternions = hnp.arrays(np.float64, 4, elements=st.floats(-1, 1)).filter(lambda q: np.linalg.norm(q) > 1e-3)
poses = st.builds(Pose.from_quaternion, quaternions, hnp.arrays(np.float64, 3, elements=coordinate))


@given(poses)
def test_rotation_is_orthonormal_and_keeps_hands(pose):
    np.testing.assert_allclose(pose.rotation @ pose.rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(pose.rotation) == pytest.approx(1.0)


@given(poses)
def test_quaternion_round_trip(pose):
    q = pose.quaternion
    assert np.linalg.norm(q) == pytest.approx(1.0)
    assert q[0] >= 0
    np.testing.assert_allclose(Pose.from_quaternion(q, pose.translation).rotation, pose.rotation, atol=1e-12)


@given(quaternions, st.floats(0.1, 10))
def test_quaternions_scale_and_sign_do_not_matter(q, scale):
    wanted = Pose.from_quaternion(q, np.zeros(3)).rotation
    np.testing.assert_allclose(Pose.from_quaternion(-q * scale, np.zeros(3)).rotation, wanted, atol=1e-12)


@given(quaternions, hnp.arrays(np.float64, 3, elements=st.floats(-10, 10)))
def test_quaternion_rotates_as_hamilton_says(q, point):
    w, v = q[0] / np.linalg.norm(q), q[1:] / np.linalg.norm(q)
    # p' = p + 2 w (v x p) + 2 v x (v x p)
    wanted = point + 2 * w * np.cross(v, point) + 2 * np.cross(v, np.cross(v, point))
    np.testing.assert_allclose(Pose.from_quaternion(q, np.zeros(3)).apply(point), wanted, atol=1e-9)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("angle", [0.0, 1e-9, np.pi / 2, np.pi - 1e-9, np.pi])
def test_quaternion_is_stable_at_half_turns(axis, angle):
    q = np.zeros(4)
    q[0], q[1 + axis] = np.cos(angle / 2), np.sin(angle / 2)
    back = Pose.from_quaternion(q, np.zeros(3)).quaternion
    assert abs(back @ q) == pytest.approx(1.0, abs=1e-12)


@given(poses, points)
def test_inverse_undoes(pose, p):
    np.testing.assert_allclose(pose.inverse().apply(pose.apply(p)), p, atol=1e-8)
    np.testing.assert_allclose((pose @ pose.inverse()).matrix, np.eye(4), atol=1e-8)


@given(poses, poses, points)
def test_composition_is_one_after_the_other(a, b, p):
    np.testing.assert_allclose((a @ b).apply(p), a.apply(b.apply(p)), atol=1e-8)
    np.testing.assert_allclose((a @ b).matrix, a.matrix @ b.matrix, atol=1e-8)


@given(poses, points)
def test_distances_are_kept(pose, p):
    moved = pose.apply(p)
    wanted = np.linalg.norm(p - p[0], axis=1)
    np.testing.assert_allclose(np.linalg.norm(moved - moved[0], axis=1), wanted, atol=1e-8)


@given(st.floats(-3.1, 3.1))
def test_yaw_round_trip(yaw):
    pose = Pose.from_yaw(yaw, (1.0, 2.0, 3.0))
    assert pose.yaw == pytest.approx(yaw)
    np.testing.assert_allclose(pose.apply(np.array([1.0, 0.0, 0.0])), [1 + np.cos(yaw), 2 + np.sin(yaw), 3.0])


@given(poses)
def test_float32_points_stay_float32(pose):
    assert pose.apply(np.zeros((2, 3), np.float32)).dtype == np.float32


def test_whole_numbers_are_not_truncated():
    pose = Pose.from_yaw(0.5, (0.25, 0.5, 0.0))
    p = np.array([[1, 2, 3]])
    np.testing.assert_allclose(pose.apply(p), pose.apply(p.astype(np.float64)))


def test_a_list_of_points_is_taken():
    np.testing.assert_allclose(Pose.identity().apply([1.0, 2.0, 3.0]), [1.0, 2.0, 3.0])


def test_many_points_at_once_keep_their_shape():
    assert Pose.identity().apply(np.zeros((4, 5, 3))).shape == (4, 5, 3)


def test_a_pose_cannot_be_changed():
    pose = Pose.identity()
    with pytest.raises(ValueError, match="read-only"):
        pose.translation[0] = 1.0


@pytest.mark.parametrize(
    ("rotation", "translation"),
    [
        (np.eye(4), np.zeros(3)),
        (np.eye(3), np.zeros(2)),
        (np.full((3, 3), np.nan), np.zeros(3)),
        (np.eye(3), [np.inf, 0, 0]),
    ],
)
def test_impossible_poses_are_refused(rotation, translation):
    with pytest.raises(GeometryError):
        Pose(rotation, translation)


@pytest.mark.parametrize("rotation", [2 * np.eye(3), np.diag([1.0, 1.0, -1.0]), np.zeros((3, 3))])
def test_matrices_that_are_no_rotation_are_refused(rotation):
    with pytest.raises(GeometryError, match="rotation"):
        Pose(rotation, np.zeros(3))


@pytest.mark.parametrize("q", [[0, 0, 0, 0], [1, 0, 0], [np.nan, 0, 0, 1], [[1, 0, 0, 0]]])
def test_impossible_quaternions_are_refused(q):
    with pytest.raises(GeometryError):
        Pose.from_quaternion(q, np.zeros(3))


def test_an_error_shows_numbers_as_people_write_them():
    """Under NumPy 2 a list of its numbers reads `[np.float64(0.0), ...]`."""
    with pytest.raises(GeometryError, match=r"^\[0\.0, 0\.0, 0\.0, 0\.0\] is not a rotation"):
        Pose.from_quaternion(np.zeros(4), np.zeros(3))
