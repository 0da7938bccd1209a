#!/usr/bin/env bash
# Package: rosbags 0.11.9. Python 3.11. Seen 2026-11-28.
# Guess:   topics of metadata.yaml and of the storage file are matched by name and type. How they were offered (QoS)
#          is for players.
# Truth:   they are matched by name, type, type hash AND the list of offered QoS. If metadata.yaml says another QoS
#          than the file (edited, reindexed by an older ROS 2, written by another tool), messages() gives none of
#          that topic, raises nothing, and connections and message_count go on listing them.
# Seen:    as written : listed {'/count': 10}, message_count 10, messages 10
#          depth 10->5: listed {'/count': 10}, message_count 10, messages 0
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check rosbags==0.11.9
cd "$place"
venv/bin/python - <<'EOF'
from pathlib import Path

from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

store = get_typestore(Stores.ROS2_JAZZY)
message = store.serialize_cdr(store.types["std_msgs/msg/Int32"](data=5), "std_msgs/msg/Int32")
never = QosTime(0, 0)
qos = Qos(
    QosHistory.KEEP_LAST, 10, QosReliability.RELIABLE, QosDurability.VOLATILE,
    never, never, QosLiveliness.AUTOMATIC, never, False,
)
with Writer("bag", version=9, storage_plugin=StoragePlugin.MCAP) as bag:
    count = bag.add_connection(
        "/count", "std_msgs/msg/Int32", typestore=store, offered_qos_profiles=[qos]
    )
    for i in range(10):
        bag.write(count, 10**18 + i, message)


def look(name):
    with Reader("bag") as bag:
        listed = {c.topic: c.msgcount for c in bag.connections}
        read = sum(1 for _ in bag.messages())
        print(f"{name:11}: listed {listed}, message_count {bag.message_count}, messages {read}")
        return listed["/count"], bag.message_count, read


before = look("as written")
metadata = Path("bag/metadata.yaml")
text = metadata.read_text()
changed = text.replace("depth: 10", "depth: 5")
assert changed != text
metadata.write_text(changed)
after = look("depth 10->5")
assert (before, after) == ((10, 10, 10), (10, 10, 0)), "the behaviour has changed"
EOF
