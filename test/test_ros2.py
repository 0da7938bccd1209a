"""What a real ROS 2 is given: enough shared memory for a frame set on Fast DDS, unless the user chose."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from lss_bev_ros.ros2 import room_for_images


@pytest.mark.parametrize(
    ("distribution", "variable"),
    [("jazzy", "FASTRTPS_DEFAULT_PROFILES_FILE"), ("kilted", "FASTDDS_DEFAULT_PROFILES_FILE")],
)
def test_fast_dds_gets_room_for_a_frame_set(distribution, variable):
    given = room_for_images({"ROS_DISTRO": distribution})
    assert list(given) == [variable]
    profile = ElementTree.fromstring(Path(given[variable]).read_text())
    (room,) = profile.iter("{http://www.eprosima.com}segment_size")
    assert int(room.text) > 6 * 1600 * 900 * 3  # six raw images


@pytest.mark.parametrize(
    "own",
    [
        {"RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp"},
        {"FASTRTPS_DEFAULT_PROFILES_FILE": "mine.xml"},
        {"FASTDDS_DEFAULT_PROFILES_FILE": "mine.xml"},
        {"FASTDDS_BUILTIN_TRANSPORTS": "UDPv4"},
    ],
)
def test_another_middleware_and_the_users_own_choice_stay(own):
    assert room_for_images({"ROS_DISTRO": "jazzy", **own}) == {}
