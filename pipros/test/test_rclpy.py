"""Nodes, topics, timers and executors behave as in ROS 2 (these tests pass on a real rclpy as well)."""

from __future__ import annotations

import contextlib
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace

import pytest
import rclpy
from builtin_interfaces.msg import Time as TimeMessage
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.exceptions import (
    InvalidHandle,
    InvalidNamespaceException,
    InvalidNodeNameException,
    InvalidTopicNameException,
    NotInitializedException,
)
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    LivelinessPolicy,
    QoSCompatibility,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
    qos_profile_sensor_data,
)
from rclpy.serialization import deserialize_message, serialize_message
from rclpy.task import Future
from rclpy.time import Time
from rosgraph_msgs.msg import Clock as ClockMessage
from std_msgs.msg import Int32, String
from std_srvs.srv import Trigger

from pipros import OVERLAY

OpenNode = Callable[..., AbstractContextManager[Node]]
Spin = Callable[..., bool]


def matched(publisher: object) -> Callable[[], bool]:
    return lambda: publisher.get_subscription_count() > 0


@pytest.mark.usefixtures("ros")
class TestNodes:
    def test_a_node_has_a_name_a_namespace_and_a_logger(self, open_node: OpenNode) -> None:
        with open_node("eyes", namespace="car/front") as node:
            assert node.get_name() == "eyes"
            assert node.get_namespace() == "/car/front"
            assert node.get_fully_qualified_name() == "/car/front/eyes"
            assert node.get_logger().name == "car.front.eyes"

    def test_arguments_rename_a_node_and_its_topics(self, open_node: OpenNode) -> None:
        arguments = ["--ros-args", "-r", "__ns:=/car", "-r", "__node:=eyes", "-r", "image:=/picture"]
        with open_node("camera", cli_args=arguments) as node:
            assert node.get_fully_qualified_name() == "/car/eyes"
            assert node.create_publisher(String, "image", 1).topic_name == "/picture"
            assert node.create_publisher(String, "~/image", 1).topic_name == "/car/eyes/image"
            assert node.resolve_topic_name("other") == "/car/other"

    @pytest.mark.parametrize("namespace", ["a/", "/a/", "//a", "a//b"])
    def test_a_namespace_with_a_slash_too_many_is_refused(self, namespace: str) -> None:
        with pytest.raises(InvalidNamespaceException):
            Node("node", namespace=namespace)

    def test_a_users_node_may_have_a_method_that_counts(self) -> None:
        class Counting(Node):
            def _count(self) -> None:
                raise AssertionError("it is nobody else's")

        node = Counting("counting")
        assert node.count_publishers("/nothing") == 0
        assert node.count_clients("/nothing") == 0
        node.destroy_node()

    def test_clients_and_servers_are_counted(self, open_node: OpenNode, spin_until: Spin) -> None:
        with open_node("node") as node:
            node.create_service(Trigger, "step", lambda request, response: response)
            node.create_client(Trigger, "step")
            assert spin_until(lambda: node.count_services("step") == node.count_clients("step") == 1, node)
            assert node.get_client_names_and_types_by_node("node", "/") == [
                ("/step", ["std_srvs/srv/Trigger"])
            ]

    @pytest.mark.parametrize("name", ["", "a b", "1a"])
    def test_a_bad_node_name_is_refused(self, name: str) -> None:
        with pytest.raises((InvalidNodeNameException, ValueError)):
            Node(name)

    def test_bad_namespaces_and_topics_are_refused(self, open_node: OpenNode) -> None:
        with pytest.raises((InvalidNamespaceException, ValueError)):
            Node("node", namespace="a//b")
        with open_node("node") as node, pytest.raises(InvalidTopicNameException):
            node.create_publisher(String, "a topic", 1)

    def test_only_messages_of_the_topics_type_can_be_published(self, open_node: OpenNode) -> None:
        with open_node("node") as node, pytest.raises(TypeError):
            node.create_publisher(String, "text", 1).publish(Int32(data=1))


