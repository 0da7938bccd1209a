"""Remaps, namespaces, arguments."""

from __future__ import annotations

import rclpy
from rclpy.node import Node
from std_msgs.msg import String
from std_srvs.srv import Trigger
from world import World, scenario, told

REMAPS, NAMESPACES = "Remaps and arguments", "Namespaces"


def resolved(node: Node, *names: str) -> list[str]:
    return [told(node.resolve_topic_name, name) for name in names]


@scenario(NAMESPACES)
def _(world: World) -> object:
    """Namespaces with slashes at either end, empty ones and a bare slash."""
    return [
        told(lambda given=given: world.node("n", namespace=given).get_fully_qualified_name())
        for given in (
            None,
            "",
            "/",
            "a",
            "/a",
            "a/",
            "/a/",
            "//a",
            "a//b",
            "a/b/c",
            "~",
            "~/a",
            "a b",
            "_a",
            "1a",
            "a/1",
            "{node}",
        )
    ]


@scenario(NAMESPACES)
def _(world: World) -> object:
    """Names of nodes of one underscore, of many, long ones, and the loggers below a namespace."""
    node = world.node("n", namespace="/car/front")
    return [
        told(lambda: world.node("_").get_name()),
        told(lambda: world.node("__a").get_name()),
        told(lambda: len(world.node("a" * 255).get_name())),
        told(lambda: world.node("a" * 256).get_name()),
        node.get_logger().name,
        node.get_logger().get_child("x").name,
        told(node.get_logger().get_child, ""),
    ]


@scenario(NAMESPACES, "-r", "__ns:=/moved", "-r", "__node:=renamed")
def _(world: World) -> object:
    """A namespace and a name of the process's arguments, for two nodes and one that takes none of them."""
    first, second = world.node("first", namespace="given"), world.node("second")
    alone = world.node("alone", namespace="own", use_global_arguments=False)
    return [node.get_fully_qualified_name() for node in (first, second, alone)]


def remapped(world: World, rule: str, *names: str, name: str = "node", namespace: str = "ns") -> list[str]:
    """The node's full name and the names of topics, with this rule among the node's arguments."""
    try:
        node = world.node(name, "-r", rule, namespace=namespace)
    except Exception:
        return [rule, "refused"]
    found = [rule, node.get_fully_qualified_name(), *[told(node.resolve_topic_name, each) for each in names]]
    world.end()
    return found


@scenario(NAMESPACES)
def _(world: World) -> object:
    """Rules for a node's name and namespace, with a node in front and without."""
    rules = [
        "node:__ns:=/a",
        "other:__ns:=/a",
        "/ns/node:__ns:=/a",
        "ns/node:__ns:=/a",
        "__name:=b",
        "node:__name:=b",
        "__node:=b",
        "__ns:=/",
        "__ns:=/a/b",
        "__ns:=~/a",
        "__ns:={node}",
        "__node:={node}b",
        "node:__node:=node",
        "__ns:=",
        "node:=b",
        "__node:=_",
        "__ns:=//",
        "__node:=a__b",
        "__node:=__a",
        "__ns:=/a__b",
        "__ns:=a",
        "node_a:__ns:=/b",
        "_:__ns:=/b",
        "node:__ns:=/a/",
    ]
    return [remapped(world, rule, "x", "~/y") for rule in rules]


@scenario(REMAPS)
def _(world: World) -> object:
    """Rules of every form for topics, and what they do to the names that they might meet."""
    rules = [
        "a:=b",
        "/a:=b",
        "/ns/a:=b",
        "a:=/b",
        "~/a:=b",
        "~/a:=~/b",
        "a:=~/b",
        "a:=~",
        "~:=b",
        "~a:=b",
        "{node}/a:=b",
        "{ns}/a:=b",
        "a:={ns}/b",
        "a:={node}/b",
        "a:={x}/b",
        "a/b:=c",
        "/ns/node/a:=b",
        "node:a:=b",
        "other:a:=b",
        "*/a:=b",
        "**/a:=b",
        "*:=b",
        "**:=b",
        "a*:=b",
        "/**:=/x",
        "/ns/*:=/x",
        "**/a:=/x\\1",
        "*/*:=\\2/\\1",
        "a:=b\\1",
        "a_:=b_",
        "a__b:=c",
        "a/:=b",
        "a:=b/",
        "/:=b",
        "a:=/",
        "a:b:=c",
        "a::=b",
        "a:= b",
        "a:=b c",
        "rostopic://a:=b",
        "rosservice://a:=b",
        "rostopic:///ns/a:=b",
        "rostopic://~/a:=b",
        "node:rostopic://a:=b",
        "rosaction://a:=b",
        "a:=rostopic://b",
        "1:=b",
        "a/1:=b",
        "__a:=b",
        "a:=__b",
        "ü:=b",
        "A:=B",
        "a_:=b_",
        "_a:=_b",
        "~/:=b",
        "a:=~/",
        "a1:=b1",
        "a:=/b__c",
        "~/a__b:=c",
        "a:=b_/_c",
        "rostopic://:=b",
        "rosservice://a:=1",
        "node:~/a:=b",
        "1node:a:=b",
        "node-x:a:=b",
    ]
    return [remapped(world, rule, "a", "/a", "~/a", "a/b", "node/a", "~") for rule in rules]


