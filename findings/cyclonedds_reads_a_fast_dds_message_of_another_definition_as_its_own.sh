#!/usr/bin/env bash
# Packages: cyclonedds 11.0.1 with ros-jazzy-rclpy 7.1.6, ros-jazzy-rmw-fastrtps-cpp 8.4.3,
#           ros-jazzy-common-interfaces 5.3.6 (Fast DDS). Python 3.12. Seen 2026-11-28.
# Guess:   DDS compares the definitions (XTypes): a reader whose type has the same name and other fields is not matched,
#          and is told so ("inconsistent topic").
# Truth:   between two Cyclone DDS participants that is so (as incompatible QoS, policy 24). rmw_fastrtps announces no
#          definition that Cyclone DDS could compare, so the name decides alone: the reader is matched, no event comes, and
#          the bytes of one definition are read by the other. int32 1065353216 is float32 1.0.
# Seen:    cyclone to Cyclone DDS: matched 0, incompatible QoS 1 of policy 24, read []
#          fast to Cyclone DDS: matched 1, incompatible QoS 0 of policy None, read [1.0]
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3.12 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check cyclonedds==11.0.1 \
    ros-jazzy-rclpy==7.1.6 ros-jazzy-rmw-fastrtps-cpp==8.4.3 ros-jazzy-common-interfaces==5.3.6
cd "$place"
export ROS_DOMAIN_ID=$((100 + RANDOM % 100))
cat > fast.py <<'EOF'
import time

import rclpy
from std_msgs.msg import Int32

rclpy.init()
node = rclpy.create_node("fast")
publisher = node.create_publisher(Int32, "fast", 10)
for _ in range(600):
    publisher.publish(Int32(data=1065353216))
    time.sleep(0.1)
EOF
cat > cyclone.py <<'EOF'
import os
import time
from dataclasses import dataclass

from cyclonedds.core import Listener, Policy, Qos
from cyclonedds.domain import DomainParticipant
from cyclonedds.idl import IdlStruct
from cyclonedds.idl.types import float32, int32
from cyclonedds.pub import DataWriter
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic
from cyclonedds.util import duration


@dataclass
class Whole(IdlStruct, typename="std_msgs::msg::dds_::Int32_"):
    data: int32


@dataclass
class Real(IdlStruct, typename="std_msgs::msg::dds_::Int32_"):
    data: float32


class Events(Listener):
    matched, incompatible, policy = 0, 0, None

    def on_subscription_matched(self, reader, status):
        self.matched = status.total_count

    def on_requested_incompatible_qos(self, reader, status):
        self.incompatible, self.policy = status.total_count, status.last_policy_id


reliable = Qos(Policy.Reliability.Reliable(duration(seconds=1)))
here, there = (DomainParticipant(int(os.environ["ROS_DOMAIN_ID"])) for _ in range(2))
writer = DataWriter(there, Topic(there, "rt/cyclone", Whole), qos=reliable)
seen = []
for topic in ("cyclone", "fast"):
    events, read = Events(), []
    reader = DataReader(here, Topic(here, f"rt/{topic}", Real), qos=reliable, listener=events)
    end = time.monotonic() + 30
    while time.monotonic() < end and not (events.incompatible or read):
        time.sleep(0.2)
        read = [sample.data for sample in reader.take(1)]
    seen.append((events.matched, events.incompatible, events.policy, read))
    print(topic, "to Cyclone DDS: matched {}, incompatible QoS {} of policy {}, read {}".format(*seen[-1]))
assert seen == [(0, 1, 24, []), (1, 0, None, [1.0])], "the behaviour has changed"
EOF
venv/bin/python fast.py 2> /dev/null &
fast=$!
trap 'kill $fast 2> /dev/null; rm -rf "$place"' EXIT
venv/bin/python cyclone.py
