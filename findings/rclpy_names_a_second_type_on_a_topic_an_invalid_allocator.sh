#!/usr/bin/env bash
# Packages: ros-jazzy-rclpy 7.1.6, ros-jazzy-rmw-fastrtps-cpp 8.4.3, ros-jazzy-common-interfaces 5.3.6. Python 3.12.
#          Seen 2026-11-28.
# Guess:   a node may subscribe to one topic with two types, as rqt or a bridge does while it looks for the right one:
#          both are made, the wrong one hears nothing. Or the error names the topic and its other type.
# Truth:   Fast DDS refuses a second type on a topic within one process's participant, and the exception in Python says
#          "invalid allocator"; the reason is only on standard error. A second type from ANOTHER process is no error at
#          all: both are made and do not hear each other.
# Seen:    RCLError: Failed to create subscription: invalid allocator, at ...rcl/subscription.c:261
#          reason in the exception: False; other context (another participant): made
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3.12 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check \
    ros-jazzy-rclpy==7.1.6 ros-jazzy-rmw-fastrtps-cpp==8.4.3 ros-jazzy-common-interfaces==5.3.6
cd "$place"
export ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST
venv/bin/python - 2> stderr <<'EOF'
import rclpy
from std_msgs.msg import Int32, String

rclpy.init()
node = rclpy.create_node("one")
publisher = node.create_publisher(Int32, "speed", 10)
try:
    node.create_subscription(String, "speed", print, 10)
    raise SystemExit("the behaviour has changed: made")
except Exception as error:
    text = f"{type(error).__name__}: {error}"
print(text)
print("reason in the exception:", "incompatible type" in text)
assert "invalid allocator" in text and "incompatible type" not in text, "the behaviour has changed"
other = rclpy.Context()
rclpy.init(context=other)
rclpy.create_node("two", context=other).create_subscription(String, "speed", print, 10)
print("other context (another participant): made")
rclpy.shutdown(context=other)
rclpy.shutdown()
EOF
grep -q "incompatible type" stderr
