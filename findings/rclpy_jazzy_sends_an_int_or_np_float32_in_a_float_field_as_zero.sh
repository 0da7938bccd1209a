#!/usr/bin/env bash
# Packages: ros-jazzy-rclpy 7.1.6, ros-jazzy-rmw-fastrtps-cpp 8.4.3, ros-jazzy-common-interfaces 5.3.6.
#          Python 3.12, the only one that these wheels have. Seen 2026-11-28.
# Guess:   a wrong Python type in a message field raises, as in Humble, or is converted: 1 is sent as 1.0, np.True_ as
#          true.
# Truth:   Jazzy checks fields only with ROS_PYTHON_CHECK_FIELDS=1. Without it the C conversion takes any object for the
#          expected one: a Python int and a NumPy float32 in a float field go out as 0.0, NumPy's True in a bool field
#          as false, an int that is too large wraps around. No error, no warning. np.float64, a subclass of float, is right.
# Seen:    Float32(1) -> 0.0, Float32(np.float32(1.0)) -> 0.0, Float32(np.float64(1.0)) -> 1.0, Bool(np.True_) -> False,
#          UInt8(300) -> 44, Int32(np.int16(5)) -> 5; with ROS_PYTHON_CHECK_FIELDS=1: AssertionError for the first
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3.12 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check \
    ros-jazzy-rclpy==7.1.6 ros-jazzy-rmw-fastrtps-cpp==8.4.3 ros-jazzy-common-interfaces==5.3.6
cd "$place"
cat > sent.py <<'EOF'
import numpy as np
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import Bool, Float32, Int32, UInt8

seen = []
for kind, value in (
    (Float32, 1), (Float32, np.float32(1)), (Float32, np.float64(1)), (Bool, np.True_), (UInt8, 300), (Int32, np.int16(5)),
):
    seen.append(deserialize_message(serialize_message(kind(data=value)), kind).data)
    print(f"{kind.__name__}({value!r}) -> {seen[-1]}")
assert seen == [0.0, 0.0, 1.0, False, 44, 5], "the behaviour has changed"
EOF
venv/bin/python sent.py
if ROS_PYTHON_CHECK_FIELDS=1 venv/bin/python sent.py 2> checked; then echo "the behaviour has changed"; exit 1; fi
echo "with ROS_PYTHON_CHECK_FIELDS=1: $(tail -n 1 checked)"
grep -q "AssertionError: The 'data' field must be of type 'float'" checked
