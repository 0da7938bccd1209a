"""Where a real ROS 2 is sourced but this package was installed by pip: how launch finds it all the same.

`ros2 launch` looks for packages below the folders in AMENT_PREFIX_PATH, where colcon installs them. For a
pip install or a checkout such a folder is made for as long as the process runs, and its children inherit it.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

from .errors import RosError

_PACKAGE = "lss_bev_ros"
_NODES = ("replay", "inference", "evaluation", "dashboard")


def offer_package() -> None:
    """Make this package known to ament, unless it is known already.

    Raises:
        RosError: the package's launch files are nowhere.
    """
    from ament_index_python.packages import get_package_prefix

    try:
        get_package_prefix(_PACKAGE)
        return
    except (LookupError, OSError):  # not in the index; or no index at all
        pass
    prefix = Path(tempfile.mkdtemp(prefix=f"{_PACKAGE}-"))
    atexit.register(shutil.rmtree, prefix, ignore_errors=True)
    index = prefix / "share" / "ament_index" / "resource_index" / "packages"
    index.mkdir(parents=True)
    (index / _PACKAGE).touch()
    (prefix / "share" / _PACKAGE).symlink_to(share(), target_is_directory=True)
    executables = prefix / "lib" / _PACKAGE
    executables.mkdir(parents=True)
    for node in _NODES:
        script = executables / f"{node}_node"
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {_PACKAGE}.nodes.{node} "$@"\n')
        script.chmod(0o755)
    before = os.environ.get("AMENT_PREFIX_PATH")
    os.environ["AMENT_PREFIX_PATH"] = f"{prefix}:{before}" if before else str(prefix)


def share() -> Path:
    """The folder with launch/ and config/: the checkout, or share/ beside the lib/ of this file.

    That is where colcon and pip put it, below whichever prefix they install to.

    Raises:
        RosError: there is none.
    """
    checkout, *above = Path(__file__).resolve().parents[1:]
    for folder in (checkout, *(parent / "share" / _PACKAGE for parent in above)):
        if (folder / "package.xml").is_file():
            return folder
    raise RosError(f"the launch files of {_PACKAGE} are missing: reinstall the package")
