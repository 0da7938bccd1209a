"""Quality of service profiles, as rclpy.qos (presets: rmw/qos_profiles.h)."""

from __future__ import annotations

from enum import Enum, IntEnum

from pipros.endpoint_qos import EndpointQos
from rclpy.duration import Duration

_INFINITE = 2**63 - 1


class QoSPolicyKind(IntEnum):
    """The policies by which endpoints may not fit, with rmw's numbers."""

    INVALID = 1 << 0
    DURABILITY = 1 << 1
    DEADLINE = 1 << 2
    LIVELINESS = 1 << 3
    RELIABILITY = 1 << 4
    HISTORY = 1 << 5
    LIFESPAN = 1 << 6
    DEPTH = 1 << 7
    LIVELINESS_LEASE_DURATION = 1 << 8
    AVOID_ROS_NAMESPACE_CONVENTIONS = 1 << 9


def qos_policy_name_from_kind(policy_kind: QoSPolicyKind | int) -> str:
    """A policy's name."""
    return QoSPolicyKind(policy_kind).name


class InvalidQoSProfileException(Exception):
    """A profile is made of settings that do not go together."""

    def __init__(self, *args: object) -> None:
        super().__init__("Invalid QoSProfile", *args)


class QoSPolicyEnum(IntEnum):
    """Base of the policies; they have short names for command lines."""

    @classmethod
    def short_keys(cls) -> list[str]:
        """The names in lower case."""
        return [name.lower() for name in cls.__members__]

    @classmethod
    def get_from_short_key(cls, name: str) -> int:
        """A policy's value by its name in any case."""
        return cls[name.upper()].value


class HistoryPolicy(QoSPolicyEnum):
    """How many samples wait for a slow reader."""

    SYSTEM_DEFAULT = 0
    KEEP_LAST = 1
    KEEP_ALL = 2
    UNKNOWN = 3


class ReliabilityPolicy(QoSPolicyEnum):
    """Whether lost samples are sent again."""

    SYSTEM_DEFAULT = 0
    RELIABLE = 1
    BEST_EFFORT = 2
    UNKNOWN = 3
    BEST_AVAILABLE = 4


class DurabilityPolicy(QoSPolicyEnum):
    """Whether readers that come late get earlier samples."""

    SYSTEM_DEFAULT = 0
    TRANSIENT_LOCAL = 1
    VOLATILE = 2
    UNKNOWN = 3
    BEST_AVAILABLE = 4


class LivelinessPolicy(QoSPolicyEnum):
    """How a writer shows that it lives."""

    SYSTEM_DEFAULT = 0
    AUTOMATIC = 1
    MANUAL_BY_TOPIC = 3
    UNKNOWN = 4
    BEST_AVAILABLE = 5


QoSHistoryPolicy = HistoryPolicy
QoSReliabilityPolicy = ReliabilityPolicy
QoSDurabilityPolicy = DurabilityPolicy
QoSLivelinessPolicy = LivelinessPolicy