@pytest.mark.usefixtures("ros")
class TestTopics:
    @pytest.mark.parametrize("callback", [None, lambda: None, lambda message, info, more: None])
    def test_a_callback_that_cannot_take_a_message_is_refused(
        self, open_node: OpenNode, callback: object
    ) -> None:
        with open_node("listener") as listener:
            with pytest.raises(RuntimeError, match="callback should be either be callable with one argument"):
                listener.create_subscription(String, "chatter", callback, 10)
            assert listener.count_subscribers("chatter") == 0

    def test_what_is_published_is_heard(self, open_node: OpenNode, spin_until: Spin) -> None:
        heard: list[str] = []
        with open_node("talker") as talker, open_node("listener") as listener:
            publisher = talker.create_publisher(String, "chatter", 10)
            subscription = listener.create_subscription(String, "chatter", lambda m: heard.append(m.data), 10)
            assert spin_until(matched(publisher), talker, listener)
            for number in range(5):
                publisher.publish(String(data=str(number)))

            assert spin_until(lambda: len(heard) == 5, talker, listener)
            assert heard == ["0", "1", "2", "3", "4"]

            assert listener.destroy_subscription(subscription)
            assert spin_until(lambda: publisher.get_subscription_count() == 0, talker)

    def test_raw_bytes_can_be_published_and_heard(self, open_node: OpenNode, spin_until: Spin) -> None:
        heard: list[bytes] = []
        with open_node("node") as node:
            publisher = node.create_publisher(String, "chatter", 10)
            node.create_subscription(String, "chatter", heard.append, 10, raw=True)
            assert spin_until(matched(publisher), node)
            publisher.publish(serialize_message(String(data="raw")))

            assert spin_until(lambda: bool(heard), node)
            assert isinstance(heard[0], bytes)
            assert deserialize_message(heard[0], String) == String(data="raw")

    def test_a_callback_with_two_parameters_gets_the_source_timestamp(
        self, open_node: OpenNode, spin_until: Spin
    ) -> None:
        infos: list[dict] = []
        with open_node("node") as node:
            publisher = node.create_publisher(String, "chatter", 10)

            def heard(message: String, info: dict) -> None:
                infos.append(info)

            node.create_subscription(String, "chatter", heard, 10)
            assert spin_until(matched(publisher), node)
            publisher.publish(String())
            assert spin_until(lambda: bool(infos), node)
            assert abs(time.time_ns() - infos[0]["source_timestamp"]) < 60 * 10**9

    def test_late_subscriptions_get_what_is_transient_local(
        self, open_node: OpenNode, spin_until: Spin
    ) -> None:
        heard: list[str] = []
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        with open_node("node") as node, open_node("late") as late:
            publisher = node.create_publisher(String, "map", latched)
            publisher.publish(String(data="old"))
            publisher.publish(String(data="new"))
            late.create_subscription(String, "map", lambda m: heard.append(m.data), latched)

            assert spin_until(lambda: bool(heard), node, late)
            assert heard == ["new"]

    def test_what_is_latched_is_kept_no_longer_than_its_depth(
        self, open_node: OpenNode, spin_until: Spin
    ) -> None:
        heard: list[int] = []
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        with open_node("node") as node:
            publisher = node.create_publisher(String, "map", latched)
            node.create_subscription(String, "map", lambda m: heard.append(len(m.data)), 10)
            assert spin_until(matched(publisher), node)

            def publish(count: int) -> int:
                for _ in range(count):
                    publisher.publish(String(data="x" * 100_000))
                    assert spin_until(lambda: bool(heard), node)
                    heard.clear()
                pages = int(Path("/proc/self/statm").read_text().split()[1])
                return pages * resource.getpagesize()

            before = publish(50)
            assert publish(500) - before < 20_000_000

    def test_depth_keeps_the_newest(self, open_node: OpenNode, spin_until: Spin) -> None:
        heard: list[int] = []
        with open_node("node") as node:
            publisher = node.create_publisher(Int32, "count", QoSProfile(depth=100))
            node.create_subscription(Int32, "count", lambda m: heard.append(m.data), QoSProfile(depth=2))
            assert spin_until(matched(publisher), node)
            for number in range(50):
                publisher.publish(Int32(data=number))
            assert publisher.wait_for_all_acked(Duration(seconds=10))

            assert spin_until(lambda: 49 in heard, node)
            assert len(heard) <= 4

    def test_a_reliable_subscription_does_not_hear_a_best_effort_publisher(
        self, open_node: OpenNode, spin_until: Spin
    ) -> None:
        with open_node("node") as node:
            publisher = node.create_publisher(String, "chatter", qos_profile_sensor_data)
            node.create_subscription(String, "chatter", lambda m: None, 10)
            assert not spin_until(matched(publisher), node, timeout=0.5)

    def test_a_destroyed_publisher_refuses(self, open_node: OpenNode) -> None:
        with open_node("node") as node:
            publisher = node.create_publisher(String, "chatter", 10)
            assert node.destroy_publisher(publisher)
            assert not node.destroy_publisher(publisher)
            with pytest.raises(Exception, match=r"."):
                publisher.publish(String())


