"""Services cannot cross between Fast DDS and Cyclone DDS: that is said at once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import rclpy
from rclpy.node import Node
from std_srvs.srv import Trigger

from pipros import OVERLAY, request_reply
from pipros.errors import PiprosError
from pipros.transport import is_fast_dds

OpenNode = Callable[..., AbstractContextManager[Node]]

pytestmark = [
    pytest.mark.usefixtures("ros"),
    pytest.mark.skipif(not rclpy.__file__.startswith(str(OVERLAY)), reason="of the stand-in alone"),
]


@pytest.fixture
def all_are_on_fast_dds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_reply, "is_fast_dds", lambda guid: True)


def answer(request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
    response.success = True
    return response


def test_fast_dds_is_known_by_its_guids() -> None:
    assert is_fast_dds(bytes.fromhex("010f78fd744233440000000000001b03"))
    assert not is_fast_dds(bytes.fromhex("0110493600000000000000000000c103"))
    assert not is_fast_dds(b"")


def test_a_server_on_fast_dds_is_refused_at_once(
    open_node: OpenNode, all_are_on_fast_dds: None, capfd: pytest.CaptureFixture[str]
) -> None:
    with open_node("both") as node:
        node.create_service(Trigger, "ask", answer)
        client = node.create_client(Trigger, "ask")

        assert not client.wait_for_service(timeout_sec=60.0)
        assert not client.service_is_ready()
        future = client.call_async(Trigger.Request())

        assert future.done()
        assert isinstance(future.exception(), PiprosError)
        assert "its server is on Fast DDS" in str(future.exception())
        assert "RMW_IMPLEMENTATION=rmw_cyclonedds_cpp" in str(future.exception())
        assert client.wait_for_service(timeout_sec=60.0) is False
    assert capfd.readouterr().err.count("service /ask cannot be called") == 1


def test_where_there_is_no_server_there_is_nothing_to_refuse(open_node: OpenNode) -> None:
    with open_node("alone") as node:
        client = node.create_client(Trigger, "ask")

        assert not client.wait_for_service(timeout_sec=0.1)
        assert not client.call_async(Trigger.Request()).done()


def test_a_request_from_fast_dds_is_dropped_and_named_once(
    open_node: OpenNode,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    spin_until: Callable[..., bool],
) -> None:
    """Whose bytes would be taken for something else."""
    called = []
    with open_node("both") as node:
        node.create_service(Trigger, "ask", lambda *each: called.append(each))
        client = node.create_client(Trigger, "ask")
        assert client.wait_for_service(timeout_sec=10.0)
        for _ in range(3):
            client.call_async(Trigger.Request())
        monkeypatch.setattr(request_reply, "is_fast_dds", lambda guid: True)
        text = []

        def is_said() -> bool:
            text.append(capfd.readouterr().err)
            return "service /ask: a node on Fast DDS called it" in "".join(text)

        assert spin_until(is_said, node)
        spin_until(lambda: False, node, timeout=0.3)
        text.append(capfd.readouterr().err)
    assert "".join(text).count("a node on Fast DDS called it") == 1
    assert not called


def test_a_service_counts_once(open_node: OpenNode) -> None:
    """Its second reader, which keeps clients on Fast DDS from waiting in vain, is nobody's."""
    with open_node("server") as node:
        node.create_service(Trigger, "ask", answer)
        services = dict(node.get_service_names_and_types_by_node("server", "/"))

        assert services["/ask"] == ["std_srvs/srv/Trigger"]
        assert dict(node.get_service_names_and_types())["/ask"] == ["std_srvs/srv/Trigger"]
