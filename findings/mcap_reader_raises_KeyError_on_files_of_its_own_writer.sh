#!/usr/bin/env bash
# Package: mcap 1.6.0 (Foxglove's Python library). Python 3.11. Seen 2026-11-28.
# Guess:   "repeat_channels=False" and "repeat_schemas=False" of the writer only make the summary smaller. The format
#          makes the repetition optional, each chunk holds its channels and schemas, so the reader finds them there.
# Truth:   the seeking reader looks them up in the summary alone and ends with a bare KeyError of the channel's or the
#          schema's number. The same file through a pipe (the reader that cannot seek) or unchunked is read.
# Seen:    repeat_schemas=True  repeat_channels=True : 10 from a file, 10 from a pipe
#          repeat_schemas=True  repeat_channels=False: KeyError(1) from a file, 10 from a pipe
#          repeat_schemas=False repeat_channels=True : KeyError(1) from a file, 10 from a pipe
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check mcap==1.6.0
cd "$place"
venv/bin/python - <<'EOF'
import io

from mcap.reader import make_reader
from mcap.writer import Writer


class Pipe(io.BytesIO):
    def seekable(self):
        return False


def read(stream):
    try:
        return str(sum(1 for _ in make_reader(stream).iter_messages()))
    except KeyError as error:
        return f"KeyError({error})"


seen = []
for schemas, channels in ((True, True), (True, False), (False, True)):
    file = io.BytesIO()
    writer = Writer(file, repeat_schemas=schemas, repeat_channels=channels)
    writer.start("ros2", "test")
    schema = writer.register_schema("std_msgs/msg/Int32", "ros2msg", b"int32 data\n")
    channel = writer.register_channel("/count", "cdr", schema)
    for i in range(10):
        writer.add_message(channel, i, b"\x00\x01\x00\x00\x05\x00\x00\x00", i, i)
    writer.finish()
    seen.append((read(io.BytesIO(file.getvalue())), read(Pipe(file.getvalue()))))
    print(f"repeat_schemas={schemas!s:5} repeat_channels={channels!s:5}: {seen[-1][0]} from a file, {seen[-1][1]} from a pipe")
assert seen == [("10", "10"), ("KeyError(1)", "10"), ("KeyError(1)", "10")], "the behaviour has changed"
EOF
