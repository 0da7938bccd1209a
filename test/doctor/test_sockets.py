"""Which limit of the kernel counts for which middleware, and what is lost at it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lss_bev_ros.doctor.sockets import CYCLONE, FAST_DDS, STAND_IN, Sockets

SIX = {f"cam{index}": 150_000 for index in range(6)}


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).resolve().parents[2])


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "rmem_default").write_text("212992\n")
    (tmp_path / "rmem_max").write_text("4194304\n")
    return tmp_path


@pytest.mark.parametrize(
    ("environment", "stand_in", "middleware", "holds"),
    [
        ({"FASTRTPS_DEFAULT_PROFILES_FILE": "config/fastdds.xml"}, False, FAST_DDS, 4194304),
        ({"FASTDDS_DEFAULT_PROFILES_FILE": "nowhere.xml"}, False, FAST_DDS, 212992),
        (
            {
                "FASTRTPS_DEFAULT_PROFILES_FILE": "config/fastdds.xml",
                "FASTDDS_BUILTIN_TRANSPORTS": "UDPv4",  # then the profile does not count
            },
            False,
            FAST_DDS,
            212992,
        ),
        ({}, True, STAND_IN, 4194304),
        ({}, False, FAST_DDS, 212992),
        ({"RMW_IMPLEMENTATION": CYCLONE}, False, CYCLONE, 1 << 20),
        ({"FASTDDS_BUILTIN_TRANSPORTS": "DEFAULT?sockets_size=2MB"}, False, FAST_DDS, 2_000_000),
        ({"FASTDDS_BUILTIN_TRANSPORTS": "DEFAULT?sockets_size=99999999"}, False, FAST_DDS, 4194304),
        (
            {
                "FASTDDS_BUILTIN_TRANSPORTS": "DEFAULT?sockets_size=2MB",
                "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
            },
            False,
            FAST_DDS,
            212992,
        ),
        ({"RMW_IMPLEMENTATION": "rmw_zenoh_cpp"}, False, "rmw_zenoh_cpp", 0),
    ],
)
def test_the_limit_is_that_of_the_middleware(
    proc: Path, environment: dict[str, str], stand_in: bool, middleware: str, holds: int
) -> None:
    sockets = Sockets.read(environment, stand_in, proc)

    assert (sockets.middleware, sockets.holds) == (middleware, holds)


def test_a_system_that_does_not_tell_is_left_alone(tmp_path: Path) -> None:
    assert Sockets.read({}, True, tmp_path) is None


def test_the_remedy_names_what_counts() -> None:
    said, remedy = Sockets(212992, 212992, FAST_DDS).loss(SIX)
    assert "some of the 6 images" in said
    assert "net.core.rmem_default" in said
    assert remedy.startswith("sudo sysctl -w net.core.rmem_default=4194304; or ")
    # Setting that variable anew would turn off the profile that gives shared memory.
    assert "FASTDDS_BUILTIN_TRANSPORTS" not in remedy

    said, remedy = Sockets(212992, 212992, FAST_DDS, 16 << 20, "fastdds.xml").loss(SIX)
    assert "net.core.rmem_max" in said
    assert remedy.startswith("sudo sysctl -w net.core.rmem_max=4194304; or ")

    _, remedy = Sockets(212992, 1 << 24, FAST_DDS, 300_000, "FASTDDS_BUILTIN_TRANSPORTS").loss(SIX)
    assert remedy.startswith("set sockets_size in FASTDDS_BUILTIN_TRANSPORTS to 4194304 for the subscriber")

    said, remedy = Sockets(212992, 4194304, CYCLONE, 1 << 20).loss({"front": 4_320_000})
    assert "most images of front" in said
    assert "SocketReceiveBufferSize" in remedy
    assert "rmem_max=16777216" in remedy

    assert Sockets(212992, 4194304, STAND_IN, 16 << 20).loss(SIX) is None
    assert Sockets(212992, 4194304, "rmw_zenoh_cpp").loss(SIX) is None


@given(
    st.integers(1, 1 << 26),
    st.integers(1, 1 << 26),
    st.sampled_from([STAND_IN, CYCLONE]),
    st.lists(st.integers(1, 10**8), min_size=1, max_size=8),
)
def test_nothing_is_said_where_all_fits(default: int, most: int, middleware: str, sizes: list[int]) -> None:
    sockets = Sockets(default, most, middleware, 1 << 24)

    assert (sockets.loss({str(i): size for i, size in enumerate(sizes)}) is None) == (
        sum(sizes) <= sockets.holds
    )
