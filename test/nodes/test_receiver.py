"""Whatever arrives, a node stays, says what it did not take, and serves what comes next.

What is sent is made from the definitions of the types that a node subscribes to, so that a new subscription
is covered by itself. `LSS_BEV_HOSTILE=100000` sends so many messages to each node.
"""

from __future__ import annotations

import array
import contextlib
import os
import struct
import threading
import time

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nav_msgs.msg import OccupancyGrid
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from tf2_msgs.msg import TFMessage

from lss_bev_ros import messages
from lss_bev_ros.dashboard.answers import LAYERS
from lss_bev_ros.errors import EvaluationError, GeometryError
from lss_bev_ros.evaluation.matching import Match
from lss_bev_ros.geometry import CAMERA_NAMES, BevGrid, Pose
from lss_bev_ros.geometry.example_rig import nuscenes_like_rig
from lss_bev_ros.messages.hostile import Hostile
from lss_bev_ros.nodes import receiver
from lss_bev_ros.nodes.dashboard import DashboardNode
from lss_bev_ros.nodes.diagnostics import OK, WARN
from lss_bev_ros.nodes.evaluation import EvaluationNode
from lss_bev_ros.nodes.exit_code import FAILURE
from lss_bev_ros.nodes.inference import InferenceNode
from lss_bev_ros.nodes.process import Stumbles, guard, run
from lss_bev_ros.nodes.receiver import Receiver

NOW = 1_700_000_000_000_000_000
MANY = int(os.environ.get("LSS_BEV_HOSTILE", "0"))
A_TURN = 200
"""Messages of one example; more examples, rather than larger ones, are a longer run."""


@pytest.fixture(scope="module")
def ros2():
    rclpy.init(args=[])
    yield
    rclpy.try_shutdown()


@pytest.fixture
def opened(ros2, tmp_path):
    nodes = []

    def begin(kind, **parameters):
        nodes.append(kind(**parameters))
        return nodes[-1]

    yield begin
    for node in nodes:
        getattr(node, "close", lambda: None)()
        node.destroy_node()


@pytest.fixture
def listening(opened):
    """A node that subscribes, and what each of its callbacks got."""

    def begin(kind, callback):
        node = opened(lambda: Receiver("listening"))
        return node, node.create_subscription(kind, "topic", callback, 10)

    return begin


def give(subscription, message):
    """As an executor would."""
    subscription.callback(serialize_message(message) if subscription.raw else message)


def scan():
    return messages.point_cloud(np.ones((50, 5), np.float32), NOW, "lidar_top")


def good():
    """A message of each kind with something in it."""
    info = messages.camera_info(nuscenes_like_rig().cameras[0], NOW)
    jpeg = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
    made = [
        scan(),
        info,
        messages.compressed_image(jpeg, NOW, "cam_front"),
        messages.image(np.zeros((8, 12, 3), np.uint8), NOW, "cam_front"),
        messages.occupancy_grid(np.zeros((200, 200), np.int8), BevGrid(), NOW),
        TFMessage(transforms=[messages.transform(Pose.identity(), "base_link", "lidar_top", NOW)]),
    ]
    return {type(message): message for message in made}


def send_hostile(subscriptions, seed, count):
    maker, known = Hostile(seed), good()
    for _ in range(count):
        subscription = maker.choice(subscriptions)
        kind = subscription.msg_type
        message = maker.message(kind, known.get(kind) if maker.random() < 0.5 else None)
        if subscription.raw and maker.random() < 0.2:
            subscription.callback(maker.payload(serialize_message(message)))
        else:
            give(subscription, message)


