"""Quality of service of a reader or writer, and what Cyclone DDS makes of it.

The mapping is rmw_cyclonedds': writers do not dispose what they wrote, reliable writers block without
limit, transient-local history is kept by the writer at its own depth.
"""

from __future__ import annotations

from dataclasses import dataclass

from cyclonedds.internal import dds_infinity
from cyclonedds.qos import Policy, Qos

_UNLIMITED = -1


@dataclass(frozen=True)
class EndpointQos:
    """The policies that ROS 2 uses; durations are in nanoseconds, None for none; depth None keeps all.

    ROS 2 itself uses no `partition` but the empty one.
    """

    reliable: bool = True
    transient_local: bool = False
    depth: int | None = 10
    lifespan: int | None = None
    deadline: int | None = None
    liveliness_lease: int | None = None
    manual_liveliness: bool = False
    partition: str = ""

    def to_dds(self, user_data: str, ignore_own: bool = False) -> Qos:
        """The DDS policies with a user data string; `ignore_own` hides this process' own writers."""
        history = Policy.History.KeepAll if self.depth is None else Policy.History.KeepLast(self.depth)
        reliable = Policy.Reliability.Reliable(dds_infinity)
        lease = dds_infinity if self.liveliness_lease is None else self.liveliness_lease
        liveliness = (
            Policy.Liveliness.ManualByTopic if self.manual_liveliness else Policy.Liveliness.Automatic
        )
        policies = [
            history,
            reliable if self.reliable else Policy.Reliability.BestEffort,
            Policy.WriterDataLifecycle(autodispose=False),
            liveliness(lease),
            Policy.Userdata(user_data.encode()),
        ]
        if self.transient_local:
            policies += [
                Policy.Durability.TransientLocal,
                Policy.DurabilityService(0, history, _UNLIMITED, _UNLIMITED, _UNLIMITED),
            ]
        else:
            policies.append(Policy.Durability.Volatile)
        if self.lifespan is not None:
            policies.append(Policy.Lifespan(self.lifespan))
        if self.deadline is not None:
            policies.append(Policy.Deadline(self.deadline))
        if self.partition:
            policies.append(Policy.Partition((self.partition,)))
        if ignore_own:
            policies.append(Policy.IgnoreLocal.Participant)
        return Qos(*policies)

    @classmethod
    def from_dds(cls, qos: Qos) -> EndpointQos:
        """Read the policies of an endpoint that discovery found."""
        lifespan, deadline = qos[Policy.Lifespan], qos[Policy.Deadline]
        liveliness = qos[Policy.Liveliness]
        durability = qos[Policy.Durability]
        history = qos[Policy.History]
        reliability = qos[Policy.Reliability]
        return cls(
            reliable=isinstance(reliability, Policy.Reliability.Reliable),
            transient_local=durability not in (None, Policy.Durability.Volatile),
            depth=history.depth if isinstance(history, Policy.History.KeepLast) else None,
            lifespan=_finite(lifespan and lifespan.lifespan),
            deadline=_finite(deadline and deadline.deadline),
            liveliness_lease=_finite(liveliness and liveliness.lease_duration),
            manual_liveliness=isinstance(liveliness, Policy.Liveliness.ManualByTopic),
        )


def _finite(duration: int | None) -> int | None:
    return None if duration is None or duration >= dds_infinity else duration
