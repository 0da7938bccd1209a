#!/usr/bin/env bash
# Package: rosbags 0.11.9 (files written by mcap 1.6.0). Python 3.11. Seen 2026-11-28.
# Guess:   messages that two writer threads stored a little out of time order are sorted, as in chunked files, or given
#          in the order of the file.
# Truth:   chunked, they are sorted. Unchunked (rosbag2's "noChunking"), messages() gives those before the first step
#          back and then raises ReaderError; Foxglove's reader sorts both.
# Seen:    chunked  : rosbags [0, 1, 2, 3], mcap [0, 1, 2, 3]
#          unchunked: rosbags [0, 2, 'ReaderError: Unindexed MCAP messages are not in timestamp order. Use an indexed file.'], mcap [0, 1, 2, 3]
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check rosbags==0.11.9 mcap==1.6.0
cd "$place"
venv/bin/python - <<'EOF'
from mcap.reader import make_reader
from mcap.writer import Writer
from rosbags.rosbag2 import Reader
from rosbags.rosbag2.errors import ReaderError

seen = []
for chunked in (True, False):
    with open("bag.mcap", "wb") as file:
        writer = Writer(file, use_chunking=chunked)
        writer.start("ros2", "test")
        schema = writer.register_schema("std_msgs/msg/Int32", "ros2msg", b"int32 data\n")
        channel = writer.register_channel("/count", "cdr", schema)
        for stamp in (0, 2, 1, 3):
            writer.add_message(channel, stamp, b"\x00\x01\x00\x00\x05\x00\x00\x00", stamp)
        writer.finish()
    rosbags = []
    with Reader("bag.mcap") as bag:
        try:
            for _, stamp, _ in bag.messages():
                rosbags.append(stamp)
        except ReaderError as error:
            rosbags.append(f"ReaderError: {error}")
    with open("bag.mcap", "rb") as file:
        foxglove = [message.log_time for _, _, message in make_reader(file).iter_messages()]
    print(f"{'chunked' if chunked else 'unchunked':9}: rosbags {rosbags}, mcap {foxglove}")
    seen.append((rosbags, foxglove))
(sorted_by_rosbags, one), (refused, two) = seen
assert sorted_by_rosbags == one == two == [0, 1, 2, 3], "the behaviour has changed"
assert refused[:2] == [0, 2] and "not in timestamp order" in refused[2], "the behaviour has changed"
EOF
