"""Frames are found over chains, inverses and time, and a gap is named."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lss_bev_ros.errors import GeometryError
from lss_bev_ros.geometry import Pose, TransformTree

NUMBERS = st.floats(-10, 10)
POSES = st.builds(
    Pose.from_quaternion,
    st.tuples(*[st.floats(0.1, 1)] * 4),
    st.tuples(NUMBERS, NUMBERS, NUMBERS),
)


def at(x: float, yaw: float = 0.0) -> Pose:
    return Pose.from_yaw(yaw, (x, 0.0, 0.0))


def close(one: Pose, other: Pose) -> None:
    np.testing.assert_allclose(one.matrix, other.matrix, atol=1e-6)


@given(st.lists(st.tuples(POSES, st.booleans()), min_size=1, max_size=6), st.data())
def test_a_lookup_is_the_product_of_all_transforms(links, data):
    """A chain of frames, of which some links are told from the parent and some from the child."""
    tree, expected = TransformTree(), Pose.identity()
    # A frame has one parent: links point away from one of the frames, the root, on both sides.
    root = data.draw(st.integers(0, len(links)))
    for number, (pose, slash) in enumerate(links):
        expected = expected @ pose
        names = f"f{number}", f"f{number + 1}"
        first, second = (f"/{name}" if slash else name for name in names)
        if number < root:
            tree.insert(second, first, pose.inverse())
        else:
            tree.insert(first, second, pose)
    close(tree.lookup("f0", f"/f{len(links)}"), expected)
    close(tree.lookup(f"f{len(links)}", "f0"), expected.inverse())
    close(tree.lookup("f0", "f0"), Pose.identity())


def test_a_moving_frame_is_where_it_was_at_the_time():
    tree = TransformTree()
    for stamp in (200, 100):
        tree.insert("base", "arm", at(stamp / 100, yaw=stamp / 200), stamp)
    tree.insert("arm", "camera", at(1.0))
    close(tree.lookup("base", "camera", 100), at(1.0, 0.5) @ at(1.0))
    close(tree.lookup("base", "arm", 150), at(1.5, 0.75))
    # Outside of what is known it stays; without a time the newest counts.
    close(tree.lookup("base", "arm", 50), at(1.0, 0.5))
    close(tree.lookup("base", "arm", 500), at(2.0, 1.0))
    close(tree.lookup("base", "arm"), at(2.0, 1.0))


def test_the_newest_fixed_transform_counts():
    tree = TransformTree()
    tree.insert("base", "camera", at(1.0))
    tree.insert("base", "camera", at(2.0))
    close(tree.lookup("base", "camera", 5), at(2.0))
    assert "/camera" in tree
    assert tree.names == ["base", "camera"]


def test_what_is_missing_is_named():
    tree = TransformTree()
    tree.insert("base_link", "roof", at(1.0))
    tree.insert("rig", "camera", at(1.0))
    with pytest.raises(
        GeometryError, match="'camera' hangs on 'rig', 'base_link' on 'base_link', and nothing"
    ):
        tree.lookup("base_link", "camera")
    with pytest.raises(GeometryError, match="no transform names a frame 'lidar'"):
        tree.lookup("base_link", "/lidar")
    tree.insert("camera", "rig", at(1.0))
    with pytest.raises(GeometryError, match="the transforms form a loop, camera -> rig -> camera"):
        tree.lookup("base_link", "camera")
