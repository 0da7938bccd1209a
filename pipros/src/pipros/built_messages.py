"""Messages that a real ROS 2 lacks, made for its rclpy by its own generators.

The wheels of ROS 2 on PyPI have no `tf2_msgs`, which comes with geometry2, no `vision_msgs` and no
`rosbag2_interfaces`. rclpy takes only what rosidl made for it, so rosidl makes them here, once, into the
user's cache.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .definitions import SERVICES, VISION_MESSAGES
from .ros2 import MissingPackageError, cache_folder, prefix

_RECIPE = 2  # counts changes of how it is built
# Of these, those that are there: each rmw implementation asks for its own, Jazzy's rmw_fastrtps_cpp for both.
_TYPE_SUPPORTS = ("rosidl_typesupport_introspection_c", "rosidl_typesupport_fastrtps_c")


@dataclass(frozen=True)
class Definitions:
    """What a package lacks: "msg/Name.msg" or "srv/Name.srv" to what that file holds.

    Attributes:
        files: of the package.
        packages: that fields come from.
    """

    files: Mapping[str, str]
    packages: tuple[str, ...]


DEFINITIONS = {
    "tf2_msgs": Definitions(
        {"msg/TFMessage.msg": "geometry_msgs/TransformStamped[] transforms"},
        ("geometry_msgs", "std_msgs", "builtin_interfaces"),
    ),
    "vision_msgs": Definitions(
        {f"msg/{name}.msg": text for name, text in VISION_MESSAGES.items()},
        ("geometry_msgs", "std_msgs", "builtin_interfaces"),
    ),
    # Only those that a player of bags has here.
    "rosbag2_interfaces": Definitions(
        {
            f"{name.removeprefix('rosbag2_interfaces/')}.srv": text
            for name, text in SERVICES.items()
            if name.startswith("rosbag2_interfaces/")
        },
        ("service_msgs", "builtin_interfaces"),
    ),
}


def load(package: str) -> None:
    """Turn the overlay's module of a package into one whose messages the real rclpy takes.

    Raises:
        MissingPackageError: they cannot be made here; the message says what to install.
    """
    folder = _built(package)
    # rosidl opens them by their bare names. The linker knows them by these once they are open.
    for library in sorted(folder.glob("lib*.so")):
        ctypes.CDLL(str(library))
    sys.modules[package].__path__ = [str(folder)]


def _built(package: str) -> Path:
    """The folder of the package, which is made where it is not there yet."""
    definitions = DEFINITIONS.get(package)
    if definitions is None:
        raise MissingPackageError(package)
    root = prefix("geometry_msgs")
    supports = tuple(name for name in _TYPE_SUPPORTS if importlib.util.find_spec(name) is not None)
    library = root / "lib" / "libgeometry_msgs__rosidl_generator_c.so"
    stamp = library.stat().st_mtime_ns if library.is_file() else 0
    key = (sys.implementation.cache_tag, str(root), stamp, supports, definitions, _RECIPE)
    name = f"{package}-{hashlib.sha256(repr(key).encode()).hexdigest()[:16]}"
    final = cache_folder() / "messages" / name
    if (final / package).is_dir():
        return final / package
    final.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=final.parent, prefix=f".{name}-") as work:
        _build(package, definitions, root, supports, Path(work))
        try:
            (Path(work) / "generated" / "python").replace(final)
        except OSError:  # another process was faster
            if not (final / package).is_dir():
                raise
    return final / package


def _build(package: str, definitions: Definitions, root: Path, supports: Sequence[str], work: Path) -> None:
    """Generate and compile a package into `work / "generated" / "python"`."""
    compilers = _compilers(package)
    source, generated = work / "definitions", work / "generated"
    folder = generated / "python" / package
    for name, text in definitions.files.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    environment = {
        **os.environ,
        "AMENT_PREFIX_PATH": os.pathsep.join(filter(None, [str(root), os.environ.get("AMENT_PREFIX_PATH")])),
    }

    def run(command: Sequence[object], where: Path = work) -> None:
        where.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            list(map(str, command)), cwd=where, env=environment, capture_output=True, text=True
        )
        if done.returncode:
            lines = [line for line in (done.stderr or done.stdout).splitlines() if "rror" in line]
            raise MissingPackageError(package, f"making it failed ({lines[-1] if lines else command[0]})")

    generate = Path(__file__).with_name("rosidl_generation.py")
    # Humble's services have no event, and it has no service_msgs.
    packages = [each for each in definitions.packages if (root / "share" / each).is_dir()]
    share = [root / "share" / each / "msg" for each in packages]
    run([sys.executable, generate, package, source, generated, ",".join(supports), *share])

    import numpy as np

    paths = [*generated.iterdir(), sysconfig.get_path("include"), np.get_include(), root / "include"]
    paths += [path for path in sorted((root / "include").glob("*")) if path.is_dir()]
    flags = ["-O1", "-fPIC", "-w", *(f"-I{path}" for path in paths)]
    for suffix, standard in (("c", "gnu11"), ("cpp", "gnu++17")):
        for part in sorted(generated.iterdir()):
            if sources := sorted(part.rglob(f"*.{suffix}")):
                objects = work / "objects" / f"{part.name}-{suffix}"
                run([*compilers[suffix], f"-std={standard}", *flags, "-c", *sources], objects)

    def link(name: str, *parts: object) -> None:
        run([*compilers["cpp"], "-shared", f"-Wl,-soname,{name},--no-as-needed", "-o", folder / name, *parts])

    runtime = ("rosidl_typesupport_c", *supports)
    parts = ("rosidl_generator_c", "rosidl_generator_py", *runtime)
    libraries = [f"{each}__{part}" for each in packages for part in parts]
    libraries += ["rosidl_runtime_c", "rcutils", *runtime]
    libraries += ["fastcdr"] if any("fastrtps" in name for name in supports) else []
    module = f"{package}_s__rosidl_typesupport_c{sysconfig.get_config_var('EXT_SUFFIX')}"
    there = (f"-L{root / 'lib'}", f"-Wl,-rpath,{root / 'lib'}")
    link(module, *sorted((work / "objects").rglob("*.o")), *there, *(f"-l{name}" for name in libraries))
    for support in supports:  # nothing but the name: all code is in the module
        link(f"lib{package}__{support}.so", folder / module, "-Wl,-rpath,$ORIGIN")
    (folder / "__init__.py").touch()


def _compilers(package: str) -> dict[str, list[str]]:
    """The commands of the compilers by suffix; MissingPackageError where one or what they need is missing."""
    if importlib.util.find_spec("rosidl_generator_py") is None:
        raise MissingPackageError(package)
    compilers = {"c": os.environ.get("CC", "cc").split(), "cpp": os.environ.get("CXX", "c++").split()}
    for command in compilers.values():
        if shutil.which(command[0]) is None:
            reason = f"making it needs a C and a C++ compiler, and there is no {command[0]}"
            raise MissingPackageError(package, reason, "apt install g++")
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        raise MissingPackageError(package, "making it needs Python's headers", "apt install python3-dev")
    return compilers
