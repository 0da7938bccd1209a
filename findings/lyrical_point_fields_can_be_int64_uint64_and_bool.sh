#!/usr/bin/env bash
# Package: rosbags 0.11.9 (its definitions of each ROS 2; they are those of common_interfaces). Python 3.11. Seen 2026-11-28.
# Guess:   PointField.datatype is 1 (INT8) to 8 (FLOAT64), as since ROS 1; a table of eight reads every cloud.
# Truth:   Lyrical adds INT64 = 9, UINT64 = 10 and BOOL = 11, under the same message name, and with the same fields, so that
#          a bag tells nothing: only the number in the message does. Nanosecond stamps of points come as 9 or 10.
# Seen:    HUMBLE 1..8, JAZZY 1..8, KILTED 1..8, LYRICAL 1..11: INT64 9, UINT64 10, BOOL 11
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check rosbags==0.11.9
cd "$place"
venv/bin/python - <<'EOF'
from rosbags.typesys import Stores, get_typestore

seen = {}
for name in ("HUMBLE", "JAZZY", "KILTED", "LYRICAL"):
    kind = get_typestore(Stores[f"ROS2_{name}"]).types["sensor_msgs/msg/PointField"]
    seen[name] = {key: value for key, value in vars(kind).items() if key.isupper()}
    new = {key: value for key, value in seen[name].items() if value > 8}
    print(f"{name}: {min(seen[name].values())}..{max(seen[name].values())} {new or ''}")
assert max(seen["KILTED"].values()) == 8, "the behaviour has changed"
assert [seen["LYRICAL"][key] for key in ("INT64", "UINT64", "BOOL")] == [9, 10, 11], "the behaviour has changed"
EOF
