"""Launch files run as ROS 2 would run them: real processes, real signals."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipros import OVERLAY, activate

STAND_IN = activate()
better_than_ros_2 = pytest.mark.skipif(not STAND_IN, reason="ROS 2's own launch is less thorough")
ROOT = OVERLAY.parents[1]
RUN = """
import sys
from pipros.errors import PiprosError
from pipros import activate
activate()
from pipros import launching
try:
    sys.exit(launching.launch(sys.argv[1], "somepackage", sys.argv[2:]))
except PiprosError as error:
    sys.exit(f"error: {error}")
"""
IMPORTS = """
import os, sys
from launch import LaunchDescription
from launch.action import Action
from launch.actions import (DeclareLaunchArgument, EmitEvent, ExecuteProcess, IncludeLaunchDescription,
    LogInfo, OpaqueFunction, RegisterEventHandler, SetEnvironmentVariable, SetLaunchConfiguration, Shutdown,
    TimerAction)
from launch.conditions import IfCondition, UnlessCondition
from launch.event_handlers import OnProcessExit, OnProcessStart, OnShutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import (EnvironmentVariable, FindExecutable, LaunchConfiguration,
    PathJoinSubstitution, PythonExpression, TextSubstitution, ThisLaunchFileDir)
from launch_ros.actions import Node, PushRosNamespace
from launch_ros.parameter_descriptions import ParameterValue

def python(code, **kwargs):
    return ExecuteProcess(cmd=[sys.executable, "-c", code], output="screen", **kwargs)
"""
# Prints what it was started with, as a node sees it.
NODE = """
import json, os, sys
def main(args=None):
    files = [open(b).read() for a, b in zip(sys.argv, sys.argv[1:]) if a == "--params-file"]
    print(json.dumps({"argv": sys.argv[1:], "files": files, "extra": os.environ.get("EXTRA")}))
if __name__ == "__main__":
    main()
"""


class Launched:
    """A launch that runs."""

    def __init__(self, path: Path, arguments: tuple[str, ...], env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, str(path), *arguments],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []

    def wait_for(self, pattern: str) -> re.Match:
        """Read lines until one matches."""
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"no line {pattern!r} in:\n" + "\n".join(self.lines))

    def finish(self) -> tuple[int, str]:
        """Wait for the end and return exit code and all lines."""
        rest, _ = self.process.communicate(timeout=30)
        return self.process.returncode, "\n".join([*self.lines, rest])


def installed(prefix: Path, package: str, executables: dict[str, str]) -> Path:
    """Make what colcon would install of a package, for ROS 2's own launch."""
    marker = prefix / "share" / "ament_index" / "resource_index" / "packages" / package
    marker.parent.mkdir(parents=True)
    marker.touch()
    for name, text in executables.items():
        path = prefix / "lib" / package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!{sys.executable}\n{text}")
        path.chmod(0o755)
    return prefix


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Launched]]:
    """Start a launch file whose description holds the given entities (Python text)."""
    package = tmp_path / "somepackage" / "nodes"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "talker.py").write_text(NODE)
    prefix = installed(tmp_path / "install", "somepackage", {"talker_node": NODE})
    running = []
    path = os.pathsep.join([str(tmp_path), str(ROOT), os.environ.get("PYTHONPATH", "")])
    prefixes = os.pathsep.join([str(prefix), os.environ.get("AMENT_PREFIX_PATH", "")])
    env = {
        **os.environ,
        "PYTHONPATH": path,
        "AMENT_PREFIX_PATH": prefixes,
        "ROS_LOG_DIR": str(tmp_path / "log"),
    }

    def begin(entities: str, *arguments: str, file: str = "some.launch.py", run: bool = True) -> Launched:
        entities = textwrap.indent(textwrap.dedent(entities).strip(), "        ")
        function = f"def generate_launch_description():\n    return LaunchDescription([\n{entities}\n    ])\n"
        (tmp_path / file).write_text(f"{IMPORTS}\n{function}")
        if run:
            running.append(Launched(tmp_path / file, arguments, env))
            return running[-1]
        return None

    yield begin
    for launched in running:
        if launched.process.poll() is None:
            os.killpg(launched.process.pid, signal.SIGKILL)
        launched.process.stdout.close()
        launched.process.wait()