@pytest.mark.usefixtures("ros")
class TestMismatches:
    """Two ends of a topic that do not fit hear nothing of each other: both say so."""

    @pytest.mark.parametrize(
        ("offered", "requested", "policy"),
        [
            ({"reliability": ReliabilityPolicy.BEST_EFFORT}, {}, "RELIABILITY"),
            ({}, {"durability": DurabilityPolicy.TRANSIENT_LOCAL}, "DURABILITY"),
            ({"deadline": Duration(seconds=2)}, {"deadline": Duration(seconds=1)}, "DEADLINE"),
        ],
    )
    def test_qos_that_does_not_fit_is_warned_of_on_both_sides(
        self,
        open_node: OpenNode,
        spin_until: Spin,
        capfd: pytest.CaptureFixture[str],
        offered: dict[str, object],
        requested: dict[str, object],
        policy: str,
    ) -> None:
        with open_node("talker") as talker, open_node("listener") as listener:
            talker.create_publisher(String, "/chatter", QoSProfile(depth=5, **offered))
            listener.create_subscription(String, "/chatter", print, QoSProfile(depth=5, **requested))
            said = read_until(capfd, spin_until, 2, talker, listener)
        assert said == [
            "[listener]: New publisher discovered on topic '/chatter', offering incompatible QoS. No "
            f"messages will be received from it. Last incompatible policy: {policy}",
            "[talker]: New subscription discovered on topic '/chatter', requesting incompatible QoS. No "
            f"messages will be sent to it. Last incompatible policy: {policy}",
        ]

    def test_what_fits_is_not_warned_of(
        self, open_node: OpenNode, spin_until: Spin, capfd: pytest.CaptureFixture[str]
    ) -> None:
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        with open_node("talker") as talker, open_node("listener") as listener:
            publisher = talker.create_publisher(String, "/map", latched)
            for qos in (latched, QoSProfile(depth=1), qos_profile_sensor_data):
                listener.create_subscription(String, "/map", lambda m: None, qos)
            assert spin_until(lambda: publisher.get_subscription_count() == 3, talker, listener)
            assert read_until(capfd, spin_until, 1, talker, listener, timeout=0.3) == []

    def test_events_can_be_taken_instead(
        self, open_node: OpenNode, spin_until: Spin, capfd: pytest.CaptureFixture[str]
    ) -> None:
        offers: list[object] = []
        requests: list[object] = []
        with open_node("node") as node:
            publisher = node.create_publisher(
                String,
                "/chatter",
                qos_profile_sensor_data,
                event_callbacks=PublisherEventCallbacks(incompatible_qos=requests.append),
            )
            subscription = node.create_subscription(
                String,
                "/chatter",
                print,
                10,
                event_callbacks=SubscriptionEventCallbacks(incompatible_qos=offers.append),
            )
            assert spin_until(lambda: bool(offers and requests), node)
            for event in (offers[0], requests[0]):
                assert (event.total_count, event.total_count_change) == (1, 1)
                assert event.last_policy_kind == QoSPolicyKind.RELIABILITY
            silent = SubscriptionEventCallbacks(use_default_callbacks=False)
            node.create_subscription(String, "/chatter", print, 10, event_callbacks=silent)
            assert spin_until(lambda: len(requests) == 2, node)
            assert node.destroy_subscription(subscription)
            assert node.destroy_publisher(publisher)
        assert capfd.readouterr().err == ""

    def test_another_type_is_warned_of_on_both_sides(
        self, open_node: OpenNode, spin_until: Spin, capfd: pytest.CaptureFixture[str]
    ) -> None:
        if "overlay" not in rclpy.__file__:
            pytest.skip("rclpy on Cyclone DDS does not tell of it")
        with open_node("talker") as talker, open_node("listener") as listener:
            talker.create_publisher(Int32, "/chatter", 5)
            listener.create_subscription(String, "/chatter", print, 5)
            said = read_until(capfd, spin_until, 2, talker, listener)
        line = "Incompatible type on topic '/chatter', no messages will be sent to it"
        assert said == [
            f"[listener]: {line}: std_msgs/msg/String here, std_msgs/msg/Int32 there",
            f"[talker]: {line}: std_msgs/msg/Int32 here, std_msgs/msg/String there",
        ]


