"""Answers on topics are scored against their truth, and a plan against the way that is driven then."""

from __future__ import annotations

import numpy as np
import pytest
from std_msgs.msg import Float32
from tf2_ros import TransformException

from lss_bev_ros import messages, topics
from lss_bev_ros.answers.boxes import Detections
from lss_bev_ros.answers.voxels import OccupiedVoxels
from lss_bev_ros.errors import EvaluationError
from lss_bev_ros.evaluation.rays import VoxelGrid
from lss_bev_ros.geometry import BevGrid, Box, Pose
from lss_bev_ros.geometry.classes import FREE, OCCUPIED
from lss_bev_ros.messages.maps import label_image, labels_from_image
from lss_bev_ros.messages.objects import object_markers
from lss_bev_ros.messages.paths import line_markers, path
from lss_bev_ros.messages.voxels import voxel_cloud
from lss_bev_ros.nodes import answer_scores
from lss_bev_ros.nodes.answer_scores import AnswerScores

STAMP, STEP = 10**18, 500_000_000
GRID = BevGrid()
ROAD, CAR = OCCUPIED.index("driveable_surface"), OCCUPIED.index("car")


class Car:
    """A node and a transform buffer in one: remembers what is subscribed to and what is published."""

    def __init__(self):
        self.published, self.callbacks, self.poses, self.said = set(), {}, {}, {}

    def count_publishers(self, topic):
        return int(topic in self.published)

    def create_subscription(self, kind, topic, callback, qos):
        self.callbacks[topic] = kind, callback
        return object()

    def create_publisher(self, kind, topic, qos):
        assert kind is Float32
        values = self.said.setdefault(topic, [])

        class Publisher:
            def publish(self, message):
                values.append(message.data)

        return Publisher()

    def lookup_transform(self, target, source, time):
        stamp = time.nanoseconds or max(self.poses, default=0)
        if target != "map" or stamp not in self.poses:
            raise TransformException("nobody knows")
        return messages.transform(self.poses[stamp], target, source, stamp)

    def hear(self, topic, message):
        kind, callback = self.callbacks[topic]
        assert isinstance(message, kind)
        callback(message)


@pytest.fixture
def car(monkeypatch):
    monkeypatch.setattr(answer_scores.rclpy, "ok", lambda: True)
    return Car()


def scores_of(car, *published):
    scores = AnswerScores(car, "base_link", car, 0.04, 1.0, lambda job: job())
    car.published |= set(published)
    scores.poll(0)
    return scores


def cells(*rows):
    grid = np.zeros(GRID.shape, np.int8)
    for row in rows:
        grid[row] = 100
    return grid


def test_nothing_is_subscribed_to_without_an_answer_and_its_truth(car):
    scores = scores_of(car, "bev/drivable", "ground_truth/crossing", "bev/voxels")
    assert not car.callbacks
    car.published.add("ground_truth/drivable")
    scores.poll(0)
    scores.poll(0)
    assert set(car.callbacks) == {"bev/drivable", "ground_truth/drivable"}


def test_a_layer(car):
    scores = scores_of(car, "bev/drivable", "ground_truth/drivable")
    car.hear("bev/drivable", messages.occupancy_grid(cells(100, 101, 102), GRID, STAMP))
    assert not car.said
    car.hear("ground_truth/drivable", messages.occupancy_grid(cells(101, 102, 103), GRID, STAMP))
    assert car.said["evaluation/layers_iou_drivable"] == [pytest.approx(0.5)]
    assert car.said["evaluation/layers_recall_drivable"] == [pytest.approx(2 / 3)]
    assert scores.running["layers.iou_drivable"] == pytest.approx(0.5)
    assert scores.frames == {"bev/drivable": 1}


def test_truth_that_nobody_knows_scores_nothing(car):
    scores = scores_of(car, "bev/drivable", "ground_truth/drivable")
    car.hear("ground_truth/drivable", messages.occupancy_grid(cells() - 1, GRID, STAMP))
    car.hear("bev/drivable", messages.occupancy_grid(cells(1), GRID, STAMP))
    assert not scores.running
    assert not car.said


def test_an_answer_in_another_frame_is_named(car):
    scores_of(car, "bev/drivable", "ground_truth/drivable")
    car.hear("bev/drivable", messages.occupancy_grid(cells(1), GRID, STAMP, "map"))
    with pytest.raises(EvaluationError, match="bev/drivable is in frame 'map'"):
        car.hear("ground_truth/drivable", messages.occupancy_grid(cells(1), GRID, STAMP))


def test_voxels_count_where_a_camera_sees(car):
    scores = scores_of(car, "bev/voxels", "ground_truth/voxels")
    grid = VoxelGrid()
    labels = np.full(grid.shape, topics.NOT_KNOWN, np.uint8)
    labels[:4, 0, 0] = ROAD, ROAD, CAR, FREE
    image = label_image(labels, STAMP)
    assert np.array_equal(labels_from_image(image), labels)
    found = np.array([[0, 0, 0], [2, 0, 0], [3, 0, 0], [9, 9, 9]], np.int16)
    kinds = np.array([ROAD, CAR, ROAD, CAR], np.uint8)  # the last one where nobody sees
    centers = (grid.low + (found + 0.5) * grid.size).astype(np.float32)
    car.hear("bev/voxels", voxel_cloud(OccupiedVoxels(found, kinds, centers), STAMP))
    car.hear("ground_truth/voxels", image)
    assert car.said["evaluation/voxels_miou"] == [pytest.approx((1 / 3 + 1) / 2)]
    assert scores.running["voxels.iou_occupied"] == pytest.approx(0.5)


