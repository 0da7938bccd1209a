#!/usr/bin/env bash
# Packages: rerun-sdk 0.41.0; the file is written by rosbags 0.11.9. Python 3.11. Seen 2026-11-28.
# Guess:   a viewer that cannot undistort takes P (rectified) or leaves the camera out, and scales K by the binning of
#          camera_info, so that lines drawn in 3-D lie on the picture.
# Truth:   it takes K and width x height as they stand. D, distortion_model, R, P, binning and roi are not looked at.
# Seen:    plain           : focal 800.0, centre 640.0 360.0, resolution 1280.0 x 720.0
#          distorted, P 700: focal 800.0, centre 640.0 360.0, resolution 1280.0 x 720.0
#          binned 2 x 2    : focal 800.0, centre 640.0 360.0, resolution 1280.0 x 720.0 (its pictures are 640 x 360)
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
header = store.types["std_msgs/msg/Header"](store.types["builtin_interfaces/msg/Time"](1700000000, 0), "cam")
whole = store.types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)


def info(distortion, focal, binning):
    k = np.array([800, 0, 640, 0, 800, 360, 0, 0, 1.0])
    p = np.array([focal, 0, 640, 0, 0, focal, 360, 0, 0, 0, 1, 0.0])
    return store.types["sensor_msgs/msg/CameraInfo"](
        header, 720, 1280, "plumb_bob", np.array(distortion), k, np.eye(3).ravel(), p, binning, binning, whole
    )


cameras = {
    "plain": info([0.0] * 5, 800, 0),
    "distorted, P 700": info([-0.3, 0.1, 0, 0, 0.0], 700, 0),
    "binned 2 x 2": info([0.0] * 5, 800, 2),
}
with Writer("bag", version=9, storage_plugin=StoragePlugin.MCAP) as bag:
    for i, message in enumerate(cameras.values()):
        connection = bag.add_connection(f"/cam{i}/camera_info", message.__msgtype__, typestore=store)
        bag.write(connection, 1700000000 * 10**9, store.serialize_cdr(message, message.__msgtype__))

seen = {}
for chunk in McapReader("bag/bag.mcap").stream():
    batch = chunk.to_record_batch()
    if "Pinhole:image_from_camera" in batch.schema.names:
        k = batch.column("Pinhole:image_from_camera").to_pylist()[0][0]
        seen[chunk.entity_path] = (k[0], k[6], k[7], *batch.column("Pinhole:resolution").to_pylist()[0][0])
for name, (_, (f, x, y, width, height)) in zip(cameras, sorted(seen.items())):
    print(f"{name:16}: focal {f}, centre {x} {y}, resolution {width} x {height}")
assert len(seen) == 3 and set(seen.values()) == {(800, 640, 360, 1280, 720)}, "the behaviour has changed"
EOF
