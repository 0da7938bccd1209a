from __future__ import annotations

import importlib.machinery
import sys
import types

import cv2
import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from nav_msgs.msg import OccupancyGrid
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField

from lss_bev_ros import camera_image, images, messages
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


POINT_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 8: "f8", 9: "i8", 10: "u8"}


def cloud(rows, width, point_step, fields, row_step, big=False):
    """A cloud of rows of bytes; fields are (name, offset, type)."""
    made = PointCloud2(height=len(rows), width=width, point_step=point_step, row_step=row_step)
    made.fields = [PointField(name=n, offset=o, datatype=t, count=1) for n, o, t in fields]
    made.is_bigendian, made.data = big, messages.to_array(b"".join(bytes(row) for row in rows), "B")
    made.header.frame_id = "lidar"
    return made


@settings(max_examples=150)
@given(st.data())
def test_a_cloud_of_any_layout_gives_its_points(data):
    height, width = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 5))
    names = data.draw(st.permutations(["x", "y", "z", "intensity", "ring", "t"]))
    names = [n for n in names if n in "xyz" or data.draw(st.booleans())]
    big = data.draw(st.booleans())
    fields, offset = [], 0
    for name in names:
        offset += data.draw(st.integers(0, 3))
        kind = data.draw(st.sampled_from(sorted(POINT_TYPES)))
        fields.append((name, offset, kind))
        offset += np.dtype(POINT_TYPES[kind]).itemsize
    step = offset + data.draw(st.integers(0, 5))
    padding = data.draw(st.integers(0, 2 * step))
    # What lies between fields and behind rows looks like points if it is read as such.
    rows = np.full((height, width * step + padding), 77, np.uint8)
    expected = data.draw(hnp.arrays(np.int8, (height, width, 3), elements=st.integers(0, 100)))
    for name, start, kind in fields:
        if name in "xyz":
            dtype = np.dtype((">" if big else "<") + POINT_TYPES[kind])
            values = expected[..., "xyz".index(name)].astype(dtype)
            for k in range(width):
                place = slice(k * step + start, k * step + start + dtype.itemsize)
                rows[:, place] = values[:, k].reshape(-1, 1).view(np.uint8)
    row_step = rows.shape[1]
    if padding == 0 or height == 1:
        # Nothing is between the rows, so whatever the driver wrote does not matter.
        row_step = data.draw(st.sampled_from([row_step, 0, 1, rows.size + 8, 2**32 - 1]))
    points = messages.xyz_from_cloud(wire(cloud(rows, width, step, fields, row_step, big)))
    assert points.dtype == np.float32
    assert np.array_equal(points, expected.reshape(-1, 3))


XYZ = (("x", 0, 7), ("y", 4, 7), ("z", 8, 7))


def test_the_last_row_of_a_cloud_may_lack_its_padding():
    values = np.arange(2 * 2 * 3, dtype="<f4").reshape(2, 6)
    first, last = values[0].tobytes() + bytes(8), values[1].tobytes()
    assert np.array_equal(
        messages.xyz_from_cloud(cloud([first, last], 2, 12, XYZ, 32)), values.reshape(-1, 3)
    )


def test_an_empty_cloud_has_no_points():
    assert messages.xyz_from_cloud(cloud([], 0, 12, XYZ, 0)).shape == (0, 3)
    assert messages.xyz_from_cloud(cloud([b""], 0, 0, XYZ, 0)).shape == (0, 3)


