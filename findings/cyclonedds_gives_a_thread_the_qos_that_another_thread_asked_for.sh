#!/usr/bin/env bash
# Package: cyclonedds 11.0.1 (Python). Python 3.12. Seen 2026-11-29.
# Guess:   threads may ask different writers for what is known of their readers at the same time, as they may write.
# Truth:   QoS is read into buffers on the class that all threads share (qos.py, _CQos._gc_*), and ctypes lets other threads
#          run in between: a thread gets another endpoint's user data, or none; now and then the process ends with SIGSEGV
#          in dds_qget_userdata.
# Seen:    one thread: 0 of 20000 wrong; four threads: 45 of 80000 wrong
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3.12 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check cyclonedds==11.0.1
cd "$place"
export ROS_DOMAIN_ID=$((100 + RANDOM % 100))
cat > ask.py <<'EOF'
import os
import sys
import threading
import time
from dataclasses import dataclass

from cyclonedds.core import Policy, Qos
from cyclonedds.domain import DomainParticipant
from cyclonedds.idl import IdlStruct
from cyclonedds.idl.types import int32
from cyclonedds.pub import DataWriter
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic


@dataclass
class Number(IdlStruct, typename="Number"):
    data: int32


threads, looks = int(sys.argv[1]), 20_000
participant = DomainParticipant(int(os.environ["ROS_DOMAIN_ID"]))
wrong = []


def ask(number):
    told = f"reader {number}".encode()
    topic = Topic(participant, f"topic_{number}", Number)
    writer, reader = DataWriter(participant, topic), DataReader(participant, topic, qos=Qos(Policy.Userdata(told)))
    while not (handles := writer.get_matched_subscriptions()):
        time.sleep(0.01)
    for _ in range(looks):
        policy = writer.get_matched_subscription_data(handles[0]).qos[Policy.Userdata]
        if policy is None or policy.data != told:
            wrong.append(policy)
    del reader


sys.setswitchinterval(1e-6)  # they take turns as often as they can
asking = [threading.Thread(target=ask, args=(number,)) for number in range(threads)]
for thread in asking:
    thread.start()
for thread in asking:
    thread.join()
print(f"{threads} threads: {len(wrong)} of {threads * looks} wrong")
sys.exit(bool(wrong))
EOF
venv/bin/python ask.py 1
! venv/bin/python ask.py 4 || { echo "the behaviour has changed"; exit 1; }
