"""The overlay and a real ROS 2 (rmw_cyclonedds) understand each other; skipped where none is sourced."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from pipros import OVERLAY

pytestmark = pytest.mark.skipif(shutil.which("ros2") is None, reason="no ROS 2 is sourced")

ROOT = OVERLAY.parents[1]
Ros2 = Callable[..., str]

NODE = """
import numpy as np
import rclpy
from geometry_msgs.msg import TransformStamped
from nav_msgs.msg import OccupancyGrid
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import Image
from std_msgs.msg import String
from std_srvs.srv import Trigger
from tf2_ros import StaticTransformBroadcaster
rclpy.init()
node = Node("ours", namespace="/car")
node.declare_parameter("rate", 2.5)
node.declare_parameter("camera.names", ["a", "b"])
grids = node.create_publisher(
    OccupancyGrid, "bev", QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL))
grid = OccupancyGrid(data=np.arange(100, dtype=np.int8))
grid.info.width = grid.info.height = 10
grids.publish(grid)
text = node.create_publisher(String, "text", 10)
images = node.create_publisher(Image, "image", qos_profile_sensor_data)
def tick():
    text.publish(String(data="from ours"))
    images.publish(Image(data=bytes(500000)))
node.create_timer(0.05, tick)
node.create_subscription(String, "/heard", lambda m: print("heard", m.data, flush=True), 10)
node.create_subscription(
    Image, "/seen", lambda m: print("seen", m.width, list(m.data), flush=True), qos_profile_sensor_data)
def step(request, response):
    response.success, response.message = True, "stepped"
    return response
node.create_service(Trigger, "~/step", step)
transform = TransformStamped(child_frame_id="cam")
transform.header.frame_id = "base_link"
StaticTransformBroadcaster(node).sendTransform(transform)
print("ready", flush=True)
try:
    rclpy.spin(node)
except BaseException:
    pass
node.destroy_node()
rclpy.try_shutdown()
"""


@pytest.fixture
def ours(ros_environment: dict[str, str]) -> Iterator[subprocess.Popen]:
    """A node on the overlay, in an environment without ROS 2."""
    environment = {
        name: value
        for name, value in ros_environment.items()
        if not name.startswith(("AMENT_", "COLCON_", "CYCLONEDDS_", "RMW_")) and name != "LD_LIBRARY_PATH"
    }
    environment["PYTHONPATH"] = f"{ROOT}:{OVERLAY}"
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", NODE],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n", process.stderr.read()
    yield process
    process.terminate()
    process.communicate(timeout=20)


@pytest.fixture
def ros2(ros_environment: dict[str, str], ours: subprocess.Popen) -> Ros2:
    """Run the real `ros2` with arguments; says what it printed, and fails where rmw warns."""

    def run(*arguments: str) -> str:
        done = subprocess.run(
            ["ros2", *arguments],
            env=dict(os.environ),
            capture_output=True,
            text=True,
            timeout=40,
            check=False,
        )
        assert "type hash" not in done.stderr
        assert "rmw_cyclonedds" not in done.stderr
        return done.stdout

    return run


# The daemon would outlive the tests by two hours, and tell a later run on its domain of nodes long gone.
DIRECT = ("--no-daemon", "--spin-time", "3")


def test_the_graph_is_seen(ros2: Ros2) -> None:
    assert "/car/ours" in ros2("node", "list", *DIRECT)
    assert {"/car/bev", "/car/text", "/tf_static"} <= set(ros2("topic", "list", *DIRECT).split())
    about = ros2("node", "info", "/car/ours", *DIRECT)
    assert "/car/bev: nav_msgs/msg/OccupancyGrid" in about
    assert "/car/ours/step: std_srvs/srv/Trigger" in about
    details = ros2("topic", "info", "-v", "/car/bev", *DIRECT)
    assert "Node name: ours" in details
    assert "Durability: TRANSIENT_LOCAL" in details
    assert re.search(r"Topic type hash: RIHS01_[0-9a-f]{64}", details)


def test_topics_are_echoed(ros2: Ros2) -> None:
    assert "data: from ours" in ros2("topic", "echo", "--once", "/car/text", *DIRECT)
    assert "width: 10" in ros2("topic", "echo", "--once", "/car/bev", *DIRECT)
    assert "child_frame_id: cam" in ros2("topic", "echo", "--once", "/tf_static", *DIRECT)
    assert "500000" in ros2("topic", "echo", "--once", "--no-arr", "/car/image", *DIRECT)


def test_services_and_parameters_answer(ros2: Ros2) -> None:
    assert "message='stepped'" in ros2("service", "call", "/car/ours/step", "std_srvs/srv/Trigger")
    listed = ros2("param", "list", "/car/ours", *DIRECT)
    assert {"rate", "camera.names", "use_sim_time"} <= set(listed.split())
    assert "2.5" in ros2("param", "get", "/car/ours", "rate", *DIRECT)
    assert "successful" in ros2("param", "set", "/car/ours", "rate", "4.5", *DIRECT)
    assert "4.5" in ros2("param", "get", "/car/ours", "rate", *DIRECT)
    assert "double" in ros2("param", "describe", "/car/ours", "rate", *DIRECT)


def test_what_ros_publishes_is_heard(ros2: Ros2, ours: subprocess.Popen) -> None:
    # Several times, since a publisher may know a subscription before that knows the publisher: what it sends
    # then is lost where the subscription is best effort, on every ROS 2.
    often = ("--times", "10", "--rate", "5", "-w", "1")
    ros2("topic", "pub", *often, "/heard", "std_msgs/msg/String", "data: from ros")
    ros2("topic", "pub", *often, "/seen", "sensor_msgs/msg/Image", "{width: 7, data: [1, 2, 3]}")
    ours.terminate()
    printed, _ = ours.communicate(timeout=20)

    assert set(printed.splitlines()) == {"heard from ros", "seen 7 [1, 2, 3]"}


def test_a_node_that_ends_is_gone_at_once(ros2: Ros2, ours: subprocess.Popen) -> None:
    assert "/car/ours" in ros2("node", "list", *DIRECT)
    ours.terminate()
    ours.wait(20)
    time.sleep(0.2)
    assert "/car/ours" not in ros2("node", "list", *DIRECT)


def test_a_real_node_is_seen_and_served(ros_environment: dict[str, str], ours: subprocess.Popen) -> None:
    """A real rclpy's client calls our service, and finds our node in its graph."""
    code = (
        "import time, rclpy\nfrom std_srvs.srv import Trigger\nrclpy.init()\n"
        "node = rclpy.create_node('real')\nclient = node.create_client(Trigger, '/car/ours/step')\n"
        "assert client.wait_for_service(20.0)\nfuture = client.call_async(Trigger.Request())\n"
        "rclpy.spin_until_future_complete(node, future, timeout_sec=20)\n"
        "print(future.result().message, 'ours' in node.get_node_names())\n"
    )

    output = subprocess.run(
        [sys.executable, "-c", code],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout

    assert output.split() == ["stepped", "True"]
