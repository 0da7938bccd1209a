from __future__ import annotations

import functools
import json
import shutil
import time

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import OccupancyGrid
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from lss_bev_ros import messages
from lss_bev_ros.dataset import CameraShot, Keyframe, NuScenesReader
from lss_bev_ros.dataset.timeline import Mounting
from lss_bev_ros.geometry import CAMERA_NAMES, BevGrid, vehicle_raster
from lss_bev_ros.nodes.diagnostics import WARN
from lss_bev_ros.nodes.replay import ReplayNode


@pytest.fixture(scope="session")
def recording(street):
    return next(iter(NuScenesReader(street, "").keyframes("scene-0001")))


def test_what_is_published_is_what_was_recorded(street, recording, processes, listener):
    for name in CAMERA_NAMES:
        listener.listen(CompressedImage, f"{name}/image_raw/compressed")
        listener.listen(CameraInfo, f"{name}/camera_info")
    listener.listen(PointCloud2, "lidar_top/points")
    listener.listen(OccupancyGrid, "ground_truth/occupancy", latched=True)
    listener.listen(MarkerArray, "ground_truth/boxes", latched=True)
    listener.listen(TFMessage, "/tf_static", latched=True)
    listener.listen(TFMessage, "/tf")
    listener.listen(Clock, "/clock")
    process = processes.node("replay", dataroot=street, stamp="dataset", wait_for_subscribers=1, linger=0.5)
    topics = [
        "lidar_top/points",
        "ground_truth/occupancy",
        "ground_truth/boxes",
        "/tf_static",
        "/tf",
        "/clock",
    ]
    topics += [f"{name}/{what}" for name in CAMERA_NAMES for what in ("image_raw/compressed", "camera_info")]
    received = listener.wait_for(lambda got: all(got[topic] for topic in topics) and got)

    for name, shot in recording.cameras.items():
        image, info = received[f"{name}/image_raw/compressed"][0], received[f"{name}/camera_info"][0]
        assert bytes(image.data) == shot.path.read_bytes()
        assert messages.from_stamp(image.header.stamp) == shot.stamp
        assert image.header.stamp == info.header.stamp
        assert image.header.frame_id == name
        assert np.asarray(info.k).reshape(3, 3) == pytest.approx(shot.camera.intrinsics)
    cloud = received["lidar_top/points"][0]
    assert messages.xyz_from_cloud(cloud) == pytest.approx(recording.lidar.points()[:, :3])
    assert [field.name for field in cloud.fields] == ["x", "y", "z", "intensity", "ring"]
    cells, grid = messages.cells_from_grid(received["ground_truth/occupancy"][0])
    assert grid == BevGrid()
    assert (cells == 100 * vehicle_raster(recording.boxes, grid)).all()
    assert len(received["ground_truth/boxes"][0].markers) == len(recording.boxes) + 1
    mounted = {t.child_frame_id: t for t in received["/tf_static"][0].transforms}
    assert mounted.keys() == {*CAMERA_NAMES, "lidar_top"}
    pose = messages.pose_from_transform(mounted["cam_front"])
    assert pose.matrix == pytest.approx(recording.cameras["cam_front"].camera.pose.matrix)
    assert {(t.header.frame_id, t.child_frame_id) for m in received["/tf"] for t in m.transforms} == {
        ("map", "base_link")
    }
    assert processes.end(process) == (0, processes.output(process))


def test_a_calibration_comes_before_all_images(street, processes, listener):
    """Fast DDS may lose a topic's first message and send it again 3 s later."""
    order = []
    # An executor that was kept from running takes what has come in the order of the subscriptions.
    for kind, topic in ((CameraInfo, "camera_info"), (CompressedImage, "image_raw/compressed")):
        for name in CAMERA_NAMES:
            note = functools.partial(lambda kind, _message: order.append(kind), kind)
            listener.node.create_subscription(kind, f"{name}/{topic}", note, 10)
    processes.node("replay", dataroot=street, wait_for_subscribers=1)
    listener.wait_until(lambda: order.count(CompressedImage) >= len(CAMERA_NAMES), "every camera seen", 120)
    assert order[: order.index(CompressedImage)].count(CameraInfo) >= len(CAMERA_NAMES)


def test_pause_and_step_go_keyframe_by_keyframe(street, processes, listener):
    listener.listen(OccupancyGrid, "ground_truth/occupancy", latched=True)
    clients = {name: listener.node.create_client(Trigger, f"replay/{name}") for name in ("pause", "step")}
    processes.node("replay", dataroot=street, paused="true", loop="true")

    for count in (1, 2):
        assert listener.call(clients["step"], Trigger.Request()).success
        listener.wait_for(lambda got, count=count: len(got["ground_truth/occupancy"]) == count)
    assert listener.call(clients["pause"], Trigger.Request()).success


