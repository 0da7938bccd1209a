"""With ROS 2 sourced: our text of a message is, character by character, that of `ros2 topic echo`."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipros import activate

if activate():
    pytest.skip("ROS 2 is not sourced", allow_module_level=True)

import rosidl_runtime_py

if not hasattr(rosidl_runtime_py, "message_to_yaml"):
    pytest.skip("this ROS 2 has no rosidl_runtime_py", allow_module_level=True)

from rosidl_runtime_py import message_to_csv, message_to_yaml
from rosidl_runtime_py.utilities import get_message

from pipros.topic.text import Abridgement, to_csv, to_data, to_yaml

TYPES = [
    "sensor_msgs/msg/CameraInfo",
    "sensor_msgs/msg/CompressedImage",
    "sensor_msgs/msg/PointCloud2",
    "tf2_msgs/msg/TFMessage",
    "nav_msgs/msg/OccupancyGrid",
    "diagnostic_msgs/msg/DiagnosticArray",
    "visualization_msgs/msg/MarkerArray",
    "std_msgs/msg/Float32",
]


def filled(name: str) -> object:
    """A message whose sequences are not empty."""
    message = get_message(name)()
    for field, kind in message.get_fields_and_field_types().items():
        if kind in ("sequence<uint8>", "sequence<int8>"):
            setattr(message, field, [1, 2, 3] * 60)
        elif kind == "sequence<double>":
            setattr(message, field, [0.5, 1e-9, math.inf, math.nan])
        elif kind.startswith("sequence<") and "/" in kind:
            setattr(message, field, [filled(kind[9:-1]), filled(kind[9:-1])])
        elif kind == "string":
            setattr(message, field, "text: of, a #kind ")
        elif "/" in kind and "[" not in kind:
            setattr(message, field, filled(kind))
    return message


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("full", [True, False])
def test_messages_read_the_same(name: str, full: bool) -> None:
    for message in (get_message(name)(), filled(name)):
        for arrays, strings in ((False, False), (True, True)):
            theirs = {"truncate_length": None if full else 128, "no_arr": arrays, "no_str": strings}
            ours = Abridgement(arrays=arrays, strings=strings, length=None if full else 128)
            data = to_data(message, ours)
            assert to_yaml(data) == message_to_yaml(message, **theirs)
            if not full:
                assert to_csv(data) == message_to_csv(message, **theirs)


@settings(max_examples=300)
@given(
    st.one_of(
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12),
        st.text(st.characters(max_codepoint=255, exclude_characters="\n\x85"), max_size=12),
        st.sampled_from(
            ["yes", "No", "1e5", "1.5e+3", "0x1F", "0b1", "1_000", "12:30", "2020-01-01", "~", "..."]
        ),
        st.from_regex(r"[-+]?[0-9][0-9_.e:+-]{0,6}", fullmatch=True),
    )
)
def test_texts_read_the_same(text: str) -> None:
    message = get_message("std_msgs/msg/String")(data=text)
    assert to_yaml(to_data(message)) == message_to_yaml(message, truncate_length=128)


@settings(max_examples=300)
@given(st.floats())
def test_numbers_read_the_same(number: float) -> None:
    message = get_message("std_msgs/msg/Float64")(data=number)
    assert to_yaml(to_data(message)) == message_to_yaml(message)
