"""Executors: in which order callbacks come, who waits, what an exception does."""

from __future__ import annotations

import threading
import time

import rclpy
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.executors import SingleThreadedExecutor
from rclpy.task import Future
from std_msgs.msg import Int32
from std_srvs.srv import Trigger
from world import World, scenario, told

EXECUTORS = "Executor order and starvation"


def alone(node: object) -> SingleThreadedExecutor:
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    return executor


@scenario(EXECUTORS)
def _(world: World) -> object:
    """All that is ready at once: timers, subscriptions, clients, services and guards, in what order."""
    node, order = world.node(), []
    publisher = node.create_publisher(Int32, "a", 10)
    guard = node.create_guard_condition(lambda: order.append("guard"))
    node.create_service(Trigger, "s", lambda request, response: order.append("service") or response)
    client = node.create_client(Trigger, "s")
    for each in "ab":
        node.create_subscription(
            Int32, "a", lambda message, each=each: order.append(f"subscription {each}"), 10
        )
    timers = [node.create_timer(0.05, lambda each=each: order.append(f"timer {each}")) for each in "ab"]
    world.spin(lambda: publisher.get_subscription_count() == 2 and client.service_is_ready())
    order.clear()
    time.sleep(0.1)
    publisher.publish(Int32())
    client.call_async(Trigger.Request())
    guard.trigger()
    time.sleep(0.3)
    executor = alone(node)
    while len(set(order)) < 6:
        executor.spin_once(timeout_sec=1)
    for timer in timers:
        timer.cancel()
    executor.shutdown()
    seen = list(dict.fromkeys(order))
    return seen


@scenario(EXECUTORS)
def _(world: World) -> object:
    """Two subscriptions with ten messages each: all of one first, or in turn."""
    node, order = world.node(), []
    publishers = [node.create_publisher(Int32, each, 10) for each in "ab"]
    for each in "ab":
        node.create_subscription(Int32, each, lambda message, each=each: order.append(each), 10)
    world.spin(lambda: all(each.get_subscription_count() for each in publishers))
    for _ in range(10):
        for publisher in publishers:
            publisher.publish(Int32())
    time.sleep(0.3)
    world.spin(lambda: len(order) == 20)
    text = "".join(order)
    return ["in turn" if "aaa" not in text and "bbb" not in text else text]


@scenario(EXECUTORS, is_quick=False)
def _(world: World) -> object:
    """A timer that is always due beside a subscription and a slower timer: who starves."""
    node, count = world.node(), {"busy": 0, "slow": 0, "heard": 0}

    def busy() -> None:
        count["busy"] += 1
        time.sleep(0.005)

    def add(name: str) -> None:
        count[name] += 1

    publisher = node.create_publisher(Int32, "a", 10)
    node.create_subscription(Int32, "a", lambda message: add("heard"), 10)
    world.spin(publisher.get_subscription_count)
    node.create_timer(0.001, busy)
    node.create_timer(0.02, lambda: (add("slow"), publisher.publish(Int32())))
    world.spin(seconds=0.6)
    return [name for name, times in count.items() if times >= 5]


@scenario(EXECUTORS, is_quick=False)
def _(world: World) -> object:
    """A timer whose callback takes longer than its period: how many calls are made up for."""
    node, times = world.node(), []

    def slow() -> None:
        times.append(time.monotonic())
        if len(times) == 1:
            time.sleep(3.5)

    node.create_timer(1.0, slow)
    executor = alone(node)
    while len(times) < 1:
        executor.spin_once(timeout_sec=1)
    before = len(times)
    for _ in range(5):
        executor.spin_once(timeout_sec=0)
    calls = len(times) - before
    world.spin(lambda: len(times) >= 2, 2.0)
    executor.shutdown()
    return [times[1] - times[0] >= 0.3, calls]


@scenario(EXECUTORS)
def _(world: World) -> object:
    """A callback that raises: who hears of it, and whether the next spin goes on."""
    node, calls = world.node(), []

    def bad() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise KeyError("bad")

    node.create_timer(0.01, bad)
    first = told(world.spin, lambda: len(calls) >= 3)
    return [first, told(world.spin, lambda: len(calls) >= 3)]