def read_until(
    capfd: pytest.CaptureFixture[str], spin_until: Spin, count: int, *nodes: object, timeout: float = 10.0
) -> list[str]:
    """Warnings, without their times and in the order of the alphabet, until there are so many."""
    lines: list[str] = []

    def enough() -> bool:
        lines.extend(line.split("] ", 2)[2] for line in capfd.readouterr().err.splitlines())
        return len(lines) >= count

    spin_until(enough, *nodes, timeout=timeout)
    return sorted(lines)


@pytest.mark.usefixtures("ros")
class TestExecutors:
    def test_a_timer_calls_back_until_canceled(self, open_node: OpenNode, spin_until: Spin) -> None:
        calls: list[int] = []
        with open_node("node") as node:
            timer = node.create_timer(0.01, lambda: calls.append(1))
            assert spin_until(lambda: len(calls) >= 3, node)
            timer.cancel()
            count = len(calls)
            assert timer.is_canceled()
            spin_until(lambda: False, node, timeout=0.1)
            assert len(calls) == count
            timer.reset()
            assert spin_until(lambda: len(calls) > count, node)

    def test_what_is_ready_at_once_comes_in_the_order_of_rclpy(
        self, open_node: OpenNode, spin_until: Spin
    ) -> None:
        order: list[str] = []
        with open_node("node") as node:
            guard = node.create_guard_condition(lambda: order.append("guard"))
            publisher = node.create_publisher(Int32, "count", 10)
            node.create_subscription(Int32, "count", lambda message: order.append("subscription"), 10)
            assert spin_until(matched(publisher), node)
            node.create_timer(0.0, lambda: order.append("timer")).timer_period_ns = 10**12
            publisher.publish(Int32())
            assert publisher.wait_for_all_acked(Duration(seconds=10))
            time.sleep(0.05)
            guard.trigger()
            assert spin_until(lambda: {"guard", "subscription", "timer"} <= set(order), node)
            assert list(dict.fromkeys(order)) == ["timer", "subscription", "guard"]

    def test_a_canceled_task_does_not_run(self, open_node: OpenNode) -> None:
        ran: list[int] = []
        with open_node("node") as node:
            executor = SingleThreadedExecutor()
            executor.add_node(node)
            task = executor.create_task(lambda: ran.append(1))
            task.cancel()
            executor.spin_once(timeout_sec=0.05)
            assert not ran
            assert task.cancelled()
            assert not task.done()
            executor.shutdown()

    def test_spin_once_returns_after_its_timeout(self, open_node: OpenNode) -> None:
        with open_node("node") as node:
            start = time.monotonic()
            rclpy.spin_once(node, timeout_sec=0.05)
            rclpy.spin_once(node, timeout_sec=0)
            assert time.monotonic() - start < 10

    def test_an_exception_in_a_callback_ends_the_spin(self, open_node: OpenNode) -> None:
        def fail() -> None:
            raise ValueError("broken")

        with open_node("node") as node:
            node.create_timer(0.01, fail)
            executor = SingleThreadedExecutor()
            executor.add_node(node)
            with pytest.raises(ValueError, match="broken"):
                executor.spin()
            executor.shutdown()

    @pytest.mark.parametrize("group", [MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup])
    def test_callback_groups_decide_what_runs_at_once(self, open_node: OpenNode, group: type) -> None:
        """One thread runs another callback while a coroutine awaits, if the group lets it."""
        running, most, calls = [0], [0], [0]
        awaited: list[Future] = []

        async def work() -> None:
            running[0] += 1
            calls[0] += 1
            most[0] = max(most[0], running[0])
            awaited.append(Future())
            await awaited[-1]
            running[0] -= 1

        def go_on() -> None:
            if awaited:
                awaited.pop(0).set_result(None)

        with open_node("node") as node:
            shared = group()
            for _ in range(2):
                node.create_timer(0.005, work, callback_group=shared)
            node.create_timer(0.03, go_on)
            executor = SingleThreadedExecutor()
            executor.add_node(node)
            deadline = time.monotonic() + 10
            while calls[0] < 8 and time.monotonic() < deadline:
                executor.spin_once(timeout_sec=0.1)
            executor.shutdown(timeout_sec=0)  # not for what awaits still
        assert calls[0] >= 8
        assert (most[0] > 1) is (group is ReentrantCallbackGroup)

    def test_a_worker_thread_publishes_while_the_executor_spins(
        self, open_node: OpenNode, spin_until: Spin
    ) -> None:
        heard: list[int] = []
        with open_node("node") as node:
            publisher = node.create_publisher(Int32, "count", 100)
            node.create_subscription(Int32, "count", lambda m: heard.append(m.data), 100)
            assert spin_until(matched(publisher), node)
            worker = threading.Thread(target=lambda: [publisher.publish(Int32(data=n)) for n in range(50)])
            worker.start()
            assert spin_until(lambda: len(heard) == 50, node)
            worker.join()
            assert heard == list(range(50))

    def test_a_guard_condition_runs_its_callback_once(self, open_node: OpenNode, spin_until: Spin) -> None:
        calls: list[int] = []
        with open_node("node") as node:
            guard = node.create_guard_condition(lambda: calls.append(1))
            threading.Timer(0.02, guard.trigger).start()
            assert spin_until(lambda: bool(calls), node)
            assert not spin_until(lambda: len(calls) > 1, node, timeout=0.1)

    def test_tasks_and_coroutines_run_in_the_executor(self, open_node: OpenNode) -> None:
        with open_node("node") as node:
            executor = SingleThreadedExecutor()
            executor.add_node(node)
            future = Future()

            async def wait_for_it() -> str:
                return f"got {await future}"

            task = executor.create_task(wait_for_it)
            node.create_timer(0.01, lambda: None if future.done() else future.set_result("it"))
            executor.spin_until_future_complete(task, timeout_sec=10)
            assert task.result() == "got it"
            executor.shutdown()

    def test_shutdown_from_another_thread_ends_the_spin(self, open_node: OpenNode) -> None:
        with open_node("node") as node:
            threading.Timer(0.05, rclpy.shutdown).start()
            with contextlib.suppress(ExternalShutdownException):  # or it returns: both are right
                rclpy.spin(node)
            assert not rclpy.ok()

    def test_no_wake_is_lost_however_it_falls(self, open_node: OpenNode) -> None:
        with open_node("node") as node:
            for number in range(100):
                executor = SingleThreadedExecutor()
                executor.add_node(node)
                thread = threading.Thread(target=executor.spin, daemon=True)
                thread.start()
                time.sleep(number * 1e-5)
                executor.shutdown()
                thread.join(10)
                assert not thread.is_alive()

    def test_a_new_subscription_wakes_an_executor_that_waits(self, open_node: OpenNode) -> None:
        heard = threading.Event()
        with open_node("node") as node:
            publisher = node.create_publisher(String, "chatter", 10)
            executor = SingleThreadedExecutor()
            executor.add_node(node)
            thread = threading.Thread(target=executor.spin, daemon=True)
            thread.start()
            node.create_subscription(String, "chatter", lambda m: heard.set(), 10)
            deadline = time.monotonic() + 10
            while not heard.is_set() and time.monotonic() < deadline:
                publisher.publish(String())
                heard.wait(0.05)
            assert heard.is_set()
            executor.shutdown()
            thread.join(10)
            assert not thread.is_alive()


