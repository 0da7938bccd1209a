"""Discovery settings come from ROS 2's environment variables."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lss_bev_ros.errors import StandaloneError
from lss_bev_ros.standalone.discovery import Discovery


@given(st.integers(0, 232))
def test_any_domain_of_ros_is_taken(domain_id: int) -> None:
    assert Discovery.from_environment({"ROS_DOMAIN_ID": str(domain_id)}).domain_id == domain_id


@pytest.mark.parametrize("given_id", ["-1", "233", "forty", "1.5"])
def test_a_domain_that_cannot_be_is_refused_in_one_line(given_id: str) -> None:
    with pytest.raises(StandaloneError, match=r"ROS_DOMAIN_ID is .*0 to 232") as caught:
        Discovery.from_environment({"ROS_DOMAIN_ID": given_id})

    assert "\n" not in str(caught.value)


def test_a_range_that_cannot_be_is_refused() -> None:
    with pytest.raises(StandaloneError, match=r"ROS_AUTOMATIC_DISCOVERY_RANGE.*SUBNET"):
        Discovery.from_environment({"ROS_AUTOMATIC_DISCOVERY_RANGE": "GALAXY"})


def test_the_default_stays_on_this_machine() -> None:
    discovery = Discovery.from_environment({})
    root = ElementTree.fromstring(discovery.configuration(1))

    assert (discovery.domain_id, discovery.range) == (0, "LOCALHOST")
    assert root.find("Domain/General/AllowMulticast").text == "false"
    assert [peer.get("address") for peer in root.iter("Peer")] == ["localhost"]
    assert root.find("Domain/General/Interfaces/NetworkInterface").get("address") == "127.0.0.1"


def test_subnet_uses_multicast_and_static_peers() -> None:
    environment = {"ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET", "ROS_STATIC_PEERS": "10.0.0.2;robot"}
    root = ElementTree.fromstring(Discovery.from_environment(environment).configuration(1))

    assert root.find("Domain/General/AllowMulticast") is None
    assert [peer.get("address") for peer in root.iter("Peer")] == ["10.0.0.2", "robot"]


def test_off_hides_the_process_behind_a_tag_of_its_own() -> None:
    discovery = Discovery.from_environment({"ROS_AUTOMATIC_DISCOVERY_RANGE": "OFF"})
    root = ElementTree.fromstring(discovery.configuration(77))

    assert root.find("Domain/Discovery/Tag").text == "ros_discovery_off_77"


def test_the_users_own_configuration_comes_last() -> None:
    own = "<CycloneDDS><Domain/></CycloneDDS>"

    assert Discovery.from_environment({"CYCLONEDDS_URI": own}).configuration(1).endswith(f",{own}")
