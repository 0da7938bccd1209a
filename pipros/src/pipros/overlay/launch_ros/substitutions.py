"""Substitutions of `launch_ros.substitutions`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ament_index_python.packages import get_package_prefix, get_package_share_directory
from launch.substitutions import (
    SomeSubstitutionsType,
    Substitution,
    normalize_to_list_of_substitutions,
    perform_substitutions,
)

if TYPE_CHECKING:
    from launch import LaunchContext

__all__ = ["FindPackagePrefix", "FindPackageShare"]


class FindPackageShare(Substitution):
    """Share folder of a package, with launch, config and the like; PackageNotFoundError without it."""

    _find = staticmethod(get_package_share_directory)

    def __init__(self, package: SomeSubstitutionsType) -> None:
        self.package = normalize_to_list_of_substitutions(package)

    def perform(self, context: LaunchContext) -> str:
        return self._pipros_find(perform_substitutions(context, self.package))

    def describe(self) -> str:
        return f"{type(self).__name__}(pkg={' + '.join(part.describe() for part in self.package)})"


class FindPackagePrefix(FindPackageShare):
    """Install prefix of a package."""

    _find = staticmethod(get_package_prefix)