class TestTime:
    def test_times_and_durations_calculate(self) -> None:
        time_ = Time(seconds=1, nanoseconds=5)

        assert (time_ + Duration(seconds=2)).nanoseconds == 3_000_000_005
        assert (time_ - Time(seconds=1)).nanoseconds == 5
        assert time_.to_msg() == TimeMessage(sec=1, nanosec=5)
        assert Time.from_msg(TimeMessage(sec=1, nanosec=5)).clock_type == ClockType.ROS_TIME
        assert Duration(nanoseconds=-1).to_msg().sec == -1
        assert time_.seconds_nanoseconds() == (1, 5)

    def test_times_of_different_clocks_do_not_mix(self) -> None:
        with pytest.raises(TypeError):
            _ = Time(seconds=1, clock_type=ClockType.ROS_TIME) < Time(
                seconds=1, clock_type=ClockType.STEADY_TIME
            )
        with pytest.raises(ValueError):  # noqa: PT011
            Time(seconds=-1)

    def test_clocks_tell_the_time(self) -> None:
        assert abs(Clock().now().nanoseconds - time.time_ns()) < 10**10
        assert Clock(clock_type=ClockType.STEADY_TIME).now().clock_type == ClockType.STEADY_TIME

    def test_simulated_time_follows_the_clock_topic(
        self, open_node: OpenNode, ros: None, spin_until: Spin
    ) -> None:
        calls: list[int] = []
        arguments = ["--ros-args", "-p", "use_sim_time:=true"]
        with open_node("sim", cli_args=arguments) as node, open_node("source") as source:
            publisher = source.create_publisher(ClockMessage, "/clock", 10)
            node.create_timer(1.0, lambda: calls.append(node.get_clock().now().nanoseconds))
            assert node.get_clock().now().nanoseconds == 0
            assert spin_until(matched(publisher), node, source)
            for second in range(100, 104):
                publisher.publish(ClockMessage(clock=TimeMessage(sec=second)))
                assert spin_until(
                    lambda s=second: node.get_clock().now().nanoseconds == s * 10**9, node, source
                )
                spin_until(lambda n=second: len(calls) >= n - 99, node, source, timeout=1.0)
            assert calls == [second * 10**9 for second in range(100, 104)]