def alive(pid: int) -> bool:
    """Return whether a process runs; one that nobody has waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def gone(pid: int) -> bool:
    """Wait a while for a process to end."""
    for _ in range(100):
        if not alive(pid):
            return True
        time.sleep(0.05)
    return False


def test_lines_of_the_launch_and_of_its_processes_read_as_in_ros_2(start) -> None:
    code, out = start(
        "python('import sys; print(1); print(2, file=sys.stderr, end=str())', name='kid'),"
    ).finish()
    assert code == 0
    assert re.search(r"^\[INFO\] \[kid-1\]: process started with pid \[\d+\]$", out, re.M)
    assert re.search(r"^\[kid-1\] 1$", out, re.M)
    assert re.search(r"^\[kid-1\] 2$", out, re.M), "the last line needs no end"
    assert re.search(r"^\[INFO\] \[kid-1\]: process has finished cleanly \[pid \d+\]$", out, re.M)


def test_lines_come_as_they_are_printed(start) -> None:
    launched = start("python('import time; print(1); time.sleep(60)'),")
    launched.wait_for(r"\[python.*-1\] 1")
    assert launched.process.poll() is None
    launched.process.send_signal(signal.SIGINT)
    launched.finish()


def test_arguments_conditions_and_expressions(start) -> None:
    start(
        """
        DeclareLaunchArgument("who"),
        DeclareLaunchArgument("inner", default_value="default"),
        LogInfo(msg=["included: ", LaunchConfiguration("who"), " ", LaunchConfiguration("inner")]),
        """,
        file="inner.launch.py",
        run=False,
    )
    code, out = start(
        """
        DeclareLaunchArgument("number", default_value="2", description="a number"),
        DeclareLaunchArgument("kind", default_value="a", choices=["a", "b"]),
        SetEnvironmentVariable("SOME", "some"),
        LogInfo(msg=["number ", LaunchConfiguration("number"), " ", EnvironmentVariable("SOME")]),
        LogInfo(msg="never", condition=IfCondition("false")),
        LogInfo(msg="always", condition=UnlessCondition("0")),
        LogInfo(msg="bigger",
                condition=IfCondition(PythonExpression([LaunchConfiguration("number"), " > 2"]))),
        SetLaunchConfiguration("number", "9"),
        LogInfo(msg=["changed ", LaunchConfiguration("number")]),
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource([ThisLaunchFileDir(), "/inner.launch.py"]),
            launch_arguments={"who": LaunchConfiguration("kind")}.items()),
        OpaqueFunction(function=lambda context: [
            LogInfo(msg="opaque " + context.launch_configurations["kind"])]),
        """,
        "number:=3",
        "kind:=b",
    ).finish()
    assert code == 0
    said = re.findall(r"\[launch.user\]: (.*)", out)
    assert said == [
        "number 3 some",
        "always",
        "bigger",
        "changed 9",
        "included: b default",
        "opaque b",
    ]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("nmber:=3", "has no argument nmber; did you mean number? it has: number, kind"),
        ("kind:=c", "kind:=c is not one of a, b"),
        ("number=3", "malformed; expected name:=value"),
    ],
)
def test_a_wrong_argument_is_one_line(start, argument: str, message: str) -> None:
    code, out = start(
        """
        DeclareLaunchArgument("number", default_value="2"),
        DeclareLaunchArgument("kind", default_value="a", choices=["a", "b"]),
        """,
        argument,
    ).finish()
    assert code == 1
    assert len(out.strip().splitlines()) == 1
    assert message in out


def test_a_broken_launch_file_is_one_line(start) -> None:
    code, out = start("None.nothing,").finish()
    assert code == 1
    assert len(out.strip().splitlines()) == 1
    assert "some.launch.py: AttributeError" in out


def test_a_required_process_that_fails_ends_the_launch_with_an_error(start) -> None:
    code, out = start(
        """
        python("import time; time.sleep(60)", name="other"),
        python("import sys; sys.exit(3)", name="kid", on_exit=Shutdown()),
        """
    ).finish()
    assert code == 1
    assert re.search(
        r"^\[ERROR\] \[kid-2\]: process has died \[pid \d+, exit code 3, cmd '.*'\]\.$", out, re.M
    )
    assert "process[kid-2] was required: shutting down launched system" in out
    assert "[INFO] [other-1]: process has finished" in out or "[other-1]: process has died" in out


def test_events_and_respawn(start) -> None:
    code, out = start(
        """
        kid := python("print(5)", name="kid", respawn=True, respawn_max_retries=2),
        RegisterEventHandler(OnProcessStart(target_action=kid, on_start=[LogInfo(msg="started")])),
        RegisterEventHandler(OnProcessExit(target_action=kid, on_exit=lambda event, context:
            LogInfo(msg=f"ended with {event.returncode}"))),
        RegisterEventHandler(OnProcessExit(target_action=kid, on_exit=[LogInfo(msg="once")],
            handle_once=True)),
        RegisterEventHandler(OnShutdown(on_shutdown=lambda event, context: [LogInfo(msg=event.reason)])),
        """
    ).finish()
    assert code == 0
    said = re.findall(r"\[launch.user\]: (.*)", out)
    assert sorted(said) == sorted(["started", "ended with 0"] * 3 + ["once", "idle"])
    assert out.count("[kid-1] 5") == 3


@pytest.mark.parametrize("signum", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=better_than_ros_2)])
def test_a_signal_to_the_launch_ends_its_processes_once(start, signum: int) -> None:
    kid = """
    import signal, sys, time
    got = []
    signal.signal(signal.SIGINT, lambda *_: got.append(2))
    print("ready", flush=True)
    while not got: time.sleep(0.01)
    time.sleep(0.2)
    print("got", got)
    """
    launched = start(f"python({textwrap.dedent(kid)!r}, name='kid'),")
    pid = int(launched.wait_for(r"started with pid \[(\d+)\]")[1])
    launched.wait_for("ready")
    # A terminal sends Ctrl-C to the whole group.
    os.killpg(launched.process.pid, signum)
    code, out = launched.finish()
    assert code == 0
    assert "[kid-1] got [2]" in out
    assert "finished cleanly" in out
    assert not alive(pid)


STUBBORN = """
import os, signal, subprocess, sys, time
for signum in (signal.SIGINT, signal.SIGTERM):
    signal.signal(signum, signal.SIG_IGN)
