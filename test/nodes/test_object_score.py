"""Objects on topics are scored against annotated ones, by what topics tell of both."""

from __future__ import annotations

import contextlib
import json
import threading

import numpy as np
import pytest
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from std_msgs.msg import Float32
from visualization_msgs.msg import MarkerArray

from lss_bev_ros import messages
from lss_bev_ros.answers.boxes import Detections
from lss_bev_ros.errors import EvaluationError
from lss_bev_ros.geometry import Box, Pose
from lss_bev_ros.messages.objects import detection_array
from lss_bev_ros.model.senses import DETECTED
from lss_bev_ros.nodes.evaluation import EvaluationNode
from lss_bev_ros.nodes.object_score import ObjectScore
from lss_bev_ros.nodes.qos import RELIABLE, latched_qos

CAR, PERSON = DETECTED.index("car"), DETECTED.index("pedestrian")
STAMP = 10**18


def found(*things):
    """What was detected: (class, x, y, score) each."""
    table = np.array(things, np.float32).reshape(-1, 4)
    count = len(table)
    centers = np.column_stack([table[:, 1:3], np.ones(count)]).astype(np.float32)
    sizes = np.full((count, 3), 2.0, np.float32)
    zeros = np.zeros(count, np.float32)
    labels = table[:, 0].astype(np.int64)
    return detection_array(
        Detections(labels, table[:, 3], centers, sizes, zeros, np.zeros((count, 2), np.float32)), STAMP
    )


def truth(*things, frame="base_link"):
    """What is annotated: (category, x, y) each."""
    boxes = [Box(Pose.from_yaw(0.0, (x, y, 1.0)), np.full(3, 2.0), name) for name, x, y in things]
    return messages.box_markers(boxes, STAMP, frame)


THERE = truth(("vehicle.car", 10, 0), ("human.pedestrian.adult", 5, 5))


def test_what_is_found_where_it_is_has_a_mean_ap_of_one_over_the_classes_that_are_there():
    score = ObjectScore("base_link")
    last = score.update(found((CAR, 10, 0, 0.9), (PERSON, 5, 5, 0.8)), THERE)
    assert last["map_present"] == pytest.approx(1.0)
    assert last["map"] == pytest.approx(0.2)
    assert score.running == pytest.approx(last)
    assert score.frames == 1
    assert not {"nds", "mave", "maae"} & set(last)


def test_what_is_missed_counts():
    assert ObjectScore("base_link").update(found((CAR, 10, 0, 0.9)), THERE)["map_present"] == pytest.approx(
        0.5
    )


def test_with_a_scan_what_it_does_not_hit_need_not_be_found():
    hit = np.array([[10.0, 0.0, 1.0]])
    assert ObjectScore("base_link").update(found((CAR, 10, 0, 0.9)), THERE, hit)[
        "map_present"
    ] == pytest.approx(1.0)


def test_objects_in_another_frame_are_named():
    with pytest.raises(EvaluationError, match=r"ground_truth/boxes is in frame 'map'"):
        ObjectScore("base_link").update(found(), truth(("car", 1, 1), frame="map"))


def test_the_node_publishes_and_reports_the_score(listener, tmp_path):
    node = EvaluationNode(report=str(tmp_path / "report.json"), match_timeout=0.2)
    executor = SingleThreadedExecutor()
    executor.add_node(node)

    def spin():
        with contextlib.suppress(ExternalShutdownException):
            executor.spin()

    threading.Thread(target=spin, daemon=True).start()
    listener.listen(Float32, "evaluation/objects_map_present")
    annotated = listener.node.create_publisher(MarkerArray, "ground_truth/boxes", latched_qos(depth=10))
    detected = listener.node.create_publisher(ObjectScore.kind, "bev/objects", RELIABLE)
    listener.wait_until(
        lambda: (
            annotated.get_subscription_count()
            and detected.get_subscription_count()
            and listener.node.count_publishers("evaluation/objects_map_present")
        ),
        "connected",
    )
    annotated.publish(THERE)
    detected.publish(found((CAR, 10, 0, 0.9)))
    received = listener.wait_for(lambda came: came["evaluation/objects_map_present"])
    assert received[0].data == pytest.approx(0.5)
    executor.remove_node(node)
    node.close()
    objects = json.loads((tmp_path / "report.json").read_text())["objects"]
    assert objects["frames"] == 1
    assert objects["map_present"] == pytest.approx(0.5)
    node.destroy_node()
