"""Types of parameters and what is said of wrong ones."""

from __future__ import annotations

import array
import math

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    ParameterEvent,
    ParameterValue,
)
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.srv import (
    DescribeParameters,
    GetParameters,
    GetParameterTypes,
    ListParameters,
    SetParameters,
    SetParametersAtomically,
)
from rclpy.parameter import Parameter
from world import World, scenario, told

PARAMETERS = "Parameters"


@scenario(PARAMETERS)
def _(world: World) -> object:
    """Setting a value of another type than declared."""
    node = world.node()
    node.declare_parameter("rate", 1.0)
    return [
        told(node.set_parameters, [Parameter("rate", value=value)]) for value in (2, True, "2", [2.0], None)
    ]


@scenario(PARAMETERS)
def _(world: World) -> object:
    """Defaults of Python types that are nearly a parameter's."""
    node = world.node()
    given = [
        b"bytes",
        (1, 2),
        [1, 2.0],
        [True, 1],
        [1, True],
        array.array("d", [1.0]),
        {"a": 1},
        object,
        1j,
        [[1]],
        2**63,
    ]
    return [
        told(node.declare_parameter, f"p{index}", value).split("<class")[0]
        for index, value in enumerate(given)
    ]


@scenario(PARAMETERS)
def _(world: World) -> object:
    """A default of numpy."""
    import numpy as np

    node = world.node()
    given = [np.float64(1), np.float32(1), np.int64(1), np.bool_(True), np.array([1.0])]
    return [told(node.declare_parameter, f"p{index}", value) for index, value in enumerate(given)]


@scenario(PARAMETERS)
def _(world: World) -> object:
    """Names of parameters."""
    node = world.node()
    return [
        told(node.declare_parameter, name, 1)
        for name in ("", ".", "a.", ".a", "a..b", "a b", "1", "a/b", "ü", 5)
    ]


@scenario(PARAMETERS)
def _(world: World) -> object:
    """A declaration with neither value nor type, with NOT_SET, or with a type and dynamic typing."""
    node = world.node()
    return [
        told(node.declare_parameter, "a", None, ParameterDescriptor()),
        told(node.declare_parameter, "b", Parameter.Type.NOT_SET),
        told(node.declare_parameter, "c", Parameter.Type.INTEGER, ParameterDescriptor(dynamic_typing=True)),
        told(node.declare_parameter, "d", None, ParameterDescriptor(dynamic_typing=True)),
        told(node.get_parameter, "d"),
    ]


@scenario(PARAMETERS)
def _(world: World) -> object:
    """Reading what is undeclared or has no value."""
    node = world.node()
    node.declare_parameter("empty", Parameter.Type.DOUBLE)
    return [
        told(node.get_parameter, "empty"),
        told(node.get_parameter, "other"),
        told(node.get_parameter_or, "empty"),
        told(node.get_parameter_or, "other", Parameter("other", value=3)),
        told(node.describe_parameter, "other"),
        told(node.set_parameters_atomically, [Parameter("empty", value=1.0), Parameter("other", value=1)]),
        told(node.get_parameter_or, "empty"),
    ]


@scenario(PARAMETERS)
def _(world: World) -> object:
    """Numbers at and beyond the ends of a range, NaN and steps among them."""
    node = world.node()
    wide = ParameterDescriptor(
        floating_point_range=[FloatingPointRange(from_value=0.0, to_value=1.0, step=0.25)]
    )
    node.declare_parameter("x", 0.5, wide)
    odd = ParameterDescriptor(integer_range=[IntegerRange(from_value=10, to_value=0, step=3)])
    node.declare_parameter("n", 3, odd)
    return [
        *[
            told(node.set_parameters, [Parameter("x", value=value)])
            for value in (0.0, 1.0, 0.3, 1.0000001, -1e-9, math.nan, math.inf)
        ],
        *[told(node.set_parameters, [Parameter("n", value=value)]) for value in (10, 9, 4, 11, -1)],
    ]


