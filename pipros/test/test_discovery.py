"""Discovery settings come from ROS 2's environment variables."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipros.discovery import Discovery
from pipros.errors import PiprosError


def ours(process_id: int = 1, **environment: str) -> ElementTree.Element:
    """What is put before the user's own configuration."""
    discovery = Discovery.from_environment(environment)
    text = discovery.configuration(process_id)
    return ElementTree.fromstring(text.removesuffix(f",{discovery.extra}") if discovery.extra else text)


def names(root: ElementTree.Element) -> set[str]:
    return {element.tag for element in root.iter()}


def peers(root: ElementTree.Element) -> list[str]:
    return [peer.get("address") for peer in root.iter("Peer")]


# -- the domain --------------------------------------------------------------------------------------


@given(st.integers(0, 232))
def test_any_domain_of_ros_is_taken(domain_id: int) -> None:
    for text in (str(domain_id), hex(domain_id), f"0{domain_id:o}", f" +{domain_id}"):
        assert Discovery.from_environment({"ROS_DOMAIN_ID": text}).domain_id == domain_id


@pytest.mark.parametrize(
    ("text", "domain_id", "is_said"),
    [
        ("075", 61, True),
        ("0x4B", 75, False),
        ("0X4b", 75, False),
        ("75abc", 75, True),
        ("1.5", 1, True),
        ("0", 0, False),
        ("", 0, False),
        ("-0", 0, False),
    ],
)
def test_a_domain_is_read_as_the_c_library_reads_numbers(text: str, domain_id: int, is_said: bool) -> None:
    """What a reader would not expect is said."""
    discovery = Discovery.from_environment({"ROS_DOMAIN_ID": text})

    assert discovery.domain_id == domain_id
    assert bool(discovery.warnings) == is_said


@pytest.mark.parametrize("given_id", ["-1", "233", "forty", "08", "0x", " ", "0.5", "99999999999999999999"])
def test_a_domain_that_cannot_be_is_refused_in_one_line(given_id: str) -> None:
    with pytest.raises(PiprosError, match=r"ROS_DOMAIN_ID is .*0 to 232") as caught:
        Discovery.from_environment({"ROS_DOMAIN_ID": given_id})

    assert "\n" not in str(caught.value)


@given(st.integers(0, 232))
def test_every_participant_of_every_domain_has_ports(domain_id: int) -> None:
    most = int(ours(ROS_DOMAIN_ID=str(domain_id)).find("Domain/Discovery/MaxAutoParticipantIndex").text)

    assert most >= 32
    assert 7400 + 250 * domain_id + 11 + 2 * most <= 65535


# -- the range ---------------------------------------------------------------------------------------


def test_the_default_stays_on_this_machine() -> None:
    discovery = Discovery.from_environment({})
    root = ours()

    assert (discovery.domain_id, discovery.range) == (0, "LOCALHOST")
    assert root.find("Domain/General/AllowMulticast").text == "false"
    assert peers(root) == ["127.0.0.1"]
    assert "Interfaces" not in names(root)  # with one, nodes of Cyclone 11 would not take the announcements


@pytest.mark.parametrize("reach", ["LOCALHOST", "SUBNET"])
def test_a_process_goes_on_announcing_itself(reach: str) -> None:
    """Real nodes of ROS 2's default range cannot be heard at LOCALHOST: it is they who must hear."""
    root = ours(ROS_AUTOMATIC_DISCOVERY_RANGE=reach, ROS_STATIC_PEERS="10.0.0.2")

    assert root.find("Domain/Discovery/SPDPInterval").text == "1 s"
    assert root.find("Domain/Discovery/InitialLocatorPruneDelay").text == "inf"


def test_a_user_s_own_interval_of_announcements_counts() -> None:
    own = (
        "<Discovery><SPDPInterval>5 s</SPDPInterval>"
        "<InitialLocatorPruneDelay>1 min</InitialLocatorPruneDelay></Discovery>"
    )

    assert not {"SPDPInterval", "InitialLocatorPruneDelay"} & names(ours(CYCLONEDDS_URI=own))


@pytest.mark.parametrize("text", ["GALAXY", "subnet"])
def test_a_range_that_cannot_be_is_localhost_and_that_is_said(text: str) -> None:
    discovery = Discovery.from_environment({"ROS_AUTOMATIC_DISCOVERY_RANGE": text})

    assert discovery.range == "LOCALHOST"
    assert len(discovery.warnings) == 1
    assert "Invalid value" in discovery.warnings[0]
    assert "SUBNET" in discovery.warnings[0]


