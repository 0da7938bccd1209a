"""Definitions that the type store lacks, in ROS 2's own `.srv` and `.msg` notation.

The type store holds the messages of the distribution but no services; these are the ones of
std_srvs, of every rclpy node's parameters and of the bag player (std_srvs, rcl_interfaces and
rosbag2_interfaces of Jazzy). Of the messages it lacks those that come with no desktop, vision_msgs.
"""

from __future__ import annotations

SERVICES: dict[str, str] = {
    "std_srvs/srv/Empty": "---",
    "std_srvs/srv/SetBool": "bool data\n---\nbool success\nstring message",
    "std_srvs/srv/Trigger": "---\nbool success\nstring message",
    "rosbag2_interfaces/srv/GetRate": "---\nfloat64 rate",
    "rosbag2_interfaces/srv/IsPaused": "---\nbool paused",
    "rosbag2_interfaces/srv/Pause": "---",
    "rosbag2_interfaces/srv/PlayNext": "---\nbool success",
    "rosbag2_interfaces/srv/Resume": "---",
    "rosbag2_interfaces/srv/SetRate": "float64 rate\n---\nbool success",
    "rosbag2_interfaces/srv/TogglePaused": "---",
    "rcl_interfaces/srv/DescribeParameters": "string[] names\n---\nParameterDescriptor[] descriptors",
    "rcl_interfaces/srv/GetParameters": "string[] names\n---\nParameterValue[] values",
    "rcl_interfaces/srv/GetParameterTypes": "string[] names\n---\nuint8[] types",
    "rcl_interfaces/srv/ListParameters": (
        "uint64 DEPTH_RECURSIVE=0\nstring[] prefixes\nuint64 depth\n---\nListParametersResult result"
    ),
    "rcl_interfaces/srv/SetParameters": "Parameter[] parameters\n---\nSetParametersResult[] results",
    "rcl_interfaces/srv/SetParametersAtomically": ("Parameter[] parameters\n---\nSetParametersResult result"),
}

# Of vision_msgs 4.1.1.
VISION_MESSAGES: dict[str, str] = {
    "BoundingBox2D": "Pose2D center\nfloat64 size_x\nfloat64 size_y",
    "BoundingBox2DArray": "std_msgs/Header header\nBoundingBox2D[] boxes",
    "BoundingBox3D": "geometry_msgs/Pose center\ngeometry_msgs/Vector3 size",
    "BoundingBox3DArray": "std_msgs/Header header\nBoundingBox3D[] boxes",
    "Classification": "std_msgs/Header header\nObjectHypothesis[] results",
    "Detection2D": (
        "std_msgs/Header header\nObjectHypothesisWithPose[] results\nBoundingBox2D bbox\nstring id"
    ),
    "Detection2DArray": "std_msgs/Header header\nDetection2D[] detections",
    "Detection3D": (
        "std_msgs/Header header\nObjectHypothesisWithPose[] results\nBoundingBox3D bbox\nstring id"
    ),
    "Detection3DArray": "std_msgs/Header header\nDetection3D[] detections",
    "LabelInfo": "std_msgs/Header header\nVisionClass[] class_map\nfloat32 threshold",
    "ObjectHypothesis": "string class_id\nfloat64 score",
    "ObjectHypothesisWithPose": "ObjectHypothesis hypothesis\ngeometry_msgs/PoseWithCovariance pose",
    "Point2D": "float64 x\nfloat64 y",
    "Pose2D": "Point2D position\nfloat64 theta",
    "VisionClass": "uint16 class_id\nstring class_name",
    "VisionInfo": ("std_msgs/Header header\nstring method\nstring database_location\nint32 database_version"),
}

# Field defaults that a message definition gives; the type store does not keep them.
FIELD_DEFAULTS: dict[str, dict[str, float]] = {
    "geometry_msgs/msg/Quaternion": {"w": 1.0},
    "sensor_msgs/msg/NavSatStatus": {"status": -2},
}