@pytest.mark.usefixtures("ros")
def test_simulated_time_goes_on_where_it_was_switched_off(open_node: OpenNode, spin_until: Spin) -> None:
    with open_node("node", cli_args=["--ros-args", "-p", "use_sim_time:=true"]) as node:
        publisher = node.create_publisher(ClockMessage, "/clock", 10)
        assert spin_until(matched(publisher), node)
        publisher.publish(ClockMessage(clock=TimeMessage(sec=7)))
        assert spin_until(lambda: node.get_clock().now().nanoseconds == 7 * 10**9, node)
        for simulated in (False, True):
            assert node.set_parameters([Parameter("use_sim_time", value=simulated)])[0].successful
        assert node.get_clock().now().nanoseconds == 7 * 10**9


class TestLifecycle:
    def test_nobody_publishes_after_the_shutdown(self, ros: None, open_node: OpenNode) -> None:
        with open_node("node") as node:
            publisher = node.create_publisher(String, "chatter", 10)
            rclpy.shutdown()
            with pytest.raises((RuntimeError, InvalidHandle)):  # Jazzy's RCLError, Kilted's InvalidHandle
                publisher.publish(String())
            with pytest.raises((RuntimeError, InvalidHandle)):
                node.create_timer(1.0, print)

    def test_a_spin_ends_quietly_where_another_thread_shuts_down(
        self, ros: None, open_node: OpenNode
    ) -> None:
        with open_node("node") as node:
            timer = threading.Timer(0.1, rclpy.shutdown)
            timer.start()
            rclpy.spin(node)
            assert not rclpy.ok()
            timer.join()

    def test_a_destroyed_node_answers_nothing(self, ros: None, open_node: OpenNode) -> None:
        with open_node("node") as node:
            publisher = node.create_publisher(String, "chatter", 10)
            node.destroy_node()
            for ask in (node.get_name, node.get_topic_names_and_types, publisher.get_subscription_count):
                with pytest.raises(InvalidHandle):
                    ask()

    def test_nothing_works_before_init(self) -> None:
        with pytest.raises(NotInitializedException):
            Node("node")
        assert not rclpy.ok()

    def test_init_and_shutdown_can_be_repeated(self, ros_environment: dict[str, str]) -> None:
        for _ in range(2):
            rclpy.init(args=[])
            assert rclpy.ok()
            Node("node").destroy_node()
            rclpy.shutdown()
            assert not rclpy.ok()
        with pytest.raises(Exception, match=r"."):
            rclpy.shutdown()
        rclpy.try_shutdown()

    def test_shutdown_calls_back(self, ros_environment: dict[str, str]) -> None:
        called = threading.Event()
        rclpy.init(args=[])
        rclpy.get_default_context().on_shutdown(called.set)
        rclpy.shutdown()
        assert called.wait(10)


