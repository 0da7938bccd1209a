"""What no node looks at: messages that nobody can have meant."""

from __future__ import annotations

import array

import numpy as np
import pytest
from builtin_interfaces.msg import Duration, Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import Point, PoseStamped
from nav_msgs.msg import OccupancyGrid, Odometry, Path
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2, PointField
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage
from vision_msgs.msg import (
    Detection3D,
    Detection3DArray,
    LabelInfo,
    ObjectHypothesis,
    ObjectHypothesisWithPose,
    VisionClass,
)
from visualization_msgs.msg import Marker, MarkerArray

from lss_bev_ros import messages
from lss_bev_ros.errors import MessageError
from lss_bev_ros.geometry import BevGrid, Pose
from lss_bev_ros.messages import gate

NOW = 1_700_000_000_000_000_000


def grid(**info):
    message = messages.occupancy_grid(np.zeros((4, 3), np.int8), BevGrid(0, 4, 0, 3, 1.0), NOW)
    for name, value in info.items():
        setattr(message.info, name, value)
    return message


def turned():
    message = grid()
    message.info.origin.orientation.z = message.info.origin.orientation.w = 0.7071
    return message


def with_values(*values):
    message = grid()
    message.data = array.array("b", values)
    return message


def stamped(sec, nanosec=0):
    return Header(stamp=Time(sec=sec, nanosec=nanosec))


def moved(x):
    message = messages.transform(Pose.identity(), "map", "car", NOW)
    message.transform.translation.x = x
    return TFMessage(transforms=[message])


def detection(score=0.5, x=1.0, length=4.0):
    thing = Detection3D()
    thing.results = [ObjectHypothesisWithPose(hypothesis=ObjectHypothesis(class_id="car", score=score))]
    thing.bbox.center.position.x, thing.bbox.size.x = x, length
    return Detection3DArray(detections=[thing])


GOOD = {
    "grid": grid(),
    "unknown grid": with_values(*[-1] * 12),
    "grid without an orientation": OccupancyGrid(info=grid().info, data=grid().data),
    "cloud": messages.point_cloud(np.zeros((5, 5), np.float32), NOW, "lidar_top"),
    "empty cloud": PointCloud2(),
    "image": messages.image(np.zeros((4, 6, 3), np.uint8), NOW, "cam_front"),
    "image of one bit a pixel": Image(height=8, width=8, encoding="mono1", step=1, data=bytes(8)),
    "file": messages.compressed_image(b"anything", NOW, "cam_front"),
    "clock at its start": Clock(),
    "moment in 1970": CameraInfo(header=stamped(0, 999_999_999)),
    "moment in 2037": CameraInfo(header=stamped(2_120_000_000)),
    "frame in another script": CameraInfo(header=Header(frame_id="камера/前")),
    "transform that nobody knows": moved(float("nan")),
    "marker that lasts for ever": MarkerArray(markers=[Marker(lifetime=Duration(sec=-1, nanosec=2**32 - 1))]),
    "line with a gap": MarkerArray(markers=[Marker(points=[Point(x=float("nan"))])]),
    "map in metres of UTM": moved(5_800_000.0),
    "detection": detection(),
}


@pytest.mark.parametrize("message", GOOD.values(), ids=GOOD)
def test_what_a_driver_may_say_passes(message):
    gate.check(message)


BAD = {
    "header.stamp of -1 s": CameraInfo(header=stamped(-1)),
    "header.stamp of 2147483647 s": Image(header=stamped(2**31 - 1)),
    "header.stamp of 0 s and 1000000000 ns": Odometry(header=stamped(0, 1_000_000_000)),
    "clock of -5 s": Clock(clock=Time(sec=-5)),
    "markers.header.stamp of": MarkerArray(markers=[Marker(), Marker(header=stamped(-1))]),
    "poses.header.stamp of": Path(poses=[PoseStamped(header=stamped(-1))]),
    "header.frame_id '\ufffd": CameraInfo(header=Header(frame_id="\ufffd(")),
    "header.frame_id 'a\\x00b'": CameraInfo(header=Header(frame_id="a\0b")),
    "header.frame_id has 300 characters": CameraInfo(header=Header(frame_id="x" * 300)),
    "child_frame_id has": Odometry(child_frame_id="x" * 300),
    "status.message has 70000 characters": DiagnosticArray(status=[DiagnosticStatus(message="x" * 70_000)]),
    "status.values.key has": DiagnosticArray(status=[DiagnosticStatus(values=[KeyValue(key="x" * 70_000)])]),
    "status has 1001 items": DiagnosticArray(status=[DiagnosticStatus()] * 1001),
    "status.values has": DiagnosticArray(status=[DiagnosticStatus(values=[KeyValue()] * 1001)]),
    "5000 x 5000 cells": grid(width=5000, height=5000),
    "0 x 3 cells": grid(width=0),
    "12 values for 5 x 3 cells": grid(width=5),
    "resolution of 1e+20 m": grid(resolution=1e20),
    "resolution of nan m": grid(resolution=float("nan")),
    "resolution of 0 m": grid(resolution=0.0),
    "origin is turned": turned(),
    "values from -2 to 101": with_values(-2, 101, *[0] * 10),
    "points are more than": PointCloud2(width=2**32 - 1, height=2**32 - 1, data=bytes(9)),
    "9 bytes cannot hold 10 x 1 points": PointCloud2(width=10, height=1, data=bytes(9)),
    "fields has 300 items": PointCloud2(fields=[PointField()] * 300),
    "pixels are more than": Image(width=2**32 - 1, height=2**32 - 1),
    "cannot hold 100x100 pixels": Image(width=100, height=100, step=0, encoding="mono8", data=bytes(9)),
    "encoding has": Image(encoding="x" * 1000),
    "format has": CompressedImage(format="x" * 1000),
    "4294967295x1 pixels are no size": CameraInfo(width=2**32 - 1, height=1),
    "d has 1000 items": CameraInfo(d=[0.0] * 1000),
    "translation.x is 1e+300 m": moved(1e300),
    "translation.x is inf m": moved(float("inf")),
    "transforms has": TFMessage(transforms=moved(1.0).transforms * 2001),
    "markers has": MarkerArray(markers=[Marker()] * 4001),
    "markers.points has": MarkerArray(markers=[Marker(points=[Point()] * 50_001)]),
    "markers.points.x is": MarkerArray(markers=[Marker(points=[Point(x=1e30)])]),
    "poses has": Path(poses=[PoseStamped()] * 10_001),
    "score is no number": detection(score=float("nan")),
    "no place": detection(x=float("inf")),
    "of no thing": detection(length=-1.0),
    "class_map has": LabelInfo(class_map=[VisionClass()] * 1001),
}


@pytest.mark.parametrize("says", BAD)
def test_what_nobody_can_have_meant_is_refused_by_field(says):
    with pytest.raises(MessageError) as refusal:
        gate.check(BAD[says])
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_type_without_a_check_of_its_own_is_bounded_and_its_texts_and_stamps_are_checked():
    assert gate.most_bytes(Clock) < gate.most_bytes(PointCloud2) < gate.most_bytes(Image)
    with pytest.raises(MessageError, match="frame_id has"):
        gate.check(Header(frame_id="x" * 300))
