"""Transforms: paths as tf2 finds them, and trees that are none."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lss_bev_ros.doctor import FrameGraph
from lss_bev_ros.doctor.tree import nearest
from lss_bev_ros.geometry import Pose

numbers = st.floats(-3.0, 3.0)
poses = st.builds(
    lambda yaw, roll, x, y, z: (
        Pose.from_yaw(yaw, (x, y, z)) @ Pose.from_quaternion((1, roll, 0.2, 0), (0, 0, 0))
    ),
    *(numbers,) * 5,
)


def tree(*edges):
    made = FrameGraph()
    for parent, child, *pose in edges:
        made.tell(parent, child, pose[0] if pose else Pose.identity(), True)
    return made


@given(poses, poses, poses)
def test_a_path_goes_up_and_down(a, b, c):
    told = tree(("base_link", "rack", a), ("rack", "camera", b), ("base_link", "lidar", c))
    points = np.array([[1.0, 2.0, 3.0], [-4.0, 0.0, 1.0]])
    there = told.lookup("lidar", "camera")
    np.testing.assert_allclose(there.apply(points), c.inverse().apply(a.apply(b.apply(points))), atol=1e-9)
    np.testing.assert_allclose(there.apply(told.lookup("camera", "lidar").apply(points)), points, atol=1e-9)


def test_leading_slashes_are_those_of_ros_1():
    told = tree(("/base_link", "/camera"))
    assert told.lookup("base_link", "/camera") is not None
    assert told.slashed == {"/base_link", "/camera"}


def test_there_is_no_path_between_two_trees():
    told = tree(("base_link", "lidar"), ("rack", "camera"))
    assert told.lookup("base_link", "camera") is None
    assert told.connected("camera") == {"rack", "camera"}


def test_cycles_are_found_beside_a_tree():
    told = tree(("base_link", "a"), ("a", "b"), ("b", "a"), ("base_link", "c"))
    assert [set(cycle) for cycle in told.cycles()] == [{"a", "b"}]
    assert told.lines()[0] == "base_link"


def test_movement_is_measured_from_the_first_pose():
    told = tree(("base_link", "a"))
    told.tell("base_link", "a", Pose.from_yaw(np.deg2rad(2.0), (0.3, 0.4, 0.0)), True)
    (edge,) = told.edges.values()
    assert round(edge.moved, 6) == 0.5
    assert round(edge.turned, 6) == 2.0


def test_the_nearest_name_is_the_one_that_was_meant():
    assert nearest("robot1/cam_front", ["lidar", "cam_front"]) == "cam_front"
    assert nearest("cam_front_optical_frame", ["base_link", "cam_front_link"]) == "cam_front_link"
    assert nearest("cam_front", ["base_link", "lidar"]) == ""
