"""The views for RViz2 and Foxglove show topics and frames that exist, each as the type that it is."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import rclpy
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from ruamel.yaml import YAML

from lss_bev_ros import messages, topics
from lss_bev_ros.geometry import CAMERA_NAMES
from lss_bev_ros.messages.maps import class_image

CONFIG = Path(__file__).resolve().parents[1] / "config"
FRAMES = {"map", "base_link", "lidar_top", *CAMERA_NAMES}

RVIZ_TYPES = {
    "rviz_default_plugins/Map": "nav_msgs/msg/OccupancyGrid",
    "rviz_default_plugins/PointCloud2": "sensor_msgs/msg/PointCloud2",
    "rviz_default_plugins/MarkerArray": "visualization_msgs/msg/MarkerArray",
    "rviz_default_plugins/Path": "nav_msgs/msg/Path",
    # Through image_transport, which takes the topic's last part for the transport.
    "rviz_default_plugins/Image": "sensor_msgs/msg/CompressedImage",
}
FOXGLOVE_3D = {
    "nav_msgs/msg/OccupancyGrid",
    "sensor_msgs/msg/PointCloud2",
    "sensor_msgs/msg/CameraInfo",
    "visualization_msgs/msg/MarkerArray",
    "nav_msgs/msg/Path",
}


@pytest.fixture(scope="module")
def offers(tmp_path_factory):
    """Topic name to type name and offered QoS: what the nodes really publish, and the replay's contract."""
    from lss_bev_ros.nodes.evaluation import EvaluationNode
    from lss_bev_ros.nodes.inference import InferenceNode

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
        rclpy.init(args=[])
    nodes = [InferenceNode(weights="multi-seed:0", prompts=["zebra crossing"]), EvaluationNode()]
    found = {}
    for node in nodes:
        for name, types in node.get_publisher_names_and_types_by_node(node.get_name(), node.get_namespace()):
            (info, *_) = [
                each for each in node.get_publishers_info_by_topic(name) if each.node_name == node.get_name()
            ]
            durable = info.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL
            found[name] = (types[0], durable, info.qos_profile.reliability == ReliabilityPolicy.RELIABLE)
    for node in nodes:
        node.close()
        node.destroy_node()
    rclpy.try_shutdown()
    for topic in topics.all_topics():
        found[f"/{topic.name.removeprefix('/')}"] = (topic.type_name, topic.latched, True)
    return found


@pytest.fixture(scope="module")
def rviz():
    return YAML(typ="safe").load((CONFIG / "lss_bev.rviz").read_text())


@pytest.fixture(scope="module")
def foxglove():
    return json.loads((CONFIG / "foxglove_layout.json").read_text())


def _full(display):
    """A topic of RViz in the root namespace; relative, so that RViz in a car's namespace shows that car."""
    name = display["Topic"]["Value"]
    assert not name.startswith("/"), display["Name"]
    return f"/{name}"


def displays(rviz):
    return rviz["Visualization Manager"]["Displays"]


def test_rviz_shows_topics_that_are_published_as_what_they_are(rviz, offers):
    for display in displays(rviz):
        if "Topic" not in display:
            assert display["Class"] in ("rviz_default_plugins/Grid", "rviz_default_plugins/TF")
            continue
        name = _full(display)
        assert name in offers, f"{display['Name']}: nobody publishes {name}"
        assert offers[name][0] == RVIZ_TYPES[display["Class"]], display["Name"]


def test_rviz_asks_for_nothing_that_is_not_offered_and_misses_nothing_that_is_latched(rviz, offers):
    for display in displays(rviz):
        if "Topic" in display:
            _, latched, reliable = offers[_full(display)]
            wanted = "Transient Local" if latched else "Volatile"
            assert display["Topic"]["Durability Policy"] == wanted, display["Name"]
            heard = ("Reliable", "Best Effort") if reliable else ("Best Effort",)
            assert display["Topic"]["Reliability Policy"] in heard, display["Name"]


def test_rviz_shows_every_camera_both_grids_the_scan_and_what_was_found(rviz):
    shown = {
        display["Topic"]["Value"] for display in displays(rviz) if "Topic" in display and display["Enabled"]
    }
    assert shown == {
        *(f"{name}/image_raw/compressed" for name in CAMERA_NAMES),
        "bev/occupancy",
        "bev/objects/markers",
        "bev/lanes",
        "bev/plan",
        "ground_truth/occupancy",
        "ground_truth/boxes",
        "lidar_top/points",
    }


