"""Substitutions of `launch_ros.substitutions`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ament_index_python.packages import get_package_prefix, get_package_share_directory
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.substitution import Substitution
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions

if TYPE_CHECKING:
    from launch import LaunchContext

__all__ = ["FindPackage", "FindPackagePrefix", "FindPackageShare"]


class FindPackage(Substitution):
    """Something of a package."""

    def __init__(self, package: SomeSubstitutionsType) -> None:
        self.package = normalize_to_list_of_substitutions(package)

    def perform(self, context: LaunchContext) -> str:
        """Return it."""
        return self.find(perform_substitutions(context, self.package))

    def find(self, package_name: str) -> str:
        """Return it for a package's name."""
        raise NotImplementedError(f"{type(self).__name__}.find")

    def describe(self) -> str:
        """Return the name."""
        return f"{type(self).__name__}(pkg={' + '.join(part.describe() for part in self.package)})"


class FindPackagePrefix(FindPackage):
    """Install prefix of a package."""

    def find(self, package_name: str) -> str:
        """Return the path; raises the ament index's PackageNotFoundError where there is none."""
        return get_package_prefix(package_name)


class FindPackageShare(FindPackage):
    """Share folder of a package: launch, config and the like are in it."""

    def find(self, package_name: str) -> str:
        """Return the path; raises the ament index's PackageNotFoundError where there is none."""
        return get_package_share_directory(package_name)