class QoSProfile:
    """Quality of service of a publisher, subscription, service or client; a duration of 0 is "not set"."""

    __slots__ = (  # noqa: RUF023 - in the order of rclpy's text
        "history",
        "depth",
        "reliability",
        "durability",
        "lifespan",
        "deadline",
        "liveliness",
        "liveliness_lease_duration",
        "avoid_ros_namespace_conventions",
    )

    def __init__(
        self,
        *,
        history: HistoryPolicy | int | None = None,
        depth: int | None = None,
        reliability: ReliabilityPolicy | int = ReliabilityPolicy.RELIABLE,
        durability: DurabilityPolicy | int = DurabilityPolicy.VOLATILE,
        lifespan: Duration = Duration(),
        deadline: Duration = Duration(),
        liveliness: LivelinessPolicy | int = LivelinessPolicy.SYSTEM_DEFAULT,
        liveliness_lease_duration: Duration = Duration(),
        avoid_ros_namespace_conventions: bool = False,
    ) -> None:
        if history is None:
            if depth is None:
                raise InvalidQoSProfileException("History and/or depth settings are required.")
            history = HistoryPolicy.KEEP_LAST
        self.history = HistoryPolicy(history)
        if self.history == HistoryPolicy.KEEP_LAST and depth is None:
            raise InvalidQoSProfileException("History set to KEEP_LAST without a depth setting.")
        if depth is not None and not isinstance(depth, int):
            raise AssertionError(f"depth must be an int, not {depth!r}")
        for each in (lifespan, deadline, liveliness_lease_duration):
            if not isinstance(each, Duration):
                raise AssertionError(f"durations of a profile must be of class Duration, not {each!r}")
        if avoid_ros_namespace_conventions:
            raise NotImplementedError("avoid_ros_namespace_conventions is not in pipros")
        self.depth = 10 if depth is None else depth
        self.reliability = ReliabilityPolicy(reliability)
        self.durability = DurabilityPolicy(durability)
        self.liveliness = LivelinessPolicy(liveliness)
        self.lifespan = lifespan
        self.deadline = deadline
        self.liveliness_lease_duration = liveliness_lease_duration
        self.avoid_ros_namespace_conventions = False

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, QoSProfile):
            return False
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    def __str__(self) -> str:
        return f"QoSProfile({', '.join(f'{name}={getattr(self, name)}' for name in self.__slots__)})"

    __repr__ = __str__


class QoSCompatibility(IntEnum):
    """What `qos_check_compatible` finds, with rmw's numbers."""

    OK = 0
    WARNING = 1
    ERROR = 2


# Of each policy the value of a publisher and that of a subscription which do not go together.
_REFUSED = {
    "reliability": (ReliabilityPolicy.BEST_EFFORT, ReliabilityPolicy.RELIABLE),
    "durability": (DurabilityPolicy.VOLATILE, DurabilityPolicy.TRANSIENT_LOCAL),
    "liveliness": (LivelinessPolicy.AUTOMATIC, LivelinessPolicy.MANUAL_BY_TOPIC),
}


def qos_check_compatible(
    publisher_qos: QoSProfile, subscription_qos: QoSProfile
) -> tuple[QoSCompatibility, str]:
    """Whether endpoints of two profiles would hear each other, and the reasons against it.

    As rmw_dds_common decides it: what is the system's default, or unknown, is worth a warning at most. The
    reasons are in words of its own.
    """
    errors, warnings = [], []
    for name, (offered, asked) in _REFUSED.items():
        given, wanted = getattr(publisher_qos, name), getattr(subscription_qos, name)
        words = f"publisher's {name} is {given.name.lower()}, subscription's {wanted.name.lower()};"
        vague = [each.name in ("SYSTEM_DEFAULT", "UNKNOWN") for each in (given, wanted)]
        if (given, wanted) == (offered, asked):
            errors.append(f"ERROR: {words}")
        elif (vague[0] or given == offered) and (vague[1] or wanted == asked):
            warnings.append(f"WARNING: {words}")
    for name in ("deadline", "liveliness_lease_duration"):
        given, wanted = (getattr(each, name).nanoseconds for each in (publisher_qos, subscription_qos))
        if (wanted and not given) or 0 < wanted < given:
            errors.append(f"ERROR: subscription's {name} is {wanted} ns, publisher's {given or 'not set'};")
    level = (
        QoSCompatibility.ERROR if errors else QoSCompatibility.WARNING if warnings else QoSCompatibility.OK
    )
    return level, "".join(errors or warnings)


