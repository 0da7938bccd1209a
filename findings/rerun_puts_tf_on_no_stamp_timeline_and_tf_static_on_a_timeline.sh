#!/usr/bin/env bash
# Packages: rerun-sdk 0.41.0; the file is written by rosbags 0.11.9. Python 3.11. Seen 2026-11-28.
# Guess:   transforms of /tf are dated by the stamps in their headers, as pictures are (timeline "ros2_timestamp"), and
#          those of /tf_static hold for the whole recording.
# Truth:   both are dated by the time of recording alone. On the timeline "ros2_timestamp" there is no transform at all;
#          on the timelines of recording, what comes before the first /tf_static has no place, and /tf is late by what
#          the recorder was late.
# Seen:    /cam/image: static False, timelines log_time publish_time ros2_timestamp, first at 5 s
#          /tf       : static False, timelines log_time publish_time, first at 5 s      (its stamp is 0 s)
#          /tf_static: static False, timelines log_time publish_time, first at 5 s      (its stamp is 0 s)
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check rerun-sdk==0.41.0 rosbags==0.11.9
cd "$place"
venv/bin/python - <<'EOF'
import numpy as np
from rerun.chunk import McapReader
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

START = 1700000000
store = get_typestore(Stores.ROS2_JAZZY)
kinds = {name.split("/")[-1]: kind for name, kind in store.types.items() if name.startswith(("geometry", "std_", "tf2", "sensor"))}


def header(frame):
    return kinds["Header"](store.types["builtin_interfaces/msg/Time"](START, 0), frame)


def transform(parent, child):
    pose = kinds["Transform"](kinds["Vector3"](1.0, 2.0, 3.0), kinds["Quaternion"](0.0, 0.0, 0.0, 1.0))
    return kinds["TFMessage"]([kinds["TransformStamped"](header(parent), child, pose)])


image = kinds["Image"](header("cam"), 1, 1, "rgb8", 0, 3, np.zeros(3, np.uint8))
with Writer("bag", version=9, storage_plugin=StoragePlugin.MCAP) as bag:
    for topic, message in (
        ("/cam/image", image), ("/tf", transform("map", "base_link")), ("/tf_static", transform("base_link", "cam")),
    ):
        kind = message.__msgtype__
        connection = bag.add_connection(topic, kind, typestore=store)
        bag.write(connection, (START + 5) * 10**9, store.serialize_cdr(message, kind))

seen = {}
for chunk in McapReader("bag/bag.mcap").stream():
    batch = chunk.to_record_batch()
    if {"Image:buffer", "Transform3D:translation"} & set(batch.schema.names):
        times = sorted(n.removeprefix("message_") for n in batch.schema.names if n.endswith(("_time", "_timestamp")))
        first = batch.column("message_log_time").cast("int64").to_pylist()[0] // 10**9 - START
        print(f"{chunk.entity_path:10}: static {chunk.is_static}, timelines {' '.join(times)}, first at {first} s")
        seen[chunk.entity_path] = (chunk.is_static, times, first)
recorded = ["log_time", "publish_time"]
assert seen == {
    "/cam/image": (False, [*recorded, "ros2_timestamp"], 5),
    "/tf": (False, recorded, 5),
    "/tf_static": (False, recorded, 5),
}, "the behaviour has changed"
EOF
