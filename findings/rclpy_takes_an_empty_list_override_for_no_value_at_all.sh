#!/usr/bin/env bash
# Packages: ros-jazzy-rclpy 7.1.6, ros-jazzy-rmw-fastrtps-cpp 8.4.3, ros-jazzy-common-interfaces 5.3.6. Python 3.12.
#          Seen 2026-11-29.
# Guess:   `-p names:=[]` gives an empty list, or the type error of an untyped one; a default of strings stays the fallback.
# Truth:   the override exists and has no value: declare_parameter returns a parameter of type NOT_SET whatever the default
#          is, and each get_parameter raises ParameterUninitializedException. The default is lost. So no list can be emptied
#          on the command line or in a parameter file.
# Seen:    [] over ['a', 'b']: declared as NOT_SET, get_parameter raises ParameterUninitializedException; ['c'] -> ['c']
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3.12 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check \
    ros-jazzy-rclpy==7.1.6 ros-jazzy-rmw-fastrtps-cpp==8.4.3 ros-jazzy-common-interfaces==5.3.6
cd "$place"
cat > empty.py <<'EOF'
import rclpy
from rclpy.exceptions import ParameterUninitializedException
from rclpy.parameter import Parameter

rclpy.init(args=["--ros-args", "-p", "emptied:=[]", "-p", "given:=['c']"])
node = rclpy.create_node("node")
declared = node.declare_parameter("emptied", ["a", "b"])
try:
    seen = repr(node.get_parameter("emptied").value)
except ParameterUninitializedException:
    seen = "raises ParameterUninitializedException"
given = node.declare_parameter("given", ["a", "b"]).value
print(f"[] over ['a', 'b']: declared as {declared.type_.name}, get_parameter {seen}; ['c'] -> {list(given)}")
assert declared.type_ == Parameter.Type.NOT_SET and seen.startswith("raises"), "the behaviour has changed"
assert list(given) == ["c"]
EOF
venv/bin/python empty.py