def to_endpoint(profile: QoSProfile) -> EndpointQos:
    """What the transport makes of a profile; not part of rclpy."""
    if (
        4 in (profile.reliability, profile.durability)
        or profile.liveliness == LivelinessPolicy.BEST_AVAILABLE
    ):
        raise NotImplementedError("QoS policies BEST_AVAILABLE are not in pipros")
    if profile.history == HistoryPolicy.UNKNOWN:
        raise ValueError("QoS policy UNKNOWN is for reports, not for use")
    return EndpointQos(
        reliable=profile.reliability != ReliabilityPolicy.BEST_EFFORT,
        transient_local=profile.durability == DurabilityPolicy.TRANSIENT_LOCAL,
        depth=None if profile.history == HistoryPolicy.KEEP_ALL else max(1, profile.depth),
        lifespan=_finite(profile.lifespan),
        deadline=_finite(profile.deadline),
        liveliness_lease=_finite(profile.liveliness_lease_duration),
        manual_liveliness=profile.liveliness == LivelinessPolicy.MANUAL_BY_TOPIC,
    )


def from_endpoint(qos: EndpointQos) -> QoSProfile:
    """The profile of an endpoint that discovery found."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_ALL if qos.depth is None else HistoryPolicy.KEEP_LAST,
        depth=qos.depth or 0,
        reliability=ReliabilityPolicy.RELIABLE if qos.reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if qos.transient_local else DurabilityPolicy.VOLATILE,
        lifespan=_duration(qos.lifespan),
        deadline=_duration(qos.deadline),
        liveliness=LivelinessPolicy.MANUAL_BY_TOPIC if qos.manual_liveliness else LivelinessPolicy.AUTOMATIC,
        liveliness_lease_duration=_duration(qos.liveliness_lease),
    )


def _finite(duration: Duration) -> int | None:
    return duration.nanoseconds if 0 < duration.nanoseconds < _INFINITE else None


def _duration(nanoseconds: int | None) -> Duration:
    return Duration(nanoseconds=_INFINITE if nanoseconds is None else nanoseconds)


qos_profile_default = QoSProfile(depth=10)
qos_profile_system_default = QoSProfile(
    history=HistoryPolicy.SYSTEM_DEFAULT,
    depth=0,
    reliability=ReliabilityPolicy.SYSTEM_DEFAULT,
    durability=DurabilityPolicy.SYSTEM_DEFAULT,
)
qos_profile_sensor_data = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
qos_profile_services_default = QoSProfile(depth=10)
qos_profile_parameters = QoSProfile(depth=1000)
qos_profile_parameter_events = QoSProfile(depth=1000)
qos_profile_action_status_default = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
qos_profile_unknown = QoSProfile(
    history=HistoryPolicy.UNKNOWN,
    depth=0,
    reliability=ReliabilityPolicy.UNKNOWN,
    durability=DurabilityPolicy.UNKNOWN,
    liveliness=LivelinessPolicy.UNKNOWN,
)
qos_profile_best_available = QoSProfile(
    depth=10,
    reliability=ReliabilityPolicy.BEST_AVAILABLE,
    durability=DurabilityPolicy.BEST_AVAILABLE,
    liveliness=LivelinessPolicy.BEST_AVAILABLE,
)


class QoSPresetProfiles(Enum):
    """The presets by name."""

    UNKNOWN = qos_profile_unknown
    DEFAULT = qos_profile_default
    SYSTEM_DEFAULT = qos_profile_system_default
    SENSOR_DATA = qos_profile_sensor_data
    SERVICES_DEFAULT = qos_profile_services_default
    PARAMETERS = qos_profile_parameters
    PARAMETER_EVENTS = qos_profile_parameter_events
    ACTION_STATUS_DEFAULT = qos_profile_action_status_default
    BEST_AVAILABLE = qos_profile_best_available

    @classmethod
    def short_keys(cls) -> list[str]:
        """The names in lower case."""
        return [name.lower() for name in cls.__members__]

    @classmethod
    def get_from_short_key(cls, name: str) -> QoSProfile:
        """A profile by its name in any case."""
        return cls[name.upper()].value
