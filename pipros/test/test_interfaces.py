"""Interface definitions come from the type store and are known by ROS 2's hashes."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from pipros import OVERLAY, idl
from pipros.definitions import SERVICES
from pipros.errors import PiprosError
from pipros.interfaces import definition, names, packages, type_hash, type_store
from pipros.message import Message, message_class
from pipros.service import service_class


def test_each_interface_package_has_its_module_in_the_overlay() -> None:
    modules = {path.stem for path in Path(OVERLAY).glob("*.py")}

    assert modules == set(packages())


@pytest.mark.parametrize(
    ("name", "digest"),
    [  # as `ros2 topic info -v` of a Jazzy shows them
        ("std_msgs/msg/String", "df668c740482bbd48fb39d76a70dfd4bd59db1288021743503259e948f6b1a18"),
        ("sensor_msgs/msg/Image", "d31d41a9a4c4bc8eae9be757b0beed306564f7526c88ea6a4588fb9582527d47"),
        ("nav_msgs/msg/OccupancyGrid", "8d348150c12913a31ee0ec170fbf25089e4745d17035792a1ba94d6f0bc0cfc7"),
    ],
)
def test_type_hashes_are_those_of_jazzy(name: str, digest: str) -> None:
    assert type_hash(name) == f"RIHS01_{digest}"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_has_a_request_and_a_response(name: str) -> None:
    service = service_class(name)

    assert issubclass(service.Request, Message)
    assert service.Response.definition.name == f"{name}_Response"
    assert service.__name__ in names(name.partition("/")[0], "srv")


@pytest.mark.parametrize("name", sorted(type_store().fielddefs))
def test_dds_type_names_are_mangled_as_middlewares_do(name: str) -> None:
    package, kind, short = name.split("/")

    assert idl.message_type(name).__idl_typename__.replace(".", "::") == f"{package}::{kind}::dds_::{short}_"
    assert idl.ros_type_name(idl.dds_type_name(name)) == name


def test_an_unknown_type_is_named_in_the_error() -> None:
    with pytest.raises(PiprosError, match="my_msgs/msg/Mine"):
        definition("my_msgs/msg/Mine")


def test_imported_classes_are_those_of_the_type_store() -> None:
    module = importlib.import_module("sensor_msgs.msg")
    if not issubclass(module.Image, Message):
        pytest.skip("a real ROS 2 is sourced")

    assert module.Image is message_class("sensor_msgs/msg/Image")
    with pytest.raises(ImportError):
        exec("from sensor_msgs.msg import Picture")
