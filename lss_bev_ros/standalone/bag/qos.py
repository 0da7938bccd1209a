"""Quality of service between rclpy and the bag's metadata; the numbers are those of rmw in both."""

from __future__ import annotations

from collections.abc import Sequence

from rclpy.duration import Duration
from rclpy.qos import DurabilityPolicy, HistoryPolicy, LivelinessPolicy, QoSProfile, ReliabilityPolicy
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime

# Ten times rosbag2's, so that a burst, or a bag played fast, does not overtake a reliable reader.
_DEFAULT_DEPTH = 100
_MOST_LATCHED = 1000


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


def to_offer(recorded: Sequence[Qos], messages: int) -> QoSProfile:
    """Return the profile to play a topic with: what its publishers offered, if all offered the same.

    As in rosbag2, the history is not what they had, since nobody else knew it, but keeps 100; a
    transient-local topic keeps all its messages, for those who come late are to have every publisher's.
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
    if len(alike) != 1:
        return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=_DEFAULT_DEPTH)
    offer = recorded[0]
    latched = offer.durability == QosDurability.TRANSIENT_LOCAL
    best_effort = offer.reliability == QosReliability.BEST_EFFORT
    by_topic = offer.liveliness == QosLiveliness.MANUAL_BY_TOPIC
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=max(_DEFAULT_DEPTH, min(messages, _MOST_LATCHED)) if latched else _DEFAULT_DEPTH,
        reliability=ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
        deadline=_to_duration(offer.deadline),
        lifespan=_to_duration(offer.lifespan),
        liveliness=LivelinessPolicy.MANUAL_BY_TOPIC if by_topic else LivelinessPolicy.AUTOMATIC,
        liveliness_lease_duration=_to_duration(offer.liveliness_lease_duration),
    )


def _to_time(duration: Duration) -> QosTime:
    seconds, nanoseconds = divmod(duration.nanoseconds, 10**9)
    return QosTime(seconds, nanoseconds)


def _to_duration(time: QosTime) -> Duration:
    return Duration(nanoseconds=min(time.sec * 10**9 + time.nsec, 2**63 - 1))
