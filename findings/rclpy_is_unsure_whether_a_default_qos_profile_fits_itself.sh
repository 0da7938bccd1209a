#!/usr/bin/env bash
# Packages: ros-jazzy-rclpy 7.1.6, ros-jazzy-rmw-fastrtps-cpp 8.4.3, ros-jazzy-common-interfaces 5.3.6. Python 3.12.
#          Seen 2026-11-29.
# Guess:   qos_check_compatible says OK for a profile and itself, all the more for the predefined ones.
# Truth:   QoSProfile(depth=10), and the sensor data, services and parameters profiles, leave liveliness at SYSTEM_DEFAULT,
#          and that is a WARNING whatever else fits. Only best_available is OK. A tool that treats everything but OK as a
#          mismatch calls every ordinary pair of publisher and subscription one.
# Seen:    QoSProfile(depth=10) WARNING, sensor_data WARNING, services_default WARNING, best_available OK;
#          best effort to reliable ERROR
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3.12 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check \
    ros-jazzy-rclpy==7.1.6 ros-jazzy-rmw-fastrtps-cpp==8.4.3 ros-jazzy-common-interfaces==5.3.6
cd "$place"
cat > fits.py <<'EOF'
from rclpy import qos

profiles = {
    "QoSProfile(depth=10)": qos.QoSProfile(depth=10),
    "sensor_data": qos.qos_profile_sensor_data,
    "services_default": qos.qos_profile_services_default,
    "best_available": qos.qos_profile_best_available,
}
seen = {name: qos.qos_check_compatible(profile, profile)[0].name for name, profile in profiles.items()}
print(", ".join(f"{name} {verdict}" for name, verdict in seen.items()))
unfit, reason = qos.qos_check_compatible(qos.qos_profile_sensor_data, qos.QoSProfile(depth=10))
print("best effort to reliable", unfit.name, "|", reason)
assert list(seen.values()) == ["WARNING", "WARNING", "WARNING", "OK"], "the behaviour has changed"
assert unfit.name == "ERROR"
EOF
venv/bin/python fits.py
