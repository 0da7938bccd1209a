#!/usr/bin/env bash
# Packages: ros-jazzy-rclpy 7.1.6, ros-jazzy-rmw-fastrtps-cpp 8.4.3, ros-jazzy-common-interfaces 5.3.6. Python 3.12.
#          Seen 2026-11-29.
# Guess:   String(text="a") raises, as any wrong keyword in Python does.
# Truth:   the constructor takes every keyword and compares names only where fields are checked, which they are not by default:
#          the message has its defaults. With ROS_PYTHON_CHECK_FIELDS=1 it is an AssertionError, as in Humble.
# Seen:    String(text='a') -> '', Header(frameid='map') -> ''; with ROS_PYTHON_CHECK_FIELDS=1: AssertionError
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3.12 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check \
    ros-jazzy-rclpy==7.1.6 ros-jazzy-rmw-fastrtps-cpp==8.4.3 ros-jazzy-common-interfaces==5.3.6
cd "$place"
export ROS_DOMAIN_ID=$((100 + RANDOM % 100)) ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST
cat > seen.py <<'EOF'
from std_msgs.msg import Header, String

try:
    text, header = String(text="a"), Header(frameid="map")
    print(f"String(text='a') -> {text.data!r}, Header(frameid='map') -> {header.frame_id!r}")
except AssertionError:
    print("AssertionError")
EOF
unchecked=$(venv/bin/python seen.py)
checked=$(ROS_PYTHON_CHECK_FIELDS=1 venv/bin/python seen.py)
echo "$unchecked; with ROS_PYTHON_CHECK_FIELDS=1: $checked"
[ "$unchecked" = "String(text='a') -> '', Header(frameid='map') -> ''" ] && [ "$checked" = AssertionError ] ||
    { echo "the behaviour has changed" >&2; exit 1; }
