"""Signals, and what still works when ROS ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from std_msgs.msg import Int32
from std_srvs.srv import Trigger
from world import World, scenario, told

SIGNALS, ENDING = "Signals", "Shutdown while publishing"


@scenario(ENDING, is_quick=False)
def _(world: World) -> object:
    """What a node can do after shutdown."""
    node = world.node()
    publisher = node.create_publisher(Int32, "a", 1)
    client = node.create_client(Trigger, "a")
    timer = node.create_timer(1.0, print)
    rclpy.shutdown()
    return [
        told(publisher.publish, Int32()).partition(":")[0],
        told(client.call_async, Trigger.Request())
        .partition(":")[0]
        .replace("<rclpy.task.Future object at 0x>", "a future"),
        told(client.wait_for_service, timeout_sec=0.1),
        told(client.service_is_ready),
        told(node.create_publisher, Int32, "b", 1).partition(":")[0],
        told(node.create_timer, 1.0, print).partition(":")[0][:5],
        told(node.get_name),
        told(node.get_topic_names_and_types).partition(":")[0],
        told(node.count_publishers, "a").partition(":")[0],
        told(publisher.get_subscription_count),
        told(lambda: node.get_clock().now().nanoseconds > 0),
        told(timer.is_ready),
        told(timer.cancel),
        told(rclpy.spin_once, node, timeout_sec=0.1).partition(":")[0],
        told(rclpy.spin, node).partition(":")[0],
        told(SingleThreadedExecutor).partition(":")[0],
        told(Node, "x").partition(":")[0],
        told(node.declare_parameter, "p", 1).partition(":")[0],
        told(node.get_logger().info, "x"),
        told(node.destroy_publisher, publisher),
        told(node.destroy_node),
        told(node.destroy_node),
        rclpy.ok(),
        told(rclpy.shutdown).partition(":")[0],
        told(rclpy.try_shutdown),
    ]


@scenario(ENDING)
def _(world: World) -> object:
    """What is done with a node that was destroyed."""
    node = world.node()
    publisher = node.create_publisher(Int32, "a", 1)
    timer = node.create_timer(1.0, print)
    client = node.create_client(Trigger, "a")
    node.destroy_node()
    return [
        told(node.destroy_node),
        told(publisher.publish, Int32()).partition(":")[0],
        told(node.create_publisher, Int32, "a", 1).partition(":")[0],
        told(node.create_timer, 1.0, print).partition(":")[0],
        told(node.get_name).partition(":")[0],
        told(timer.cancel).partition(":")[0],
        told(timer.is_ready).partition(":")[0],
        told(client.call_async, Trigger.Request()).partition(":")[0],
        told(node.count_publishers, "a").partition(":")[0],
        told(rclpy.spin_once, node, timeout_sec=0.05).partition(":")[0],
        told(node.declare_parameter, "x", 1).partition(":")[0],
        len(list(node.publishers)),
        told(publisher.get_subscription_count).partition(":")[0],
        told(node.get_fully_qualified_name).partition(":")[0],
        told(node.get_topic_names_and_types).partition(":")[0],
        told(node.get_logger().info, "x"),
    ]


@scenario(ENDING, is_quick=False)
def _(world: World) -> object:
    """A thread that publishes while another shuts down: what it gets."""
    node = world.node()
    publisher, errors = node.create_publisher(Int32, "a", 1), []
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            outcome = told(publisher.publish, Int32())
            if outcome != "None":
                errors.append(outcome.partition(":")[0])
                return

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.1)
    rclpy.shutdown()
    time.sleep(0.2)
    stop.set()
    thread.join()
    return errors


@scenario(ENDING, is_quick=False)
def _(world: World) -> object:
    """A spin that is going on when another thread shuts down, in rclpy and in an executor."""
    outcome = []
    node = world.node()
    threading.Timer(0.2, rclpy.shutdown).start()
    node.create_timer(0.05, lambda: None)
    outcome.append(told(rclpy.spin, node).partition(":")[0])
    return outcome


@scenario(ENDING)
def _(world: World) -> object:
    """Shutdown from within a callback: what of the rest still runs."""
    node, order = world.node(), []
    node.context.on_shutdown(lambda: order.append("told"))

    def end() -> None:
        order.append("before")
        rclpy.shutdown()
        order.append("after")

    node.create_timer(0.01, end)
    outcome = told(rclpy.spin, node).partition(":")[0]
    return [outcome, order]


@scenario(ENDING)
def _(world: World) -> object:
    """Callbacks of the shutdown: their order, one that raises, one that comes too late."""
    context, order = rclpy.Context(), []
    context.init([])
    for number in range(3):
        context.on_shutdown(lambda number=number: order.append(number))
    context.on_shutdown(lambda: 1 / 0)
    context.on_shutdown(lambda: order.append("behind"))
    outcome = told(context.shutdown)
    late = told(context.on_shutdown, lambda: order.append("late"))
    return [outcome, order, late, told(context.shutdown).partition(":")[0], told(context.try_shutdown)]


@scenario(ENDING)
def _(world: World) -> object:
    """Starting twice, ending twice, and a context of one's own."""
    own = rclpy.Context()
    outcome = [
        told(rclpy.init, args=[]).partition(":")[0],
        told(own.ok),
        told(own.shutdown).partition(":")[0],
        told(own.try_shutdown),
        told(own.init, []),
        told(own.init, []).partition(":")[0],
        told(own.ok),
    ]
    node = Node("own", context=own)
    rclpy.shutdown()
    outcome += [rclpy.ok(), own.ok(), told(rclpy.spin_once, node, timeout_sec=0.01).partition(":")[0]]
    node.destroy_node()
    own.shutdown()
    return [
        *outcome,
        told(own.init, []).partition(":")[0],
        told(own.try_shutdown),
        told(Node, "x", context=rclpy.Context()).partition(":")[0],
    ]


