#!/usr/bin/env bash
# Packages: ros-jazzy-rclpy 7.1.6, ros-jazzy-rmw-fastrtps-cpp 8.4.3, ros-jazzy-common-interfaces 5.3.6. Python 3.12.
#          Seen 2026-11-29.
# Guess:   Context.on_shutdown callbacks are called whenever the context is shut down, so also after SIGTERM or Ctrl-C, at
#          the latest by rclpy.try_shutdown(): the place to stop motors or to write a file.
# Truth:   the signal handler shuts the context down in C++ and calls none of them. try_shutdown then finds the context shut
#          down already and calls none either. They are called where the program itself shuts down.
# Seen:    rclpy.shutdown(): called True; SIGTERM, then try_shutdown(): called False, ok() False
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3.12 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check \
    ros-jazzy-rclpy==7.1.6 ros-jazzy-rmw-fastrtps-cpp==8.4.3 ros-jazzy-common-interfaces==5.3.6
cd "$place"
export ROS_DOMAIN_ID=$((100 + RANDOM % 100)) ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST
cat > seen.py <<'EOF'
import os
import signal
import time

import rclpy


def called(end) -> bool:
    told = []
    rclpy.init(args=[])
    node = rclpy.create_node("node")
    rclpy.get_default_context().on_shutdown(lambda: told.append(1))
    end()
    node.destroy_node()
    return bool(told)


def by_signal() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    deadline = time.monotonic() + 30
    while rclpy.ok() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not rclpy.ok()
    rclpy.try_shutdown()


own, signalled = called(rclpy.shutdown), called(by_signal)
print(f"rclpy.shutdown(): called {own}; SIGTERM, then try_shutdown(): called {signalled}, ok() {rclpy.ok()}")
assert own and not signalled, "the behaviour has changed"
EOF
venv/bin/python seen.py