@scenario(EXECUTORS, is_quick=False)
def _(world: World) -> object:
    """A callback that raises in an executor with threads."""
    from rclpy.executors import MultiThreadedExecutor

    node = world.node()
    node.create_timer(0.01, lambda: 1 / 0)
    executor = MultiThreadedExecutor(num_threads=2)
    executor.add_node(node)

    def spin() -> None:
        end = time.monotonic() + 2
        while time.monotonic() < end:
            executor.spin_once(timeout_sec=0.1)

    outcome = told(spin)
    executor.shutdown()
    return outcome


@scenario(EXECUTORS, is_quick=False)
def _(world: World) -> object:
    """How many callbacks run at a time: one group, two groups, a reentrant group, and 4 threads."""
    from rclpy.executors import MultiThreadedExecutor

    outcome = []
    for groups in (
        [MutuallyExclusiveCallbackGroup()] * 2,
        [MutuallyExclusiveCallbackGroup(), MutuallyExclusiveCallbackGroup()],
        [ReentrantCallbackGroup()] * 2,
        [None, None],
    ):
        node, running, most, lock = world.node(), [0], [0], threading.Lock()

        def work() -> None:
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            time.sleep(0.05)
            with lock:
                running[0] -= 1

        for group in groups:
            node.create_timer(0.01, work, callback_group=group)
        executor = MultiThreadedExecutor(num_threads=4)
        executor.add_node(node)
        end = time.monotonic() + 0.6
        while time.monotonic() < end:
            executor.spin_once(timeout_sec=0.1)
        executor.shutdown()
        outcome.append("one" if most[0] == 1 else "two" if most[0] == 2 else "more")
        world.end()
    return outcome


@scenario(EXECUTORS, is_quick=False)
def _(world: World) -> object:
    """Callbacks that destroy or cancel themselves, their node's other parts, or their node."""
    outcome = []
    node, calls = world.node(), []
    timer = node.create_timer(0.01, lambda: (calls.append(1), node.destroy_timer(timer)))
    world.spin(lambda: len(calls) > 1, 0.2)
    outcome.append([len(calls), len(list(node.timers))])
    publisher, heard = node.create_publisher(Int32, "a", 10), []
    subscription = node.create_subscription(
        Int32, "a", lambda message: (heard.append(message.data), node.destroy_subscription(subscription)), 10
    )
    world.spin(publisher.get_subscription_count)
    for value in range(3):
        publisher.publish(Int32(data=value))
    world.spin(lambda: len(heard) > 1, 0.3)
    outcome.append(heard)
    other = world.node("other")
    late: list[int] = []
    victim = other.create_timer(0.15, lambda: late.append(1))
    other.create_timer(0.01, lambda: other.destroy_timer(victim))
    world.spin(seconds=0.2)
    outcome.append(late)
    return outcome


@scenario(EXECUTORS)
def _(world: World) -> object:
    """spin_once with no time, a negative time and nothing to do."""
    executor = alone(world.node())
    begin = time.monotonic()
    outcome = [told(executor.spin_once, timeout_sec=seconds) for seconds in (0, 0.0, 0.05)]
    executor.shutdown()
    return [*outcome, time.monotonic() - begin < 5, told(executor.spin_once, timeout_sec=0)]


@scenario(EXECUTORS)
def _(world: World) -> object:
    """Spinning the node that is being spun, from its own callback."""
    node, outcome = world.node(), []

    def inside() -> None:
        timer.cancel()
        outcome.append(told(rclpy.spin_once, node, timeout_sec=0.05))

    timer = node.create_timer(0.01, inside)
    rclpy.spin_once(node, timeout_sec=1)
    return outcome


