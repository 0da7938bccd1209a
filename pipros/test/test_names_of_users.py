"""Classes that users derive from leave all names to them but rclpy's own and those with our prefix.

The lists are what of a real rclpy (Jazzy and Kilted) is here; where there is one, they are held beside it.
"""

from __future__ import annotations

import ast
import contextlib
import time
from collections.abc import Callable, Iterator

import pytest
import rclpy
import rclpy.callback_groups
import rclpy.clock
import rclpy.event_handler
import rclpy.executors
import rclpy.logging
import rclpy.task
from rcl_interfaces.msg import SetParametersResult
from rclpy.node import Node
from std_msgs.msg import String
from std_srvs.srv import Trigger

from pipros import OVERLAY

PREFIX = "_pipros_"
IS_OURS = rclpy.__file__.startswith(str(OVERLAY))
GROUP = "_active_entity _lock add_entity beginning_execution can_execute ending_execution entities"
FUTURE = (
    "_callbacks _exception _exception_fetched _executor _lock _result _set_executor add_done_callback cancel "
    "cancelled done exception result set_exception set_result"
)
NAMES = {
    "Node": (
        "PARAM_REL_TOL _clients _clock _context _default_callback_group _descriptors _guards _logger "
        "_on_set_parameters_callbacks _parameter_event_publisher _parameter_overrides _parameters "
        "_publishers _services _subscriptions _time_source _timers add_on_set_parameters_callback clients "
        "context count_clients count_publishers count_services count_subscribers create_client "
        "create_guard_condition create_publisher create_service create_subscription create_timer "
        "declare_parameter declare_parameters describe_parameter destroy_client destroy_node "
        "destroy_publisher destroy_service destroy_subscription destroy_timer executor "
        "get_client_names_and_types_by_node get_clock get_fully_qualified_name get_logger get_name "
        "get_namespace get_node_names get_node_names_and_namespaces get_parameter get_parameter_or "
        "get_publisher_names_and_types_by_node get_publishers_info_by_topic get_service_names_and_types "
        "get_service_names_and_types_by_node get_subscriber_names_and_types_by_node "
        "get_subscriptions_info_by_topic get_topic_names_and_types guards has_parameter publishers "
        "remove_on_set_parameters_callback resolve_service_name resolve_topic_name services set_parameters "
        "set_parameters_atomically subscriptions timers"
    ),
    "Publisher": (
        "destroy event_handlers get_subscription_count msg_type publish qos_profile topic topic_name "
        "wait_for_all_acked"
    ),
    "Subscription": (
        "_callback _executor_event callback callback_group destroy event_handlers msg_type qos_profile raw "
        "topic topic_name"
    ),
    "Timer": (
        "_clock _executor_event callback callback_group cancel clock destroy is_canceled is_ready reset "
        "time_until_next_call timer_period_ns"
    ),
    "Client": (
        "_executor_event _lock _pending_requests call call_async callback_group context destroy qos_profile "
        "remove_pending_request service_is_ready service_name srv_name srv_type wait_for_service"
    ),
    "Service": (
        "_executor_event callback callback_group destroy qos_profile send_response service_name srv_name "
        "srv_type"
    ),
    "GuardCondition": "_executor_event callback callback_group destroy trigger",
    "EventHandler": "_executor_event callback callback_group destroy",
    "Executor": (
        "_context _guard _is_shutdown _nodes _nodes_lock _tasks add_node context create_task get_nodes "
        "remove_node shutdown spin spin_once spin_until_future_complete wake"
    ),
    "CallbackGroup": GROUP,
    "Clock": "_clock_type _set_ros_time_is_active clock_type now ros_time_is_active set_ros_time_override",
    "Context": "_callbacks _lock init ok on_shutdown shutdown try_shutdown",
    "Future": FUTURE,
    "Task": f"{FUTURE} executing",
    "Logger": "debug error fatal get_child info is_enabled_for log name set_level warn warning",
}


@pytest.fixture
def executor(ros: None) -> Iterator[rclpy.executors.SingleThreadedExecutor]:
    made = rclpy.executors.SingleThreadedExecutor()
    yield made
    made.shutdown()


def belongings(node: Node) -> dict[str, object]:
    """One of each thing that a node makes."""
    found = {
        "Publisher": node.create_publisher(String, "told", 1),
        "Subscription": node.create_subscription(String, "told", lambda message: None, 1),
        "Timer": node.create_timer(0.01, lambda: None),
        "Client": node.create_client(Trigger, "asked"),
        "Service": node.create_service(Trigger, "asked", lambda request, response: response),
        "GuardCondition": node.create_guard_condition(lambda: None),
    }
    return found | {"EventHandler": found["Publisher"].event_handlers[0]}


def names(thing: object) -> set[str]:
    """All but what every object has, and what is mangled."""
    mangled = tuple(f"_{each.__name__}__" for each in type(thing).__mro__)
    return {name for name in dir(thing) if not name.startswith(("__", *mangled))}


def test_every_name_is_one_of_rclpys_or_has_the_prefix(
    executor: rclpy.executors.Executor, open_node: Callable
) -> None:
    with open_node("node") as node:
        things = belongings(node) | {
            "Node": node,
            "Executor": executor,
            "CallbackGroup": rclpy.callback_groups.MutuallyExclusiveCallbackGroup(),
            "Clock": node.get_clock(),
            "Context": node.context,
            "Future": rclpy.task.Future(),
            "Task": rclpy.task.Task(print),
            "Logger": node.get_logger(),
        }
        assert things.keys() == NAMES.keys()
        for kind, thing in things.items():
            known = set(NAMES[kind].split())
            assert known <= names(thing), kind
            if IS_OURS:
                theirs = {name for name in names(thing) if not name.startswith(PREFIX)}
                assert theirs <= known, f"{kind}: {theirs - known}"


