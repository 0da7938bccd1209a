"""Finding a package's share directory, as ament_index_python.packages.

Without ROS 2 there is no index of packages. A package's share directory is its source checkout (the
folder with its package.xml, found from the Python package of the same name), or where pip put its data
files: `share/<package>` below the environment.
"""

from __future__ import annotations

import importlib.util
import os
import site
import sys
from collections.abc import Iterator
from pathlib import Path


class PackageNotFoundError(KeyError):
    """No such package here."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


def get_package_share_directory(package_name: str, print_warning: bool = True) -> str:
    """The folder that holds a package's launch files, configuration and package.xml."""
    for candidate in _candidates(package_name):
        if (candidate / "package.xml").is_file():
            return str(candidate)
    raise PackageNotFoundError(
        f"package '{package_name}' not found, searching: {', '.join(map(str, _candidates(package_name)))}"
    )


def get_package_share_path(package_name: str, print_warning: bool = True) -> Path:
    """Like `get_package_share_directory`, as a path."""
    return Path(get_package_share_directory(package_name, print_warning))


def get_package_prefix(package_name: str) -> str:
    """The folder below which a package is installed."""
    share = get_package_share_path(package_name)
    return str(share.parents[1] if share.parent.name == "share" else share)


def _candidates(package_name: str) -> Iterator[Path]:
    spec = importlib.util.find_spec(package_name) if package_name.isidentifier() else None
    for location in (spec.submodule_search_locations or ()) if spec is not None else ():
        checkout = Path(location).resolve().parent
        if (checkout / "package.xml").is_file() and (checkout / package_name).is_dir():
            yield checkout
    for prefix in dict.fromkeys(
        (sys.prefix, site.getuserbase(), *os.environ.get("AMENT_PREFIX_PATH", "").split(":"))
    ):
        if prefix:
            yield Path(prefix) / "share" / package_name
