"""Sources of `launch.launch_description_sources`: Python files alone."""

from __future__ import annotations

import importlib.util
from importlib.machinery import SourceFileLoader
from pathlib import Path

from launch.launch_context import LaunchContext
from launch.launch_description import LaunchDescription
from launch.substitutions import (
    SomeSubstitutionsType,
    normalize_to_list_of_substitutions,
    perform_substitutions,
)

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
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None, "the loader is given"
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    generate = getattr(module, "generate_launch_description", None)
    if generate is None:
        raise InvalidPythonLaunchFileError(
            f"launch file {path} has no function generate_launch_description()"
        )
    return generate()


class LaunchDescriptionSource:
    """A launch description, or a file that makes one; the file is loaded once."""

    def __init__(
        self,
        launch_description: LaunchDescription | None = None,
        location: SomeSubstitutionsType = "<script>",
    ) -> None:
        self._pipros_description = launch_description
        self._pipros_location = normalize_to_list_of_substitutions(location)
        self._pipros_expanded_location: str | None = None

    @property
    def location(self) -> str:
        """The path, as it is described until it has been expanded."""
        return self._pipros_expanded_location or " + ".join(part.describe() for part in self._pipros_location)

    def try_get_launch_description_without_context(self) -> LaunchDescription | None:
        """Return the description where that needs nothing of the running launch, else None."""
        # Whatever a launch file or a substitution raises now, it will raise again in the launch, there
        # to be seen; here it only means that the arguments inside are not known.
        try:
            return self.get_launch_description(LaunchContext())
        except Exception:
            self._pipros_expanded_location = None
            return None

    def get_launch_description(self, context: LaunchContext) -> LaunchDescription:
        """Return the description, loading it the first time."""
        if self._pipros_expanded_location is None:
            self._pipros_expanded_location = perform_substitutions(context, self._pipros_location)
        if self._pipros_description is None:
            self._pipros_description = self._pipros_load(self._pipros_expanded_location)
        return self._pipros_description

    def _pipros_load(self, location: str) -> LaunchDescription:
        raise NotImplementedError(f"{type(self).__name__}._pipros_load")


class PythonLaunchDescriptionSource(LaunchDescriptionSource):
    """A Python launch file."""

    def __init__(self, launch_file_path: SomeSubstitutionsType) -> None:
        super().__init__(None, launch_file_path)

    def _pipros_load(self, location: str) -> LaunchDescription:
        return get_launch_description_from_python_launch_file(location)


class AnyLaunchDescriptionSource(PythonLaunchDescriptionSource):
    """A launch file of any kind in ROS 2; here a Python one."""

    def _pipros_load(self, location: str) -> LaunchDescription:
        if not location.endswith(".py"):
            raise NotImplementedError(f"launch file {location}: without ROS 2 only Python launch files (.py)")
        return super()._pipros_load(location)
