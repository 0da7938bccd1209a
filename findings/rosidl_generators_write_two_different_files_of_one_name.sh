#!/usr/bin/env bash
# Packages: rosidl-generator-c 4.6.6 and rosidl-typesupport-introspection-c 4.6.6, as ros-jazzy-rclpy 7.1.6 brings them.
#           Python 3.12. Seen 2026-11-29.
# Guess:   a generator's files are named after it (...__rosidl_typesupport_introspection_c.h), so that all of them can write into one
#          tree, package/srv/detail, which is also the one that the files include each other from.
# Truth:   both write detail/ask__type_support.c, with other contents, and the later one wins in silence. For a message little is
#          lost: the C generator's is empty. For a service its two functions that make and destroy the event message are gone, and
#          a library built of the rest lacks them when it is loaded. In the other order the introspection is gone.
# Seen:    c first, introspection second: overwritten ask__type_support.c, tell__type_support.c; event functions before 2, after 0
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3.12 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check ros-jazzy-rclpy==7.1.6 ros-jazzy-rmw-fastrtps-cpp==8.4.3
cd "$place"
mkdir srv msg
cat > srv/Ask.idl <<'EOF'
module names { module srv {
  struct Ask_Request { int32 question; };
  struct Ask_Response { int32 answer; };
}; };
EOF
cat > msg/Tell.idl <<'EOF'
module names { module msg {
  struct Tell { int32 number; };
}; };
EOF
cat > generate.py <<'EOF'
import re
import sys
from pathlib import Path

from rosidl_generator_c.cli import GenerateC
from rosidl_typesupport_introspection_c.cli import GenerateIntrospectionCTypesupport

tree, messages = Path("tree"), [str(Path(sys.prefix, "share", name)) for name in ("service_msgs", "builtin_interfaces")]


def files(generator):
    generator("generator").generate("names", ["srv/Ask.idl", "msg/Tell.idl"], messages, tree)
    return {path.name: path.read_text() for path in tree.rglob("*") if path.is_file()}


def event_functions(text):
    return len(re.findall(r"^(?:void \*|bool)\n\w+SERVICE_\w+_EVENT_MESSAGE_SYMBOL_NAME\(", text, re.MULTILINE))


first, second = files(GenerateC), files(GenerateIntrospectionCTypesupport)
overwritten = sorted(name for name, text in first.items() if second[name] != text)
counts = [event_functions(seen["ask__type_support.c"]) for seen in (first, second)]
print(f"overwritten {', '.join(overwritten)}; event functions before {counts[0]}, after {counts[1]}")
assert overwritten == ["ask__type_support.c", "tell__type_support.c"], "the behaviour has changed"
assert counts == [2, 0], "the behaviour has changed"
EOF
AMENT_PREFIX_PATH="$place/venv" venv/bin/python generate.py 2> log || { cat log; exit 1; }