def test_off_hides_the_process_behind_a_tag_of_its_own() -> None:
    root = ours(77, ROS_AUTOMATIC_DISCOVERY_RANGE="OFF")

    assert root.find("Domain/Discovery/Tag").text == "ros_discovery_off_77"


def test_system_default_leaves_discovery_to_cyclone() -> None:
    root = ours(ROS_AUTOMATIC_DISCOVERY_RANGE="SYSTEM_DEFAULT", ROS_STATIC_PEERS="10.0.0.2")

    assert not names(root) & {"Peers", "ParticipantIndex", "AllowMulticast", "Interfaces"}


@pytest.mark.parametrize("value", ["1", "10"])
def test_localhost_only_wins(value: str) -> None:
    environment = {
        "ROS_LOCALHOST_ONLY": value,
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET",
        "ROS_STATIC_PEERS": "10.0.0.2",
    }
    discovery = Discovery.from_environment(environment)

    assert (discovery.range, discovery.static_peers) == ("LOCALHOST", ())
    assert "ignored" in discovery.warnings[0]
    assert Discovery.from_environment({**environment, "ROS_LOCALHOST_ONLY": "0"}).range == "SUBNET"


# -- static peers ------------------------------------------------------------------------------------


def test_subnet_uses_multicast_and_static_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"10.0.0.2": "10.0.0.2", "robot": "10.0.0.9"}
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *_: [(None, None, None, "", (known[host.strip()], 0))]
    )
    root = ours(ROS_AUTOMATIC_DISCOVERY_RANGE="SUBNET", ROS_STATIC_PEERS="10.0.0.2; robot:7412")

    assert root.find("Domain/General/AllowMulticast") is None
    assert peers(root) == ["10.0.0.2", "10.0.0.9:7412"]


@pytest.mark.parametrize(
    "peer", ["robot.invalid", "10.0.0.0/24", "0.0.0.0", "10.0.0.1:99999", "fd00::2", ":7400", "x" * 300]
)
def test_a_peer_without_an_address_is_named_and_left_out(peer: str) -> None:
    """Cyclone DDS ends the process at each of them."""
    environment = {"ROS_STATIC_PEERS": f"127.0.0.1;; {peer} "}
    discovery = Discovery.from_environment(environment)

    assert discovery.static_peers == ("127.0.0.1",)
    assert len(discovery.warnings) == 1
    assert discovery.warnings[0].startswith(f"ROS_STATIC_PEERS: {peer} ")


@pytest.mark.parametrize("reach", ["OFF", "SYSTEM_DEFAULT"])
def test_peers_are_ignored_aloud_where_the_range_says_so(reach: str) -> None:
    discovery = Discovery.from_environment(
        {"ROS_AUTOMATIC_DISCOVERY_RANGE": reach, "ROS_STATIC_PEERS": "10.0.0.2"}
    )

    assert discovery.static_peers == ()
    assert "ROS_STATIC_PEERS will be ignored" in discovery.warnings[0]


# -- the user's own configuration --------------------------------------------------------------------


def test_the_users_own_configuration_comes_last() -> None:
    own = "<CycloneDDS><Domain/></CycloneDDS>"

    assert Discovery.from_environment({"CYCLONEDDS_URI": own}).configuration(1).endswith(f",{own}")


