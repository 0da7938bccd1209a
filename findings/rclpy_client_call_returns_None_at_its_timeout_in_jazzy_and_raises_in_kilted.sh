#!/usr/bin/env bash
# Packages: ros-jazzy-rclpy 7.1.6, ros-jazzy-rmw-fastrtps-cpp 8.4.3, ros-kilted-rclpy 9.1.2, ros-kilted-rmw-fastrtps-cpp 9.3.3. Python 3.12.
#          Seen 2026-11-29.
# Guess:   Client.call(request, timeout_sec=1.0) raises TimeoutError when the time is up, in every version that has the argument.
# Truth:   in Kilted it does. In Jazzy it returns None, so `client.call(...).success` is an AttributeError far from its cause.
# Seen:    jazzy: None; kilted: TimeoutError
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
for distribution in jazzy kilted; do
    python3.12 -m venv "$place/$distribution"
done
"$place/jazzy/bin/pip" install --quiet --disable-pip-version-check \
    ros-jazzy-rclpy==7.1.6 ros-jazzy-rmw-fastrtps-cpp==8.4.3 ros-jazzy-common-interfaces==5.3.6
"$place/kilted/bin/pip" install --quiet --disable-pip-version-check \
    ros-kilted-rclpy==9.1.2 ros-kilted-rmw-fastrtps-cpp==9.3.3 ros-kilted-common-interfaces==5.5.1
cd "$place"
export ROS_DOMAIN_ID=$((100 + RANDOM % 100)) ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST
cat > seen.py <<'EOF'
import os
import threading

import rclpy
from rclpy.executors import SingleThreadedExecutor
from std_srvs.srv import Trigger

rclpy.init(args=[])
node = rclpy.create_node("node")
executor = SingleThreadedExecutor()
executor.add_node(node)
threading.Thread(target=executor.spin, daemon=True).start()
client = node.create_client(Trigger, "nobody")
try:
    print(client.call(Trigger.Request(), timeout_sec=0.5), flush=True)
except TimeoutError:
    print("TimeoutError", flush=True)
os._exit(0)  # the thread spins on
EOF
jazzy=$(jazzy/bin/python seen.py)
kilted=$(kilted/bin/python seen.py)
echo "jazzy: $jazzy; kilted: $kilted"
[ "$jazzy" = None ] && [ "$kilted" = TimeoutError ] || { echo "the behaviour has changed" >&2; exit 1; }