def test_profiles_are_checked() -> None:
    assert QoSProfile(depth=3).history == HistoryPolicy.KEEP_LAST
    assert qos_profile_sensor_data.reliability == ReliabilityPolicy.BEST_EFFORT
    assert QoSProfile(history=HistoryPolicy.KEEP_ALL) == QoSProfile(history=HistoryPolicy.KEEP_ALL)
    for bad in ({}, {"history": HistoryPolicy.KEEP_LAST}):
        with pytest.raises(rclpy.qos.InvalidQoSProfileException):
            QoSProfile(**bad)


@pytest.mark.skipif(not rclpy.__file__.startswith(str(OVERLAY)), reason="what rmw does with it is not ours")
@pytest.mark.usefixtures("ros")
def test_a_sample_of_wrong_form_is_dropped_and_the_next_one_arrives(
    open_node: OpenNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_node("hearer") as hearer:
        heard: list[str] = []
        subscription = hearer.create_subscription(
            String, "told", lambda message: heard.append(message.data), 10
        )
        # Cyclone refuses to write them, and drops most of what others wrote before our reader sees it.
        # A text of 9 bytes, of which 4 are there; nothing but the header; and a whole one.
        came = [b"\0\1\0\0\x09\0\0\0cut\0", b"\0\1\0\0", serialize_message(String(data="whole"))]
        samples = iter([SimpleNamespace(data=data, written=0, writer=0) for data in came])
        monkeypatch.setattr(subscription._pipros_source, "take", lambda: next(samples))
        for _ in came:
            if (call := subscription._pipros_take()) is not None:
                call()

        assert heard == ["whole"]
        assert subscription._pipros_malformed == 2


@pytest.mark.usefixtures("ros")
def test_what_nobody_confirms_is_not_acknowledged(
    open_node: OpenNode, start: Callable[..., subprocess.Popen], spin_until: Callable[..., bool]
) -> None:
    code = """
import rclpy
from std_msgs.msg import String
rclpy.init()
node = rclpy.create_node("deaf")
node.create_subscription(String, "told", print, 10)
rclpy.spin(node)
"""
    other = start(code)
    with open_node("speaker") as node:
        publisher = node.create_publisher(String, "told", 10)
        assert spin_until(lambda: publisher.get_subscription_count() == 1, node, timeout=30.0)
        publisher.publish(String(data="first"))
        assert publisher.wait_for_all_acked(Duration(seconds=10))

        other.send_signal(signal.SIGSTOP)
        publisher.publish(String(data="second"))
        assert not publisher.wait_for_all_acked(Duration(seconds=0.2))
        assert not publisher.wait_for_all_acked(Duration())

        other.send_signal(signal.SIGCONT)
        assert publisher.wait_for_all_acked(Duration(seconds=10))


# Rows: what a publisher offers; columns: what a subscription asks for; in the order of their names below.
COMPATIBILITY = (
    "WW.W.",
    ".....",
    "WE.W.",
    "WW.W.",
    ".....",
)  # fmt: skip
LEVELS = {".": QoSCompatibility.OK, "W": QoSCompatibility.WARNING, "E": QoSCompatibility.ERROR}
CERTAIN = {
    "reliability": ReliabilityPolicy.RELIABLE,
    "durability": DurabilityPolicy.VOLATILE,
    "liveliness": LivelinessPolicy.AUTOMATIC,
}


@pytest.mark.parametrize(
    ("name", "policy", "more", "less"),
    [
        ("reliability", ReliabilityPolicy, "RELIABLE", "BEST_EFFORT"),
        ("durability", DurabilityPolicy, "TRANSIENT_LOCAL", "VOLATILE"),
        ("liveliness", LivelinessPolicy, "MANUAL_BY_TOPIC", "AUTOMATIC"),
    ],
)
def test_profiles_are_compared_as_the_middleware_will(name: str, policy: type, more: str, less: str) -> None:
    values = ("SYSTEM_DEFAULT", more, less, "UNKNOWN", "BEST_AVAILABLE")
    for offered, row in zip(values, COMPATIBILITY, strict=True):
        for asked, expected in zip(values, row, strict=True):
            publisher, subscription = (
                QoSProfile(depth=1, **{**CERTAIN, name: policy[value]}) for value in (offered, asked)
            )
            level, reason = qos_check_compatible(publisher, subscription)
            assert level == LEVELS[expected], (offered, asked)
            assert reason.startswith({".": "", "W": "WARNING: ", "E": "ERROR: "}[expected])
            assert bool(reason) == (expected != ".")


@pytest.mark.parametrize("name", ["deadline", "liveliness_lease_duration"])
@pytest.mark.parametrize(
    ("offered", "asked", "fits"), [(0, 0, True), (0, 1, False), (1, 0, True), (2, 1, False), (1, 2, True)]
)
def test_who_asks_for_a_shorter_time_is_not_served(name: str, offered: int, asked: int, fits: bool) -> None:
    publisher, subscription = (
        QoSProfile(depth=1, **CERTAIN, **{name: Duration(seconds=seconds)}) for seconds in (offered, asked)
    )
    level, reason = qos_check_compatible(publisher, subscription)
    assert level == (QoSCompatibility.OK if fits else QoSCompatibility.ERROR)
    assert reason.startswith("ERROR: ") != fits
