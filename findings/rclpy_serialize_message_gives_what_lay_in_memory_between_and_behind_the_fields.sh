#!/usr/bin/env bash
# Packages: ros-jazzy-rclpy 7.1.6, ros-jazzy-rmw-fastrtps-cpp 8.4.3, ros-jazzy-common-interfaces 5.3.6, rosbags 0.11.9. Python 3.12.
#          Seen 2026-11-29.
# Guess:   serialize_message gives zeros between fields that are aligned, and ends with the last field: equal messages, equal bytes.
# Truth:   padding keeps what lay in memory, pieces of pointers too, and behind a message with empty sequences of 8-byte numbers
#          there are 8 bytes more of it, which rosbags refuses. Topics carry, and bags record, the same padding.
# Seen:    one ParameterEvent: 96 bytes for 88, 9 of 11 bytes between and behind are not 0 (another number each time);
#          read by rosbags: SerdeError
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3.12 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check \
    ros-jazzy-rclpy==7.1.6 ros-jazzy-rmw-fastrtps-cpp==8.4.3 ros-jazzy-common-interfaces==5.3.6 rosbags==0.11.9
cd "$place"
export ROS_DOMAIN_ID=$((100 + RANDOM % 100)) ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST
cat > seen.py <<'EOF'
from rcl_interfaces.msg import Parameter, ParameterEvent, ParameterValue
from rclpy.serialization import deserialize_message, serialize_message
from rosbags.typesys import Stores, get_typestore

event = ParameterEvent(node="/n", new_parameters=[Parameter(name="a", value=ParameterValue(type=2, integer_value=5))])
texts = [bytes(serialize_message(event)) for _ in range(20)]
store = get_typestore(Stores.ROS2_JAZZY)
kind = "rcl_interfaces/msg/ParameterEvent"
message = store.deserialize_cdr(texts[0][:88], kind)  # 4 bytes of header and 84 of fields
exact = len(store.serialize_cdr(message, kind))
filled = max(sum(map(bool, (*each[19:20], *each[34:36], *each[exact:]))) for each in texts)  # behind "/n", "a" and the end
try:
    store.deserialize_cdr(texts[0], kind)
    told = "read"
except Exception as error:
    told = type(error).__name__
assert message.new_parameters[0].value.integer_value == 5
assert all(deserialize_message(each, ParameterEvent) == event for each in texts)
print(f"one ParameterEvent: {len(texts[0])} bytes for {exact}, {filled} of 11 bytes between and behind are not 0; read by rosbags: {told}")
assert filled and len(texts[0]) > exact and told == "SerdeError", "the behaviour has changed"
EOF
venv/bin/python seen.py
