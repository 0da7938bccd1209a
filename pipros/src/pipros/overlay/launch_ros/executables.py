"""Where the executables of a Python package are, without an ament index.

Executable `<x>_node` of package `<package>` is module `<package>.nodes.<x>`, run by this interpreter with
`python -m`; any other name is looked up among the package's console scripts.
"""

from __future__ import annotations

import importlib.util
import sys
from importlib.metadata import entry_points


class ExecutableNotFound(RuntimeError):  # the name says what happened
    """A package or an executable that is not there."""


def find_executable(package: str, executable: str) -> list[str]:
    """Return the command that runs an executable of a package.

    Raises:
        ExecutableNotFound: No such package or no such executable.
    """
    if importlib.util.find_spec(package) is None:
        raise ExecutableNotFound(
            f"package '{package}' not found: without ROS 2 only Python packages on the path can be launched"
        )
    module = _module(package, executable)
    if module is None:
        raise ExecutableNotFound(f"executable '{executable}' not found in package '{package}'")
    return [sys.executable, "-m", module]


def _module(package: str, executable: str) -> str | None:
    for script in entry_points(group="console_scripts"):
        module = script.value.partition(":")[0]
        if script.name == executable and module.partition(".")[0] == package:
            return module
    name = f"{package}.nodes.{executable.removesuffix('_node')}"
    try:
        return name if executable.endswith("_node") and importlib.util.find_spec(name) is not None else None
    except ModuleNotFoundError:  # the package has no nodes
        return None
