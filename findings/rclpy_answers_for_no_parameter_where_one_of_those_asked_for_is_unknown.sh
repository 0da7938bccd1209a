#!/usr/bin/env bash
# Packages: ros-jazzy-rclpy 7.1.6, ros-jazzy-rmw-fastrtps-cpp 8.4.3, ros-jazzy-common-interfaces 5.3.6. Python 3.12.
#          Seen 2026-11-29.
# Guess:   get_parameters answers with a value for each name, of type NOT_SET (0) for one that there is not.
# Truth:   one name that is not declared, or declared without a value, and the answer is empty for all: nothing says which.
#          get_parameter_types and describe_parameters do the same. `ros2 param get` asks for one at a time and does not show it.
# Seen:    ['rate'] -> 1 value, ['rate', 'other'] -> 0, ['rate', 'unset'] -> 0; types 0, descriptors 0
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3.12 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check \
    ros-jazzy-rclpy==7.1.6 ros-jazzy-rmw-fastrtps-cpp==8.4.3 ros-jazzy-common-interfaces==5.3.6
cd "$place"
export ROS_DOMAIN_ID=$((100 + RANDOM % 100)) ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST
cat > seen.py <<'EOF'
import rclpy
from rcl_interfaces.srv import DescribeParameters, GetParameters, GetParameterTypes
from rclpy.parameter import Parameter

rclpy.init(args=[])
node = rclpy.create_node("node")
node.declare_parameter("rate", 2.0)
node.declare_parameter("unset", Parameter.Type.STRING)


def ask(kind, name, *names):
    client = node.create_client(kind, f"/node/{name}")
    assert client.wait_for_service(timeout_sec=30)
    future = client.call_async(kind.Request(names=list(names)))
    rclpy.spin_until_future_complete(node, future, timeout_sec=30)
    return future.result()


one, two, three = (len(ask(GetParameters, "get_parameters", "rate", *more).values) for more in ((), ("other",), ("unset",)))
types = len(ask(GetParameterTypes, "get_parameter_types", "rate", "other").types)
described = len(ask(DescribeParameters, "describe_parameters", "rate", "other").descriptors)
print(f"['rate'] -> {one} value, ['rate', 'other'] -> {two}, ['rate', 'unset'] -> {three}; types {types}, descriptors {described}")
assert (one, two, three, types, described) == (1, 0, 0, 0, 0), "the behaviour has changed"
EOF
venv/bin/python seen.py
