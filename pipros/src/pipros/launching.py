"""What `ros2 launch` does, with or without ROS 2.

Only the `launch` API is used, so the same code runs on ROS 2's own launch and on the stand-in.

Two things differ from `ros2 launch`, on purpose: an argument that no launch file declares is an error
instead of being ignored, and the exit code tells whether a process failed.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipros import activate
from pipros.errors import PiprosError
from pipros.parameter_file import parse_value
from pipros.ros2 import check

if TYPE_CHECKING:
    from launch import LaunchDescription, LaunchDescriptionSource

__all__ = ["describe_arguments", "find_launch_file", "launch", "parse_arguments", "parse_value"]

_SUFFIX = ".launch.py"
# Launch configurations that launch itself reads, which no file declares.
_BUILT_IN = ("sigterm_timeout", "sigkill_timeout", "emulate_tty")


def find_launch_file(name: str, package: str) -> Path:
    """Return the launch file at a path, or of that name in a package (`demo` means demo.launch.py).

    Raises:
        PiprosError: There is none; the message lists what the package has.
    """
    path = Path(name)
    if path.is_file():
        return path.resolve()
    folder = _launch_folder(package)
    for candidate in (folder / name, folder / f"{name}{_SUFFIX}"):
        if len(path.parts) == 1 and candidate.is_file():
            return candidate
    known = ", ".join(sorted(file.name for file in folder.glob(f"*{_SUFFIX}"))) or "nothing"
    raise PiprosError(f"no launch file {name}; {package} has {known}, or give a path")


def parse_arguments(arguments: Iterable[str]) -> dict[str, str]:
    """Return names and values of `name:=value`; the last of a name counts.

    Raises:
        PiprosError: An argument of another form.
    """
    values = {}
    for argument in arguments:
        name, given, value = argument.partition(":=")
        if not name or not given:
            raise PiprosError(f"launch argument '{argument}' is malformed; expected name:=value")
        values[name] = value
    return values


def describe_arguments(name: str, package: str) -> str:
    """Return what `ros2 launch --show-args` prints for a launch file.

    Raises:
        PiprosError: No such file, or one that cannot be read.
    """
    activate()
    description = _load(_source(find_launch_file(name, package)))
    lines = ["Arguments (pass arguments as '<name>:=<value>'):"]
    declared = description.get_launch_arguments()
    for argument in declared:
        conditional = "*" if argument._conditionally_included else ""
        lines += ["", f"    '{argument.name}':{conditional}", f"        {argument.description}"]
        if argument.default_value is not None:
            default = " + ".join(part.describe() for part in argument.default_value)
            lines.append(f"        (default: {default})")
    if not declared:
        lines += ["", "  No arguments."]
    elif any(argument._conditionally_included for argument in declared):
        lines += ["", "* argument(s) which are only used if specific conditions occur"]
    return "\n".join(lines)


def launch(name: str, package: str, arguments: Sequence[str] = (), *, debug: bool = False) -> int:
    """Run a launch file in the main thread until it ends, its lines going to stdout.

    Args:
        name: A path, or the name of a launch file of the package.
        package: Package to look in.
        arguments: `name:=value` each.
        debug: Log what launch itself does.

    Returns:
        1 where launch failed, where the process whose end was the launch's (`on_exit=Shutdown()`) failed,
        or where all processes have ended and one of them failed; else 0, also where the user ended it.

    Raises:
        PiprosError: No such file, one that cannot be read, or an argument that it does not declare;
            or the ROS 2 on the path cannot be used.
    """
    if not activate():
        check()  # before its nodes fail on it one by one, and so that what they lack is made once
    source = _source(find_launch_file(name, package))
    values = parse_arguments(arguments)
    _check(values, _load(source), source.location)

    from launch import LaunchDescription, LaunchService
    from launch.actions import IncludeLaunchDescription, RegisterEventHandler
    from launch.event_handlers import OnProcessExit, OnShutdown

    ending = _Ending()
    service = LaunchService(argv=list(arguments), debug=debug)
    service.include_launch_description(
        LaunchDescription(
            [
                RegisterEventHandler(OnProcessExit(on_exit=ending.process_exited)),
                RegisterEventHandler(OnShutdown(on_shutdown=ending.shutting_down)),
                IncludeLaunchDescription(source, launch_arguments=list(values.items())),
            ]
        )
    )
    return service.run() or ending.code


class _Ending:
    """Why a launch ended, and which processes failed of themselves."""

    def __init__(self) -> None:
        self._failed: dict[str, bool] = {}
        self._last = ""
        self._reason = ""
        self._by_user = False

    @property
    def code(self) -> int:
        """Exit code that says so."""
        if self._by_user:
            return 0
        # Whoever ended last is the required process whose end was the launch's.
        failed = self._failed.values() if self._reason == "idle" else [self._failed.get(self._last, False)]
        return int(any(failed))

    def process_exited(self, event: Any, context: Any) -> None:
        """Note how a process ended, unless the launch made it end."""
        if not self._reason and not context.is_shutdown:
            self._failed[event.process_name] = event.returncode != 0
            self._last = event.process_name

    def shutting_down(self, event: Any, context: Any) -> None:
        """Note who ended the launch."""
        if not self._reason:
            self._reason = event.reason
            self._by_user = event.due_to_sigint or event.reason.startswith("received SIG")


def _launch_folder(package: str) -> Path:
    from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

    try:
        return Path(get_package_share_directory(package)) / "launch"
    except (PackageNotFoundError, ValueError):
        raise PiprosError(
            f"package {package} is not in the ament index; build it with colcon and source install/setup.bash"
        ) from None


def _source(path: Path) -> LaunchDescriptionSource:
    from launch.launch_description_sources import AnyLaunchDescriptionSource, PythonLaunchDescriptionSource

    # ROS 2 buries what a Python file raises when it tries it as a file of any kind.
    kind = PythonLaunchDescriptionSource if path.suffix == ".py" else AnyLaunchDescriptionSource
    return kind(str(path))


def _load(source: LaunchDescriptionSource) -> LaunchDescription:
    from launch import LaunchContext

    # A launch file is any program: whatever it raises is told in one line.
    try:
        return source.get_launch_description(LaunchContext())
    except Exception as error:
        text = " ".join(str(error).split()) or "no message"
        raise PiprosError(f"launch file {source.location}: {type(error).__name__}: {text}") from error


def _check(values: dict[str, str], description: LaunchDescription, location: str) -> None:
    declared = {argument.name: argument for argument in description.get_launch_arguments()}
    unknown = [name for name in values if name not in declared and name not in _BUILT_IN]
    if unknown:
        near = difflib.get_close_matches(unknown[0], declared, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        known = ", ".join(declared) or "none"
        raise PiprosError(
            f"launch file {Path(location).name} has no argument {unknown[0]}; {hint}it has: {known}"
        )
    for name, argument in declared.items():
        required = argument.default_value is None and not argument._conditionally_included
        if required and name not in values:
            raise PiprosError(f"launch file {Path(location).name} needs {name}:=... ({argument.description})")
        if name in values and argument.choices and values[name] not in argument.choices:
            raise PiprosError(
                f"launch argument {name}:={values[name]} is not one of {', '.join(argument.choices)}"
            )
