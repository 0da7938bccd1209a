"""Fills the overlay's interface packages, so that `from sensor_msgs.msg import Image` works.

Each package in the overlay is a module that calls `fill`; its `msg` and `srv` submodules make a class when
it is first asked for. A module each, and no import hook, since a child finds the overlay by PYTHONPATH: in
`python -m something` nothing of pipros runs before the first `from sensor_msgs.msg import Image`. Types of
other packages of the type store are found by their names (`rosidl_runtime_py.utilities.get_message`).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import ModuleType

from pipros.built_messages import load
from pipros.ros2 import origin


class InterfaceModule(ModuleType):
    """A package's `msg` or `srv` module."""

    def __init__(self, package: str, kind: str) -> None:
        from pipros.interfaces import names

        super().__init__(f"{package}.{kind}", f"The {kind} types of {package}, from the type store.")
        self._package = package
        self._kind = kind
        self.__all__ = list(names(package, kind))

    def __getattr__(self, name: str) -> type:
        halves = name.endswith(("_Request", "_Response"))
        if name not in self.__all__ and not (halves and name.rpartition("_")[0] in self.__all__):
            raise AttributeError(
                f"{self.__name__} has no {name!r}; it has {', '.join(self.__all__) or 'nothing'}"
            )
        from pipros.message import message_class
        from pipros.service import service_class

        full = f"{self._package}/{self._kind}/{name}"
        kind = service_class(full) if self._kind == "srv" and not halves else message_class(full)
        setattr(self, name, kind)
        return kind

    def __dir__(self) -> list[str]:
        return self.__all__


def fill(package: str, definitions: Mapping[str, str] | None = None) -> None:
    """Give a module, by its name, the submodules `msg` and `srv`.

    A module of the overlay calls it for the types of the type store. One of a project's own, beside its code,
    calls it for types of its own: `fill(__name__, {"msg/Speed": "float32 value"})`.

    Beside a real rclpy the types are those that rosidl makes for it.

    Args:
        package: `__name__` of the module.
        definitions: "msg/Name" or "srv/Name" to what its `.msg` or `.srv` file holds, for types that the type
            store lacks. A default that a field has there is not kept.

    Raises:
        PiprosError: a definition cannot be read.
        MissingPackageError: a real rclpy has no such types; build them with colcon.
    """
    if origin("rclpy") is not None:
        load(package)
        return
    from pipros.interfaces import add, names

    for name, text in (definitions or {}).items():
        add(f"{package}/{name}", text)
    module = sys.modules[package]
    module.__path__ = []  # a package, whose submodules are here and not on disk
    for kind in ("msg", "srv"):
        if names(package, kind):
            submodule = InterfaceModule(package, kind)
            sys.modules[submodule.__name__] = submodule
            setattr(module, kind, submodule)
