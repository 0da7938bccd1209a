#!/usr/bin/env bash
# Packages: ros-jazzy-rclpy 7.1.6, ros-jazzy-rmw-fastrtps-cpp 8.4.3, ros-jazzy-common-interfaces 5.3.6. Python 3.12.
#          Seen 2026-11-29.
# Guess:   set_parameters with a type that rcl_interfaces does not define is refused in the answer, as other wrong values are.
# Truth:   the number goes to an enumeration of Python before anything is checked: ValueError comes out of the node's spin, which
#          ends most nodes, and the caller gets no answer. Any process of the domain can do so; every node has the service.
# Seen:    a wrong type: refused in the answer; type 77: spin raises ValueError: 77 is not a valid Parameter.Type
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
from rcl_interfaces.msg import Parameter, ParameterValue
from rcl_interfaces.srv import SetParameters

rclpy.init(args=[])
node = rclpy.create_node("node")
node.declare_parameter("rate", 2.0)
client = node.create_client(SetParameters, "/node/set_parameters")
assert client.wait_for_service(timeout_sec=30)


def sent(kind: int) -> str:
    wrong = Parameter(name="rate", value=ParameterValue(type=kind))
    future = client.call_async(SetParameters.Request(parameters=[wrong]))
    deadline = time.monotonic() + 30
    try:
        while not future.done() and time.monotonic() < deadline:
            rclpy.spin_once(node, timeout_sec=0.1)
    except ValueError as error:
        return f"spin raises ValueError: {error}"
    return "taken" if future.result().results[0].successful else "refused in the answer"


known, unknown = sent(2), sent(77)
print(f"a wrong type: {known}; type 77: {unknown}")
assert known.startswith("refused") and unknown.startswith("spin raises ValueError"), "the behaviour has changed"
EOF
venv/bin/python seen.py
