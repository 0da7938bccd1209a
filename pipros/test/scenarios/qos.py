"""Quality of service: what fits, what is told of it, what is kept for those who come late."""

from __future__ import annotations

import time

from rclpy.duration import Duration
from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    LivelinessPolicy,
    QoSPresetProfiles,
    QoSProfile,
    ReliabilityPolicy,
    qos_policy_name_from_kind,
    qos_profile_sensor_data,
    qos_profile_system_default,
)
from std_msgs.msg import Int32, String
from world import World, scenario, told

QOS, LATCHED = "QoS and its events", "Transient-local depth"
DURABLE = DurabilityPolicy.TRANSIENT_LOCAL


def profile(**policies: object) -> QoSProfile:
    return QoSProfile(depth=5, **policies)


OFFERS = {
    "default": {},
    "best effort": {"reliability": ReliabilityPolicy.BEST_EFFORT},
    "transient": {"durability": DURABLE},
    "deadline 1": {"deadline": Duration(seconds=1)},
    "deadline 2": {"deadline": Duration(seconds=2)},
    "manual": {"liveliness": LivelinessPolicy.MANUAL_BY_TOPIC},
    "automatic": {"liveliness": LivelinessPolicy.AUTOMATIC},
    "lease 1": {"liveliness_lease_duration": Duration(seconds=1)},
    "lifespan 1": {"lifespan": Duration(seconds=1)},
    "keep all": {"history": HistoryPolicy.KEEP_ALL},
    "system": {
        "reliability": ReliabilityPolicy.SYSTEM_DEFAULT,
        "durability": DurabilityPolicy.SYSTEM_DEFAULT,
    },
}


@scenario(QOS, is_quick=False)
def _(world: World) -> object:
    """Every offer against every request: who is matched, and the policy that is named."""
    node = world.node()
    found: dict[tuple[str, str], list] = {}
    for number, (offer, offered) in enumerate(OFFERS.items()):
        for other, (request, requested) in enumerate(OFFERS.items()):
            topic, seen = f"/t{number}x{other}", found.setdefault((offer, request), [0])
            events = SubscriptionEventCallbacks(
                incompatible_qos=lambda event, seen=seen: seen.append(
                    qos_policy_name_from_kind(event.last_policy_kind)
                )
            )
            node.create_subscription(String, topic, print, profile(**requested), event_callbacks=events)
            found[offer, request].insert(
                0,
                node.create_publisher(
                    String,
                    topic,
                    profile(**offered),
                    event_callbacks=PublisherEventCallbacks(incompatible_qos=lambda event: None),
                ),
            )
    world.spin(lambda: all(each[0].get_subscription_count() or len(each) > 2 for each in found.values()), 6.0)
    return [
        f"{offer} - {request}: {'matched' if each[0].get_subscription_count() else ''}{each[2:] or ''}"
        for (offer, request), each in found.items()
    ]


@scenario(QOS)
def _(world: World) -> object:
    """Numbers and profiles given for QoS."""
    node = world.node()
    given = [
        0,
        -1,
        True,
        1.0,
        None,
        "5",
        qos_profile_sensor_data,
        qos_profile_system_default,
        QoSProfile(depth=0),
        QoSProfile(depth=10**6),
    ]
    return [
        told(lambda each=each: node.create_publisher(String, "a", each).qos_profile.depth).replace(
            "QoSProfile.", ""
        )
        for each in given
    ]


