#!/usr/bin/env bash
# Packages: ros-jazzy-rclpy 7.1.6, ros-jazzy-rmw-fastrtps-cpp 8.4.3 (Fast DDS 2.14.5), ros-jazzy-common-interfaces 5.3.6.
#          Python 3.12; root, for a /dev/shm of its own (unshare). Seen 2026-11-29.
# Guess:   shared memory grows with use, as files in a tmpfs do; a full /dev/shm is told as "No space left on device".
# Truth:   a process takes its whole segment when it starts. In the 64 MB that a container has, the first process with
#          a segment of 32 MiB gets it; each further one logs "Failed to create segment ...: No such file or directory"
#          and "SHM Transport is not supported in the current platform", and goes on with UDP alone.
# Seen:    first process: no line, 35 MB of /dev/shm used before it has sent anything; second and third: three lines each
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3.12 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check \
    ros-jazzy-rclpy==7.1.6 ros-jazzy-rmw-fastrtps-cpp==8.4.3 ros-jazzy-common-interfaces==5.3.6
cd "$place"
export ROS_DOMAIN_ID=$((100 + RANDOM % 100)) FASTRTPS_DEFAULT_PROFILES_FILE=$place/room.xml
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
cat > idle.py <<'EOF'
import time

import rclpy

rclpy.init()
node = rclpy.create_node("idle")
time.sleep(8)
EOF
cat > run.sh <<'EOF'
mount -t tmpfs -o size=64m tmpfs /dev/shm
for number in 1 2 3; do
    venv/bin/python idle.py > "$number.log" 2>&1 &
    sleep 2
    df --output=used -BM /dev/shm | tail -1 > "$number.used"
done
wait
EOF
unshare --mount bash run.sh
for number in 1 2 3; do
    echo "process $number: $(tr -d ' ' < "$number.used") used, $(grep -c Error "$number.log" || true) lines of errors"
done
sed 's/\x1b\[[0-9;]*m//g' 3.log | cut -c1-150
test "$(grep -c Error 1.log)" = 0 || { echo "the behaviour has changed"; exit 1; }
test "$(grep -c Error 2.log)" = 3 || { echo "the behaviour has changed"; exit 1; }
grep -q "No such file or directory" 2.log && grep -q "not supported in the current platform" 2.log
