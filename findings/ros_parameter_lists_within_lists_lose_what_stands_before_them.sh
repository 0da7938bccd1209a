#!/usr/bin/env bash
# Packages: ros-jazzy-rclpy 7.1.6, ros-jazzy-rmw-fastrtps-cpp 8.4.3, ros-jazzy-common-interfaces 5.3.6. Python 3.12.
#          Seen 2026-11-29.
# Guess:   `-p a:=[a, [b]]` is refused, as a list of unlike things, and so is `[[1]]`; numbers are those of YAML.
# Truth:   the inner list becomes the value and what stood before it is gone, silently. Numbers are those of C: inf, nan and
#          infinity are doubles without the dot of YAML, 0x1p3 is 8.0, an integer beyond 64 bits is a double, and what
#          a double cannot hold (1e400, 1e-400) is a text.
# Seen:    [a, [b]] -> ['b']; [[1]] -> [1]; inf -> inf; 0x1p3 -> 8.0; 9223372036854775808 -> 9.223372036854776e+18;
#          1e400 -> '1e400'
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
from rcl_interfaces.msg import ParameterDescriptor

given = ["[a, [b]]", "[[1]]", "inf", "0x1p3", "9223372036854775808", "1e400"]
rclpy.init(args=["--ros-args", *[word for i, text in enumerate(given) for word in ("-p", f"p{i}:={text}")]])
node = rclpy.create_node("node")
loose = [node.declare_parameter(f"p{i}", None, ParameterDescriptor(dynamic_typing=True)).value for i in range(len(given))]
seen = [list(each) if hasattr(each, "tolist") else each for each in loose]
print("; ".join(f"{text} -> {value!r}" for text, value in zip(given, seen)))
assert seen == [["b"], [1], float("inf"), 8.0, 2.0**63, "1e400"], "the behaviour has changed"
EOF
venv/bin/python seen.py
