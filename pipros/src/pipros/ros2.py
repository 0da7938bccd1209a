"""The real ROS 2 on Python's path: where it is, what it lacks, and whether it can be used."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import os
import re
import sys
import tempfile
from collections.abc import Iterable
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from pipros.errors import PiprosError

OVERLAY = Path(__file__).resolve().parent / "overlay"

# What rclpy itself imports.
_CORE = ("rclpy", "builtin_interfaces.msg", "rcl_interfaces.msg")


class MissingPackageError(PiprosError, ModuleNotFoundError):
    """A package that ROS 2 lacks and the overlay cannot add."""

    def __init__(self, package: str, reason: str = "", remedy: str = "") -> None:
        distribution = os.environ.get("ROS_DISTRO", "<distribution>")
        install = f"apt install ros-{distribution}-{package.replace('_', '-')}"
        why = f"; {reason}" if reason else ""
        super().__init__(
            f"the ROS 2 at {prefix()} lacks {package}{why}; {' or '.join(filter(None, [install, remedy]))}"
        )


def origin(package: str) -> Path | None:
    """The file of a package outside of overlays; None where there is none.

    A mere folder of that name, such as a repository, is none. Nor is the overlay of another copy of pipros,
    which a parent process may have left on PYTHONPATH.
    """
    try:
        spec = importlib.util.find_spec(package)
    except ValueError:  # a module that some test made up
        return None
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin)
    overlays = (folder for folder in path.resolve().parents if folder.name == OVERLAY.name)
    return None if any(folder.parent.name == OVERLAY.parent.name for folder in overlays) else path


def prefix(package: str = "rclpy") -> Path:
    """The folder below which ROS 2 has its share/ and lib/."""
    path = origin(package)
    if path is None:
        raise PiprosError(f"no {package} of ROS 2 is on the path")
    for parent in path.resolve().parents:
        if (parent / "share" / package).is_dir():
            return parent
    return path.resolve().parents[1]


def cache_folder() -> Path:
    """Where things are kept that can be made again, and imported: nobody else's folder.

    Raises:
        PiprosError: no folder can be written.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "pipros"
    temporary = Path(tempfile.gettempdir()) / f"pipros-{os.getuid()}"
    for folder in (cache, temporary):
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if os.access(folder, os.W_OK) and folder.stat().st_uid == os.getuid():
                return folder
    raise PiprosError(
        f"neither {cache} nor {temporary} can be written: set XDG_CACHE_HOME to a folder of yours"
    )


def additions() -> Path | None:
    """A folder with those packages of the overlay that the real ROS 2 lacks; None where it lacks none.

    A folder, not a hook, since the processes that a launch starts find it by PYTHONPATH, which comes before
    the site-packages where wheels are: only what is missing may be in it.
    """
    lacking = sorted(path for path in OVERLAY.iterdir() if _is_package(path) and origin(path.stem) is None)
    if not lacking:
        return None
    names = hashlib.sha256(repr([str(OVERLAY), *(path.name for path in lacking)]).encode()).hexdigest()[:16]
    folder = cache_folder() / "beside_ros2" / names
    folder.mkdir(parents=True, exist_ok=True)
    for path in lacking:
        with contextlib.suppress(FileExistsError):
            (folder / path.name).symlink_to(path)
    return folder


def check(used: Iterable[str] = ()) -> None:
    """See that the real ROS 2 can be imported, with all that is used of it.

    Args:
        used: modules, such as `sensor_msgs.msg`.

    Raises:
        PiprosError: it cannot; one line that says what to install or to unset.
    """
    for module in (*_CORE, *used):
        try:
            importlib.import_module(module)
        except MissingPackageError:
            raise
        except ImportError as error:
            raise PiprosError(_explanation(error)) from None


def _explanation(error: ImportError) -> str:
    """What is wrong with the rclpy on the path, and the remedy."""
    found = origin("rclpy")
    assert found is not None, "it was found, and cannot be imported"
    folder = found.parent
    without = f"or take {folder.parent} off PYTHONPATH to go without ROS 2"
    built = [path.name for path in folder.glob("_rclpy_pybind11*.so")]
    if built and not {f"_rclpy_pybind11{suffix}" for suffix in EXTENSION_SUFFIXES} & set(built):
        made_for = re.sub(r".*cpython-(\d)(\d+).*", r"\1.\2", built[0])
        here = ".".join(map(str, sys.version_info[:2]))
        return f"the rclpy in {folder} is for Python {made_for}, not {here}: use python{made_for}, {without}"
    reason = next(iter(str(error).splitlines()), "")
    entries = dict.fromkeys(Path(entry or os.curdir).resolve() for entry in sys.path)
    several = [entry for entry in entries if (entry / "rclpy" / "__init__.py").is_file() and entry != OVERLAY]
    if len(several) > 1:
        both = " and ".join(map(str, several))
        return f"two ROS 2 are on the path, {both}, and do not fit ({reason}): unset PYTHONPATH, source one"
    lost = (error.name or "").partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and lost != "rclpy":
        return f"{MissingPackageError(lost)}, {without}"
    return f"the rclpy in {folder} cannot be loaded ({reason}): source its setup.bash, {without}"


def _is_package(path: Path) -> bool:
    return path.name != "rclpy" and (path.suffix == ".py" or (path / "__init__.py").is_file())