@scenario(REMAPS)
def _(world: World) -> object:
    """Rules for services alone, and topics' rules that services must not heed."""

    def names(rule: str) -> list[str]:
        try:
            node = world.node("node", "-r", rule, namespace="ns")
        except Exception:
            return [rule, "refused"]
        found = [rule, node.resolve_service_name("a"), node.resolve_service_name("~/a")]
        found.append(node.create_client(Trigger, "a").service_name)
        world.end()
        return found

    return [
        names(rule)
        for rule in (
            "a:=b",
            "rosservice://a:=b",
            "rostopic://a:=b",
            "rosservice://~/a:=b",
            "~/a:=/b",
            "node:rosservice://a:=b",
        )
    ]


@scenario(REMAPS)
def _(world: World) -> object:
    """Two rules that meet one name, in both orders and between the node's and the process's arguments."""

    def both(*rules: str) -> list[str]:
        node = world.node("node", *[word for rule in rules for word in ("-r", rule)], namespace="ns")
        return [*rules, *resolved(node, "a", "b")]

    return [
        both("a:=b", "a:=c"),
        both("a:=b", "b:=c"),
        both("node:a:=b", "a:=c"),
        both("a:=c", "node:a:=b"),
        both("/ns/a:=b", "a:=c"),
        both("rostopic://a:=b", "a:=c"),
        both("a:=b", "b:=a"),
    ]


@scenario(REMAPS, is_quick=False)
def _(world: World) -> object:
    """Values on the command line that are nearly lists."""
    from rcl_interfaces.msg import ParameterDescriptor

    def value(text: str) -> str:
        try:
            node = world.node("node", "-p", f"a:={text}")
        except Exception:
            return f"{text} refused"
        declared = told(node.declare_parameter, "a", None, ParameterDescriptor(dynamic_typing=True))
        world.end()
        return f"{text} {declared}"

    return [
        value(text)
        for text in (
            "[[1]]",
            "[]",
            "[a]",
            "[1, 2",
            "[1, 2.0]",
            "[true, 1]",
            "[1,]",
            "[,]",
            "['1', 2]",
            "[null]",
            "[a, [b]]",
            "{}",
            "- 1",
            "!!str 1",
            "!!int '1'",
            "!!float 1",
            "!!bool yes",
            "a: b",
            "a#b",
            "a #b",
            "&x 1",
            "*x",
            "|",
            "'a",
            '"a\\tb"',
            "' '",
            "1 2",
            "true ",
            "\t1",
            "-",
            "?",
            "@a",
            "%a",
            "`a`",
            "a,b",
            "-.5",
            "1.",
            "1e",
            "e1",
            "1.5e3",
            "1E3",
            "0x",
            "0xg",
            "-0x1",
            "00",
            "08",
            "1__0",
            ".",
            "..",
            "inf",
            "-inf",
            "nan",
            ".INF",
            ".Inf",
            "-.inf",
            "+.inf",
            ".NaN",
            ".nan",
            "TRUE",
            "True",
            "tRUE",
            "Y",
            "n",
            "ON",
            "oN",
            "~",
            "null",
            "Null",
            "nULL",
            "9223372036854775807",
            "9223372036854775808",
            "-9223372036854775808",
            "1e-400",
            "0.1",
            "1d",
            "0x1p3",
            "infinity",
            "1_000.5",
            "12:30:45",
        )
    ]