@pytest.mark.parametrize(
    ("setting", "left_out"),
    [
        ("<Internal><Watermarks><WhcHigh>500kB</WhcHigh></Watermarks></Internal>", {"Watermarks"}),
        ("<Unsupported><Watermarks><WhcLow>9MB</WhcLow></Watermarks></Unsupported>", {"Watermarks"}),
        (
            '<General><Interfaces><NetworkInterface name="lo"/></Interfaces></General>',
            {"MaxMessageSize", "FragmentSize", "NackDelay", "HeartbeatInterval"},
        ),
        ("<General><NetworkInterfaceAddress>lo</NetworkInterfaceAddress></General>", {"NackDelay"}),
        ('<Discovery><Peers><Peer address="10.0.0.2"/></Peers></Discovery>', {"NackDelay"}),
        ("<General><UseIPv6>true</UseIPv6></General>", {"NackDelay"}),
        ("<General><AllowMulticast>spdp</AllowMulticast></General>", {"NackDelay"}),
        ("<General><MaxMessageSize>1400B</MaxMessageSize></General>", {"MaxMessageSize", "FragmentSize"}),
        ("<General><FragmentSize>1300B</FragmentSize></General>", {"MaxMessageSize", "FragmentSize"}),
        (
            '<Internal><SocketReceiveBufferSize min="20MB"/></Internal>',
            {"SocketReceiveBufferSize"},
        ),
        (
            "<Internal><MinimumSocketReceiveBufferSize>20MB</MinimumSocketReceiveBufferSize></Internal>",
            {"SocketReceiveBufferSize"},
        ),
        ("<Internal><HeartbeatInterval>1s</HeartbeatInterval></Internal>", {"HeartbeatInterval"}),
        ("<Compatibility><ManySocketsMode>none</ManySocketsMode></Compatibility>", {"ParticipantIndex"}),
    ],
)
def test_what_the_user_sets_is_not_set_here(setting: str, left_out: set[str]) -> None:
    """Nor what Cyclone would check against it; in capitals or not, in a comment it counts for nothing."""
    everything = names(ours())
    for own in (
        f"<CycloneDDS><Domain>{setting}</Domain></CycloneDDS>",
        f'<CycloneDDS><Domain Id="any">{setting.lower()}</Domain></CycloneDDS>',
        f'<CycloneDDS><Domain Id="${{NAME:-0}}">{setting}</Domain></CycloneDDS>',
    ):
        assert everything - names(ours(CYCLONEDDS_URI=own)) >= left_out
    for other in (
        f"<CycloneDDS><Domain><!-- {setting} --></Domain></CycloneDDS>",
        f'<CycloneDDS><Domain Id="7">{setting}</Domain><Domain/></CycloneDDS>',
        f"<CycloneDDS><Domain><Id>7</Id>{setting}</Domain></CycloneDDS>",
    ):
        assert names(ours(CYCLONEDDS_URI=other)) == everything


def test_who_only_forbids_multicast_stays_on_this_machine() -> None:
    own = (
        "<CycloneDDS><Domain><General><AllowMulticast>false</AllowMulticast></General></Domain></CycloneDDS>"
    )

    assert names(ours(CYCLONEDDS_URI=own)) == names(ours())


def test_settings_are_found_in_every_file_and_piece(tmp_path: Path) -> None:
    first, second = tmp_path / "first.xml", tmp_path / "second.xml"
    first.write_text(
        '<?xml version="1.0"?><CycloneDDS xmlns="https://cdds.io/config"><Domain><General>'
        '<Interfaces><NetworkInterface autodetermine="true"/></Interfaces></General></Domain></CycloneDDS>'
    )
    second.write_text(
        "<CycloneDDS><Domain><Internal><NackDelay>5ms</NackDelay></Internal></Domain></CycloneDDS>"
    )
    own = f" ,file://{first},<Int><Water><WhcHigh>1MB</></></> , {second}"

    left_out = names(ours()) - names(ours(CYCLONEDDS_URI=own))

    assert left_out >= {"Watermarks", "NackDelay"}
    assert "SocketSendBufferSize" not in left_out


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(PiprosError, match=r"^CYCLONEDDS_URI: cannot read .*/nowhere/a.xml"):
        Discovery.from_environment({"CYCLONEDDS_URI": "file:///nowhere/a.xml"})


@pytest.mark.parametrize("address", ["robot.invalid", "${ROBOT:-robot.invalid}", "127.0.0.1,10.0.0.0/8"])
def test_a_peer_without_an_address_in_the_users_own_configuration_is_refused(address: str) -> None:
    own = f'<Discovery><Peers><Peer address="{address}"/></Peers></Discovery>'
    with pytest.raises(PiprosError, match=r"^CYCLONEDDS_URI: Discovery/Peers/Peer '") as caught:
        Discovery.from_environment({"CYCLONEDDS_URI": own})

    assert "\n" not in str(caught.value)
    if "ROBOT" in own:
        Discovery.from_environment({"CYCLONEDDS_URI": own, "ROBOT": "127.0.0.1"})


@given(st.text(alphabet="<>/\"'=,! -abDomainPeer$" + "{}:", max_size=60))
def test_no_text_surprises_the_reader(text: str) -> None:
    with contextlib.suppress(PiprosError):
        Discovery.from_environment({"CYCLONEDDS_URI": text})