@pytest.mark.parametrize(
    ("made", "line"),
    [
        (
            cloud([bytes(24)], 2, 12, (("x", 2**31 - 1, 7), *XYZ[1:]), 24),
            "field x .* ends at byte 2147483651",
        ),
        (cloud([bytes(4)], 2, 2, XYZ, 4), "field x .* ends at byte 4 of a point, beyond its point_step of 2"),
        (cloud([bytes(24)], 2, 12, (*XYZ[:2], ("z", 10, 7)), 24), "field z .* ends at byte 14"),
        (cloud([bytes(24)], 2, 12, (*XYZ[:2], ("z", 8, 99)), 24), r"but this one has x .*z \(type 99\)"),
        (cloud([bytes(24)], 2, 12, XYZ[:2], 24), "numeric fields x, y and z"),
        (cloud([bytes(23)], 2, 12, XYZ, 24), "23 bytes do not hold a point cloud of 1 rows of 2 points"),
        (cloud([bytes(32), bytes(20)], 2, 12, XYZ, 32), r"52 bytes do not hold .* \(row_step 32\)"),
        (cloud([b""], 2**32 - 1, 12, XYZ, 2**32 - 1), "0 bytes do not hold"),
    ],
)
def test_a_cloud_that_does_not_fit_itself_is_refused_in_one_line(made, line):
    with pytest.raises(GeometryError, match=f"lidar: .*{line}") as raised:
        messages.xyz_from_cloud(made)
    assert "\n" not in str(raised.value)


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


def raw_image(encoding, rows, width):
    rows = np.ascontiguousarray(rows).reshape(len(rows), -1).view(np.uint8)
    message = Image(height=len(rows), width=width, encoding=encoding, step=rows.shape[1])
    message.header.frame_id = "cam_front"
    message.data = messages.to_array(rows, "B")
    return message


def test_any_encoding_becomes_rgb_wherever_it_comes_from():
    rows = np.random.default_rng(0).integers(0, 65536, (8, 12)).astype(">u2")
    message = raw_image("bayer_grbg16", np.pad(rows, ((0, 0), (0, 3))), 12)
    message.is_bigendian = 1
    expected = images.rgb("bayer_grbg16", rows.astype("<u2").tobytes(), 8, 12, 24)
    assert (messages.rgb_from_image(wire(message)) == expected).all()
    assert (messages.picture(wire(message)) == expected).all()


def test_a_file_is_handed_on_as_it_is():
    jpeg = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    for said in ("jpeg", "", "bgr8; jpeg compressed bgr8", "png", "bayer_rggb8; jpeg compressed bgr8"):
        assert messages.picture(wire(messages.compressed_image(jpeg, 0, "cam_front", said))) == jpeg


@pytest.mark.parametrize("bits", [8, 16])
def test_a_compressed_mosaic_has_the_colours_of_the_raw_one(bits):
    mosaic = np.random.default_rng(0).integers(0, 2**bits, (8, 12)).astype(f"u{bits // 8}")
    png = cv2.imencode(".png", mosaic)[1].tobytes()
    sent = messages.compressed_image(png, 0, "cam_front", f"bayer_bggr{bits}; png compressed ")
    raw = messages.rgb_from_image(raw_image(f"bayer_bggr{bits}", mosaic, 12))
    assert (messages.picture(wire(sent)) == raw).all()
    grey = messages.compressed_image(png, 0, "cam_front", f"mono{bits}; png compressed ")
    assert messages.picture(wire(grey)) == png


def test_bytes_that_are_no_picture_are_named_with_their_format():
    sent = messages.compressed_image(b"\0\0\0\1\x67\x64", 0, "cam_front", "h264")
    with pytest.raises(GeometryError, match=r"cam_front: image is H\.264 video .*\(format 'h264'\)"):
        messages.picture(sent)
    cut = messages.compressed_image(b"\x89PNG\r\n\x1a\n", 0, "cam_front", "bayer_rggb8; png compressed ")
    with pytest.raises(GeometryError, match="cam_front: PNG is truncated"):
        messages.picture(cut)


def test_what_a_user_should_know_of_an_image():
    dark = raw_image("mono16", np.full((8, 12), 1023, np.uint16), 12)
    assert messages.image_note(dark).startswith("cam_front: mono16 image uses 10 of its 16 bits")
    assert not messages.image_note(raw_image("mono16", np.full((8, 12), 40000, np.uint16), 12))
    assert not messages.image_note(messages.image(np.zeros((4, 6, 3), np.uint8), 0, "cam_front"))
    assert not messages.image_note(Image(encoding="mono16"))
    assert not messages.image_note(messages.compressed_image(b"", 0, "cam_front"))


