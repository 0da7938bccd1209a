#!/usr/bin/env bash
# Packages: ros-jazzy-rclpy 7.1.6, ros-jazzy-rmw-fastrtps-cpp 8.4.3 (Fast DDS 2.14.5), ros-jazzy-common-interfaces 5.3.6.
#          Python 3.12. Seen 2026-11-29.
# Guess:   on one machine reliable JPEG images of 150 kB arrive within milliseconds; shared memory is the fast way.
# Truth:   a process has one segment of 512 KiB for all of its publishers. Six images that are published together do not
#          fit; a reliable one that found no room is sent again at the writer's next heartbeat, up to three seconds later.
#          Nothing is logged. A larger segment_size in an XML profile cures it.
# Seen:    20 sets of six: with the default the slowest image of 5 sets took more than 0.2 s, up to 0.53 s (the heartbeat's
#          period is 3 s); with segment_size 32 MiB none did, 0.01 s at most
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3.12 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check \
    ros-jazzy-rclpy==7.1.6 ros-jazzy-rmw-fastrtps-cpp==8.4.3 ros-jazzy-common-interfaces==5.3.6
cd "$place"
export ROS_DOMAIN_ID=$((100 + RANDOM % 100))
cat > room.xml <<'EOF'
<dds xmlns="http://www.eprosima.com"><profiles>
  <transport_descriptors>
    <transport_descriptor>
      <transport_id>memory</transport_id><type>SHM</type><segment_size>33554432</segment_size>
    </transport_descriptor>
    <transport_descriptor><transport_id>network</transport_id><type>UDPv4</type></transport_descriptor>
  </transport_descriptors>
  <participant profile_name="room" is_default_profile="true"><rtps>
    <userTransports><transport_id>memory</transport_id><transport_id>network</transport_id></userTransports>
    <useBuiltinTransports>false</useBuiltinTransports>
  </rtps></participant>
</profiles></dds>
EOF
cat > send.py <<'EOF'
import time

import rclpy
from sensor_msgs.msg import CompressedImage

SETS = 20
rclpy.init()
node = rclpy.create_node("cameras")
publishers = [node.create_publisher(CompressedImage, f"cam_{k}", 10) for k in range(6)]
while not all(publisher.get_subscription_count() for publisher in publishers):
    time.sleep(0.05)
time.sleep(1)
picture = bytes(150_000)
for number in range(SETS):
    for publisher in publishers:
        image = CompressedImage(format="jpeg", data=picture)
        image.header.frame_id = str(number)
        now = time.time_ns()
        image.header.stamp.sec, image.header.stamp.nanosec = divmod(now, 10**9)
        publisher.publish(image)
    time.sleep(0.5)
time.sleep(6)
EOF
cat > receive.py <<'EOF'
import sys
import time

import rclpy
from sensor_msgs.msg import CompressedImage

rclpy.init()
node = rclpy.create_node("listener")
slowest, count = {}, 0


def took(image):
    global count
    count += 1
    late = time.time() - image.header.stamp.sec - image.header.stamp.nanosec * 1e-9
    slowest[image.header.frame_id] = max(late, slowest.get(image.header.frame_id, 0.0))


subscriptions = [node.create_subscription(CompressedImage, f"cam_{k}", took, 10) for k in range(6)]
end = time.monotonic() + 60
while count < 120 and time.monotonic() < end:
    rclpy.spin_once(node, timeout_sec=0.1)
late = sum(value > 0.2 for value in slowest.values())
print(f"{sys.argv[1]}: {count} of 120 images; slow sets {late} of {len(slowest)}, slowest image {max(slowest.values()):.2f} s")
if sys.argv[1] == "default":
    assert late >= 2, "the behaviour has changed"
else:
    assert late == 0, "the cure has changed"
EOF
for way in default room; do
    if [ "$way" = room ]; then export FASTRTPS_DEFAULT_PROFILES_FILE=$place/room.xml; fi
    venv/bin/python send.py &
    sender=$!
    venv/bin/python receive.py "$way" || { kill "$sender"; exit 1; }
    wait "$sender"
done
