#!/usr/bin/env bash
# Package: cyclonedds 11.0.1 (Python). Python 3.12. Seen 2026-11-29.
# Guess:   DataWriter.wait_for_acks returns True when all readers have acknowledged and False when the time is over, as its
#          signature (bool) and its text say.
# Truth:   at the timeout it looks up the return code in Python's Exception, not in DDSException: AttributeError. It works where
#          nothing is late: with a live reader, and at once True where there is none at all.
# Seen:    no reader: True; reader alive: True; reader stopped, 0.5 s: AttributeError: type object 'Exception' has no attribute
#          'DDS_RETCODE_TIMEOUT'; reader goes on: True
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3.12 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check cyclonedds==11.0.1
cd "$place"
export ROS_DOMAIN_ID=$((100 + RANDOM % 100))
cat > acks.py <<'EOF'
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

from cyclonedds.core import Policy, Qos
from cyclonedds.domain import DomainParticipant
from cyclonedds.idl import IdlStruct
from cyclonedds.idl.types import int32
from cyclonedds.pub import DataWriter
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic
from cyclonedds.util import duration


@dataclass
class Number(IdlStruct, typename="Number"):
    data: int32


reliable = Qos(Policy.Reliability.Reliable(duration(seconds=1)), Policy.History.KeepLast(1))
participant = DomainParticipant(int(os.environ["ROS_DOMAIN_ID"]))
topic = Topic(participant, "acks", Number)
if sys.argv[1:] == ["read"]:
    reader = DataReader(participant, topic, qos=reliable)
    time.sleep(60)
    sys.exit()
writer = DataWriter(participant, topic, qos=reliable)


def acknowledged(seconds):
    writer.write(Number(1))
    try:
        return str(writer.wait_for_acks(duration(seconds=seconds)))
    except AttributeError as error:
        return f"AttributeError: {error}"


seen = [acknowledged(0.5)]
other = subprocess.Popen([sys.executable, __file__, "read"])
try:
    end = time.monotonic() + 30
    while not writer.get_matched_subscriptions() and time.monotonic() < end:
        time.sleep(0.1)
    seen.append(acknowledged(20))
    other.send_signal(signal.SIGSTOP)
    seen.append(acknowledged(0.5))
    other.send_signal(signal.SIGCONT)
    seen.append(acknowledged(20))
finally:
    other.kill()
    other.wait()
print("no reader: {}; reader alive: {}; reader stopped, 0.5 s: {}; reader goes on: {}".format(*seen))
assert [what.split(":")[0] for what in seen] == ["True", "True", "AttributeError", "True"], "the behaviour has changed"
EOF
venv/bin/python acks.py