@pytest.mark.skipif(not camera_image._is_usable_cv_bridge(), reason="no cv_bridge of ROS here")
@pytest.mark.parametrize(
    ("encoding", "row"),
    list(
        {
            "rgb8": 96,
            "bgr8": 96,
            "bgra8": 128,
            "rgba16": 256,
            "mono16": 64,
            "16UC1": 64,
            "8UC3": 96,
            "bayer_rggb8": 32,
            "bayer_gbrg16": 64,
            "yuv422": 64,
            "uyvy": 64,
            "yuyv": 64,
            "nv12": 32,
        }.items()
    ),
)
def test_the_cv_bridge_of_this_machine_gives_the_same_pixels(encoding, row):
    padded = np.random.default_rng(0).integers(0, 256, (24, row + 7), np.uint8)
    message = raw_image(encoding, padded, 32)
    message.height = 16 if encoding == "nv12" else 24
    expected = images.rgb(encoding, message.data, message.height, 32, message.step)
    assert (messages.rgb_from_image(message) == expected).all()


@pytest.fixture
def bridge(tmp_path, monkeypatch):
    """A cv_bridge that notes what it is asked for, in place of whatever is installed."""

    def install(compiled_for=b"numpy._core", fails=False):
        asked = []

        class CvBridge:
            def imgmsg_to_cv2(self, message, desired_encoding):
                asked.append(
                    (message.encoding, message.height, message.width, message.step, desired_encoding)
                )
                if fails:
                    raise TypeError("Unrecognized image encoding")
                return np.full((message.height, message.width, 3), 5, np.uint8)

        (tmp_path / "boost").mkdir()
        (tmp_path / "boost" / "cv_bridge_boost.cpython-312.so").write_bytes(b"\x7fELF" + compiled_for)
        module = types.ModuleType("cv_bridge")
        module.CvBridge = CvBridge
        module.__spec__ = importlib.machinery.ModuleSpec("cv_bridge", None, is_package=True)
        module.__spec__.submodule_search_locations = [str(tmp_path)]
        monkeypatch.setitem(sys.modules, "cv_bridge", module)
        camera_image._converter.cache_clear()
        return asked

    yield install
    camera_image._converter.cache_clear()


def test_a_real_cv_bridge_converts_what_it_knows(bridge):
    asked = bridge()
    padded = raw_image("8UC3", np.zeros((4, 25), np.uint8), 8)
    assert (messages.rgb_from_image(padded) == 5).all()
    # It would shear a picture whose rows are padded by no whole pixel, and refuses OpenCV's type.
    assert asked == [("bgr8", 4, 8, 24, "rgb8")]
    planes = raw_image("nv12", np.full((6, 4), 128, np.uint8), 4)
    planes.height = 4
    assert messages.rgb_from_image(planes).shape == (4, 4, 3)
    assert len(asked) == 1


def test_what_a_cv_bridge_does_not_know_opencv_converts(bridge):
    asked = bridge(fails=True)
    grey = raw_image("mono8", np.full((4, 6), 7, np.uint8), 6)
    assert (messages.rgb_from_image(grey) == 7).all()
    assert asked


def test_a_cv_bridge_that_would_end_the_process_is_left_alone(bridge, monkeypatch):
    asked = bridge(compiled_for=b"numpy.core._multiarray_umath")
    monkeypatch.setattr(np, "__version__", "2.1.0")
    assert (messages.rgb_from_image(raw_image("mono8", np.full((4, 6), 7, np.uint8), 6)) == 7).all()
    assert not asked


def test_images_survive():
    rgb = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    assert (messages.rgb_from_image(wire(messages.image(rgb, 0, "cam_front"))) == rgb).all()


def test_messages_that_do_not_fit_themselves_are_refused():
    grid = messages.occupancy_grid(np.zeros(GRID.shape, np.int8), GRID, 0)
    grid.info.width += 1
    with pytest.raises(GeometryError, match="occupancy grid"):
        messages.cells_from_grid(grid)
    with pytest.raises(GeometryError, match="encoding"):
        messages.rgb_from_image(Image(encoding="nv24", height=2, width=2, step=4))
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