@scenario(ENDING, is_quick=False)
def _(world: World) -> object:
    """The last message of a process that ends at once, reliable, for one who listens."""
    node, heard = world.node(), []
    node.create_subscription(Int32, "/a", lambda message: heard.append(message.data), 10)
    code = (
        "import rclpy, time\nfrom std_msgs.msg import Int32\n"
        "rclpy.init()\nnode = rclpy.create_node('other')\n"
        "publisher = node.create_publisher(Int32, '/a', 10)\n"
        "while not publisher.get_subscription_count(): time.sleep(0.01)\n"
        "time.sleep(0.3)\nfor i in range(5): publisher.publish(Int32(data=i))\n"
    )
    other = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    world.spin(lambda: len(heard) == 5, 20.0)
    return [heard, other.wait(20)]


PROGRAM = """
import os, rclpy, signal, sys, threading, time
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import Int32
kind = sys.argv[1]
chosen = {"none": SignalHandlerOptions.NO, "sigterm": SignalHandlerOptions.SIGTERM}
options = chosen.get(kind, SignalHandlerOptions.ALL)
if kind == "own":
    signal.signal(signal.SIGINT, lambda number, frame: print("own handler", flush=True))
rclpy.init(signal_handler_options=options)
node = rclpy.create_node("node")
publisher = node.create_publisher(Int32, "a", 1)
ticks = []
def tick():
    ticks.append(1)
    if len(ticks) == 2:
        print("ready", flush=True)
    if kind == "callback" and len(ticks) == 2:
        try:
            time.sleep(1)
            print("slept", rclpy.ok(), flush=True)
        except KeyboardInterrupt:
            print("interrupted", rclpy.ok(), flush=True)
node.create_timer(0.02, tick)
node.context.on_shutdown(lambda: print("on_shutdown", flush=True))
executor = SingleThreadedExecutor()
executor.add_node(node)
end = time.monotonic() + 3
try:
    if kind in ("none", "own", "sigterm"):
        while rclpy.ok() and time.monotonic() < end:
            executor.spin_once(timeout_sec=0.05)
    else:
        executor.spin()
    print("returned", rclpy.ok())
except KeyboardInterrupt:
    print("KeyboardInterrupt", rclpy.ok())
except ExternalShutdownException:
    print("ExternalShutdownException", rclpy.ok())
except Exception as error:
    print(type(error).__name__, rclpy.ok())
try:
    publisher.publish(Int32())
    print("published")
except Exception as error:
    print(type(error).__name__)
node.destroy_node()
rclpy.try_shutdown()
"""


def signaled(kind: str, *numbers: int) -> str:
    """What a program says that gets these signals, and its exit code."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", PROGRAM, kind],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    said: list[str] = []
    while (line := process.stdout.readline()) and "ready" not in line:
        said.append(line.strip())
    for number in numbers:
        process.send_signal(number)
        time.sleep(0.05)
    rest, _ = process.communicate(timeout=20)
    return ", ".join([*said, *rest.split("\n")]).strip(", ") + f", exit {process.returncode}"


@scenario(SIGNALS, is_quick=False)
def _(world: World) -> object:
    """SIGINT and SIGTERM while a node spins."""
    return [signaled(kind, number) for kind in ("plain",) for number in (signal.SIGINT, signal.SIGTERM)]


@scenario(SIGNALS, is_quick=False)
def _(world: World) -> object:
    """SIGINT and SIGTERM in the midst of a callback."""
    return [signaled("callback", number) for number in (signal.SIGINT, signal.SIGTERM)]


@scenario(SIGNALS, is_quick=False)
def _(world: World) -> object:
    """Signals without rclpy's handlers, with SIGTERM's alone, and with a handler of the program's."""
    return [
        signaled("none", signal.SIGINT),
        signaled("none", signal.SIGTERM),
        signaled("sigterm", signal.SIGINT),
        signaled("sigterm", signal.SIGTERM),
        signaled("own", signal.SIGINT),
    ]
