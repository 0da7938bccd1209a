#!/usr/bin/env bash
# Packages: rerun-sdk 0.41.0; the file is written by rosbags 0.11.9. Python 3.11. Seen 2026-11-28.
# Guess:   PointCloud2.row_step is honoured, as Image.step is: a cloud of 2 rows of 1 point whose rows end in 8 bytes
#          of padding has the 2 points that it has without padding.
# Truth:   data is cut every point_step bytes, whatever width, height and row_step say. Padding becomes points of
#          shifted fields. Image rows with padding are right.
# Seen:    no padding : [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
#          row padding: [[1.0, 2.0, 3.0], [0.0, 0.0, 4.0], [6.0, 9.0, 0.0]]
#          padded rgb8 image: [1, 2, 3, 4, 5, 6]
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

store = get_typestore(Stores.ROS2_JAZZY)
header = store.types["std_msgs/msg/Header"](store.types["builtin_interfaces/msg/Time"](1700000000, 0), "lidar")
field = store.types["sensor_msgs/msg/PointField"]
fields = [field(name, 4 * i, field.FLOAT32, 1) for i, name in enumerate(("x", "y", "z", "intensity"))]
points = np.array([[1, 2, 3, 9], [4, 5, 6, 9]], "<f4")


def cloud(padding):
    rows = np.zeros((2, 16 + padding), np.uint8)
    rows[:, :16] = points.view(np.uint8).reshape(2, 16)
    return store.types["sensor_msgs/msg/PointCloud2"](
        header, 2, 1, fields, False, 16, 16 + padding, rows.ravel(), True
    )


image = store.types["sensor_msgs/msg/Image"](
    header, 2, 1, "rgb8", 0, 4, np.array([1, 2, 3, 0, 4, 5, 6, 0], np.uint8)
)
with Writer("bag", version=9, storage_plugin=StoragePlugin.MCAP) as bag:
    for topic, message in (("/tight", cloud(0)), ("/padded", cloud(8)), ("/image", image)):
        kind = message.__msgtype__
        connection = bag.add_connection(topic, kind, typestore=store)
        bag.write(connection, 1700000000 * 10**9, store.serialize_cdr(message, kind))

seen = {}
for chunk in McapReader("bag/bag.mcap").stream():
    batch = chunk.to_record_batch()
    for name in ("Points3D:positions", "Image:buffer"):
        if name in batch.schema.names:
            seen[chunk.entity_path] = batch.column(name).to_pylist()[0]
print("no padding :", seen["/tight"])
print("row padding:", seen["/padded"])
print("padded rgb8 image:", seen["/image"][0])
assert seen["/tight"] == [[1, 2, 3], [4, 5, 6]], "the behaviour has changed"
assert seen["/padded"] == [[1, 2, 3], [0, 0, 4], [6, 9, 0]], "the behaviour has changed"
assert seen["/image"][0] == [1, 2, 3, 4, 5, 6], "the behaviour has changed"
EOF