@scenario(PARAMETERS)
def _(world: World) -> object:
    """A descriptor with a range of the other kind, two ranges, or another type."""
    node = world.node()
    ints, floats = IntegerRange(from_value=0, to_value=1), FloatingPointRange(from_value=0.0, to_value=1.0)
    return [
        told(node.declare_parameter, "a", 5.0, ParameterDescriptor(integer_range=[ints])),
        told(node.declare_parameter, "b", 5, ParameterDescriptor(floating_point_range=[floats])),
        told(node.declare_parameter, "c", "text", ParameterDescriptor(integer_range=[ints])),
        told(node.declare_parameter, "d", 5.0, ParameterDescriptor(type=2)),
        told(node.declare_parameter, "e", 5, ParameterDescriptor(integer_range=[ints], read_only=True)),
        told(lambda: node.describe_parameter("a").type),
    ]


@scenario(PARAMETERS)
def _(world: World) -> object:
    """Unsetting: a static, a dynamic and a read-only parameter set to NOT_SET."""
    node = world.node()
    node.declare_parameter("static", 1)
    node.declare_parameter("dynamic", 1, ParameterDescriptor(dynamic_typing=True))
    node.declare_parameter("read", 1, ParameterDescriptor(dynamic_typing=True, read_only=True))
    results = [told(node.set_parameters, [Parameter(name)]) for name in ("static", "dynamic", "read")]
    return [*results, *[node.has_parameter(name) for name in ("static", "dynamic", "read")]]


@scenario(PARAMETERS)
def _(world: World) -> object:
    """Declaring several below a prefix, one of them twice."""
    node = world.node()
    return [
        told(node.declare_parameters, "group", [("a", 1), ("b", 2.0), ("c", "x", ParameterDescriptor())]),
        told(node.declare_parameters, "group", [("d", 1), ("a", 1)]),
        node.has_parameter("group.d"),
        told(node.declare_parameters, "", [("only",)]),
        told(node.declare_parameters, "", [(1, 2)]),
        told(node.declare_parameters, "", [("x", 2, 3)]),
    ]


@scenario(PARAMETERS)
def _(world: World) -> object:
    """What is given to Parameter itself."""
    return [
        told(Parameter, "a", Parameter.Type.DOUBLE, 1),
        told(Parameter, "a", Parameter.Type.INTEGER, True),
        told(Parameter, "a", Parameter.Type.BYTE_ARRAY, [b"a", b"b"]),
        told(Parameter, "a", Parameter.Type.BYTE_ARRAY, b"ab"),
        told(Parameter, "a", Parameter.Type.DOUBLE_ARRAY, []),
        told(Parameter, "a", Parameter.Type.DOUBLE_ARRAY, [1, 2]),
        told(Parameter, "a", 3, 1.0),
        told(Parameter, "a", None, []),
        told(Parameter, "a", Parameter.Type.STRING, None),
        told(Parameter("a", Parameter.Type.BOOL, True).get_parameter_value),
    ]


@scenario(PARAMETERS)
def _(world: World) -> object:
    """An integer of more than 64 bits is told to others."""
    return told(lambda: Parameter("a", value=2**63).to_parameter_msg().value.integer_value)


@scenario(PARAMETERS)
def _(world: World) -> object:
    """A callback that refuses is asked before which others, and what stays."""
    from rcl_interfaces.msg import SetParametersResult

    node, asked = world.node(), []

    def callback(name: str, answer: bool) -> object:
        def ask(parameters: list) -> object:
            asked.append((name, [each.name for each in parameters]))
            return SetParametersResult(successful=answer, reason=name)

        return ask

    node.declare_parameter("a", 1)
    node.declare_parameter("b", 1)
    node.add_on_set_parameters_callback(callback("first", True))
    node.add_on_set_parameters_callback(callback("second", False))
    result = told(node.set_parameters, [Parameter("a", value=2), Parameter("b", value=2)])
    return [result, asked, node.get_parameter("a").value]


