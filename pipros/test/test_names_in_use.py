"""Names and what is told of wrong ones, as in ROS 2 (passes on a real rclpy as well)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import rclpy
from rclpy.exceptions import (
    InvalidNamespaceException,
    InvalidNodeNameException,
    InvalidServiceNameException,
    InvalidTopicNameException,
    ParameterUninitializedException,
)
from rclpy.node import Node
from std_msgs.msg import String
from std_srvs.srv import Trigger

ARGUMENTS = ("-r", "old:=new", "-r", "~/own:=elsewhere/own", "-p", "empty:=[]")


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    rclpy.init(args=["program", "--ros-args", *ARGUMENTS])
    made = Node("node", namespace="/ns")
    yield made
    made.destroy_node()
    rclpy.try_shutdown()


@pytest.mark.parametrize(
    ("given", "full"),
    [
        ("a", "/ns/a"),
        ("/a", "/a"),
        ("~", "/ns/node"),
        ("~/a", "/ns/node/a"),
        ("~a", "/ns/nodea"),
        ("{node}/a", "/ns/node/a"),
        ("a{node}", "/ns/anode"),
        ("/{node}", "/node"),
        ("{ns}/a", "/ns/a"),
        ("{namespace}/a", "/ns/a"),
        ("a__b", "/ns/a__b"),
        ("old", "/ns/new"),
        ("~/own", "/ns/elsewhere/own"),
    ],
)
def test_what_was_given_is_kept_and_its_meaning_told(node: Node, given: str, full: str) -> None:
    publisher = node.create_publisher(String, given, 1)
    subscription = node.create_subscription(String, given, print, 1)
    client = node.create_client(Trigger, given)
    service = node.create_service(Trigger, given, lambda request, response: response)

    assert (publisher.topic, publisher.topic_name) == (given, full)
    assert (subscription.topic, subscription.topic_name) == (given, full)
    assert (client.srv_name, client.service_name) == (given, full)
    assert (service.srv_name, service.service_name) == (given, full)
    assert node.resolve_topic_name(given) == node.resolve_service_name(given) == full


WRONG = {
    "": ("topic name must not be empty string", "", 0),
    "a/": ("topic name must not end with a forward slash", "a/", 1),
    "/": ("topic name must not end with a forward slash", "/", 0),
    "1a": ("topic name token must not start with a number", "1a", 0),
    "a/1": ("topic name token must not start with a number", "a/1", 2),
    "a//b": ("topic name must not contain repeated '/'", "/ns/a//b", 6),
    "a~": ("topic name must not have tilde '~' unless it is the first character", "a~", 1),
    "{node": ("topic name must not have unmatched (unbalanced) curly braces '{}'", "{node", 0),
    "node}": ("topic name must not have unmatched (unbalanced) curly braces '{}'", "node}", 4),
    "{1}": ("substitution name must not start with a number", "{1}", 1),
    "{a/b}": ("substitution name must not contain characters other than alphanumerics or '_'", "{a/b}", 2),
    "a b": (
        "topic name must not contain characters other than alphanumerics, '_', '~', '{', or '}'",
        "a b",
        1,
    ),
}


@pytest.mark.parametrize("given", WRONG)
def test_a_wrong_name_is_refused_in_the_words_of_ros_2(node: Node, given: str) -> None:
    reason, name, index = WRONG[given]
    told = f"{reason}:\n  '{name}'\n   {' ' * index}^"

    with pytest.raises(InvalidTopicNameException) as refused:
        node.create_publisher(String, given, 1)
    assert str(refused.value) == f"Invalid topic name: {told}"
    with pytest.raises(InvalidServiceNameException) as refused:
        node.create_client(Trigger, given)
    assert str(refused.value) == f"Invalid service name: {told}"
    with pytest.raises(RuntimeError) as failed:
        node.resolve_topic_name(given)
    assert str(failed.value).partition(", at ")[0] == f"failed to resolve name: {reason}"


def test_an_unknown_substitution_is_named(node: Node) -> None:
    with pytest.raises(ValueError, match=r"topic name '{x}/a' is invalid: unknown substitution: {x}"):
        node.create_publisher(String, "{x}/a", 1)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Node(""), "node name must not be empty:\n  ''\n   ^"),
        (lambda: Node("1a"), "node name must not start with a number:\n  '1a'\n   ^"),
        (
            lambda: Node("a/b"),
            "node name must not contain characters other than alphanumerics or '_':\n  'a/b'\n    ^",
        ),
        (
            lambda: Node("a", namespace="1b"),
            "namespace must not have a token that starts with a number:\n  '/1b'\n    ^",
        ),
    ],
    ids=["empty", "number", "slash", "namespace"],
)
def test_a_wrong_name_of_a_node_is_refused_likewise(node: Node, make: Callable[[], Node], told: str) -> None:
    with pytest.raises((InvalidNodeNameException, InvalidNamespaceException)) as refused:
        make()
    assert str(refused.value).endswith(told)


@pytest.mark.parametrize("what", ["publisher", "service"])
def test_an_unknown_node_is_an_error(node: Node, what: str) -> None:
    ask = getattr(node, f"get_{what}_names_and_types_by_node")
    with pytest.raises(RuntimeError, match=f"cannot get {what} names and types for nonexistent node"):
        ask("nobody", "/")
    with pytest.raises(RuntimeError, match=f"failed to get {what} names and types: node name must not"):
        ask("no body", "/")
    with pytest.raises(RuntimeError, match="namespace must be absolute, it must lead with a '/'"):
        ask("nobody", "relative")


def test_an_empty_list_is_no_value(node: Node) -> None:
    assert node.declare_parameter("empty", ["a"]).value is None
    with pytest.raises(ParameterUninitializedException):
        node.get_parameter("empty")


def test_a_timer_of_less_than_no_time_is_refused(node: Node) -> None:
    with pytest.raises(RuntimeError, match="failed to create timer: timer period must be non-negative"):
        node.create_timer(-1.0, print)
