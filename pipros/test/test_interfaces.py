"""Interface definitions come from the type store and are known by ROS 2's hashes."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipros import OVERLAY, activate, child_environment, idl
from pipros.cdr import deserialize, serialize
from pipros.definitions import SERVICES
from pipros.errors import PiprosError
from pipros.interfaces import add, definition, names, type_hash, type_store
from pipros.message import Message, message_class
from pipros.service import service_class

SOURCE = OVERLAY.parents[1]


@pytest.mark.skipif(not activate(), reason="a real ROS 2 is sourced")
@pytest.mark.parametrize("package", sorted(path.stem for path in OVERLAY.glob("*.py")))
def test_a_child_that_imports_nothing_before_finds_each_package(package: str, tmp_path: Path) -> None:
    """As `python -m` in a launch does, which knows the overlay by PYTHONPATH alone."""
    kind = "srv" if package.endswith("_srvs") else "msg"
    (tmp_path / "child.py").write_text(f"import {package}.{kind} as found; print(len(found.__all__))")
    environment = child_environment(
        {**os.environ, "PYTHONPATH": os.pathsep.join([str(SOURCE), str(tmp_path)])}
    )
    command = [sys.executable, "-m", "child"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert int(done.stdout) == len(importlib.import_module(f"{package}.{kind}").__all__) > 0


def test_types_of_packages_that_cannot_be_imported_are_known_by_name() -> None:
    """Those of a bag or a topic may be any."""
    from rosidl_runtime_py.utilities import get_message

    name = "trajectory_msgs/msg/JointTrajectory"
    assert list(get_message(name).get_fields_and_field_types()) == ["header", "joint_names", "points"]


@pytest.mark.parametrize(
    ("name", "digest"),
    [  # as `ros2 topic info -v` of a Jazzy shows them
        ("std_msgs/msg/String", "df668c740482bbd48fb39d76a70dfd4bd59db1288021743503259e948f6b1a18"),
        ("sensor_msgs/msg/Image", "d31d41a9a4c4bc8eae9be757b0beed306564f7526c88ea6a4588fb9582527d47"),
        ("nav_msgs/msg/OccupancyGrid", "8d348150c12913a31ee0ec170fbf25089e4745d17035792a1ba94d6f0bc0cfc7"),
        # as Jazzy's rosidl makes them of vision_msgs 4.1.1
        ("vision_msgs/msg/LabelInfo", "3d37df4015cdf660cc851c51897f2acd957e1ca6205ba0a99aebffb9406b0783"),
        ("vision_msgs/msg/VisionInfo", "95d3116a17484ad91c9a2686e1d54890bbfc3ff6c6a2de137738c4950d45d284"),
        (
            "vision_msgs/msg/Detection2DArray",
            "214274120007f4a683866481336b70310268cfa107aebe9d594a6acf75bda968",
        ),
        (
            "vision_msgs/msg/Detection3DArray",
            "793f5eab9595ac1c0da07873cc859db42eae51f0ee76056db8562515d830e018",
        ),
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


OWN = """
from pipros.packages import fill

fill(
    __name__,
    {
        "msg/Speed": "std_msgs/Header header\\nfloat32 value\\nuint8 UNIT=2\\n",
        "msg/Speeds": "Speed[] all",
        "srv/Limit": "float32 most\\n---\\nbool done",
    },
)
"""


@pytest.mark.skipif(not activate(), reason="a real ROS 2 is sourced")
def test_a_project_has_types_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rosidl_runtime_py.utilities import get_message

    (tmp_path / "speed_msgs.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    assert get_message("speed_msgs/Speed").UNIT == 2  # as `ros2 topic echo` finds it
    messages = importlib.import_module("speed_msgs.msg")
    services = importlib.import_module("speed_msgs.srv")
    sent = messages.Speeds(all=[messages.Speed(value=2.5)])
    kind = message_class("speed_msgs/msg/Speeds")

    assert names("speed_msgs", "msg") == ("Speed", "Speeds")
    assert deserialize(serialize(sent), kind) == sent
    assert list(services.Limit.Response.get_fields_and_field_types()) == ["done"]
    assert len(type_hash("speed_msgs/msg/Speeds")) == len("RIHS01_") + 64
    assert idl.message_type("speed_msgs/msg/Speed").__idl_typename__ == "speed_msgs.msg.dds_.Speed_"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("speed_msgs/msg/Broken", "float32"),
        ("speed_msgs/Speed", "float32 value"),
        ("speed_msgs/srv/Half", "bool done"),
        ("std_msgs/msg/String", "float32 data"),
    ],
)
def test_a_definition_that_cannot_be_taken_is_named(name: str, text: str) -> None:
    with pytest.raises(PiprosError, match=name):
        add(name, text)


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
