"""Parameters are declared, overridden, checked and set as in ROS 2 (passes on a real rclpy as well)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rcl_interfaces.srv import GetParameters, ListParameters, SetParameters
from rclpy.exceptions import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterAlreadyDeclaredException,
    ParameterNotDeclaredException,
    ParameterUninitializedException,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

OpenNode = Callable[..., AbstractContextManager[Node]]

pytestmark = pytest.mark.usefixtures("ros")


@pytest.fixture
def node(open_node: OpenNode) -> Iterator[Node]:
    with open_node("node") as node:
        yield node


@pytest.fixture
def overridden(open_node: OpenNode) -> Callable[..., AbstractContextManager[Node]]:
    def node(*values: str) -> AbstractContextManager[Node]:
        return open_node("node", cli_args=["--ros-args", *[w for value in values for w in ("-p", value)]])

    return node


def test_a_default_holds_until_it_is_set(node: Node) -> None:
    assert node.declare_parameter("rate", 2.0).value == 2.0

    results = node.set_parameters([Parameter("rate", Parameter.Type.DOUBLE, 3.0)])

    assert results[0].successful
    assert node.get_parameter("rate").value == 3.0
    assert node.has_parameter("rate")
    assert node.get_parameter_or("other", Parameter("other", value=1)).value == 1


def test_an_override_replaces_the_default(overridden: OpenNode) -> None:
    with overridden("rate:=4.0", "names:=[a, b]", "nothing:=[]") as node:
        assert node.declare_parameter("rate", 2.0).value == 4.0
        assert node.declare_parameter("names", ["x"]).value == ["a", "b"]


@pytest.mark.parametrize(
    ("override", "default"), [("x:=1", 1.0), ("x:=1.0", 1), ("x:=text", True), ("x:=true", "text")]
)
def test_an_override_of_another_type_is_refused(overridden: OpenNode, override: str, default: object) -> None:
    with overridden(override) as node, pytest.raises(InvalidParameterTypeException, match="'x'"):
        node.declare_parameter("x", default)


def test_dynamic_typing_takes_any_type(overridden: OpenNode) -> None:
    with overridden("x:=text") as node:
        assert node.declare_parameter("x", 1, ParameterDescriptor(dynamic_typing=True)).value == "text"


def test_a_parameter_may_have_a_type_and_no_value(node: Node) -> None:
    node.declare_parameter("root", Parameter.Type.STRING)

    with pytest.raises(ParameterUninitializedException):
        node.get_parameter("root")
    node.set_parameters([Parameter("root", value="/data")])
    assert node.get_parameter("root").value == "/data"


def test_undeclared_and_twice_declared_parameters_are_refused(node: Node) -> None:
    node.declare_parameter("x", 1)

    with pytest.raises(ParameterAlreadyDeclaredException):
        node.declare_parameter("x", 1)
    with pytest.raises(ParameterNotDeclaredException):
        node.get_parameter("y")
    with pytest.raises(ParameterNotDeclaredException):
        node.set_parameters([Parameter("y", value=1)])


@pytest.mark.parametrize("value", [0.05, 10.5])
def test_a_number_out_of_range_is_refused_at_its_declaration(overridden: OpenNode, value: float) -> None:
    allowed = ParameterDescriptor(floating_point_range=[FloatingPointRange(from_value=0.1, to_value=10.0)])

    with overridden(f"rate:={value}") as node, pytest.raises(InvalidParameterValueException, match="rate"):
        node.declare_parameter("rate", 1.0, allowed)


def test_ranges_hold_when_a_parameter_is_set(node: Node) -> None:
    allowed = ParameterDescriptor(integer_range=[IntegerRange(from_value=0, to_value=10, step=2)])
    node.declare_parameter("threads", 4, allowed)

    def set_to(value: int) -> SetParametersResult:
        return node.set_parameters([Parameter("threads", value=value)])[0]

    assert set_to(10).successful
    assert set_to(6).successful
    assert not set_to(5).successful
    assert "threads" in set_to(12).reason
    assert node.get_parameter("threads").value == 6


def test_read_only_parameters_stay(node: Node) -> None:
    node.declare_parameter("root", "/data", ParameterDescriptor(read_only=True))

    result = node.set_parameters([Parameter("root", value="/other")])[0]

    assert not result.successful
    assert "read-only" in result.reason
    assert node.get_parameter("root").value == "/data"


def test_a_callback_can_refuse(node: Node) -> None:
    def check(parameters: list[Parameter]) -> SetParametersResult:
        return SetParametersResult(successful=all(each.value != 13 for each in parameters), reason="unlucky")

    node.declare_parameter("x", 1)
    node.add_on_set_parameters_callback(check)

    assert node.set_parameters([Parameter("x", value=13)])[0].reason == "unlucky"
    with pytest.raises(InvalidParameterValueException, match="unlucky"):
        node.declare_parameter("y", 13)
    node.remove_on_set_parameters_callback(check)
    assert node.set_parameters([Parameter("x", value=13)])[0].successful


def test_setting_atomically_sets_all_or_none(node: Node) -> None:
    node.declare_parameters("group", [("a", 1), ("b", 2, ParameterDescriptor(read_only=True))])

    result = node.set_parameters_atomically([Parameter("group.a", value=5), Parameter("group.b", value=5)])

    assert not result.successful
    assert [node.get_parameter(f"group.{name}").value for name in "ab"] == [1, 2]


def test_others_see_and_set_parameters_by_services(
    open_node: OpenNode, node: Node, spin_until: Callable[..., bool]
) -> None:
    node.declare_parameter("camera.fov", 70.0)
    with open_node("other") as other:

        def call(kind: type, name: str, request: object) -> object:
            client = other.create_client(kind, f"/node/{name}")
            assert client.wait_for_service(10.0)
            future = client.call_async(request)
            assert spin_until(future.done, node, other)
            return future.result()

        listed = call(ListParameters, "list_parameters", ListParameters.Request()).result
        assert "camera.fov" in listed.names
        assert listed.prefixes == ["camera"]

        new = Parameter("camera.fov", value=80.0).to_parameter_msg()
        wrong = Parameter("camera.fov", value="wide").to_parameter_msg()
        results = call(
            SetParameters, "set_parameters", SetParameters.Request(parameters=[new, wrong])
        ).results
        assert [each.successful for each in results] == [True, False]

        values = call(GetParameters, "get_parameters", GetParameters.Request(names=["camera.fov"])).values
        assert values[0].double_value == 80.0


def test_one_name_that_there_is_not_leaves_the_answer_without_all(
    open_node: OpenNode, node: Node, spin_until: Callable[..., bool]
) -> None:
    node.declare_parameter("rate", 1.0)
    with open_node("other") as other:
        client = other.create_client(GetParameters, "/node/get_parameters")
        assert spin_until(client.service_is_ready, node, other)
        future = client.call_async(GetParameters.Request(names=["rate", "nothing"]))
        assert spin_until(future.done, node, other)
        assert future.result().values == []


def test_a_callback_without_an_answer_refuses(node: Node) -> None:
    node.declare_parameter("x", 1)
    node.add_on_set_parameters_callback(lambda parameters: None)

    result = node.set_parameters([Parameter("x", value=2)])[0]

    assert (result.successful, result.reason) == (False, "Callback returned an invalid type")


def test_of_several_that_are_declared_already_none_is_declared(node: Node) -> None:
    node.declare_parameter("a.b", 1)
    with pytest.raises(ParameterAlreadyDeclaredException, match=r"\['a\.b'\]"):
        node.declare_parameters("a", [("new", 1), ("b", 2)])
    assert not node.has_parameter("a.new")


@pytest.mark.parametrize("name", [".", "a.", ".a", "a..b", "a b"])
def test_names_of_parameters_are_hardly_checked(node: Node, name: str) -> None:
    assert node.declare_parameter(name, 1).value == 1


def test_a_name_alone_is_a_parameter_of_any_type_without_a_value(node: Node) -> None:
    with pytest.warns(UserWarning, match="only providing its name is deprecated"):
        assert node.declare_parameter("anything").value is None
    assert node.set_parameters([Parameter("anything", value="text")])[0].successful


def test_the_words_of_a_value_out_of_range(node: Node) -> None:
    limits = ParameterDescriptor(floating_point_range=[FloatingPointRange(from_value=0.0, to_value=10.0)])
    with pytest.raises(InvalidParameterValueException, match=r"out of range Min: 0\.0, Max: 10\.0"):
        node.declare_parameter("rate", 20.0, limits)