@scenario(QOS)
def _(world: World) -> object:
    """Settings of a profile that do not go together."""
    return [
        told(QoSProfile),
        told(QoSProfile, history=HistoryPolicy.KEEP_LAST),
        told(QoSProfile, history=HistoryPolicy.KEEP_ALL, depth=3),
        told(QoSProfile, depth=-1).partition("(")[0],
        told(QoSProfile, depth="1").partition(":")[0],
        told(QoSProfile, depth=1, reliability=9).partition(":")[0],
        told(QoSProfile, depth=1, deadline=1).partition(":")[0],
        told(QoSProfile, depth=1, colour=1).partition(":")[0],
        told(QoSProfile, history=HistoryPolicy.KEEP_ALL).partition(":")[0].partition("(")[0],
        QoSProfile(history=HistoryPolicy.KEEP_ALL).depth,
        str(QoSProfile(depth=1) == QoSProfile(depth=2)),
        told(QoSPresetProfiles.get_from_short_key, "sensor_data").partition("(")[0],
        told(QoSPresetProfiles.get_from_short_key, "x"),
        told(ReliabilityPolicy.get_from_short_key, "best_effort"),
        ReliabilityPolicy.short_keys(),
        QoSPresetProfiles.short_keys(),
    ]


@scenario(QOS)
def _(world: World) -> object:
    """What others are told of an endpoint's profile."""
    node = world.node()
    node.create_publisher(
        String,
        "/a",
        profile(
            durability=DURABLE,
            deadline=Duration(seconds=1),
            lifespan=Duration(seconds=2),
            liveliness=LivelinessPolicy.MANUAL_BY_TOPIC,
            liveliness_lease_duration=Duration(seconds=3),
        ),
    )
    node.create_subscription(String, "/a", print, qos_profile_sensor_data)
    world.spin(lambda: node.get_publishers_info_by_topic("/a") and node.get_subscriptions_info_by_topic("/a"))
    told_of = []
    for info in (*node.get_publishers_info_by_topic("/a"), *node.get_subscriptions_info_by_topic("/a")):
        qos = info.qos_profile
        told_of += [
            info.node_name,
            info.node_namespace,
            info.topic_type,
            qos.reliability.name,
            qos.durability.name,
            qos.history.name,
            qos.depth,
            qos.deadline.nanoseconds,
            qos.lifespan.nanoseconds,
            qos.liveliness.name,
            qos.liveliness_lease_duration.nanoseconds,
        ]
    return told_of


@scenario(QOS)
def _(world: World) -> object:
    """Events: which there are."""
    outcome = []
    for kind, names in (
        (
            PublisherEventCallbacks,
            ("deadline", "liveliness", "incompatible_qos", "incompatible_type", "matched"),
        ),
        (
            SubscriptionEventCallbacks,
            ("deadline", "liveliness", "message_lost", "incompatible_qos", "incompatible_type", "matched"),
        ),
    ):
        outcome += [
            f"{kind.__name__}.{name}: {told(lambda: kind(**{name: print}) and None)}" for name in names
        ]
    return outcome


@scenario(QOS)
def _(world: World) -> object:
    """Events of incompatible QoS: the totals as more and more come, and when one goes."""
    node, seen = world.node(), []
    node.create_subscription(
        String,
        "/a",
        print,
        5,
        event_callbacks=SubscriptionEventCallbacks(
            incompatible_qos=lambda event: seen.append(
                (
                    event.total_count,
                    event.total_count_change,
                    qos_policy_name_from_kind(event.last_policy_kind),
                )
            )
        ),
    )
    publishers = []
    for _ in range(3):
        publishers.append(node.create_publisher(String, "/a", qos_profile_sensor_data))
        world.spin(lambda: len(seen) == len(publishers))
    node.destroy_publisher(publishers[0])
    world.spin(seconds=0.3)
    return seen


@scenario(QOS, is_quick=False)
def _(world: World) -> object:
    """Messages older than their lifespan, for one who comes late."""
    node, heard = world.node(), []
    publisher = node.create_publisher(
        Int32, "/a", profile(durability=DURABLE, lifespan=Duration(nanoseconds=300_000_000))
    )
    publisher.publish(Int32(data=1))
    time.sleep(0.6)
    publisher.publish(Int32(data=2))
    node.create_subscription(
        Int32, "/a", lambda message: heard.append(message.data), profile(durability=DURABLE)
    )
    world.spin(lambda: 2 in heard)
    return heard


