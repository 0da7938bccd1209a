"""Actions of `launch_ros.actions`."""

from __future__ import annotations

import atexit
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from launch.action import Action
from launch.actions import ExecuteProcess
from launch.logging import get_logger
from launch.substitutions import SomeSubstitutionsType, normalize_to_list_of_substitutions, perform_text
from launch_ros import yaml_text
from launch_ros.executables import find_executable
from launch_ros.parameter_descriptions import ParameterFile, evaluate_dict

from pipros import names

if TYPE_CHECKING:
    from launch import LaunchContext


__all__ = ["Node", "PushROSNamespace", "PushRosNamespace"]


class Node(ExecuteProcess):
    """Run an executable of a package with the ROS arguments that its name, parameters and so on make.

    Args:
        executable: Name in the package, or a program where no package is given.
        package: Package.
        name: Name of the node, else the one in its code.
        namespace: Its namespace, below the pushed one unless it is absolute.
        exec_name: Name on the screen, else the executable's.
        parameters: Files and mappings of parameters; later ones win.
        remappings: Pairs of names, from and to.
        ros_arguments: Further arguments for ROS.
        arguments: Arguments for the program.
        process: What ExecuteProcess takes.
    """

    def __init__(
        self,
        *,
        executable: SomeSubstitutionsType,
        package: SomeSubstitutionsType | None = None,
        name: SomeSubstitutionsType | None = None,
        namespace: SomeSubstitutionsType | None = None,
        exec_name: SomeSubstitutionsType | None = None,
        parameters: Iterable[Mapping | ParameterFile | SomeSubstitutionsType] | None = None,
        remappings: Iterable[tuple[SomeSubstitutionsType, SomeSubstitutionsType]] | None = None,
        ros_arguments: Iterable[SomeSubstitutionsType] | None = None,
        arguments: Iterable[SomeSubstitutionsType] | None = None,
        **process: Any,
    ) -> None:
        if isinstance(parameters, (str, Mapping)):
            raise TypeError(f"Node: parameters must be a list of files and mappings, got {parameters!r}")
        super().__init__(cmd=[], name=exec_name, **process)
        self._pipros_executable, self._pipros_package = executable, package
        self._pipros_node_name, self._pipros_namespace = name, namespace
        self._pipros_parameters, self._pipros_remappings = list(parameters or ()), list(remappings or ())
        self._pipros_ros_arguments, self._pipros_arguments = list(ros_arguments or ()), list(arguments or ())
        self._pipros_full_name: str | None = None

    @property
    def node_name(self) -> str:
        """Namespace and name; a part that the launch file leaves open is in angle brackets."""
        if self._pipros_full_name is None:
            raise RuntimeError("cannot access 'node_name' before executing action")
        return self._pipros_full_name

    def command(self, context: LaunchContext) -> list[str]:
        """Return program, arguments and ROS arguments."""
        program = self._pipros_program(context)
        cmd = [*super().command(context), *program, *_texts(context, self._pipros_arguments)]
        if self._pipros_ros_arguments:
            cmd += ["--ros-args", *_texts(context, self._pipros_ros_arguments)]
        cmd += ["--ros-args", *self._pipros_names(context)]
        for parameters in self._pipros_parameters:
            cmd += self._pipros_parameter_arguments(context, parameters)
        for src, dst in self._pipros_remappings:
            cmd += ["-r", f"{perform_text(context, src)}:={perform_text(context, dst)}"]
        return cmd

    def label(self, context: LaunchContext, cmd: list[str]) -> str:
        """Return the executable's name, not the interpreter's."""
        return os.path.basename(perform_text(context, self._pipros_executable))

    def _pipros_program(self, context: LaunchContext) -> list[str]:
        executable = perform_text(context, self._pipros_executable)
        if self._pipros_package is None:
            return [executable]
        return find_executable(perform_text(context, self._pipros_package), executable)

    def _pipros_names(self, context: LaunchContext) -> list[str]:
        rules = []
        name, namespace = "<node_name_unspecified>", "<node_namespace_unspecified>"
        if self._pipros_node_name is not None:
            name = _valid(perform_text(context, self._pipros_node_name), names.problem_with_node_name)
            rules += ["-r", f"__node:={name}"]
        pushed = context.launch_configurations.get("ros_namespace")
        if self._pipros_namespace is not None or pushed is not None:
            given = None if self._pipros_namespace is None else perform_text(context, self._pipros_namespace)
            namespace = _joined(pushed, given)
            rules += ["-r", f"__ns:={namespace}"]
        self._pipros_full_name = f"{namespace.rstrip('/')}/{name}"
        return rules

    def _pipros_parameter_arguments(self, context: LaunchContext, parameters: Any) -> list[str]:
        if isinstance(parameters, Mapping):
            # Mappings go through a file, as in ROS 2: no quoting, and no limit of the command line.
            owner = "/**" if "<" in self.node_name else self.node_name
            return [
                "--params-file",
                _params_file({owner: {"ros__parameters": evaluate_dict(context, parameters)}}),
            ]
        if not isinstance(parameters, ParameterFile):
            parameters = ParameterFile(parameters)
        path = parameters.evaluate(context)
        if not path.is_file():
            get_logger("launch_ros.actions.node").warning(f"Parameter file path is not a file: {path}")
            return []
        return ["--params-file", str(path)]


class PushROSNamespace(Action):
    """Put the nodes that follow into a namespace, below the one pushed before unless it is absolute."""

    def __init__(self, namespace: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.namespace = namespace

    def execute(self, context: LaunchContext) -> None:
        """Push it."""
        before = context.launch_configurations.get("ros_namespace")
        context.launch_configurations["ros_namespace"] = _joined(
            before, perform_text(context, self.namespace)
        )


PushRosNamespace = PushROSNamespace


def _joined(base: str | None, name: str | None) -> str:
    """Return the absolute namespace of `name` below `base`; an absolute name stands alone."""
    name = name or ""
    parts = [name] if name.startswith("/") else [base or "", name]
    parts = [part.strip("/") for part in parts if part.strip("/")]
    return _valid("/" + "/".join(parts), names.problem_with_namespace)


def _valid(name: str, problem_with: Callable[[str], names.Problem | None]) -> str:
    if problem := problem_with(name):
        raise ValueError(f"'{name}': {problem.reason}")
    return name


def _texts(context: LaunchContext, arguments: Iterable[SomeSubstitutionsType]) -> list[str]:
    return [perform_text(context, normalize_to_list_of_substitutions(part)) for part in arguments]


def _params_file(parameters: Mapping[str, Any]) -> str:
    """Write parameters to a file that is there as long as this process, for nodes that start again."""
    with tempfile.NamedTemporaryFile("w", prefix="launch_params_", encoding="utf-8", delete=False) as file:
        file.write(yaml_text.dump(parameters))
    atexit.register(_remove, file.name)
    return file.name


def _remove(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)
