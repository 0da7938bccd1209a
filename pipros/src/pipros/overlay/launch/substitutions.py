"""Substitutions of `launch.substitutions`."""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from launch.some_substitutions_type import SomeSubstitutionsType
from launch.substitution import Substitution
from launch.utilities import (
    normalize_to_list_of_substitutions,
    perform_substitutions,
)

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext

__all__ = [
    "EnvironmentVariable",
    "FindExecutable",
    "LaunchConfiguration",
    "PathJoinSubstitution",
    "PythonExpression",
    "SubstitutionFailure",
    "TextSubstitution",
    "ThisLaunchFileDir",
]


class SubstitutionFailure(RuntimeError):
    """A substitution that has no value."""


def _describe(subs: Iterable[Substitution]) -> str:
    return " + ".join(sub.describe() for sub in subs)


class TextSubstitution(Substitution):
    """Plain text."""

    def __init__(self, *, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"TextSubstitution expected 'text' as str, got {type(text).__name__}")
        self.text = text

    def perform(self, context: LaunchContext) -> str:
        """Return the text."""
        return self.text

    def describe(self) -> str:
        """Return the text in quotes."""
        return f"'{self.text}'"


class LaunchConfiguration(Substitution):
    """Value of a launch configuration, which is where launch arguments are kept."""

    def __init__(self, variable_name: SomeSubstitutionsType, *, default: Any = None) -> None:
        self.variable_name = normalize_to_list_of_substitutions(variable_name)
        if default is not None and not isinstance(default, (str, Substitution, Iterable)):
            default = str(default)
        self._default = None if default is None else normalize_to_list_of_substitutions(default)

    def perform(self, context: LaunchContext) -> str:
        """Return the value, or the default where it is not set.

        Raises:
            SubstitutionFailure: Neither value nor default.
        """
        name = perform_substitutions(context, self.variable_name)
        if name in context.launch_configurations:
            return context.launch_configurations[name]
        if self._default is None:
            raise SubstitutionFailure(f"launch configuration '{name}' does not exist")
        return perform_substitutions(context, self._default)

    def describe(self) -> str:
        """Return the name."""
        return f"LaunchConfig({_describe(self.variable_name)})"


class PathJoinSubstitution(Substitution):
    """Parts of a path, joined."""

    def __init__(self, substitutions: Iterable[SomeSubstitutionsType]) -> None:
        self.substitutions = [normalize_to_list_of_substitutions(part) for part in substitutions]

    def perform(self, context: LaunchContext) -> str:
        """Return the path."""
        return os.path.join(*(perform_substitutions(context, part) for part in self.substitutions))

    def describe(self) -> str:
        """Return the parts."""
        return f"PathJoin({', '.join(_describe(part) for part in self.substitutions)})"


class EnvironmentVariable(Substitution):
    """Value of an environment variable."""

    def __init__(
        self, name: SomeSubstitutionsType, *, default_value: SomeSubstitutionsType | None = None
    ) -> None:
        self.name = normalize_to_list_of_substitutions(name)
        self._default = None if default_value is None else normalize_to_list_of_substitutions(default_value)

    def perform(self, context: LaunchContext) -> str:
        """Return the value, or the default where it is not set.

        Raises:
            SubstitutionFailure: Neither value nor default.
        """
        name = perform_substitutions(context, self.name)
        if name in context.environment:
            return context.environment[name]
        if self._default is None:
            raise SubstitutionFailure(f"environment variable '{name}' does not exist")
        return perform_substitutions(context, self._default)

    def describe(self) -> str:
        """Return the name."""
        return f"EnvVar({_describe(self.name)})"


class PythonExpression(Substitution):
    """Value of a Python expression; like ROS 2's it is evaluated as it is, so keep it in launch files."""

    def __init__(
        self, expression: SomeSubstitutionsType, python_modules: SomeSubstitutionsType = ("math",)
    ) -> None:
        self.expression = normalize_to_list_of_substitutions(expression)
        self.python_modules = normalize_to_list_of_substitutions(python_modules)

    def perform(self, context: LaunchContext) -> str:
        """Evaluate with the modules by name, and what `math` holds without its name."""
        names: dict[str, Any] = {}
        for module in self.python_modules:
            name = module.perform(context)
            names[name] = importlib.import_module(name)
        if "math" in names:
            names = {**vars(names["math"]), **names}
        return str(eval(perform_substitutions(context, self.expression), {}, names))

    def describe(self) -> str:
        """Return the expression."""
        return f"PythonExpr({_describe(self.expression)})"


class FindExecutable(Substitution):
    """Path of a program on PATH."""

    def __init__(self, *, name: SomeSubstitutionsType) -> None:
        self.name = normalize_to_list_of_substitutions(name)

    def perform(self, context: LaunchContext) -> str:
        """Return the path.

        Raises:
            SubstitutionFailure: No such program.
        """
        name = perform_substitutions(context, self.name)
        found = shutil.which(name, path=context.environment.get("PATH"))
        if found is None:
            raise SubstitutionFailure(f"executable '{name}' not found on the PATH")
        return found

    def describe(self) -> str:
        """Return the name."""
        return f"FindExec({_describe(self.name)})"


class ThisLaunchFileDir(Substitution):
    """Folder of the launch file being executed."""

    def perform(self, context: LaunchContext) -> str:
        """Return the path.

        Raises:
            SubstitutionFailure: Not in a launch file.
        """
        return _launch_file_local(context, "current_launch_file_directory")


def _launch_file_local(context: LaunchContext, name: str) -> str:
    try:
        return context.get_locals_as_dict()[name]
    except KeyError:
        raise SubstitutionFailure("not in a launch file") from None