@scenario(PARAMETERS)
def _(world: World) -> object:
    """A callback that returns nothing, or raises."""
    node = world.node()
    node.declare_parameter("a", 1)

    def boom(parameters: list) -> object:
        raise KeyError("boom")

    node.add_on_set_parameters_callback(boom)
    raised = told(node.set_parameters, [Parameter("a", value=2)])
    node.remove_on_set_parameters_callback(boom)
    node.add_on_set_parameters_callback(lambda parameters: None)
    return [
        raised,
        told(node.set_parameters, [Parameter("a", value=2)]),
        told(node.remove_on_set_parameters_callback, boom),
    ]


@scenario(PARAMETERS)
def _(world: World) -> object:
    """Services for parameters, asked about what there is not."""
    node, asker = world.node("owner"), world.node("asker")
    node.declare_parameter("a.b.c", 1)
    node.declare_parameter("a.d", 2.0)
    node.declare_parameter("none", Parameter.Type.STRING)

    def listed(**request: object) -> object:
        result = world.call(
            asker, ListParameters, "/owner/list_parameters", ListParameters.Request(**request)
        ).result
        return sorted(each for each in result.names if each not in REAL_ONLY), sorted(result.prefixes)

    REAL_ONLY = {"start_type_description_service"}
    names = ["a.d", "nothing", "none"]
    values = world.call(
        asker, GetParameters, "/owner/get_parameters", GetParameters.Request(names=names)
    ).values
    types = world.call(
        asker, GetParameterTypes, "/owner/get_parameter_types", GetParameterTypes.Request(names=names)
    ).types
    described = world.call(
        asker, DescribeParameters, "/owner/describe_parameters", DescribeParameters.Request(names=names)
    ).descriptors
    return [
        listed(),
        listed(prefixes=["a"]),
        listed(prefixes=["a"], depth=1),
        listed(depth=1),
        listed(depth=2),
        listed(prefixes=["a.d"]),
        listed(prefixes=["x"]),
        [each.type for each in values],
        list(types),
        [(each.name, each.type) for each in described],
    ]


@scenario(PARAMETERS)
def _(world: World) -> object:
    """Services for parameters, asked to set what cannot be."""
    node, asker = world.node("owner"), world.node("asker")
    node.declare_parameter("a", 1)

    def given(name: str, **value: object) -> ParameterMessage:
        return ParameterMessage(name=name, value=ParameterValue(**value))

    messages = [
        given("a", type=2, integer_value=5),
        given("b", type=2),
        given("a", type=3, double_value=1.0),
        given("a", type=77),
        given("a"),
    ]
    one = world.call(
        asker, SetParameters, "/owner/set_parameters", SetParameters.Request(parameters=messages[:3])
    ).results
    unset = world.call(
        asker, SetParameters, "/owner/set_parameters", SetParameters.Request(parameters=messages[4:])
    ).results
    all_ = world.call(
        asker,
        SetParametersAtomically,
        "/owner/set_parameters_atomically",
        SetParametersAtomically.Request(parameters=[messages[0], messages[1]]),
    ).result
    return [told(lambda: one), told(lambda: unset), told(lambda: all_), node.get_parameter("a").value]


@scenario(PARAMETERS)
def _(world: World) -> object:
    """A parameter's type that is none of the nine is sent to the service."""
    node, asker = world.node("owner"), world.node("asker")
    node.declare_parameter("a", 1)
    client = asker.create_client(SetParameters, "/owner/set_parameters")
    world.spin(client.service_is_ready)
    future = client.call_async(
        SetParameters.Request(parameters=[ParameterMessage(name="a", value=ParameterValue(type=77))])
    )
    return told(world.spin, future.done, 2.0)