def test_lines(car):
    scores = scores_of(car, "bev/lanes", "ground_truth/lanes")
    true, off = np.array([[-20.0, 2.0], [20.0, 2.0]]), np.array([[-20.0, 2.3], [20.0, 2.3]])
    car.hear("bev/lanes", line_markers({"lane_boundary": [off]}, STAMP))
    car.hear("ground_truth/lanes", line_markers({"lane_boundary": [true], "road_boundary": [true]}, STAMP))
    assert car.said["evaluation/lane_boundary_f1"] == [pytest.approx(1.0)]
    assert car.said["evaluation/lane_boundary_chamfer"] == [pytest.approx(0.3, abs=0.01)]
    assert scores.running["road_boundary.f1"] == 0.0


def test_the_velocity_of_what_is_found(car):
    scores = scores_of(car, "bev/objects/markers", "ground_truth/boxes", "ground_truth/velocities")
    box = Box(Pose.from_yaw(0.0, (10.0, 0.0, 1.0)), np.full(3, 2.0), "vehicle.car")
    moving = Box(box.pose, box.size, box.category, velocity=np.array([2.5, 0.0]))
    unknown = Box(box.pose, box.size, "vehicle.truck", velocity=np.array([np.nan, np.nan]))
    velocities = messages.velocity_markers([unknown, moving], STAMP)
    boxes = messages.boxes_from_markers(messages.box_markers([unknown, moving], STAMP), velocities)
    assert [each.velocity is None for each in boxes] == [True, False]
    found = Detections(
        np.zeros(1, np.int64),
        np.full(1, 0.9, np.float32),
        np.array([[10.2, 0.0, 1.0]], np.float32),
        np.full((1, 3), 2.0, np.float32),
        np.zeros(1, np.float32),
        np.array([[2.0, 0.0]], np.float32),
    )
    car.hear("ground_truth/velocities", messages.velocity_markers([moving], STAMP))
    car.hear("ground_truth/boxes", messages.box_markers([moving], STAMP))
    car.hear("bev/objects/markers", object_markers(found, STAMP))
    assert car.said["evaluation/objects_ave_car"] == [pytest.approx(0.5)]
    # nuScenes counts each of the other seven classes that can move as 1 m/s.
    assert scores.running["objects.mave"] == pytest.approx(7.5 / 8)
    assert "objects.ave_bus" not in scores.running


def test_a_plan_waits_until_the_way_is_driven(car):
    scores = scores_of(car, "bev/plan")
    for step in range(-1, 4):
        car.poses[STAMP + step * STEP] = Pose.from_yaw(0.0, (4.0 * step, 0.0, 0.0))
    straight = np.column_stack([np.arange(1, 7) * 4.0, np.full(6, 1.0)])
    car.hear("bev/plan", path(straight, STAMP, step=0.5))
    scores.poll(0)
    assert not car.said
    for step in range(4, 7):
        car.poses[STAMP + step * STEP] = Pose.from_yaw(0.0, (4.0 * step, 0.0, 0.0))
    scores.poll(0)
    assert car.said["evaluation/plan_ade_3"] == [pytest.approx(1.0)]
    assert car.said["evaluation/plan_constant_ade_3"] == [pytest.approx(0.0, abs=1e-6)]
    assert scores.frames == {"bev/plan": 1}


def test_where_a_scene_ends_a_plan_counts_up_to_there(car):
    scores = scores_of(car, "bev/plan")
    for step in range(-1, 7):
        far = 4.0 * step if step < 3 else 9000.0  # the next scene
        car.poses[STAMP + step * STEP] = Pose.from_yaw(0.0, (far, 0.0, 0.0))
    car.hear("bev/plan", path(np.column_stack([np.arange(1, 7) * 4.0, np.zeros(6)]), STAMP, step=0.5))
    scores.poll(0)
    assert car.said["evaluation/plan_ade_1"] == [pytest.approx(0.0, abs=1e-6)]
    assert "evaluation/plan_ade_3" not in car.said


def test_what_waits_at_the_end_is_scored(car):
    scores = scores_of(car, "bev/plan", "bev/drivable", "ground_truth/drivable")
    for step in range(-1, 3):
        car.poses[STAMP + step * STEP] = Pose.from_yaw(0.0, (4.0 * step, 0.0, 0.0))
    car.hear("bev/plan", path(np.column_stack([np.arange(1, 7) * 4.0, np.zeros(6)]), STAMP, step=0.5))
    scores.flush()
    assert scores.running["plan.ade_1"] == pytest.approx(0.0, abs=1e-6)
