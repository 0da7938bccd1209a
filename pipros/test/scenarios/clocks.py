"""Clocks: simulated time that starts, jumps and stops."""

from __future__ import annotations

import time

from builtin_interfaces.msg import Time as TimeMessage
from rclpy.clock import Clock, ClockType, ROSClock
from rclpy.duration import Duration
from rclpy.parameter import Parameter
from rclpy.time import Time
from rosgraph_msgs.msg import Clock as ClockMessage
from world import World, scenario, told

CLOCKS = "Clock jumps"


def simulated(world: World) -> tuple:
    """A node in simulated time, and what sets it."""
    node = world.node("node", "-p", "use_sim_time:=true")
    source = world.node("source")
    publisher = source.create_publisher(ClockMessage, "/clock", 10)
    world.spin(publisher.get_subscription_count)

    def at(seconds: float) -> None:
        whole = int(seconds)
        publisher.publish(ClockMessage(clock=TimeMessage(sec=whole, nanosec=round((seconds - whole) * 1e9))))
        world.spin(lambda: node.get_clock().now().nanoseconds == round(seconds * 1e9))
        world.spin(seconds=0.1)

    return node, at


@scenario(CLOCKS, is_quick=False)
def _(world: World) -> object:
    """Timers when simulated time starts, goes on, leaps ahead, and goes back."""
    node, at = simulated(world)
    calls: list[float] = []
    node.create_timer(1.0, lambda: calls.append(node.get_clock().now().nanoseconds / 1e9))
    outcome = []
    for seconds in (100, 100.5, 101, 102, 110, 110.5, 111, 50, 50.5, 51, 52):
        calls.clear()
        at(seconds)
        outcome.append([seconds, len(calls)])
    return outcome


@scenario(CLOCKS)
def _(world: World) -> object:
    """A timer made before the first /clock, and one made after it."""
    node, at = simulated(world)
    early, late = [], []
    node.create_timer(1.0, lambda: early.append(1))
    at(1000)
    node.create_timer(1.0, lambda: late.append(1))
    first = [len(early), len(late)]
    at(1000.5)
    second = [len(early), len(late)]
    at(1001)
    return [first, second, [len(early), len(late)]]


@scenario(CLOCKS)
def _(world: World) -> object:
    """The clock of a node before /clock, with use_sim_time set and unset while it runs."""
    node, at = simulated(world)
    clock = node.get_clock()
    before = clock.now().nanoseconds
    at(5)
    simulated_now = clock.now().nanoseconds
    node.set_parameters([Parameter("use_sim_time", value=False)])
    real = abs(clock.now().nanoseconds - time.time_ns()) < 60e9
    node.set_parameters([Parameter("use_sim_time", value=True)])
    return [
        before,
        simulated_now,
        real,
        clock.now().nanoseconds,
        clock.ros_time_is_active,
        clock.clock_type.name,
    ]


@scenario(CLOCKS, is_quick=False)
def _(world: World) -> object:
    """Timers on a steady clock and on the system's do not wait for /clock."""
    node, _ = simulated(world)
    calls = {"steady": [], "system": [], "ros": []}
    for name, kind in (
        ("steady", ClockType.STEADY_TIME),
        ("system", ClockType.SYSTEM_TIME),
        ("ros", ClockType.ROS_TIME),
    ):
        node.create_timer(0.01, lambda name=name: calls[name].append(1), clock=Clock(clock_type=kind))
    node.create_timer(0.01, lambda: calls["ros"].append("sim"))
    world.spin(seconds=0.3)
    return [bool(calls["steady"]), bool(calls["system"]), 1 in calls["ros"], "sim" in calls["ros"]]


@scenario(CLOCKS)
def _(world: World) -> object:
    """Waiting for the next call of a timer in simulated time, and its time until then."""
    node, at = simulated(world)
    at(10)
    timer = node.create_timer(2.0, print)
    first = timer.time_until_next_call()
    at(11)
    second = timer.time_until_next_call()
    at(9)
    return [first, second, timer.time_until_next_call()]


@scenario(CLOCKS)
def _(world: World) -> object:
    """Times and durations: sums, differences, comparisons, ends of their range."""
    a, b = Time(seconds=1, clock_type=ClockType.ROS_TIME), Time(seconds=2, clock_type=ClockType.ROS_TIME)
    return [
        told(lambda: (b - a).nanoseconds),
        told(lambda: (a - b).nanoseconds),
        told(lambda: (a + Duration(seconds=1)) == b),
        told(lambda: a - Duration(seconds=2)).partition(":")[0],
        told(lambda: a + b).partition(":")[0],
        told(lambda: a < b),
        told(lambda: a == 1),
        told(lambda: a < 1).partition(":")[0],
        told(Time, seconds=-1).partition(":")[0],
        told(Time, nanoseconds=2**63).partition(":")[0],
        told(Duration, nanoseconds=2**63).partition(":")[0],
        told(lambda: Duration(seconds=1.5).nanoseconds),
        told(lambda: Time(seconds=1.9, nanoseconds=5).nanoseconds),
        told(lambda: Duration(seconds=-1.5).to_msg().nanosec),
        told(lambda: Duration(seconds=1) == Duration(nanoseconds=10**9)),
        told(lambda: Duration(seconds=1) < Duration(seconds=2)),
        told(lambda: Time.from_msg(TimeMessage(sec=1)).clock_type.name),
        told(lambda: Time(nanoseconds=5).clock_type.name),
        told(lambda: Time(seconds=1) == a).partition(":")[0],
        told(Time.from_msg, 5).partition(":")[0],
        told(repr, a),
        told(str, Duration(seconds=1)),
        told(hash, a).isdigit(),
        told(lambda: Duration(seconds=1) * 2).partition(":")[0],
        told(lambda: Duration(seconds=1) + Duration(seconds=1)).partition(":")[0],
        told(lambda: a.to_datetime()).partition(":")[0],
    ]


@scenario(CLOCKS)
def _(world: World) -> object:
    """Sleeping, jump callbacks and rates: what there is."""
    clock = Clock()
    return [
        f"{name}: {hasattr(clock, name)}"
        for name in ("sleep_for", "sleep_until", "create_jump_callback", "now")
    ] + [
        hasattr(world.node(), "create_rate"),
        told(ROSClock).partition("(")[0],
        told(Clock, clock_type=5).partition(":")[0],
    ]