@scenario(EXECUTORS)
def _(world: World) -> object:
    """A node given to an executor twice, to a second one, and taken from one that does not have it."""
    node = world.node()
    first, second = SingleThreadedExecutor(), SingleThreadedExecutor()
    outcome = [
        told(first.add_node, node),
        told(first.add_node, node),
        told(second.add_node, node),
        len(first.get_nodes()),
        len(second.get_nodes()),
        told(first.remove_node, node),
        node.executor is None,
        told(second.remove_node, node),
        node.executor is None,
    ]
    first.shutdown()
    second.shutdown()
    return outcome


@scenario(EXECUTORS)
def _(world: World) -> object:
    """Tasks: a function, a coroutine that waits, one that raises, and one that is canceled."""
    node = world.node()
    executor = alone(node)
    gate = Future()

    async def wait() -> str:
        await gate
        return "done"

    tasks = [executor.create_task(lambda: 5), executor.create_task(wait)]
    for _ in range(4):
        executor.spin_once(timeout_sec=0.05)
    before = [task.done() for task in tasks]
    gate.set_result(None)
    for _ in range(4):
        executor.spin_once(timeout_sec=0.05)
    raising = executor.create_task(lambda: 1 / 0)
    raised = told(executor.spin_once, timeout_sec=0.2)
    canceled = executor.create_task(lambda: 7)
    canceled.cancel()
    told(executor.spin_once, timeout_sec=0.05)
    executor.shutdown()
    return [
        before,
        [told(task.result) for task in tasks],
        raised,
        told(raising.result),
        canceled.done(),
        canceled.cancelled(),
        told(canceled.result),
    ]


@scenario(EXECUTORS)
def _(world: World) -> object:
    """Futures: results before they are there, callbacks of done ones, twice set, canceled."""
    one, two, three, seen = Future(), Future(), Future(), []
    outcome = [told(one.result), told(one.exception), one.done()]
    one.add_done_callback(lambda future: seen.append("early"))
    one.set_result(1)
    one.add_done_callback(lambda future: seen.append("late"))
    told(one.set_result, 2)
    two.cancel()
    three.set_exception(KeyError("x"))
    return [
        *outcome,
        seen,
        told(one.result),
        two.done(),
        two.cancelled(),
        told(two.result),
        told(three.result),
        told(three.exception),
        three.done(),
        told(two.set_result, 5),
        two.cancelled(),
        told(two.result),
    ]


@scenario(EXECUTORS, is_quick=False)
def _(world: World) -> object:
    """A subscription of depth one behind a slow callback: which of many messages it gets."""
    node, heard = world.node(), []

    def slow(message: Int32) -> None:
        heard.append(message.data)
        time.sleep(0.2)

    publisher = node.create_publisher(Int32, "a", 10)
    node.create_subscription(Int32, "a", slow, 1)
    world.spin(publisher.get_subscription_count)
    publisher.publish(Int32(data=0))
    world.spin(lambda: heard)
    for value in range(1, 6):
        publisher.publish(Int32(data=value))
    time.sleep(0.3)
    world.spin(lambda: 5 in heard, 3.0)
    return heard


@scenario(EXECUTORS)
def _(world: World) -> object:
    """Timers: no period, without start, reset, time until the next call, and a period that changes."""
    node = world.node()
    timer = node.create_timer(10.0, print)
    left = timer.time_until_next_call()
    stopped = told(lambda: node.create_timer(10.0, print, autostart=False).is_canceled())
    timer.cancel()
    canceled = [timer.is_canceled(), timer.is_ready(), told(timer.time_until_next_call)]
    timer.reset()
    timer.timer_period_ns = 5 * 10**9
    return [
        9.5e9 < left <= 10e9,
        stopped,
        canceled,
        timer.is_canceled(),
        timer.timer_period_ns,
        told(node.create_timer, "1", print).partition(":")[0],
        told(node.create_timer, None, print).partition(":")[0],
        told(lambda: node.create_timer(1, None).timer_period_ns),
        told(lambda: node.create_timer(0, print).timer_period_ns),
        told(lambda: node.create_timer(1e-10, print).timer_period_ns),
        told(lambda: node.create_timer(float("nan"), print).timer_period_ns).partition(":")[0],
        told(lambda: node.create_timer(float("inf"), print).timer_period_ns).partition(":")[0],
    ]