@scenario(PARAMETERS, is_quick=False)
def _(world: World) -> object:
    """What /parameter_events tells of a declaration, a change, a refusal and an end."""
    node, heard = world.node("owner"), []

    def hear(event: ParameterEvent) -> None:
        if event.node == "/owner":
            heard.append(
                [
                    [each.name for each in getattr(event, f"{kind}_parameters")]
                    for kind in ("new", "changed", "deleted")
                ]
            )

    listener = world.node("listener")
    subscription = listener.create_subscription(ParameterEvent, "/parameter_events", hear, 100)
    world.spin(
        lambda: (
            listener.count_publishers("/parameter_events") >= 2 and subscription.get_publisher_count() >= 2
            if hasattr(subscription, "get_publisher_count")
            else listener.count_publishers("/parameter_events") >= 2
        )
    )
    world.spin(seconds=0.3)
    heard.clear()
    node.declare_parameter("a", 1, ParameterDescriptor(dynamic_typing=True))
    node.set_parameters([Parameter("a", value=2)])
    node.set_parameters([Parameter("a", value=2)])
    node.set_parameters([Parameter("a")])
    node.declare_parameter("b", Parameter.Type.STRING)
    node.set_parameters([Parameter("b", value="x")])
    world.spin(lambda: len(heard) >= 6, 3.0)
    return heard


@scenario(
    PARAMETERS,
    "-p",
    "a:=1",
    "-p",
    "b:=[1, 2]",
    "-p",
    "c:=[1.0, 2.0]",
    "-p",
    "d:='1'",
    "-p",
    "e:=1e3",
    "-p",
    "f:=0x10",
    "-p",
    "g:=y",
    "-p",
    "h:=~",
    "-p",
    "i:=1_000",
    "-p",
    "j:=010",
    "-p",
    "k:=.nan",
    "-p",
    "l:=2020-01-01",
    "-p",
    "m:=0b11",
    "-p",
    "n:=0o17",
    "-p",
    "o:=+5",
    "-p",
    "p:=1:30",
    "-p",
    "q:=.5",
    "-p",
    "r:=5.",
    "-p",
    "s:=NULL",
    "-p",
    "t:=No",
    "-p",
    "u:=1e400",
    "-p",
    "v:=99999999999999999999",
)
def _(world: World) -> object:
    """What text on the command line becomes."""
    node = world.node()
    loose = ParameterDescriptor(dynamic_typing=True)
    return [f"{name}={told(node.declare_parameter, name, None, loose)}" for name in "abcdefghijklmnopqrstuv"]


@scenario(PARAMETERS, "-p", "a:=5", "-p", "b:=[1, 2]", "-p", "c:=7")
def _(world: World) -> object:
    """An override of another type, out of range, of a read-only parameter, and one that is ignored."""
    node = world.node()
    limits = ParameterDescriptor(integer_range=[IntegerRange(from_value=0, to_value=1)])
    return [
        told(node.declare_parameter, "a", 1.0),
        told(node.declare_parameter, "a", 1, limits),
        told(node.declare_parameter, "b", [1.0]),
        told(node.declare_parameter, "b", ["x"]),
        told(node.declare_parameter, "c", 1, ParameterDescriptor(read_only=True)),
        told(node.declare_parameter, "a", 2, ignore_override=True),
    ]


@scenario(PARAMETERS)
def _(world: World) -> object:
    """Overrides given to the node beside those of its command line."""
    node = world.node(
        "node",
        "-p",
        "a:=1",
        "-p",
        "b:=2",
        parameter_overrides=[Parameter("b", value=3), Parameter("c", value=4)],
    )
    return [told(node.declare_parameter, name, 0) for name in "abc"]


@scenario(PARAMETERS)
def _(world: World) -> object:
    """use_sim_time: declared, of another type, and given as text."""
    node = world.node()
    return [
        told(node.get_parameter, "use_sim_time"),
        told(node.set_parameters, [Parameter("use_sim_time", value=1)]),
        told(node.set_parameters, [Parameter("use_sim_time", value=True)]),
        node.get_clock().ros_time_is_active,
        told(world.node, "other", "-p", "use_sim_time:=1"),
    ]
