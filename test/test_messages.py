from __future__ import annotations

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from nav_msgs.msg import OccupancyGrid
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from lss_bev_ros import messages
from lss_bev_ros.errors import GeometryError
from lss_bev_ros.geometry import BevGrid, Box, Camera, Pose

GRID = BevGrid(-2.0, 4.0, -1.0, 1.5, 0.5)


def wire(message):
    """The message as a subscriber gets it."""
    return deserialize_message(serialize_message(message), type(message))


@given(st.integers(0, 2**31 * 10**9 - 1))
def test_stamps_survive(nanoseconds):
    assert messages.from_stamp(messages.to_stamp(nanoseconds)) == nanoseconds


@given(hnp.arrays(np.int8, GRID.shape, elements=st.integers(-1, 100)))
def test_grids_survive(cells):
    back, grid = messages.cells_from_grid(wire(messages.occupancy_grid(cells, GRID, 5)))
    assert (back == cells).all()
    assert grid == GRID


def test_a_grid_message_is_row_major_with_x_along_a_row():
    cells = np.zeros(GRID.shape, np.int8)
    cells[3, 1] = 100
    message = messages.occupancy_grid(cells, GRID, 0)
    assert isinstance(message, OccupancyGrid)
    assert (message.info.width, message.info.height) == GRID.shape
    assert message.data[1 * message.info.width + 3] == 100
    assert (message.info.origin.position.x, message.info.origin.position.y) == (-2.0, -1.0)


@settings(max_examples=30)
@given(hnp.arrays(np.float32, (7, 4), elements=st.floats(-100, 100, width=32)))
def test_clouds_survive(values):
    points = np.column_stack([values, np.arange(7, dtype=np.float32)])
    message = wire(messages.point_cloud(points, 0, "lidar_top"))
    assert (messages.xyz_from_cloud(message) == points[:, :3]).all()


def test_points_that_are_not_finite_are_left_out():
    points = np.zeros((3, 5), np.float32)
    points[1, 0] = np.nan
    assert len(messages.xyz_from_cloud(messages.point_cloud(points, 0, "lidar_top"))) == 2


@given(hnp.arrays(np.float64, 4, elements=st.floats(-1, 1)).filter(lambda q: np.linalg.norm(q) > 0.1))
def test_transforms_survive(quaternion):
    pose = Pose.from_quaternion(quaternion, (1.0, -2.0, 3.0))
    message = wire(messages.transform(pose, "base_link", "cam_front", 7))
    assert isinstance(message, TransformStamped)
    assert messages.pose_from_transform(message).matrix == pytest.approx(pose.matrix)


def test_cameras_survive():
    k = np.array([[1200.0, 0.0, 800.0], [0.0, 1210.0, 450.0], [0.0, 0.0, 1.0]])
    camera = Camera("cam_front", k, 1600, 900, Pose.identity())
    message = wire(messages.camera_info(camera, 3))
    back = messages.camera_from_info(message, "cam_front", Pose.identity())
    assert (back.intrinsics == k).all()
    assert (back.width, back.height) == (1600, 900)


def test_a_camera_info_without_focal_length_is_refused_by_name():
    with pytest.raises(GeometryError, match="cam_back: focal length"):
        messages.camera_from_info(CameraInfo(width=10, height=10), "cam_back", Pose.identity())


@pytest.mark.parametrize("encoding", ["rgb8", "bgr8", "rgba8", "bgra8", "mono8"])
def test_every_encoding_becomes_rgb(encoding):
    rgb = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    channels = {"rgb8": [0, 1, 2], "bgr8": [2, 1, 0], "rgba8": [0, 1, 2, 0], "bgra8": [2, 1, 0, 0]}
    pixels = rgb[..., channels.get(encoding, [0])]
    padded = np.zeros((4, 6 * pixels.shape[2] + 5), np.uint8)
    padded[:, :-5] = pixels.reshape(4, -1)
    message = Image(height=4, width=6, encoding=encoding, step=padded.shape[1])
    message.data = messages.to_array(padded, "B")
    expected = np.repeat(rgb[..., :1], 3, axis=2) if encoding == "mono8" else rgb
    assert (messages.rgb_from_image(message) == expected).all()


