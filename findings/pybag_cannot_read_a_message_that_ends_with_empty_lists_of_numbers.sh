#!/usr/bin/env bash
# Packages: pybag-sdk 0.13.0, rosbags 0.11.9. Python 3.12.
#          Seen 2026-11-29.
# Guess:   every valid ROS 2 message in an MCAP is read; an empty sequence is a count of 0 and nothing else.
# Truth:   behind the count pybag aligns for the elements that there are not, as CDR does not: after an empty float64[] all
#          that follows is read from the wrong place. At the end of a message that is struct.error; in the midst it is other values.
#          So /parameter_events, which every node has, cannot be read from any recording with such values.
# Seen:    rosbags reads all; pybag: Float64MultiArray [] error, [1.5] read, ParameterValue of an integer: error
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check pybag-sdk==0.13.0 rosbags==0.11.9
cd "$place"
export ROS_DOMAIN_ID=$((100 + RANDOM % 100)) ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST
cat > seen.py <<'EOF'
from pybag.mcap_reader import McapFileReader
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
import numpy as np

store = get_typestore(Stores.ROS2_JAZZY)
kinds = store.types
layout = kinds["std_msgs/msg/MultiArrayLayout"]([], 0)
nothing = dict(
    type=2, bool_value=False, integer_value=5, double_value=0.0, string_value="", byte_array_value=np.array([], np.uint8),
    bool_array_value=np.array([], bool), integer_array_value=np.array([], np.int64), double_array_value=np.array([], np.float64),
    string_array_value=[],
)
messages = {
    "/empty": kinds["std_msgs/msg/Float64MultiArray"](layout, np.array([])),
    "/one": kinds["std_msgs/msg/Float64MultiArray"](layout, np.array([1.5])),
    "/value": kinds["rcl_interfaces/msg/ParameterValue"](**nothing),
}
with Writer("bag", version=9, storage_plugin=StoragePlugin.MCAP) as bag:
    for topic, message in messages.items():
        kind = message.__msgtype__
        data = store.serialize_cdr(message, kind)
        assert store.deserialize_cdr(data, kind).__msgtype__ == kind
        bag.write(bag.add_connection(topic, kind, typestore=store), 1, data)
seen = {}
with McapFileReader.from_file("bag/bag.mcap") as reader:
    for topic in messages:
        try:
            seen[topic] = f"{len(list(reader.messages(topic)))} read"
        except Exception as error:
            seen[topic] = type(error).__name__
print(seen)
assert seen == {"/empty": "error", "/one": "1 read", "/value": "error"}, "the behaviour has changed"
EOF
venv/bin/python seen.py
