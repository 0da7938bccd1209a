#!/usr/bin/env bash
# Packages: rerun-sdk 0.41.0; the files are written by mcap 1.6.0. Python 3.11. Seen 2026-11-28.
# Guess:   an unchunked MCAP (rosbag2's "noChunking", what a logger on a small computer writes) opens as any other, if more
#          slowly, or is refused; the same holds for chunks without an index.
# Truth:   both load without an error or warning and hold nothing, with recover=True too, and "rerun mcap check" lists
#          no topic and no problem. The summary is there, so it is believed.
# Seen:    chunked, indexed: 10 rows, with recovery 10; chunked, no index: 0 rows, with recovery 0;
#          unchunked: 0 rows, with recovery 0; Foxglove's reader: 10 each
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check rerun-sdk==0.41.0 mcap==1.6.0
cd "$place"
venv/bin/python - <<'EOF'
from mcap.reader import make_reader
from mcap.writer import IndexType, Writer
from rerun.chunk import McapReader


def rows(recover):
    chunks = McapReader("bag.mcap", recover=recover).stream()
    return sum(c.num_rows for c in chunks if c.entity_path == "/count" and not c.is_static)


seen = []
for name, options in (
    ("chunked, indexed", {}),
    ("chunked, no index", {"index_types": IndexType.NONE}),
    ("unchunked", {"use_chunking": False}),
):
    with open("bag.mcap", "wb") as file:
        writer = Writer(file, **options)
        writer.start("ros2", "test")
        schema = writer.register_schema("std_msgs/msg/Int32", "ros2msg", b"int32 data\n")
        channel = writer.register_channel("/count", "cdr", schema)
        for i in range(10):
            writer.add_message(channel, i, b"\x00\x01\x00\x00\x05\x00\x00\x00", i)
        writer.finish()
    with open("bag.mcap", "rb") as file:
        there = sum(1 for _ in make_reader(file).iter_messages())
    seen.append((rows(False), rows(True), there))
    print("{}: {} rows, with recovery {}; Foxglove's reader: {}".format(name, *seen[-1]))
assert seen == [(10, 10, 10), (0, 0, 10), (0, 0, 10)], "the behaviour has changed"
EOF