def test_a_pause_begins_behind_the_keyframe_that_is_under_way(street, listener, monkeypatch):
    published = []

    def publish(node, event, _stamp):
        published.append(event.item)
        if isinstance(event.item, CameraShot):  # asked for while the keyframe is under way
            node._on_pause(Trigger.Request(), Trigger.Response())

    monkeypatch.setattr(ReplayNode, "_publish", publish)
    node = ReplayNode(dataroot=str(street))
    try:
        listener.wait_until(
            lambda: any(isinstance(item, Keyframe) for item in published), "at a keyframe's end"
        )
        time.sleep(0.7)  # more than a keyframe interval
    finally:
        node.close()
        node.destroy_node()
    assert sum(isinstance(item, CameraShot) for item in published) == len(CAMERA_NAMES)
    assert isinstance(published[-1], Keyframe)


def test_a_damaged_file_is_named_and_the_replay_goes_on(street, tmp_path, processes, listener):
    root = tmp_path / "damaged"
    shutil.copytree(street, root)
    victim = next(iter(NuScenesReader(root, "").keyframes("scene-0001"))).cameras["cam_back"].path
    victim.write_bytes(victim.read_bytes()[:1000])
    listener.listen(DiagnosticArray, "/diagnostics")
    listener.listen(CompressedImage, "cam_back/image_raw/compressed")
    processes.node("replay", dataroot=root, loop="true")  # discovery may take longer than the scene
    listener.wait_for(
        lambda got: any(
            status.level == b"\x02" and victim.name in status.message
            for array in got["/diagnostics"]
            for status in array.status
        )
    )
    listener.wait_for(lambda got: got["cam_back/image_raw/compressed"])


def test_raw_images_are_published_on_demand(street, recording, processes, listener):
    listener.listen(Image, "cam_front/image_raw")
    processes.node("replay", dataroot=street, publish_raw="true", wait_for_subscribers=0, loop="true")
    image = listener.wait_for(lambda got: got["cam_front/image_raw"])[0]
    camera = recording.cameras["cam_front"].camera
    assert messages.rgb_from_image(image).shape == (camera.height, camera.width, 3)


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"rate": "2"}, "parameter rate: 2 is not a number with a decimal point"),
        ({"rate": "1000.0"}, "parameter rate: 1000.0 is not between 0.01 and 100.0"),
        ({"stamp": "later"}, "parameter stamp: 'later' is not one of now, dataset"),
        ({"dataroot": "/nowhere"}, "dataroot /nowhere: no such folder"),
        ({"version": "v1.0-trainval"}, "version 'v1.0-trainval': not in"),
        ({}, "parameter dataroot: no data root given"),
    ],
)
def test_a_wrong_start_is_one_line(street, parameters, told, processes):
    if parameters and "dataroot" not in parameters:
        parameters = {**parameters, "dataroot": street}
    code, output = processes.end(processes.node("replay", **parameters))
    assert code == 1
    (line,) = output.strip().splitlines()
    assert line.startswith(f"error: {told}")


def test_a_table_without_a_field_is_named(street, tmp_path, processes):
    root = tmp_path / "broken"
    shutil.copytree(street, root)
    table = next(root.glob("v1.0-*")) / "calibrated_sensor.json"
    records = json.loads(table.read_text())
    del records[0]["translation"]
    table.write_text(json.dumps(records))
    code, output = processes.end(processes.node("replay", dataroot=root))
    assert code == 1
    (line,) = output.strip().splitlines()
    assert "calibrated_sensor.json" in line
    assert "translation" in line


def test_two_clocks_on_one_topic_are_told(street, listener):
    listener.node.create_publisher(Clock, "/clock", 1)
    node = ReplayNode(dataroot=str(street), paused=True, stamp="dataset")
    try:
        listener.wait_until(lambda: node.count_publishers("/clock") >= 2, "both clocks found")
        (status,) = node._statuses()
        assert (status.level, "/clock has other publishers too" in status.message) == (WARN, True)
    finally:
        node.close()
        node.destroy_node()


def test_a_turns_messages_are_made_before_its_first_is_due(street, listener, monkeypatch):
    done = []
    make, publish = ReplayNode._make, ReplayNode._publish

    def made(node, event):
        done.append(("made", event.item))
        return make(node, event)

    def published(node, event, stamp):
        done.append(("published", event.item))
        publish(node, event, stamp)

    monkeypatch.setattr(ReplayNode, "_make", made)
    monkeypatch.setattr(ReplayNode, "_publish", published)
    node = ReplayNode(dataroot=str(street), rate=0.2, publish_raw=True)
    keyframe = len(CAMERA_NAMES) + 2  # a scan and the annotations
    try:
        listener.wait_until(
            lambda: [what for what, _ in done].count("published") > 2 * keyframe, "two keyframes published"
        )
    finally:
        node.close()
        node.destroy_node()
    order = [(what, item) for what, item in done if not isinstance(item, Mounting)]
    first_published = [what for what, _ in order].index("published")
    assert first_published >= keyframe
    items = [item for what, item in order if what == "published"][keyframe : 2 * keyframe]
    begun = order.index(("published", items[0]))
    assert all(order.index(("made", item)) < begun for item in items)