def words() -> set[str]:
    """Every word that the stand-in has for an attribute, a method, a variable or an argument."""
    found = set()
    for file in (OVERLAY / "rclpy").glob("*.py"):
        for each in ast.walk(ast.parse(file.read_text())):
            match each:
                case (
                    ast.Attribute(attr=name)
                    | ast.FunctionDef(name=name)
                    | ast.arg(arg=name)
                    | ast.Name(id=name)
                ):
                    found.add(name.removeprefix(PREFIX).strip("_"))
    return found - {""}


def free(thing: object, called: str = "") -> dict[str, object]:
    """Names that users may give to attributes, also mangled in a class `called` so, with a value for each."""
    forms = ["{}", "_{}"] + ([f"_{called}__{{}}"] if called else [])
    taken = {name for name in dir(thing) if not name.startswith(PREFIX)}
    return {name: object() for form in forms for name in map(form.format, words()) if name not in taken}


def test_a_users_attributes_of_any_name_disturb_nothing(
    executor: rclpy.executors.Executor, open_node: Callable
) -> None:
    with open_node("plain") as plain:
        of_nodes = free(plain, called="Node")
        of_others = {kind: free(thing) for kind, thing in belongings(plain).items()}
    of_executors = free(executor, called="SingleThreadedExecutor")
    assert len(of_nodes) > 1000

    class Mine(Node):
        """A user's, which has its attributes before and after rclpy has made its own."""

        def __init__(self) -> None:
            vars(self).update(of_nodes)
            super().__init__("mine")
            vars(self).update(of_nodes)

    class MyExecutor(rclpy.executors.SingleThreadedExecutor):
        """Likewise."""

        def __init__(self) -> None:
            vars(self).update(of_executors)
            super().__init__()
            vars(self).update(of_executors)

    for cls, values in ((Mine, of_nodes), (MyExecutor, of_executors)):
        for name, value in values.items():
            setattr(cls, name, value)
    node, runner = Mine(), MyExecutor()
    came: set[str] = set()

    def answer(request: object, response: object) -> object:
        came.add("request")
        return response

    def judge(parameters: list) -> object:
        came.add("parameter")
        return SetParametersResult(successful=True)

    publisher = node.create_publisher(String, "said", 1)
    subscription = node.create_subscription(String, "said", lambda message: came.add(message.data), 1)
    timer = node.create_timer(0.01, lambda: came.add("time"))
    service = node.create_service(Trigger, "wanted", answer)
    client = node.create_client(Trigger, "wanted")
    guard = node.create_guard_condition(lambda: came.add("guard"))
    for kind, thing in (
        ("Publisher", publisher),
        ("Subscription", subscription),
        ("Timer", timer),
        ("Service", service),
        ("Client", client),
        ("GuardCondition", guard),
    ):
        for name, value in of_others[kind].items():
            with contextlib.suppress(AttributeError):  # rclpy's own of some versions has slots or properties
                setattr(thing, name, value)
    node.declare_parameter("size", 1)
    node.add_on_set_parameters_callback(judge)
    node.set_parameters([rclpy.Parameter("size", value=2)])
    runner.add_node(node)
    assert client.wait_for_service(10.0)
    answered = client.call_async(Trigger.Request())
    guard.trigger()
    wanted = {"word", "time", "request", "guard", "parameter"}
    end = time.monotonic() + 20.0
    while not (came >= wanted and answered.done()) and time.monotonic() < end:
        publisher.publish(String(data="word"))
        runner.spin_once(0.1)
    assert came == wanted
    assert answered.done()
    assert node.count_publishers("said") == 1
    assert node.get_parameter("size").value == 2
    assert node.destroy_publisher(publisher)
    assert node.destroy_subscription(subscription)
    assert node.destroy_timer(timer)
    assert node.destroy_service(service)
    assert node.destroy_client(client)
    assert all(getattr(node, name) is value for name, value in of_nodes.items())
    assert all(getattr(runner, name) is value for name, value in of_executors.items())
    runner.shutdown()
    node.destroy_node()


@pytest.mark.parametrize(
    "file",
    [
        "launch/action.py",
        "launch/actions.py",
        "launch/conditions.py",
        "launch/event_handlers.py",
        "launch/execute_process.py",
        "launch/launch_description_sources.py",
        "launch/launch_service.py",
        "launch/substitutions.py",
        "launch_ros/actions.py",
        "launch_ros/parameter_descriptions.py",
        "launch_ros/substitutions.py",
        "tf2_ros/buffer.py",
        "tf2_ros/transform_broadcaster.py",
        "tf2_ros/transform_listener.py",
    ],
)
def test_what_is_private_in_classes_that_have_no_wheel_has_the_prefix(file: str) -> None:
    found = set()
    for each in ast.walk(ast.parse((OVERLAY / file).read_text())):
        match each:
            case ast.Attribute(value=ast.Name(id="self"), attr=name):
                found.add(name)
            case ast.ClassDef(body=body):
                found |= {
                    part.name for part in body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)
                }
    private = {name for name in found if name.startswith("_") and not name.startswith(("__", PREFIX))}
    assert private <= {"_conditionally_included"}  # launch's own
