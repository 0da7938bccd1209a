#!/usr/bin/env bash
# Packages: ros-jazzy-rclpy 7.1.6, ros-jazzy-rmw-fastrtps-cpp 8.4.3, ros-jazzy-common-interfaces 5.3.6. Python 3.12.
#          Seen 2026-11-29.
# Guess:   SYSTEM_DEFAULT reliability and durability are those of QoSProfile: reliable and volatile; so a best-effort publisher is
#          not heard by a system-default subscription, and a system-default publisher keeps nothing for those who come late.
# Truth:   the middleware's own defaults count. With Fast DDS a writer is reliable and transient local, a reader best effort and
#          volatile: the best-effort publisher is heard, and the latecomer gets old messages. Cyclone DDS's rmw takes both
#          for reliable and volatile, so the same program loses them there.
# Seen:    best effort to system default: matched 1; to reliable: matched 0; latched from a system default publisher: [7]
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3.12 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check \
    ros-jazzy-rclpy==7.1.6 ros-jazzy-rmw-fastrtps-cpp==8.4.3 ros-jazzy-common-interfaces==5.3.6
cd "$place"
export ROS_DOMAIN_ID=$((100 + RANDOM % 100)) ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST
cat > seen.py <<'EOF'
import time

import rclpy
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import Int32

rclpy.init(args=[])
node = rclpy.create_node("node")
default = QoSProfile(depth=5, reliability=ReliabilityPolicy.SYSTEM_DEFAULT, durability=DurabilityPolicy.SYSTEM_DEFAULT)
heard = []
quick = [node.create_publisher(Int32, name, QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)) for name in "ab"]
node.create_subscription(Int32, "a", print, default)
node.create_subscription(Int32, "b", print, 5)
node.create_publisher(Int32, "c", default).publish(Int32(data=7))
time.sleep(0.5)
latched = QoSProfile(depth=5, durability=DurabilityPolicy.TRANSIENT_LOCAL)
node.create_subscription(Int32, "c", lambda message: heard.append(message.data), latched)
deadline = time.monotonic() + 20
while time.monotonic() < deadline and not (heard and quick[0].get_subscription_count()):
    rclpy.spin_once(node, timeout_sec=0.1)
matched = [each.get_subscription_count() for each in quick]
print(f"best effort to system default: matched {matched[0]}; to reliable: matched {matched[1]}; latched from a system default publisher: {heard}")
assert (matched, heard) == ([1, 0], [7]), "the behaviour has changed"
EOF
venv/bin/python seen.py
