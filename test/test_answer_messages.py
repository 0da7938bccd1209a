"""Answers become messages and come back."""

from __future__ import annotations

import array

import numpy as np
import pytest
from sensor_msgs.msg import PointCloud2, PointField
from visualization_msgs.msg import Marker

from lss_bev_ros import messages
from lss_bev_ros.answers.boxes import Detections
from lss_bev_ros.answers.lanes import TracedLine
from lss_bev_ros.answers.plan import PathPlan
from lss_bev_ros.answers.voxels import COLORS, OccupiedVoxels
from lss_bev_ros.errors import GeometryError
from lss_bev_ros.geometry import BevGrid
from lss_bev_ros.messages.maps import class_image, classes_from_image, similarity_percents
from lss_bev_ros.messages.objects import (
    detection_array,
    detections_from_array,
    label_info,
    names_of,
    object_markers,
)
from lss_bev_ros.messages.paths import lane_markers, lines_from_markers, path, plan_path, points_from_path
from lss_bev_ros.messages.voxels import VOXEL_DTYPE, voxel_cloud

STAMP = 1_600_000_000_123_456_789


@pytest.fixture
def things():
    return Detections(
        np.array([0, 8]),
        np.array([0.9, 0.25], np.float32),
        np.array([(10, -4, 0.8), (3, 2, 0.9)], np.float32),
        np.array([(4.5, 1.9, 1.6), (0.7, 0.6, 1.8)], np.float32),
        np.array([2.5, -0.5], np.float32),
        np.array([(3, 4), (0.1, 0.0)], np.float32),
    )


def test_things_survive_vision_msgs(things):
    message = detection_array(things, STAMP)
    assert message.header.frame_id == "base_link"
    assert messages.from_stamp(message.header.stamp) == STAMP
    first = message.detections[0]
    assert first.results[0].hypothesis.class_id == "car"
    assert first.bbox.size.x == pytest.approx(4.5)
    assert first.results[0].pose.pose.position == first.bbox.center.position
    back = detections_from_array(message)
    assert back.names == things.names
    for name in ("scores", "centers", "sizes", "yaws"):
        np.testing.assert_allclose(getattr(back, name), getattr(things, name), atol=1e-6)
    assert np.isnan(back.velocities).all()
    assert len(detections_from_array(detection_array(things[:0], STAMP))) == 0


def test_detections_of_others_are_read_by_name_or_number(things):
    message = detection_array(things, STAMP)
    message.detections[0].results[0].hypothesis.class_id = "3"
    message.detections[1].results[0].hypothesis.class_id = "unicorn"
    assert detections_from_array(message).names == ["bus"]


def test_what_moves_has_an_arrow_one_second_long(things):
    delete, *markers = object_markers(things, STAMP).markers
    assert delete.action == Marker.DELETEALL
    kinds = [marker.type for marker in markers]
    assert kinds.count(Marker.CUBE) == 2
    (arrow,) = (marker for marker in markers if marker.type == Marker.ARROW)
    begin, end = arrow.points
    assert (end.x - begin.x, end.y - begin.y) == pytest.approx((3.0, 4.0))
    assert (begin.x, begin.y) == pytest.approx((10.0, -4.0))
    assert len({(marker.ns, marker.id) for marker in markers}) == len(markers)


def test_numbers_of_classes_have_their_names():
    message = label_info(("unknown", "car"), STAMP, "base_link", 0.25)
    assert names_of(message) == {0: "unknown", 1: "car"}
    assert message.threshold == pytest.approx(0.25)


def test_a_class_image_lies_as_the_picture_does():
    classes = np.arange(6, dtype=np.uint8).reshape(3, 2)  # [x, y]
    message = class_image(classes, STAMP)
    assert (message.height, message.width, message.encoding, message.step) == (3, 2, "mono8", 2)
    assert list(message.data) == [5, 4, 3, 2, 1, 0]  # the first row is the farthest ahead, from left to right
    np.testing.assert_array_equal(classes_from_image(message), classes)


def test_similarities_are_percentages_where_something_is_known():
    reached = np.array([[True, True, False, True]])
    values = similarity_percents(np.array([[0.999, -0.2, 0.5, np.nan]]), reached)
    assert values.tolist() == [[99, 0, -1, -1]]


def test_voxels_are_a_cloud_with_class_and_color():
    voxels = OccupiedVoxels(
        np.array([(0, 0, 0), (1, 2, 3)], np.int16),
        np.array([4, 11], np.uint8),
        np.array([(1, 2, 3), (4, 5, 6)], np.float32),
    )
    message = voxel_cloud(voxels, STAMP)
    assert [field.name for field in message.fields] == ["x", "y", "z", "rgb", "class_id"]
    read = np.frombuffer(message.data, VOXEL_DTYPE)
    assert read["class_id"].tolist() == [4, 11]
    red, green, blue = map(int, COLORS[4])
    assert int(read["rgb"][0]) == (red << 16) + (green << 8) + blue
    np.testing.assert_array_equal(messages.xyz_from_cloud(message), voxels.centers)
    empty = voxel_cloud(OccupiedVoxels(voxels.cells[:0], voxels.classes[:0], voxels.centers[:0]), STAMP)
    assert (empty.width, len(empty.data)) == (0, 0)


def test_a_plan_tells_when_the_car_is_where():
    path_ = np.array([(1.0, 0), (2, 0), (3, 1), (3, 2), (3, 2), (3, 3)], np.float32)
    message = plan_path(
        PathPlan(path_[None], np.ones(1), np.zeros((4, 4)), BevGrid(-1, 1, -1, 1, 0.5)), STAMP
    )
    stamps = [messages.from_stamp(pose.header.stamp) - STAMP for pose in message.poses]
    assert stamps == [500_000_000 * step for step in range(1, 7)]
    np.testing.assert_allclose(points_from_path(message)[:, :2], path_)
    assert message.poses[3].pose.orientation.z == pytest.approx(np.sin(np.pi / 4))
    assert points_from_path(path(np.empty((0, 2)), STAMP)).shape == (0, 3)


