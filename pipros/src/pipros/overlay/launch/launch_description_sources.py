"""Sources of `launch.launch_description_sources`: Python files alone."""

from __future__ import annotations

import importlib.util
from importlib.machinery import SourceFileLoader
from pathlib import Path

from launch.launch_description import LaunchDescription
from launch.launch_description_source import LaunchDescriptionSource
from launch.some_substitutions_type import SomeSubstitutionsType

__all__ = [
    "AnyLaunchDescriptionSource",
    "InvalidPythonLaunchFileError",
    "PythonLaunchDescriptionSource",
    "get_launch_description_from_python_launch_file",
]


class InvalidPythonLaunchFileError(Exception):
    """A Python file that makes no launch description."""


def get_launch_description_from_python_launch_file(python_launch_file_path: str) -> LaunchDescription:
    """Load a Python launch file and call its `generate_launch_description`.

    Raises:
        FileNotFoundError: No such file.
        InvalidPythonLaunchFileError: It has no `generate_launch_description`.
    """
    path = Path(python_launch_file_path)
    if not path.is_file():
        raise FileNotFoundError(f"no launch file at {path}")
    loader = SourceFileLoader("python_launch_file", str(path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    generate = getattr(module, "generate_launch_description", None)
    if generate is None:
        raise InvalidPythonLaunchFileError(
            f"launch file {path} has no function generate_launch_description()"
        )
    return generate()


class PythonLaunchDescriptionSource(LaunchDescriptionSource):
    """A Python launch file."""

    def __init__(self, launch_file_path: SomeSubstitutionsType) -> None:
        super().__init__(None, launch_file_path, "interpreted python launch file")

    def _load(self, location: str) -> LaunchDescription:
        return get_launch_description_from_python_launch_file(location)


class AnyLaunchDescriptionSource(PythonLaunchDescriptionSource):
    """A launch file of any kind in ROS 2; here a Python one."""

    def _load(self, location: str) -> LaunchDescription:
        if not location.endswith(".py"):
            raise NotImplementedError(f"launch file {location}: without ROS 2 only Python launch files (.py)")
        return super()._load(location)
