#!/usr/bin/env bash
# Packages: ros-jazzy-rclpy 7.1.6, ros-jazzy-rmw-fastrtps-cpp 8.4.3, ros-jazzy-common-interfaces 5.3.6. Python 3.12.
#          Seen 2026-11-28.
# Guess:   arguments are alike: of two that name the same thing, the later wins, and one for a node beats one for all nodes
#          ("/**"), wherever it stands.
# Truth:   remaps: the FIRST that fits wins, and a node's own rule has no precedence. Parameters: the LAST wins, so "/**" that
#          comes after a node's own value replaces it, in one file, over two files and with -p alike. A launch file that
#          appends both kinds of overrides to a list gets the one kind and not the other.
# Seen:    -r a:=b -r a:=c -> /b; -r a:=b -r n:a:=c -> /b; -r __node:=p -r __node:=q -> p
#          -p x:=1 -p x:=2 -> 2; -p n:x:=1 -p x:=2 -> 2; file n then /** -> 2; file /** then n -> 1; -p then file -> 1
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3.12 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check \
    ros-jazzy-rclpy==7.1.6 ros-jazzy-rmw-fastrtps-cpp==8.4.3 ros-jazzy-common-interfaces==5.3.6
cd "$place"
export ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST
venv/bin/python - 2> /dev/null <<'EOF'
import pathlib

import rclpy
from std_msgs.msg import Int32

pathlib.Path("own.yaml").write_text("n:\n  ros__parameters: {x: 1}\n")
pathlib.Path("own_all.yaml").write_text("n:\n  ros__parameters: {x: 1}\n/**:\n  ros__parameters: {x: 2}\n")
pathlib.Path("all_own.yaml").write_text("/**:\n  ros__parameters: {x: 2}\nn:\n  ros__parameters: {x: 1}\n")


def node(arguments):
    context = rclpy.Context()
    rclpy.init(args=["program", "--ros-args", *arguments.split()], context=context)
    return rclpy.create_node("n", context=context, automatically_declare_parameters_from_overrides=True)


seen = []
for arguments in ("-r a:=b -r a:=c", "-r a:=b -r n:a:=c"):
    seen.append(node(arguments).create_publisher(Int32, "a", 1).topic_name)
    print(arguments, "->", seen[-1])
for arguments in ("-r __node:=p -r __node:=q",):
    seen.append(node(arguments).get_name())
    print(arguments, "->", seen[-1])
for arguments in (
    "-p x:=1 -p x:=2", "-p n:x:=1 -p x:=2", "--params-file own_all.yaml", "--params-file all_own.yaml",
    "-p x:=9 --params-file own.yaml",
):
    seen.append(node(arguments).get_parameter("x").value)
    print(arguments, "->", seen[-1])
assert seen == ["/b", "/b", "p", 2, 2, 2, 1, 1], "the behaviour has changed"
EOF
