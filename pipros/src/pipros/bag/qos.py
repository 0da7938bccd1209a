"""Quality of service between rclpy and the bag's metadata; the numbers are those of rmw in both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rclpy.duration import Duration
from rclpy.qos import DurabilityPolicy, HistoryPolicy, LivelinessPolicy, QoSProfile, ReliabilityPolicy
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipros.errors import PiprosError
from pipros.names import absolute

# Ten times rosbag2's, so that a burst, or a bag played fast, does not overtake a reliable reader.
_DEFAULT_DEPTH = 100
_MOST_LATCHED = 1000
_LATCHED_NAMES = ("tf_static", "robot_description", "robot_description_semantic", "map", "map_metadata")
# What label_info publishers and map servers send once.
_LATCHED_TYPES = ("vision_msgs/msg/LabelInfo", "vision_msgs/msg/VisionInfo", "nav_msgs/msg/OccupancyGrid")
_POLICIES = {
    "history": HistoryPolicy,
    "reliability": ReliabilityPolicy,
    "durability": DurabilityPolicy,
    "liveliness": LivelinessPolicy,
}
_DURATIONS = ("deadline", "lifespan", "liveliness_lease_duration")


def to_bag(profile: QoSProfile) -> Qos:
    """Return what the metadata says of a publisher's profile."""
    return Qos(
        QosHistory(int(profile.history)),
        profile.depth,
        QosReliability(int(profile.reliability)),
        QosDurability(int(profile.durability)),
        _to_time(profile.deadline),
        _to_time(profile.lifespan),
        QosLiveliness(int(profile.liveliness)),
        _to_time(profile.liveliness_lease_duration),
        profile.avoid_ros_namespace_conventions,
    )


def to_offer(
    topic: str,
    type_name: str,
    recorded: Sequence[Qos],
    messages: int,
    warn: Callable[[str], None] = lambda text: None,
) -> QoSProfile:
    """Return the profile to play a topic with: what its publishers offered, if all offered the same.

    As `adapt_offer_to_recorded_offers` of rosbag2_storage, but for three things: the history is not what
    they had, since nobody else knew it, but keeps 100; a transient-local topic keeps all its messages, for
    those who come late are to have every publisher's; and a topic that one of them latched, or that is
    latched by convention, is offered transient local, which every reader takes.

    Args:
        topic: Its name.
        type_name: Its type.
        recorded: What its publishers offered, none where it is not known.
        messages: How many there are to play.
        warn: Told where publishers offered different profiles.
    """
    alike = {
        (
            offer.reliability,
            offer.durability,
            offer.deadline,
            offer.liveliness,
            offer.liveliness_lease_duration,
        )
        for offer in recorded
    }
    durabilities = {offer.durability for offer in recorded}
    known = durabilities - {QosDurability.UNKNOWN, QosDurability.SYSTEM_DEFAULT}
    latched = QosDurability.TRANSIENT_LOCAL in known or _is_latched(topic, type_name, bool(known))
    if latched and known == {QosDurability.VOLATILE}:
        warn(f"{topic} was recorded as volatile; it is played transient local, as its readers want it")
    depth = max(_DEFAULT_DEPTH, min(messages, _MOST_LATCHED)) if latched else _DEFAULT_DEPTH
    durability = DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
    if len(alike) != 1:
        if alike:
            kept = "transient local" if latched else "volatile"
            warn(f"publishers of {topic} offered different QoS; it is played reliable and {kept}")
        return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=depth, durability=durability)
    offer = recorded[0]
    best_effort = offer.reliability == QosReliability.BEST_EFFORT
    by_topic = offer.liveliness == QosLiveliness.MANUAL_BY_TOPIC
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE,
        durability=durability,
        deadline=_to_duration(offer.deadline),
        lifespan=_to_duration(offer.lifespan),
        liveliness=LivelinessPolicy.MANUAL_BY_TOPIC if by_topic else LivelinessPolicy.AUTOMATIC,
        liveliness_lease_duration=_to_duration(offer.liveliness_lease_duration),
    )


def _is_latched(topic: str, type_name: str, told: bool) -> bool:
    """Whether readers want a topic transient local by its name, or by its type where nothing is told."""
    return topic.rpartition("/")[2] in _LATCHED_NAMES or (not told and type_name in _LATCHED_TYPES)


def read_overrides(path: Path | str) -> dict[str, QoSProfile]:
    """Read profiles by topic from a file for `--qos-profile-overrides-path`, in rosbag2's YAML.

    Raises:
        PiprosError: No such file, or a topic or value in it that is none; names both.
    """
    try:
        data = YAML(typ="safe").load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PiprosError(f"QoS overrides {path} cannot be read: {reason}") from None
    except YAMLError as error:
        raise PiprosError(f"QoS overrides {path} are not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, Mapping) or not all(isinstance(value, Mapping) for value in data.values()):
        raise PiprosError(
            f"QoS overrides {path}: each topic takes policies, such as /tf_static: {{depth: 1, durability: "
            "transient_local}"
        )
    return {absolute(str(name)): _profile(values, f"{path}, topic {name}") for name, values in data.items()}


def _profile(values: Mapping[str, Any], where: str) -> QoSProfile:
    taken: dict[str, Any] = {}
    for name, value in values.items():
        try:
            if name in _POLICIES:
                kind = _POLICIES[name]
                taken[name] = kind(value) if isinstance(value, int) else kind[str(value).upper()]
            elif name in _DURATIONS:
                seconds, nanoseconds = int(value["sec"]), int(value["nsec"])
                if min(seconds, nanoseconds) < 0:
                    raise ValueError
                taken[name] = Duration(nanoseconds=min(seconds * 10**9 + nanoseconds, 2**63 - 1))
            elif name == "depth":
                if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                    raise ValueError
                taken[name] = value
            elif name == "avoid_ros_namespace_conventions":
                if not isinstance(value, bool):
                    raise ValueError
                taken[name] = value
            else:
                known = ", ".join((*_POLICIES, *_DURATIONS, "depth", "avoid_ros_namespace_conventions"))
                raise PiprosError(f"{where}: {name} is not a QoS policy; the policies are {known}")
        except (KeyError, TypeError, ValueError):
            if name in _POLICIES:
                wanted = f"one of {', '.join(policy.lower() for policy in _POLICIES[name].__members__)}"
            elif name in _DURATIONS:
                wanted = "sec and nsec from 0 on"
            else:
                wanted = "a number from 0 on" if name == "depth" else "true or false"
            raise PiprosError(f"{where}: {name} {value!r} is not {wanted}") from None
    if taken.get("history") == HistoryPolicy.KEEP_LAST and "depth" not in taken:
        raise PiprosError(f"{where}: history keep_last needs a depth")
    if "history" not in taken and "depth" not in taken:
        taken["depth"] = _DEFAULT_DEPTH
    try:
        return QoSProfile(**taken)
    except (NotImplementedError, AssertionError, ValueError) as error:
        raise PiprosError(f"{where}: {error}") from None


def _to_time(duration: Duration) -> QosTime:
    seconds, nanoseconds = divmod(duration.nanoseconds, 10**9)
    return QosTime(seconds, nanoseconds)


def _to_duration(time: QosTime) -> Duration:
    return Duration(nanoseconds=min(time.sec * 10**9 + time.nsec, 2**63 - 1))
