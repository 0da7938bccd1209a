"""Several types on one topic, and messages that are not the topic's."""

from __future__ import annotations

import subprocess
import sys

from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import Bool, Float32, Int32, String, UInt8
from std_srvs.srv import SetBool, Trigger
from world import World, scenario, told

TYPES = "Types"


@scenario(TYPES)
def _(world: World) -> object:
    """A second type on a topic in one process, as a publisher and as a subscription."""
    node = world.node()
    node.create_publisher(String, "/a", 1)
    return [
        told(lambda: node.create_publisher(Int32, "/a", 1).topic_name),
        told(lambda: node.create_subscription(Int32, "/a", print, 1).topic_name),
    ]


OTHER = """
import rclpy, time
from std_msgs.msg import Int32
rclpy.init()
node = rclpy.create_node("other")
publisher = node.create_publisher(Int32, "/a", 10)
node.create_timer(0.05, lambda: publisher.publish(Int32(data=7)))
print("ready", flush=True)
try:
    rclpy.spin(node)
except BaseException:
    pass
"""


@scenario(TYPES, is_quick=False)
def _(world: World) -> object:
    """Another type of another process on a topic: what arrives, what is counted, and the types listed."""
    node, heard = world.node(), []
    node.create_subscription(String, "/a", heard.append, 10)
    other = subprocess.Popen(
        [sys.executable, "-u", "-c", OTHER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        other.stdout.readline()
        world.spin(lambda: node.count_publishers("/a") == 1)
        world.spin(seconds=0.5)
        return [len(heard), node.count_publishers("/a"), sorted(dict(node.get_topic_names_and_types())["/a"])]
    finally:
        other.kill()
        other.wait()


@scenario(TYPES)
def _(world: World) -> object:
    """Wrong Python types in the fields of a message."""

    def sent(make: object) -> str:
        return told(lambda: deserialize_message(serialize_message(make()), kinds[make]).data)

    kinds = {
        (lambda: Float32(data=1)): Float32,
        (lambda: Int32(data=1.0)): Int32,
        (lambda: Int32(data=True)): Int32,
        (lambda: String(data=1)): String,
        (lambda: String(data=b"a")): String,
        (lambda: Bool(data=1)): Bool,
        (lambda: UInt8(data=256)): UInt8,
        (lambda: UInt8(data=-1)): UInt8,
        (lambda: String(data="ü\\0x")): String,
        (lambda: Float32(data=1e300)): Float32,
    }
    return [sent(make).partition(":")[0] for make in kinds]


@scenario(TYPES)
def _(world: World) -> object:
    """Fields of a message that there are not, positional arguments, and equality."""
    return [
        told(String, text="a").partition(":")[0],
        told(String, "a").partition(":")[0],
        String(data="a") == String(data="a"),
        String(data="a") == "a",
        told(lambda: setattr(String(), "text", 1)).partition(":")[0],
        told(hash, String()).partition(":")[0],
        repr(String(data="a")),
        String.get_fields_and_field_types(),
    ]


@scenario(TYPES)
def _(world: World) -> object:
    """Publishing something else, its class, nothing, or bytes that hold no message."""
    publisher = world.node().create_publisher(String, "a", 1)
    return [
        told(publisher.publish, each).split(":")[0]
        for each in (Int32(), String, None, "text", b"", b"\\0\\1\\0\\0", b"rubbish")
    ]


@scenario(TYPES)
def _(world: World) -> object:
    """Something that is no message or no service as a type."""
    node = world.node()
    return [
        told(node.create_publisher, 5, "a", 1).partition(":")[0],
        told(node.create_publisher, Trigger, "a", 1).partition(":")[0],
        told(node.create_subscription, int, "a", print, 1).partition(":")[0],
        told(node.create_client, String, "a").partition(":")[0],
        told(node.create_publisher, Trigger.Request, "a", 1).partition(":")[0][:9],
        told(deserialize_message, b"\\0\\1\\0\\0\\xff\\0\\0\\0", String).partition(":")[0],
        told(deserialize_message, b"", String).partition(":")[0],
        told(serialize_message, 5).partition(":")[0],
    ]


@scenario(TYPES, is_quick=False)
def _(world: World) -> object:
    """Two types of one service's name: who is ready, and what a call of the wrong one gets."""
    node = world.node()
    node.create_service(Trigger, "/a", lambda request, response: response)
    client = node.create_client(SetBool, "/a")
    ready = client.wait_for_service(timeout_sec=0.3)
    return [ready, told(client.call_async, Trigger.Request()).split(":")[0]]
