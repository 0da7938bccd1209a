"""What a real rclpy gets, and what is said of one that cannot be used."""

from __future__ import annotations

import importlib.util

import pytest

from pipros import activate

REAL = not activate()
LACKS_TF2 = REAL and "beside_ros2" in str(importlib.util.find_spec("tf2_msgs").origin)


@pytest.mark.skipif(not LACKS_TF2, reason="no ROS 2 without tf2_msgs is on the path")
def test_a_message_made_here_is_the_one_of_ros_2(ros: None, open_node: object) -> None:
    """By its hash, which tells whether two definitions are the same (REP 2016)."""
    from tf2_msgs.msg import TFMessage

    with open_node("sender") as node:
        node.create_publisher(TFMessage, "/tf", 1)
        (offer,) = node.get_publishers_info_by_topic("/tf")
    digest = bytes(offer.topic_type_hash.value).hex()
    assert digest == "e369d0f05a23ae52508854b66f6aa0437f3449d652e8cbf22d5abe85d020f087"


def test_a_middleware_that_is_not_installed_is_named(start: object) -> None:
    process = start("import rclpy; rclpy.init()", RMW_IMPLEMENTATION="rmw_nowhere_cpp")
    _, said = process.communicate(timeout=60)
    assert "rmw_nowhere_cpp" in said
    assert bool(process.returncode) is REAL  # rcl ends the process itself; without ROS 2 it is a warning