ARGUMENTS = [
    ["-r", "a"],
    ["-r", "a:="],
    ["-r", ":=b"],
    ["-r", "__ns:=a"],
    ["-r", "__ns:=/a/"],
    ["-r", "__node:=a/b"],
    ["-r", "a b:=c"],
    ["-r", "a:=b:=c"],
    ["-r", "__x:=y"],
    ["-r", "*:=b"],
    ["-r", "/**/a:=b"],
    ["--remap", "a:=b"],
    ["--param", "a:=1"],
    ["-p", "a"],
    ["-p", "a:="],
    ["-p", ":=1"],
    ["-p", "a:=[1, x]"],
    ["-p", "a:={b: 1}"],
    ["-p", "a:=[[1]]"],
    ["-p", "a b:=1"],
    ["-p", "a:=[1, 2.0]"],
    ["-p"],
    ["--params-file", "/nowhere.yaml"],
    ["--params-file"],
    ["--log-level", "loud"],
    ["--log-level", "a:=debug"],
    ["--log-level", "a:="],
    ["--log-level", "INFO"],
    ["--unknown"],
    ["word"],
    ["--enclave", "/a"],
    ["-e", "a"],
    ["--log-file-name", "x"],
    ["--disable-stdout-logs"],
    ["--enable-rosout-logs"],
    ["--log-config-file", "/nowhere"],
    ["--disable-external-lib-logs"],
    ["-p", "a-b:=1"],
    ["-p", "a.b:=1"],
    ["-p", "a/b:=1"],
    ["-p", "a..b:=1"],
    ["-p", "1a:=1"],
    ["-p", "a.1:=1"],
    ["-p", "a.:=1"],
    ["-p", ".a:=1"],
    ["-p", "/a:=1"],
    ["-p", "~a:=1"],
    ["-p", "~/a:=1"],
    ["-p", "a__b:=1"],
    ["-p", "node:a:=1"],
    ["-p", "/ns/node:a:=1"],
    ["-p", "*:a:=1"],
    ["-p", "/**:a:=1"],
    ["-p", "a/:=1"],
    ["-p", "a*:=1"],
    ["-p", "a:=''"],
    ["-p", "__a:=1"],
    ["-p", "ü:=1"],
    ["-p", "node:a"],
    ["--", "--unknown"],
    ["--", "--ros-args", "-r", "x"],
]


@scenario(REMAPS)
def _(world: World) -> object:
    """Arguments that cannot be, and rarely used ones, given to init."""

    def given(arguments: list[str]) -> str:
        context = rclpy.Context()
        try:
            context.init(["program", "--ros-args", *arguments])
        except RuntimeError as error:  # of which RCLError is one
            return "unknown" if "Unknown" in type(error).__name__ else "refused"
        context.try_shutdown()
        return "taken"

    return [f"{' '.join(each)} {given(each)}" for each in ARGUMENTS]


@scenario(REMAPS)
def _(world: World) -> object:
    """The same given to a node."""

    def given(arguments: list[str]) -> str:
        try:
            world.node("n", *arguments)
        except RuntimeError as error:
            return "unknown" if "Unknown" in type(error).__name__ else "refused"
        world.end()
        return "taken"

    return [f"{' '.join(each)} {given(each)}" for each in ARGUMENTS]


@scenario(REMAPS)
def _(world: World) -> object:
    """What counting and asking about a topic do with a remap."""
    node = world.node("node", "-r", "a:=b")
    node.create_publisher(String, "a", 1)
    world.spin(lambda: node.count_publishers("/b") == 1)
    return [
        node.count_publishers("a"),
        node.count_publishers("b"),
        len(node.get_publishers_info_by_topic("a")),
        len(node.get_publishers_info_by_topic("b")),
        [name for name, _ in node.get_topic_names_and_types() if name in ("/a", "/b")],
        told(node.count_publishers, "a//b"),
        told(node.get_publishers_info_by_topic, "1"),
        told(node.count_publishers, ""),
    ]


@scenario(NAMESPACES)
def _(world: World) -> object:
    """Two nodes of one name, and what the graph tells of them."""
    one, two = world.node("twin"), world.node("twin")
    one.create_publisher(String, "/a", 1)
    two.create_publisher(String, "/b", 1)
    world.spin(lambda: len(one.get_node_names()) >= 2, 2.0)
    return [
        sorted(one.get_node_names()),
        sorted(n for n, _ in one.get_publisher_names_and_types_by_node("twin", "/") if n in ("/a", "/b")),
        told(one.get_publisher_names_and_types_by_node, "nobody", "/"),
        told(one.get_publisher_names_and_types_by_node, "twin", "a"),
    ]
