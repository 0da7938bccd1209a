"""Services answer across nodes and processes (passes on a real rclpy as well)."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import rclpy
from rclpy.exceptions import InvalidHandle
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from std_srvs.srv import SetBool, Trigger

OpenNode = Callable[..., AbstractContextManager[Node]]

pytestmark = pytest.mark.usefixtures("ros")

SERVER = """
import rclpy
from rclpy.node import Node
from std_srvs.srv import SetBool
rclpy.init()
node = Node("server")
def answer(request, response):
    response.success = not request.data
    response.message = "answered"
    return response
node.create_service(SetBool, "~/switch", answer)
print("ready", flush=True)
try:
    rclpy.spin(node)
except BaseException:
    pass
"""


def test_a_service_of_another_process_answers(
    open_node: OpenNode, start: Callable[..., subprocess.Popen]
) -> None:
    server = start(SERVER)
    assert server.stdout.readline() == "ready\n"
    with open_node("client") as node:
        client = node.create_client(SetBool, "/server/switch")
        assert client.wait_for_service(10.0)
        futures = [client.call_async(SetBool.Request(data=data)) for data in (True, False)]
        for future in futures:
            rclpy.spin_until_future_complete(node, future, timeout_sec=10)

        assert [future.result().success for future in futures] == [False, True]
        assert futures[0].result().message == "answered"

        server.terminate()
        server.wait(10)
        assert not any(client.service_is_ready() for _ in [server.wait(10)]) or not client.wait_for_service(
            0.0
        )


def test_each_client_gets_its_own_answers(open_node: OpenNode, spin_until: Callable[..., bool]) -> None:
    with open_node("server") as server, open_node("one") as one, open_node("two") as two:

        def answer(request: object, response: object) -> object:
            response.message = str(request.data)
            return response

        server.create_service(SetBool, "echo", answer)
        clients = [node.create_client(SetBool, "echo") for node in (one, two)]
        assert all(client.wait_for_service(10.0) for client in clients)
        futures = [clients[n % 2].call_async(SetBool.Request(data=n % 2 == 0)) for n in range(10)]

        assert spin_until(lambda: all(each.done() for each in futures), server, one, two)
        assert [each.result().message for each in futures] == [str(n % 2 == 0) for n in range(10)]


def test_a_blocking_call_works_from_another_thread(open_node: OpenNode) -> None:
    with open_node("node") as node:
        node.create_service(Trigger, "~/step", lambda request, response: response)
        client = node.create_client(Trigger, "~/step")
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        thread = threading.Thread(target=executor.spin, daemon=True)
        thread.start()

        assert client.wait_for_service(10.0)
        assert client.call(Trigger.Request()) == Trigger.Response()

        executor.shutdown()
        thread.join(10)


def test_a_coroutine_can_answer(open_node: OpenNode, spin_until: Callable[..., bool]) -> None:
    with open_node("node") as node:

        async def answer(request: object, response: object) -> object:
            response.success = True
            return response

        node.create_service(Trigger, "later", answer)
        client = node.create_client(Trigger, "later")
        assert client.wait_for_service(10.0)
        future = client.call_async(Trigger.Request())

        assert spin_until(future.done, node)
        assert future.result().success


def test_no_server_is_said_after_the_timeout(open_node: OpenNode) -> None:
    with open_node("node") as node:
        assert not node.create_client(Trigger, "nobody").wait_for_service(0.1)


def test_a_client_that_was_destroyed_says_so(open_node: OpenNode) -> None:
    with open_node("client") as node:
        client = node.create_client(Trigger, "/server/trigger")
        node.destroy_client(client)
        with pytest.raises(InvalidHandle):
            client.call_async(Trigger.Request())
