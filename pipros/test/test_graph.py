"""Nodes, topics and services of other processes are found (passes on a real rclpy as well)."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

OpenNode = Callable[..., AbstractContextManager[Node]]

pytestmark = pytest.mark.usefixtures("ros")

OTHER = """
import rclpy
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import Image
from std_msgs.msg import String
from std_srvs.srv import Trigger
rclpy.init()
node = Node("other", namespace="far")
node.create_publisher(String, "latched", QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL))
node.create_subscription(Image, "image", lambda m: None, qos_profile_sensor_data)
node.create_service(Trigger, "~/go", lambda request, response: response)
print("ready", flush=True)
try:
    rclpy.spin(node)
except BaseException:
    pass
node.destroy_node()
rclpy.try_shutdown()
"""


def test_another_process_is_seen_while_it_lives(
    open_node: OpenNode, start: Callable[..., subprocess.Popen], spin_until: Callable[..., bool]
) -> None:
    process = start(OTHER)
    assert process.stdout.readline() == "ready\n"
    with open_node("here") as node:
        assert spin_until(lambda: ("other", "/far") in node.get_node_names_and_namespaces(), node)
        assert spin_until(lambda: node.count_publishers("/far/latched") == 1, node)
        assert spin_until(lambda: node.count_subscribers("/far/image") == 1, node)

        assert ("/far/latched", ["std_msgs/msg/String"]) in node.get_topic_names_and_types()
        assert ("/far/other/go", ["std_srvs/srv/Trigger"]) in node.get_service_names_and_types()
        assert ("/far/latched", ["std_msgs/msg/String"]) in node.get_publisher_names_and_types_by_node(
            "other", "/far"
        )

        (publisher,) = node.get_publishers_info_by_topic("/far/latched")
        assert (publisher.node_name, publisher.node_namespace) == ("other", "/far")
        assert publisher.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL
        (subscription,) = node.get_subscriptions_info_by_topic("/far/image")
        assert subscription.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT

        process.terminate()
        assert process.wait(10) == 0
        assert spin_until(lambda: "other" not in node.get_node_names(), node)
        assert spin_until(lambda: node.count_publishers("/far/latched") == 0, node)


def test_what_is_created_and_destroyed_here_is_seen_at_once(open_node: OpenNode) -> None:
    from std_msgs.msg import String

    with open_node("here") as node:
        assert node.get_node_names() == ["here"]
        publisher = node.create_publisher(String, "text", 1)
        assert node.count_publishers("text") == 1
        node.destroy_publisher(publisher)
        assert node.count_publishers("text") == 0
