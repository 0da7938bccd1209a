#!/usr/bin/env bash
# Packages: foxglove-sdk 0.30.3 as the writer; mcap 1.6.0, rosbags 0.11.9, pybag-sdk 0.13.0 as readers. Python 3.11.
#           Seen 2026-11-28.
# Guess:   MCAP is MCAP: ROS 2 messages (CDR, ros2msg schemas) that Foxglove's own SDK writes with its defaults are read by all.
# Truth:   its header has no profile, which the format makes optional and rosbags demands. Its chunks are zstd frames that do
#          not state their size, which is valid too, and pybag demands. The profile can be set; then rosbags reads the
#          file, pybag does not. Without compression pybag reads it.
# Seen:    defaults        : mcap 2, rosbags ReaderError: Profile is not ros2., pybag ZstdError: could not determine content size ...
#          profile "ros2"  : mcap 2, rosbags 2, pybag ZstdError: could not determine content size in frame header
#          not compressed  : mcap 2, rosbags ReaderError: Profile is not ros2., pybag 2
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check \
    foxglove-sdk==0.30.3 mcap==1.6.0 rosbags==0.11.9 pybag-sdk==0.13.0
cd "$place"
venv/bin/python - <<'EOF'
import foxglove
import mcap.reader
import pybag
import rosbags.rosbag2
from foxglove.mcap import MCAPWriteOptions


def of_mcap(path):
    with open(path, "rb") as file:
        return sum(1 for _ in mcap.reader.make_reader(file).iter_messages())


def of_rosbags(path):
    with rosbags.rosbag2.Reader(path) as bag:
        return sum(1 for _ in bag.messages())


def of_pybag(path):
    return sum(1 for _ in pybag.Reader.from_file(path).messages("/count"))


def attempt(read, path):
    try:
        return str(read(path))
    except Exception as error:
        return f"{type(error).__name__}: {error}"


seen = {}
for name, options in (
    ("defaults", MCAPWriteOptions()),
    ('profile "ros2"', MCAPWriteOptions(profile="ros2")),
    ("not compressed", MCAPWriteOptions(compression=None)),
):
    path = f"{len(seen)}.mcap"
    context = foxglove.Context()
    writer = foxglove.open_mcap(path, context=context, writer_options=options)
    schema = foxglove.Schema(name="std_msgs/msg/Int32", encoding="ros2msg", data=b"int32 data\n")
    channel = foxglove.Channel("/count", schema=schema, message_encoding="cdr", context=context)
    for i in range(2):
        channel.log(b"\x00\x01\x00\x00\x05\x00\x00\x00", log_time=10**18 + i)
    writer.close()
    seen[name] = [attempt(read, path) for read in (of_mcap, of_rosbags, of_pybag)]
    print("{:15}: mcap {}, rosbags {}, pybag {}".format(name, *seen[name]))
refused, unsized = "ReaderError: Profile is not ros2.", "could not determine content size"
defaults, profile, plain = seen.values()
changed = "the behaviour has changed"
assert defaults[:2] == ["2", refused] and unsized in defaults[2], changed
assert profile[:2] == ["2", "2"] and unsized in profile[2] and plain == ["2", refused, "2"], changed
EOF
