#!/usr/bin/env bash
# Packages: rosbags 0.11.9, mcap-ros2-support 0.6.0, mcap-ros2-support-fast 0.8.0, and as the judge ros-jazzy-rclpy 7.1.6 with
#           ros-jazzy-rmw-fastrtps-cpp 8.4.3, ros-jazzy-common-interfaces 5.3.6. Python 3.12. Seen 2026-11-28.
# Guess:   all readers agree about integers. In ROS 2 "byte" is octet and "char" is uint8, so 0xC8 is 200 in both.
# Truth:   rosbags reads byte (DiagnosticStatus.level) as signed, mcap-ros2-support reads char as signed, each is right where
#          the other is wrong; the "fast" twin is right in both. Writing 200 back, rosbags refuses the byte.
# Seen:    byte: rclpy b'\xc8', rosbags -56, mcap_ros2 200, fast 200;  char: rclpy 200, rosbags 200, mcap_ros2 -56, fast 200
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3.12 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check rosbags==0.11.9 mcap==1.6.0 mcap-ros2-support==0.6.0 \
    mcap-ros2-support-fast==0.8.0 ros-jazzy-rclpy==7.1.6 ros-jazzy-rmw-fastrtps-cpp==8.4.3 ros-jazzy-common-interfaces==5.3.6
cd "$place"
venv/bin/python - <<'EOF'
import mcap_ros2.decoder
import mcap_ros2_support_fast.decoder
from mcap.records import Schema
from rclpy.serialization import deserialize_message
from rosbags.typesys import Stores, get_typestore
from std_msgs.msg import Byte, Char

RAW = b"\x00\x01\x00\x00\xc8"
store = get_typestore(Stores.ROS2_JAZZY)
seen = {}
for kind in (Byte, Char):
    name, field = f"std_msgs/msg/{kind.__name__}", kind.__name__.lower()
    schema = Schema(id=1, name=name, encoding="ros2msg", data=f"{field} data\n".encode())
    seen[field] = [
        deserialize_message(RAW, kind).data,
        store.deserialize_cdr(RAW, name).data,
        mcap_ros2.decoder.DecoderFactory().decoder_for("cdr", schema)(RAW).data,
        mcap_ros2_support_fast.decoder.DecoderFactory().decoder_for("cdr", schema)(RAW).data,
    ]
    print("{}: rclpy {!r}, rosbags {}, mcap_ros2 {}, fast {}".format(field, *seen[field]))
assert seen == {"byte": [b"\xc8", -56, 200, 200], "char": [200, 200, -56, 200]}, "the behaviour has changed"
EOF