def test_images_survive():
    rgb = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    assert (messages.rgb_from_image(wire(messages.image(rgb, 0, "cam_front"))) == rgb).all()


def test_messages_that_do_not_fit_themselves_are_refused():
    grid = messages.occupancy_grid(np.zeros(GRID.shape, np.int8), GRID, 0)
    grid.info.width += 1
    with pytest.raises(GeometryError, match="occupancy grid"):
        messages.cells_from_grid(grid)
    with pytest.raises(GeometryError, match="encoding"):
        messages.rgb_from_image(Image(encoding="yuv422", height=2, width=2, step=4))
    with pytest.raises(GeometryError, match="bytes do not make"):
        messages.rgb_from_image(Image(encoding="rgb8", height=2, width=2, step=6))
    with pytest.raises(GeometryError, match="fields x, y and z"):
        messages.xyz_from_cloud(PointCloud2(width=1, height=1, point_step=4))


def test_boxes_become_markers_after_one_that_clears():
    box = Box(Pose.from_yaw(0.3, (5.0, 1.0, 0.8)), np.array([4.5, 1.9, 1.6]), "vehicle.car")
    clear, marker = wire(messages.box_markers([box], 0)).markers
    assert clear.action == clear.DELETEALL
    assert (marker.scale.x, marker.scale.y, marker.scale.z) == (4.5, 1.9, 1.6)
    assert marker.ns == "vehicle.car"


def test_boxes_come_out_of_their_markers():
    boxes = [
        Box(Pose.from_yaw(0.3 * k, (5.0, k, 0.8)), np.array([4.5, 1.9, 1.6]), kind)
        for k, kind in enumerate(["vehicle.car", "human.pedestrian.adult", "movable_object.barrier"])
    ]
    markers = wire(messages.box_markers(boxes, 0))
    for before, after in zip(boxes, messages.boxes_from_markers(markers), strict=True):
        assert after.category == before.category
        assert after.corners() == pytest.approx(before.corners())
    markers.markers[1].pose.orientation.w = markers.markers[1].pose.orientation.z = 0.0
    with pytest.raises(GeometryError):
        messages.boxes_from_markers(markers)


def test_diagnostics_carry_readable_values():
    status = wire(
        messages.diagnostic_status("a: b", b"\x01", "m", {"f": 1.23456, "n": 7, "list": [1.0, 2.5], "s": "x"})
    )
    assert messages.diagnostic_values(status) == {"f": "1.235", "n": "7", "list": "1, 2.5", "s": "x"}


def test_a_ring_that_nobody_knows_is_not_published_as_one():
    points = np.ones((4, 5), np.float32)
    points[:, 4] = -1
    cloud = messages.point_cloud(points, 0, "lidar_top")
    assert [field.name for field in cloud.fields] == ["x", "y", "z", "intensity"]
    assert (np.frombuffer(cloud.data, messages.POINT_DTYPE)["ring"] == 0).all()
    points[:2, 4] = 7, np.nan
    cloud = messages.point_cloud(points, 0, "lidar_top")
    assert [field.name for field in cloud.fields][-1] == "ring"
    assert np.frombuffer(cloud.data, messages.POINT_DTYPE)["ring"].tolist() == [7, 0, 0, 0]


def test_a_cloud_is_dense_where_every_point_has_a_place():
    points = np.ones((4, 5), np.float32)
    assert messages.point_cloud(points, 0, "lidar_top").is_dense
    points[2, 1] = np.nan
    cloud = messages.point_cloud(points, 0, "lidar_top")
    assert not cloud.is_dense
    assert len(messages.xyz_from_cloud(cloud)) == 3


@pytest.mark.parametrize(
    ("category", "like"), [("car", "vehicle.car"), ("pedestrian", "human.pedestrian.adult")]
)
def test_flat_categories_have_the_colours_of_their_kind(category, like):
    size = np.ones(3)
    of = [messages.box_markers([Box(Pose.identity(), size, name)], 0).markers[1] for name in (category, like)]
    assert of[0].color == of[1].color