def test_lanes_survive_markers():
    lanes = {
        "lane_boundary": [TracedLine(np.array([(0.0, 1), (5, 1), (9, 2)]), 0.9)],
        "road_boundary": [],
    }
    message = lane_markers(lanes, STAMP)
    assert message.markers[0].action == Marker.DELETEALL
    (line,) = lines_from_markers(message)["lane_boundary"]
    np.testing.assert_allclose(line[:, :2], lanes["lane_boundary"][0].points)


class TestReturns:
    """LiDAR clouds as the network takes them."""

    def cloud(self, stamp=STAMP, **columns):
        """A cloud of the given columns, beside x, y and z of 1, 2, 3 and so on."""
        count = len(next(iter(columns.values()), np.arange(4)))
        values = {name: np.arange(count, dtype="<f4") + 1 for name in "xyz"} | columns
        dtype = np.dtype([(name, each.dtype) for name, each in values.items()])
        packed = np.zeros(count, dtype)
        for name, each in values.items():
            packed[name] = each
        kinds = {"f4": 7, "f8": 8, "u1": 2, "u2": 4, "u4": 6}
        fields = [
            PointField(name=name, offset=dtype.fields[name][1], datatype=kinds[each.dtype.str[1:]], count=1)
            for name, each in values.items()
        ]
        data = array.array("B")
        data.frombytes(packed.tobytes())
        return PointCloud2(
            header=messages.header(stamp, "lidar"),
            height=1,
            width=count,
            fields=fields,
            point_step=dtype.itemsize,
            row_step=dtype.itemsize * count,
            data=data,
        )

    @pytest.mark.parametrize(
        ("values", "full"),
        [
            (np.array([0.0, 0.25, 1.0], "<f4"), 1.0),
            (np.array([0.0, 20.0, 255.0], "<f4"), 255.0),
            (np.array([0, 20, 255], "u1"), 255.0),
            (np.array([0, 1000, 40000], "<u2"), 65535.0),
        ],
    )
    def test_intensity_is_a_share_whatever_it_counts_to(self, values, full):
        read = messages.returns_from_cloud(self.cloud(intensity=values))
        np.testing.assert_allclose(read[:, 3], values / full, rtol=1e-6)

    def test_a_cloud_without_intensity_says_so(self):
        read = messages.returns_from_cloud(self.cloud())
        assert np.isnan(read[:, 3]).all()
        np.testing.assert_array_equal(read[:, 4], 0.0)
        np.testing.assert_array_equal(read[:, :3], messages.xyz_from_cloud(self.cloud()))

    @pytest.mark.parametrize(
        ("field", "values"),
        [
            ("time", np.array([-0.1, -0.05, 0.0], "<f4")),
            ("timestamp", STAMP / 1e9 + np.array([-0.1, -0.05, 0.0])),
            ("timestamp", STAMP + np.array([-1e8, -5e7, 0.0])),
        ],
    )
    def test_ages_are_seconds_before_the_stamp(self, field, values):
        read = messages.returns_from_cloud(self.cloud(**{field: values}))
        np.testing.assert_allclose(read[:, 4], [0.1, 0.05, 0.0], atol=1e-6)

    def test_times_since_the_stamp_are_below_zero(self):
        read = messages.returns_from_cloud(self.cloud(t=np.array([0, 50_000_000, 99_000_000], "<u4")))
        np.testing.assert_allclose(read[:, 4], [0.0, -0.05, -0.099], atol=1e-6)

    @pytest.mark.parametrize(
        "values", [np.array([5.0, 6e5, np.nan]), np.array([100.0, 200.0, 300.0]), np.array([3.0, 3.05, 3.1])]
    )
    def test_times_that_make_no_sense_say_nothing(self, values):
        np.testing.assert_array_equal(messages.returns_from_cloud(self.cloud(time=values))[:, 4], 0.0)

    def test_points_without_a_return_go(self):
        x = np.array([1, np.nan, 3], "<f4")
        read = messages.returns_from_cloud(self.cloud(x=x, intensity=np.array([10, 20, 200.0], "<f4")))
        np.testing.assert_allclose(read[:, 0], [1, 3])
        np.testing.assert_allclose(read[:, 3], [10 / 255, 200 / 255], rtol=1e-6)

    @pytest.mark.parametrize("nothing", [0.0, 1e30, -1e6, np.inf, np.nan])
    def test_what_drivers_write_where_nothing_came_back_goes(self, nothing):
        x, z = np.array([5, nothing, 0], "<f4"), np.array([0, nothing, -1.8], "<f4")
        cloud = self.cloud(x=x, y=np.array([0, nothing, 0], "<f4"), z=z)
        np.testing.assert_array_equal(messages.returns_from_cloud(cloud)[:, 0], [5, 0])

    def test_of_many_points_some_are_read_evenly(self):
        cloud = self.cloud(x=np.arange(1000, dtype="<f4"))
        read = messages.returns_from_cloud(cloud, most=10)
        np.testing.assert_array_equal(read[:, 0], np.arange(0, 1000, 100))
        assert len(messages.returns_from_cloud(self.cloud(x=np.zeros(0, "<f4")))) == 0

    def test_a_cloud_without_places_is_named(self):
        cloud = self.cloud()
        cloud.fields = cloud.fields[:2]
        with pytest.raises(GeometryError, match="x, y and z"):
            messages.returns_from_cloud(cloud)