def bombard(node, subscriptions):
    """Send messages that mean harm, then see that the node still speaks."""
    turns = max(2, MANY // A_TURN)

    @settings(max_examples=turns, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.integers(0, 2**32 - 1))
    def turn(seed):
        send_hostile(subscriptions, seed, A_TURN)
        assert node.exit_code == 0
        node._statuses()

    turn()
    status = node.refusal_status()
    assert status.level == WARN
    assert sum(status.values.values()) > 10
    assert "\n" not in status.message


def test_no_message_ends_the_inference_node(opened):
    node = opened(InferenceNode, weights="multi-seed:0", prompts=["zebra crossing"], lidar_check_period=0.0)
    subscriptions = list(node.subscriptions)
    assert {each.msg_type for each in subscriptions} >= {CameraInfo, CompressedImage, PointCloud2, TFMessage}
    bombard(node, subscriptions)
    assert node._thread.is_alive()
    assert rclpy.ok()


def test_no_message_ends_the_evaluation_node(opened, tmp_path):
    node = opened(EvaluationNode, report=str(tmp_path / "report.json"))
    subscriptions = list(node.subscriptions)
    bombard(node, subscriptions)
    topics = {each.topic_name: each for each in subscriptions}
    before, deadline = node._evaluator.frames, time.monotonic() + 60
    stamp = NOW
    while node._evaluator.frames == before:
        assert time.monotonic() < deadline, node._statuses()
        stamp += 500_000_000
        cells = messages.occupancy_grid(np.zeros((200, 200), np.int8), BevGrid(), stamp)
        give(topics["/ground_truth/occupancy"], cells)
        give(topics["/bev/occupancy"], cells)
        time.sleep(0.05)
        node._on_poll()
    assert node._thread.is_alive()


def test_a_foreign_grid_that_came_first_does_not_keep_others_from_being_scored(opened):
    node = opened(EvaluationNode)
    for number, grid in enumerate([BevGrid(0, 4, 0, 4, 1.0), *[BevGrid()] * 4]):
        stamp = NOW + number * 500_000_000
        cells = messages.occupancy_grid(np.zeros(grid.shape, np.int8), grid, stamp)
        with contextlib.suppress(EvaluationError):
            node._score(Match(stamp, (cells, None), cells, None))
    assert node._evaluator.grid == BevGrid()
    assert node._evaluator.frames == 3


def test_no_message_ends_the_dashboard(opened):
    pytest.importorskip("aiohttp")
    node = opened(DashboardNode, port=0)
    node._answers._published = LAYERS  # as if all were published and looked at
    node._answers.watch(LAYERS)
    node._answers._receive()
    node._answers._offer = lambda name, make: make()
    subscriptions = list(node.subscriptions)
    assert len(subscriptions) > len(LAYERS) + 2 * len(CAMERA_NAMES)
    bombard(node, subscriptions)
    topics = {each.topic_name: each for each in subscriptions}
    give(topics["/bev/occupancy"], messages.occupancy_grid(np.zeros((200, 200), np.int8), BevGrid(), NOW))
    assert node._scene.compose().stamp == NOW


def test_every_subscription_passes_the_gate(opened):
    """Those of tf2 too."""
    node = opened(EvaluationNode)
    assert {"/tf", "/tf_static"} <= {each.topic_name for each in node.subscriptions}
    for subscription in node.subscriptions:
        assert isinstance(subscription.callback.__self__, receiver._Entrance), subscription.topic_name


def test_a_good_message_arrives_and_nothing_is_said_of_it(listening):
    came = []
    node, subscription = listening(PointCloud2, came.append)
    give(subscription, scan())
    assert came == [scan()]
    assert node.refusal_status().level == OK


def test_a_message_that_is_too_large_is_not_even_deserialised(listening, monkeypatch):
    came = []
    node, subscription = listening(DiagnosticArray, came.append)
    monkeypatch.setattr(receiver, "deserialize_message", lambda *_: pytest.fail("it was deserialised"))
    subscription.callback(b"\0\1\0\0" + bytes(2_000_000))
    assert came == []
    assert "topic: a DiagnosticArray of 2000004 bytes" in node.refusal_status().message


@pytest.mark.parametrize("data", [b"", b"\0\1\0\0", b"\0\1\0\0\xff\xff\xff\xff", b"\0\0\0\0" + bytes(40)])
def test_bytes_that_are_no_message_are_refused(data, listening):
    came = []
    node, subscription = listening(TFMessage, came.append)
    subscription.callback(data)
    assert came == [] or came == [TFMessage()]  # an empty message has few bytes
    assert bool(came) or "no TFMessage" in node.refusal_status().message


def test_what_the_gate_refuses_reaches_no_callback_and_is_named_and_counted(listening):
    came = []
    node, subscription = listening(Image, came.append)
    for _ in range(3):
        give(subscription, Image(width=2**31, height=2**31))
    status = node.refusal_status()
    assert came == []
    assert status.level == WARN
    assert status.message.startswith("topic: 2147483648x2147483648 pixels are more than")
    assert status.values == {"topic_refused": 3}


def test_what_a_callback_raises_costs_its_message_only(listening):
    came = []

    def stumble(message):
        if message.info.resolution == 2.0:
            raise ZeroDivisionError("nobody thought of\nthis")
        if message.info.resolution == 3.0:
            raise GeometryError("the grid is of another car")
        came.append(message)

    node, subscription = listening(OccupancyGrid, stumble)
    for resolution, says in (
        (2.0, "topic: it could not be used: ZeroDivisionError: nobody thought of this"),
        (3.0, "topic: it could not be used: the grid is of another car"),
    ):
        cells = messages.occupancy_grid(np.zeros((4, 4), np.int8), BevGrid(0, 4, 0, 4, 1.0), NOW)
        cells.info.resolution = resolution
        give(subscription, cells)
        assert node.refusal_status().message == says
    cells.info.resolution = 1.0
    give(subscription, cells)
    assert came == [cells]


def test_ten_thousand_refusals_are_few_lines_of_the_log(listening, capfd):
    node, subscription = listening(TFMessage, print)
    for _ in range(10_000):
        subscription.callback(b"nothing")
    assert node.refusal_status().values == {"topic_refused": 10_000}
    assert len(capfd.readouterr().err) < 2000


def test_a_refusal_leaves_the_diagnostics_when_all_is_well_again(listening, monkeypatch):
    node, subscription = listening(TFMessage, print)
    subscription.callback(b"nothing")
    assert node.refusal_status().level == WARN
    now = time.monotonic()
    monkeypatch.setattr(receiver.time, "monotonic", lambda: now + 11.0)
    assert node.refusal_status().level == OK
    assert node.refusal_status().values == {"topic_refused": 1}


def test_a_frame_that_is_no_text_is_refused_by_its_name(listening):
    node, subscription = listening(PointCloud2, print)
    data = bytearray(serialize_message(scan()))
    place = data.index(b"lidar_top")
    data[place : place + 2] = b"\xff\xfe"
    subscription.callback(bytes(data))
    assert "header.frame_id" in node.refusal_status().message
    assert "UTF-8" in node.refusal_status().message


def test_a_sequence_longer_than_the_message_takes_no_memory(listening):
    node, subscription = listening(PointCloud2, print)
    data = bytearray(serialize_message(PointCloud2(data=array.array("B", b"\1" * 8))))
    place = data.index(b"\1" * 8) - 4
    data[place : place + 4] = struct.pack("<I", 2**32 - 1)
    subscription.callback(bytes(data))
    assert "no PointCloud2" in node.refusal_status().message


class Ticking(Receiver):
    """Has a timer that raises so often, and then ends the node."""

    exit_code = 0

    def __init__(self, times):
        super().__init__("ticking")
        self.left = times
        self.create_timer(0.001, self.tick)

    def tick(self):
        if not self.left:
            rclpy.shutdown()
            return
        self.left -= 1
        raise KeyError("a mistake of ours")


@pytest.fixture
def alone():
    """No ROS in this process meanwhile, since `run` starts and ends it."""
    rclpy.try_shutdown()


def test_a_timer_that_fails_now_and_then_does_not_end_a_node(alone, capfd):
    assert run(lambda: Ticking(5), []) == 0
    assert "survived: KeyError: 'a mistake of ours'" in capfd.readouterr().err


def test_a_node_whose_callbacks_always_fail_ends(alone):
    assert run(lambda: Ticking(1_000), []) == FAILURE


def test_mistakes_on_single_messages_are_survived_and_those_on_all_are_not():
    node = type("Plain", (), {"exit_code": 0})()
    rclpy.init(args=[])
    stumbles, said = Stumbles(3), []

    def work(error=None):
        with guard(node, said.append, stumbles):
            if error is not None:
                raise error

    for _ in range(10):
        work(ValueError("odd"))
        work(ValueError("odd"))
        work()
    assert said == ["ValueError: odd"] * 20
    assert node.exit_code == 0
    for _ in range(3):
        work(ValueError("odd"))
    work(GeometryError("of the user's"))
    with pytest.raises(ValueError, match="odd"):
        work(ValueError("odd"))
    assert node.exit_code == FAILURE
    assert not rclpy.ok()


def test_errors_long_ago_do_not_count():
    stumbles = Stumbles(2, 0.0)
    assert all(stumbles.survives() or time.sleep(0.001) for _ in range(10))
    assert threading.active_count() > 0
