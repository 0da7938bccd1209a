#!/usr/bin/env bash
# Packages: ros-jazzy-rclpy 7.1.6, ros-jazzy-rmw-fastrtps-cpp 8.4.3. Python 3.12. Seen 2026-11-28.
# Guess:   ROS_DOMAIN_ID is a decimal number. "075" is 75, and what is no whole number is refused.
# Truth:   it is what C's strtoul makes of it with base 0, and what is left over is not looked at: "075" is octal,
#          "1.5" is 1, "75abc" is 75, so two robots can share a domain that nobody wrote down. "abc" alone is refused.
# Seen:    75 -> 75, 075 -> 61, 0x4B -> 75, 1.5 -> 1, 75abc -> 75, abc -> RCLError
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3.12 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check \
    ros-jazzy-rclpy==7.1.6 ros-jazzy-rmw-fastrtps-cpp==8.4.3
cd "$place"
cat > domain.py <<'EOF'
import rclpy

try:
    rclpy.init()
    print(rclpy.get_default_context().get_domain_id())
    rclpy.shutdown()
except Exception as error:
    print(type(error).__name__)
EOF
seen=""
for domain in 75 075 0x4B 1.5 75abc abc; do
    value=$(ROS_DOMAIN_ID=$domain venv/bin/python domain.py 2> /dev/null)
    echo "$domain -> $value"
    seen="$seen $value"
done
[ "$seen" = " 75 61 75 1 75 RCLError" ] || { echo "the behaviour has changed:$seen"; exit 1; }