@scenario(QOS)
def _(world: World) -> object:
    """Best effort, published before anybody listens and after: what arrives."""
    node, heard = world.node(), []
    publisher = node.create_publisher(Int32, "/a", qos_profile_sensor_data)
    publisher.publish(Int32(data=1))
    node.create_subscription(Int32, "/a", lambda message: heard.append(message.data), qos_profile_sensor_data)
    world.spin(publisher.get_subscription_count)
    publisher.publish(Int32(data=2))
    world.spin(lambda: heard)
    return heard


@scenario(LATCHED, is_quick=False)
def _(world: World) -> object:
    """Depths of publisher and of a late subscription: which of five messages come."""
    node, outcome = world.node(), []
    for number, (offered, asked) in enumerate(
        ((1, 1), (3, 1), (1, 3), (3, 5), (5, 3), (10, 10), (None, 10), (10, None), (None, None))
    ):
        heard: list[int] = []
        keep = [
            QoSProfile(
                history=HistoryPolicy.KEEP_ALL if depth is None else HistoryPolicy.KEEP_LAST,
                depth=depth or 1,
                durability=DURABLE,
            )
            for depth in (offered, asked)
        ]
        publisher = node.create_publisher(Int32, f"/t{number}", keep[0])
        for value in range(5):
            publisher.publish(Int32(data=value))
        subscription = node.create_subscription(
            Int32, f"/t{number}", lambda message, heard=heard: heard.append(message.data), keep[1]
        )
        time.sleep(0.4)  # all of it is there before the first is taken
        world.spin(lambda: len(heard) >= min(offered or 5, asked or 5, 5))
        world.spin(seconds=0.1)
        outcome.append((offered or "all", asked or "all", heard))
        node.destroy_subscription(subscription)
    return outcome


@scenario(LATCHED, is_quick=False)
def _(world: World) -> object:
    """What a destroyed publisher leaves, and what a volatile subscription gets of a latched message."""
    node, heard, volatile = world.node(), [], []
    publisher = node.create_publisher(Int32, "/a", profile(durability=DURABLE))
    publisher.publish(Int32(data=1))
    node.create_subscription(Int32, "/a", lambda message: volatile.append(message.data), 5)
    world.spin(publisher.get_subscription_count)
    world.spin(seconds=0.3)
    node.destroy_publisher(publisher)
    node.create_subscription(
        Int32, "/a", lambda message: heard.append(message.data), profile(durability=DURABLE)
    )
    world.spin(seconds=0.3)
    return [volatile, heard]


@scenario(LATCHED)
def _(world: World) -> object:
    """Latched and best effort at once, and a volatile publisher with a latched subscription."""
    node, heard = world.node(), []
    quick = profile(durability=DURABLE, reliability=ReliabilityPolicy.BEST_EFFORT)
    publisher = node.create_publisher(Int32, "/a", quick)
    publisher.publish(Int32(data=1))
    node.create_subscription(Int32, "/a", lambda message: heard.append(message.data), quick)
    world.spin(publisher.get_subscription_count)
    world.spin(seconds=0.5)
    before = list(heard)
    publisher.publish(Int32(data=2))
    world.spin(lambda: 2 in heard, 3.0)
    return [before, heard]


@scenario(LATCHED)
def _(world: World) -> object:
    """Two latched publishers on one topic, for one who comes late with a depth of one."""
    node, heard = world.node(), []
    latched = QoSProfile(depth=1, durability=DURABLE)
    for value in (1, 2):
        node.create_publisher(Int32, "/a", latched).publish(Int32(data=value))
    node.create_subscription(
        Int32, "/a", lambda message: heard.append(message.data), QoSProfile(depth=5, durability=DURABLE)
    )
    world.spin(lambda: len(heard) == 2, 3.0)
    return sorted(heard)
