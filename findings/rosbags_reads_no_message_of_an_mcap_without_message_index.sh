#!/usr/bin/env bash
# Package: rosbags 0.11.9 (files written by mcap 1.6.0). Python 3.11. Seen 2026-11-28.
# Guess:   message indexes only speed a reader up. A chunked MCAP without them is read chunk by chunk.
# Truth:   a chunk whose index lists no message offsets is left out. Reader.message_count is right, since it comes from
#          the statistics, the loop over messages() ends at once, and nothing is raised. With the statistics left out
#          too, the file "is empty". Foxglove's reader reads all of them.
# Seen:    message index, statistics   : rosbags counts 100, yields 100; mcap yields 100
#          no message index, statistics: rosbags counts 100, yields   0; mcap yields 100
#          no message index, none      : rosbags counts   0, yields   0; mcap yields 100
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check rosbags==0.11.9 mcap==1.6.0
cd "$place"
venv/bin/python - <<'EOF'
from mcap.reader import make_reader
from mcap.writer import IndexType, Writer
from rosbags.rosbag2 import Reader

INT32 = b"\x00\x01\x00\x00\x05\x00\x00\x00"
seen = []
for name, index_types, statistics in (
    ("message index, statistics", IndexType.ALL, True),
    ("no message index, statistics", IndexType.CHUNK, True),
    ("no message index, none", IndexType.CHUNK, False),
):
    with open("bag.mcap", "wb") as file:
        writer = Writer(file, chunk_size=1000, index_types=index_types, use_statistics=statistics)
        writer.start("ros2", "test")
        schema = writer.register_schema("std_msgs/msg/Int32", "ros2msg", b"int32 data\n")
        channel = writer.register_channel("/count", "cdr", schema)
        for i in range(100):
            writer.add_message(channel, 10**18 + i, INT32, 10**18 + i, i)
        writer.finish()
    with Reader("bag.mcap") as bag:
        counted, read = bag.message_count, sum(1 for _ in bag.messages())
    with open("bag.mcap", "rb") as file:
        there = sum(1 for _ in make_reader(file).iter_messages())
    print(f"{name:28}: rosbags counts {counted:3}, yields {read:3}; mcap yields {there}")
    seen.append((counted, read, there))
assert seen == [(100, 100, 100), (100, 0, 100), (0, 0, 100)], "the behaviour has changed"
EOF