def test_rviz_looks_from_frames_that_exist(rviz):
    manager = rviz["Visualization Manager"]
    assert manager["Global Options"]["Fixed Frame"] == "base_link"
    views = [manager["Views"]["Current"], *manager["Views"]["Saved"]]
    assert {view["Target Frame"] for view in views} <= FRAMES
    docks = {display["Name"] for display in displays(rviz) if display["Class"].endswith("/Image")}
    window = bytes.fromhex(rviz["Window Geometry"]["QMainWindow State"])
    placed = {name for name in docks if name.encode("utf-16-be") in window}
    assert len(placed) == len(CAMERA_NAMES)


def panels(layout):
    """Names of the panels in a mosaic."""
    if isinstance(layout, str):
        return [layout]
    assert layout["direction"] in ("row", "column")
    assert 0 < layout["splitPercentage"] < 100
    return panels(layout["first"]) + panels(layout["second"])


def test_foxglove_lays_out_every_panel_once(foxglove):
    placed = panels(foxglove["layout"])
    assert sorted(placed) == sorted(foxglove["configById"])
    kinds = {name.partition("!")[0] for name in placed}
    assert kinds == {"3D", "Image", "Plot", "DiagnosticSummary", "DiagnosticStatusPanel"}


def test_foxglove_shows_topics_that_are_published_as_what_they_are(foxglove, offers):
    cameras = set()
    for name, panel in foxglove["configById"].items():
        kind = name.partition("!")[0]
        for topic in panel.get("topics", {}):
            assert offers[topic][0] in FOXGLOVE_3D, f"{name}: {topic}"
        if kind == "Image":
            mode = panel["imageMode"]
            assert offers[mode["imageTopic"]][0] == "sensor_msgs/msg/CompressedImage"
            if "calibrationTopic" in mode:
                assert offers[mode["calibrationTopic"]][0] == "sensor_msgs/msg/CameraInfo"
                assert mode["calibrationTopic"].split("/")[1] == mode["imageTopic"].split("/")[1]
                cameras.add(mode["imageTopic"].split("/")[1])
        elif kind == "Plot":
            for path in panel["paths"]:
                topic, field = path["value"].rsplit(".", 1)
                assert offers[topic][0] == "std_msgs/msg/Float32"
                assert field == "data"
        elif kind.startswith("Diagnostic"):
            assert offers[panel["topicToRender"]][0] == "diagnostic_msgs/msg/DiagnosticArray"
    assert cameras == set(CAMERA_NAMES)


def test_foxglove_follows_frames_that_exist(foxglove):
    for panel in foxglove["configById"].values():
        assert panel.get("followTf", "base_link") in FRAMES
        for name in panel.get("transforms", {}):
            assert name.removeprefix("frame:") in FRAMES
        for layer in panel.get("layers", {}).values():
            assert layer["frameId"] in FRAMES


# What both Rerun 0.41 and Foxglove's image panel draw. Rerun takes grey ones for depth.
DRAWN = {"rgb8", "bgr8", "mono8", "mono16", "8UC1", "8UC3", "16UC1", "32FC1"}


def test_pictures_are_of_kinds_that_viewers_draw():
    assert class_image(np.zeros((4, 6), dtype=np.uint8), 0).encoding in DRAWN
    assert messages.image(np.zeros((2, 3, 3), dtype=np.uint8), 0, "map").encoding in DRAWN


def test_voxels_can_be_seen_as_a_cloud_since_no_viewer_draws_images_of_16_channels(offers):
    assert offers["/bev/voxels"][0] == "sensor_msgs/msg/PointCloud2"


def test_what_viewers_place_by_time_has_a_stamp(offers):
    """Rerun dates messages without a header, and arrays of markers, by when they were recorded alone."""
    undated = {each[0] for each in offers.values()} & {
        "std_msgs/msg/Float32",
        "visualization_msgs/msg/MarkerArray",
        "tf2_msgs/msg/TFMessage",
        "diagnostic_msgs/msg/DiagnosticStatus",
    }
    placed = {each[0] for each in offers.values()} - undated
    import rosidl_runtime_py.utilities

    for name in sorted(placed):
        fields = rosidl_runtime_py.utilities.get_message(name).get_fields_and_field_types()
        assert "header" in fields or name in (
            "rosgraph_msgs/msg/Clock",
            "rcl_interfaces/msg/Log",
            "rcl_interfaces/msg/ParameterEvent",
        ), name
