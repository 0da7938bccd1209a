#!/usr/bin/env bash
# Packages: rosbags 0.11.9; ros-jazzy-rclpy 7.1.6, ros-jazzy-rmw-fastrtps-cpp 8.4.3, ros-jazzy-common-interfaces 5.3.6.
#           Python 3.12. Seen 2026-11-29.
# Guess:   a ROS 1 bag that was converted to ROS 2 can be played: names follow the same rules.
# Truth:   in ROS 1 only the first letter of the whole name must be no digit; in ROS 2 none of its parts may begin with one, nor may
#          a namespace or a node's name. The converter keeps the name without a word, rosbags reads it, rclpy makes neither
#          publisher nor subscription for it. A parameter's name may.
# Seen:    converted /camera/0/gain, read 1 message; rclpy: InvalidTopicNameException; /camera/c0/gain: taken; parameter 0.gain: taken
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3.12 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check rosbags==0.11.9 \
    ros-jazzy-rclpy==7.1.6 ros-jazzy-rmw-fastrtps-cpp==8.4.3 ros-jazzy-common-interfaces==5.3.6
cd "$place"
export ROS_DOMAIN_ID=$((100 + RANDOM % 100))
cat > write.py <<'EOF'
from rosbags.rosbag1 import Writer
from rosbags.typesys import Stores, get_typestore

store = get_typestore(Stores.ROS1_NOETIC)
gain = store.types["std_msgs/msg/Float32"](1.0)
with Writer("ros1.bag") as bag:
    connection = bag.add_connection("/camera/0/gain", gain.__msgtype__, typestore=store)
    bag.write(connection, 1, store.serialize_ros1(gain, gain.__msgtype__))
EOF
cat > name.py <<'EOF'
import rclpy
from rclpy.exceptions import InvalidTopicNameException
from rosbags.rosbag2 import Reader
from std_msgs.msg import Float32

with Reader("ros2") as bag:
    topics = [connection.topic for connection in bag.connections]
    count = sum(1 for _ in bag.messages())
rclpy.init()
node = rclpy.create_node("node")


def outcome(make):
    try:
        make()
    except InvalidTopicNameException as error:
        return type(error).__name__
    return "taken"


seen = [
    outcome(lambda: node.create_publisher(Float32, topics[0], 1)),
    outcome(lambda: node.create_subscription(Float32, topics[0], print, 1)),
    outcome(lambda: node.create_publisher(Float32, "/camera/c0/gain", 1)),
    outcome(lambda: node.declare_parameter("0.gain", 1.0)),
]
print(f"converted {topics[0]}, read {count} message; publisher, subscription: {seen[0]}, {seen[1]}")
print(f"/camera/c0/gain: {seen[2]}; parameter 0.gain: {seen[3]}")
assert (topics, count) == (["/camera/0/gain"], 1), "the behaviour has changed"
assert seen == 2 * ["InvalidTopicNameException"] + 2 * ["taken"], "the behaviour has changed"
EOF
venv/bin/python write.py
venv/bin/rosbags-convert --src ros1.bag --dst ros2
venv/bin/python name.py