if len(sys.argv) == 1:
    child = subprocess.Popen([sys.executable, __file__, "again"])
    print("pids", os.getpid(), child.pid, flush=True)
time.sleep(60)
"""


@better_than_ros_2
def test_a_stubborn_process_and_its_children_do_not_outlive_the_launch(start, tmp_path: Path) -> None:
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    launched = start(
        f"""
        ExecuteProcess(cmd=[sys.executable, {str(tmp_path / "stubborn.py")!r}], output="screen",
                       sigterm_timeout="0.3", sigkill_timeout="0.3"),
        """
    )
    match = launched.wait_for(r"pids (\d+) (\d+)")
    launched.process.send_signal(signal.SIGINT)
    launched.wait_for("escalating to 'SIGTERM'")
    launched.process.send_signal(signal.SIGINT)
    code, out = launched.finish()
    assert code == 0
    assert "again, ignoring" in out
    assert "escalating to 'SIGKILL'" in out
    assert gone(int(match[1]))
    assert gone(int(match[2]))


@better_than_ros_2
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's death")
def test_a_launch_that_is_killed_takes_its_processes_along(start) -> None:
    launched = start("python('import time; time.sleep(60)'),")
    pid = int(launched.wait_for(r"started with pid \[(\d+)\]")[1])
    launched.process.kill()
    assert gone(pid)


def heard(out: str) -> list[dict]:
    """What the nodes of a launch were started with."""
    return [json.loads(text) for text in re.findall(r"^\[talker_node-\d+\] (\{.*)$", out, re.M)]


def test_names_parameters_and_remappings_reach_the_node(start, tmp_path: Path) -> None:
    (tmp_path / "some.yaml").write_text("/**:\n  ros__parameters:\n    rate: 1.0\n")
    code, out = start(
        f"""
        DeclareLaunchArgument("rate", default_value="2.5"),
        Node(package="somepackage", executable="talker_node", parameters=[{{"x": 1}}], output="screen"),
        PushRosNamespace("car"),
        Node(package="somepackage", executable="talker_node", name="talker", namespace="left",
             parameters=[{str(tmp_path / "some.yaml")!r},
                         {{"rate": LaunchConfiguration("rate"), "text": "1.0", "tiny": 1e-5,
                           "names": ["a", "b"], "deep": {{"on": True}},
                           "label": ParameterValue(LaunchConfiguration("rate"), value_type=str)}}],
             remappings=[("in", "out"), ("a", LaunchConfiguration("rate"))],
             arguments=["--some", LaunchConfiguration("rate")], additional_env={{"EXTRA": "extra"}},
             output="screen"),
        """
    ).finish()
    assert code == 0
    first, second = sorted(heard(out), key=lambda node: "--some" not in node["argv"])
    argv = [word if "launch_params_" not in word else "FILE" for word in first["argv"]]
    # fmt: off
    assert argv == [
        "--some", "2.5", "--ros-args", "-r", "__node:=talker", "-r", "__ns:=/car/left",
        "--params-file", str(tmp_path / "some.yaml"), "--params-file", "FILE",
        "-r", "in:=out", "-r", "a:=2.5",
    ]
    # fmt: on
    from ruamel.yaml import YAML

    assert first["extra"] == "extra"
    written = first["files"][1].replace("!!python/tuple", "")  # which ROS 2 writes and does not heed
    assert YAML(typ="safe").load(written) == {
        "/car/left/talker": {
            "ros__parameters": {
                "rate": 2.5,
                "text": "1.0",
                "tiny": 1e-5,
                "names": ["a", "b"],
                "deep.on": True,
                "label": "2.5",
            }
        }
    }
    assert YAML(typ="safe").load(second["files"][0]) == {"/**": {"ros__parameters": {"x": 1}}}
    assert not any(re.match("__n", word) for word in second["argv"])


def test_a_node_that_is_not_there_is_named(start) -> None:
    code, out = start("Node(package='somepackage', executable='nothing_node'),").finish()
    assert code == 1
    assert "executable 'nothing_node' not found" in out


@better_than_ros_2
@pytest.mark.parametrize(
    ("entity", "said"),
    [
        ("python('1', cached_output=True),", "ExecuteProcess(cached_output=...)"),
        ("__import__('launch').actions.GroupAction([]),", "'launch.actions' has no attribute 'GroupAction'"),
        ("IncludeLaunchDescription('some.launch.xml'),", "without ROS 2 only Python launch files (.py)"),
    ],
)
def test_what_has_no_stand_in_fails_by_its_name(start, entity: str, said: str) -> None:
    code, out = start(entity).finish()
    assert code == 1
    assert said in out


@better_than_ros_2
def test_an_action_of_ones_own_is_an_action(start) -> None:
    """A class that the package has at two paths is one class."""
    code, out = start(
        """
        own := type("Own", (Action,), {"execute": lambda self, context: [python("print(5)", name="kid")]})(),
        RegisterEventHandler(OnProcessExit(target_action=own, on_exit=[LogInfo(msg="never")])),
        LogInfo(msg=str(isinstance(own, __import__("launch").Action))),
        """
    ).finish()
    assert code == 0
    assert "[launch.user]: True" in out
    assert "[kid-1] 5" in out


@better_than_ros_2
def test_a_name_that_is_none_is_told_in_words(start) -> None:
    code, out = start("Node(package='somepackage', executable='talker_node', name='two words'),").finish()
    assert code == 1
    assert "'two words': node name must not contain characters other than alphanumerics or '_'" in out
    assert "Problem(" not in out


def test_a_timer_visits_its_actions_later_and_keeps_the_launch_running(start) -> None:
    code, out = start(
        """
        LogInfo(msg="first"),
        TimerAction(period=0.3, actions=[LogInfo(msg="later"), python("print('kid')", name="kid")]),
        RegisterEventHandler(OnShutdown(on_shutdown=lambda event, context: [LogInfo(msg=event.reason)])),
        """
    ).finish()
    assert code == 0
    assert re.findall(r"\[launch.user\]: (.*)", out) == ["first", "later", "idle"]
    assert "[kid-1] kid" in out


def test_a_timer_ends_with_the_launch(start) -> None:
    _, out = start(
        """
        TimerAction(period=60.0, actions=[LogInfo(msg="later")]),
        python("print('kid')", name="kid", on_exit=Shutdown()),
        """
    ).finish()
    assert "later" not in out
