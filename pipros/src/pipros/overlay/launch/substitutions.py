"""Substitutions of `launch.substitutions`: text that is known only when the launch runs."""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Iterable
from os import PathLike
from typing import TYPE_CHECKING, Any

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


class Substitution:
    """Base of all."""

    def perform(self, context: LaunchContext) -> str:
        """Return the text; SubstitutionFailure where there is none."""
        raise NotImplementedError(f"{type(self).__name__}.perform")

    def describe(self) -> str:
        """Return how it reads in a listing of arguments."""
        return f"{type(self).__name__}()"


SomeSubstitutionsType = str | Substitution | Iterable[str | Substitution]


def normalize_to_list_of_substitutions(subs: SomeSubstitutionsType | PathLike) -> list[Substitution]:
    """Turn text, a path, a substitution or an iterable of them into a list of substitutions."""
    if isinstance(subs, Substitution):
        return [subs]
    if isinstance(subs, (str, PathLike)):
        return [TextSubstitution(text=os.fspath(subs))]
    if isinstance(subs, Iterable):
        return [part for sub in subs for part in normalize_to_list_of_substitutions(sub)]
    raise TypeError(f"expected text or a substitution, got {subs!r} ({type(subs).__name__})")


def perform_substitutions(context: LaunchContext, subs: Iterable[Substitution]) -> str:
    """Perform all and join their texts."""
    return "".join(sub.perform(context) for sub in subs)


def perform_text(context: LaunchContext, subs: SomeSubstitutionsType | PathLike) -> str:
    """Return the text of whatever may stand for one; not part of launch."""
    return perform_substitutions(context, normalize_to_list_of_substitutions(subs))


class TextSubstitution(Substitution):
    """Plain text."""

    def __init__(self, *, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"TextSubstitution expected 'text' as str, got {type(text).__name__}")
        self.text = text

    def perform(self, context: LaunchContext) -> str:
        return self.text

    def describe(self) -> str:
        return f"'{self.text}'"


class LaunchConfiguration(Substitution):
    """Value of a launch configuration, which is where launch arguments are kept, or its default."""

    def __init__(self, variable_name: SomeSubstitutionsType, *, default: Any = None) -> None:
        self.variable_name = normalize_to_list_of_substitutions(variable_name)
        if default is not None and not isinstance(default, (str, Substitution, Iterable)):
            default = str(default)
        self._pipros_default = None if default is None else normalize_to_list_of_substitutions(default)

    def perform(self, context: LaunchContext) -> str:
        name = perform_substitutions(context, self.variable_name)
        configurations = context.launch_configurations
        return _found(context, configurations, name, self._pipros_default, "launch configuration")

    def describe(self) -> str:
        return f"LaunchConfig({_describe(self.variable_name)})"


class EnvironmentVariable(Substitution):
    """Value of an environment variable, or its default."""

    def __init__(
        self, name: SomeSubstitutionsType, *, default_value: SomeSubstitutionsType | None = None
    ) -> None:
        self.name = normalize_to_list_of_substitutions(name)
        self._pipros_default = (
            None if default_value is None else normalize_to_list_of_substitutions(default_value)
        )

    def perform(self, context: LaunchContext) -> str:
        name = perform_substitutions(context, self.name)
        return _found(context, context.environment, name, self._pipros_default, "environment variable")

    def describe(self) -> str:
        return f"EnvVar({_describe(self.name)})"


class PathJoinSubstitution(Substitution):
    """Parts of a path, joined."""

    def __init__(self, substitutions: Iterable[SomeSubstitutionsType]) -> None:
        self.substitutions = [normalize_to_list_of_substitutions(part) for part in substitutions]

    def perform(self, context: LaunchContext) -> str:
        return os.path.join(*(perform_substitutions(context, part) for part in self.substitutions))

    def describe(self) -> str:
        return f"PathJoin({', '.join(_describe(part) for part in self.substitutions)})"


class PythonExpression(Substitution):
    """Value of a Python expression; like ROS 2's it is evaluated as it is, so keep it in launch files."""

    def __init__(
        self, expression: SomeSubstitutionsType, python_modules: SomeSubstitutionsType = ("math",)
    ) -> None:
        self.expression = normalize_to_list_of_substitutions(expression)
        self.python_modules = normalize_to_list_of_substitutions(python_modules)

    def perform(self, context: LaunchContext) -> str:
        """Evaluate with the modules by name, and what `math` holds without its name."""
        modules = [module.perform(context) for module in self.python_modules]
        names: dict[str, Any] = {name: importlib.import_module(name) for name in modules}
        if "math" in names:
            names = {**vars(names["math"]), **names}
        return str(eval(perform_substitutions(context, self.expression), {}, names))

    def describe(self) -> str:
        return f"PythonExpr({_describe(self.expression)})"


class FindExecutable(Substitution):
    """Path of a program on PATH."""

    def __init__(self, *, name: SomeSubstitutionsType) -> None:
        self.name = normalize_to_list_of_substitutions(name)

    def perform(self, context: LaunchContext) -> str:
        name = perform_substitutions(context, self.name)
        found = shutil.which(name, path=context.environment.get("PATH"))
        if found is None:
            raise SubstitutionFailure(f"executable '{name}' not found on the PATH")
        return found

    def describe(self) -> str:
        return f"FindExec({_describe(self.name)})"


class ThisLaunchFileDir(Substitution):
    """Folder of the launch file being executed."""

    def perform(self, context: LaunchContext) -> str:
        folder = context.get_locals_as_dict().get("current_launch_file_directory")
        if folder is None:
            raise SubstitutionFailure("not in a launch file")
        return folder


def _found(
    context: LaunchContext, values: Any, name: str, default: list[Substitution] | None, what: str
) -> str:
    if name in values:
        return values[name]
    if default is None:
        raise SubstitutionFailure(f"{what} '{name}' does not exist")
    return perform_substitutions(context, default)


def _describe(subs: Iterable[Substitution]) -> str:
    return " + ".join(sub.describe() for sub in subs)
