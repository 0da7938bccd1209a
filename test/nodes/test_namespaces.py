"""What a namespace moves, and the line that says where transforms are if not below it."""

from __future__ import annotations

import pytest
import rclpy
from launch import LaunchContext
from rclpy.node import Node
from tf2_msgs.msg import TFMessage

from lss_bev_ros.nodes import launching
from lss_bev_ros.nodes.calibration import transforms_elsewhere
from lss_bev_ros.ros2 import prepare
from pipros.launching import describe_arguments

prepare()

BELOW = ["-r", "/tf:=tf", "-r", "/tf_static:=tf_static"]


@pytest.mark.parametrize("file", ["demo", "replay", "inference", "evaluation", "dashboard"])
def test_every_launch_file_takes_a_namespace(file):
    told = describe_arguments(file, launching.PACKAGE)
    for argument in ("namespace", "namespaced_tf", "namespaced_clock"):
        assert f"'{argument}'" in told


@pytest.mark.parametrize(
    ("arguments", "below"),
    [
        ({}, ["tf", "tf_static"]),
        ({"namespaced_tf": "False"}, []),
        ({"namespaced_clock": "True"}, ["tf", "tf_static", "clock"]),
    ],
)
def test_transforms_are_below_the_namespace_unless_they_are_to_be_global(arguments, below):
    context = LaunchContext()
    context.launch_configurations.update(arguments)
    assert launching.remappings(context) == [(f"/{name}", name) for name in below]


@pytest.mark.parametrize(
    ("arguments", "published", "told"),
    [
        (["-r", "__ns:=/car1", *BELOW], "/tf_static", "found /tf_static: start with namespaced_tf:=false"),
        (["-r", "__ns:=/car1"], "/car1/tf_static", "found /car1/tf_static: start in that namespace"),
        (["-r", "__ns:=/car1", *BELOW], "/car1/tf_static", ""),
        ([], "/tf", ""),
        ([], None, "/tf and /tf_static have no publisher"),
    ],
)
def test_transforms_that_are_published_elsewhere_are_found(listener, arguments, published, told):
    node = Node("seeker", cli_args=["--ros-args", *arguments] if arguments else None)
    publisher = listener.node.create_publisher(TFMessage, published, 1) if published else None
    try:
        if published:
            listener.wait_until(lambda: node.count_publishers(published), f"{published} found")
        found = transforms_elsewhere(node)
        assert told in found
        assert bool(told) == bool(found)
    finally:
        if publisher is not None:
            listener.node.destroy_publisher(publisher)
        node.destroy_node()
    assert rclpy.ok()
