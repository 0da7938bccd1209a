#!/usr/bin/env bash
# Package: mcap 1.6.0 (Foxglove's Python library). Python 3.11. Seen 2026-11-28.
# Guess:   iter_messages streams: of a recording of any size, one chunk or one message is in memory at a time.
# Truth:   so it is for chunked files with an index. Of an unchunked one (or from a pipe) all messages are read and sorted by
#          time before the first is given: a drive of 20 GB takes 20 GB. log_time_order=False streams.
# Seen:    64 MB, memory at the first message: chunked 2 to 4 MB, unchunked 64 MB, unchunked in the file's order 1 MB
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check mcap==1.6.0
cd "$place"
venv/bin/python - <<'EOF'
import tracemalloc

from mcap.reader import make_reader
from mcap.writer import CompressionType, Writer


def write(chunked):
    with open("bag.mcap", "wb") as file:
        writer = Writer(file, use_chunking=chunked, compression=CompressionType.NONE)
        writer.start("ros2", "test")
        schema = writer.register_schema("std_msgs/msg/String", "ros2msg", b"string data\n")
        channel = writer.register_channel("/picture", "cdr", schema)
        for i in range(64):
            writer.add_message(channel, i, bytes(2**20), i)
        writer.finish()


def at_first(ordered):
    with open("bag.mcap", "rb") as file:
        tracemalloc.start()
        next(make_reader(file).iter_messages(log_time_order=ordered))
        peak = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
    return peak


write(True)
chunked = at_first(True)
write(False)
unchunked, streamed = at_first(True), at_first(False)
print(f"64 MB, at the first message: chunked {chunked:.0f} MB, unchunked {unchunked:.0f} MB, in the file's order {streamed:.0f} MB")
assert chunked < 16 and unchunked > 60 and streamed < 16, "the behaviour has changed"
EOF
