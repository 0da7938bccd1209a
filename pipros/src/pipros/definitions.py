"""Service definitions, in ROS 2's own `.srv` notation.

The type store holds the messages of the distribution but no services; these are the ones of
std_srvs, of every rclpy node's parameters and of the bag player (std_srvs, rcl_interfaces and
rosbag2_interfaces of Jazzy).
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

# Field defaults that a message definition gives; the type store does not keep them.
FIELD_DEFAULTS: dict[str, dict[str, float]] = {
    "geometry_msgs/msg/Quaternion": {"w": 1.0},
    "sensor_msgs/msg/NavSatStatus": {"status": -2},
}
