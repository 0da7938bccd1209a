"""Services: what callers wait for and what they get."""

from __future__ import annotations

import threading
import time

import rclpy
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import SingleThreadedExecutor
from std_srvs.srv import SetBool, Trigger
from world import World, scenario, told

SERVICES = "Service time-outs"


def answer(request: object, response: object) -> object:
    response.success = True
    return response


@scenario(SERVICES)
def _(world: World) -> object:
    """Waiting for nobody: no time, a negative time, a short time."""
    client = world.node().create_client(Trigger, "a")
    begin = time.monotonic()
    outcome = [told(client.wait_for_service, timeout_sec=seconds) for seconds in (0, 0.0, -1.0, 0.1)]
    return [*outcome, client.service_is_ready(), time.monotonic() - begin < 3]


@scenario(SERVICES, is_quick=False)
def _(world: World) -> object:
    """A call before there is a server is answered, or not, when one comes."""
    node = world.node()
    client = node.create_client(Trigger, "a")
    early = client.call_async(Trigger.Request())
    server = world.node("server")
    server.create_service(Trigger, "a", answer)
    world.spin(client.service_is_ready)
    late = client.call_async(Trigger.Request())
    world.spin(late.done)
    world.spin(early.done, 0.5)
    return [early.done(), late.done()]


def _behind(node: object, call: object) -> str:
    """What a blocking call gives while another thread spins."""
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    thread = threading.Thread(target=executor.spin, daemon=True)
    thread.start()
    try:
        return call()
    finally:
        executor.shutdown()
        thread.join(5)


@scenario(SERVICES)
def _(world: World) -> object:
    """A blocking call with a time-out that nobody answers, and one that is answered."""
    node = world.node()
    node.create_service(Trigger, "a", answer)
    client, nobody = node.create_client(Trigger, "a"), node.create_client(Trigger, "nobody")
    client.wait_for_service(5)
    return [
        _behind(node, lambda: told(nobody.call, Trigger.Request(), timeout_sec=0.2)),
        _behind(node, lambda: told(client.call, Trigger.Request(), timeout_sec=5.0)),
        _behind(node, lambda: told(client.call, SetBool.Request()).partition(":")[0]),
        _behind(node, lambda: told(client.call, Trigger).partition(":")[0]),
    ]


@scenario(SERVICES)
def _(world: World) -> object:
    """A call that was canceled, and one that was forgotten, when their answers come."""
    node = world.node()
    node.create_service(Trigger, "a", answer)
    client = node.create_client(Trigger, "a")
    world.spin(client.service_is_ready)
    canceled, forgotten = (client.call_async(Trigger.Request()) for _ in range(2))
    canceled.cancel()
    client.remove_pending_request(forgotten)
    last = client.call_async(Trigger.Request())
    world.spin(last.done)
    return [
        canceled.done(),
        canceled.cancelled(),
        told(canceled.result),
        forgotten.done(),
        last.done(),
        told(client.remove_pending_request, last),
    ]


@scenario(SERVICES, is_quick=False)
def _(world: World) -> object:
    """A service's callback that raises, returns nothing, or returns another type."""
    outcome = []
    for number, callback in enumerate(
        (
            lambda request, response: 1 / 0,
            lambda request, response: None,
            lambda request, response: SetBool.Response(),
            lambda request, response: Trigger.Request(),
            lambda request: None,
        )
    ):
        node = world.node(f"node{number}")
        made = told(lambda: node.create_service(Trigger, f"a{number}", callback) and None)
        client = node.create_client(Trigger, f"a{number}")
        world.spin(client.service_is_ready, 5.0)
        future = client.call_async(Trigger.Request())
        outcome.append([made, told(world.spin, future.done, 0.6).partition(":")[0]])
        world.end()
    return outcome


@scenario(SERVICES, is_quick=False)
def _(world: World) -> object:
    """Two servers of one name: how many answers a call gets, and how many servers are asked."""
    node, asked = world.node(), []
    for number in range(2):

        def serve(request: object, response: object, number: int = number) -> object:
            asked.append(number)
            return response

        world.node(f"server{number}").create_service(Trigger, "/a", serve)
    client = node.create_client(Trigger, "/a")
    world.spin(
        lambda: (
            len([1 for name, _ in node.get_service_names_and_types() if name == "/a"])
            and client.service_is_ready()
        )
    )
    world.spin(seconds=0.5)
    future = client.call_async(Trigger.Request())
    world.spin(lambda: len(asked) == 2 and future.done(), 3.0)
    return [sorted(asked), future.done()]


@scenario(SERVICES, is_quick=False)
def _(world: World) -> object:
    """A server that goes while it is called, and whether it is still ready."""
    node, server = world.node(), world.node("server")
    server.create_service(Trigger, "/a", answer)
    client = node.create_client(Trigger, "/a")
    world.spin(client.service_is_ready)
    world.nodes.remove(server)
    server.destroy_node()
    world.spin(lambda: not client.service_is_ready(), 5.0)
    future = client.call_async(Trigger.Request())
    world.spin(future.done, 0.5)
    return [client.service_is_ready(), future.done(), client.wait_for_service(timeout_sec=0.1)]


@scenario(SERVICES)
def _(world: World) -> object:
    """A call from within a callback, by await and with a group of its own."""
    node, outcome = world.node(), []
    node.create_service(Trigger, "a", answer, callback_group=ReentrantCallbackGroup())
    client = node.create_client(Trigger, "a", callback_group=ReentrantCallbackGroup())
    world.spin(client.service_is_ready)

    async def ask() -> None:
        timer.cancel()
        outcome.append((await client.call_async(Trigger.Request())).success)

    timer = node.create_timer(0.01, ask)
    world.spin(lambda: outcome, 5.0)
    return outcome


@scenario(SERVICES)
def _(world: World) -> object:
    """spin_until_future_complete with a time-out: what comes back, and how long it takes."""
    node = world.node()
    future = node.create_client(Trigger, "a").call_async(Trigger.Request())
    outcome = []
    for seconds in (0.0, 0.2, -0.0):
        begin = time.monotonic()
        outcome.append(
            [
                told(rclpy.spin_until_future_complete, node, future, timeout_sec=seconds),
                round(min(time.monotonic() - begin, 0.2 if seconds else 0.0), 1) == seconds,
            ]
        )
    return [*outcome, future.done(), told(future.result), told(future.exception)]


@scenario(SERVICES)
def _(world: World) -> object:
    """What a node and the graph tell of clients and services."""
    node = world.node()
    node.create_service(Trigger, "a", answer)
    node.create_client(Trigger, "a")
    world.spin(lambda: "/a" in dict(node.get_service_names_and_types()))
    return [
        dict(node.get_service_names_and_types())["/a"],
        dict(node.get_service_names_and_types_by_node("node", "/"))["/a"],
        told(lambda: dict(node.get_client_names_and_types_by_node("node", "/"))["/a"]),
        told(lambda: node.count_services("/a")),
        told(lambda: node.count_clients("/a")),
    ]
