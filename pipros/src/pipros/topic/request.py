"""How to listen to a topic, where the user says it: the type, and the `--qos-*` options of ros2."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    LivelinessPolicy,
    QoSPresetProfiles,
    QoSProfile,
    ReliabilityPolicy,
)

from pipros.errors import PiprosError

from .offers import request_for


@dataclass(frozen=True)
class Request:
    """What is asked for of a topic; by default what hears all its publishers.

    Attributes:
        type_name: of the messages, which need no publisher then; empty takes the topic's.
        profile: name of a preset, such as sensor_data.
        reliability: name of a policy, as all of the following.
        durability: whether what was published before is wanted.
        history: keep_last or keep_all.
        depth: messages that may wait.
        liveliness: of the publishers.
        liveliness_lease: seconds.

    Raises:
        PiprosError: a name of no preset or policy; the message has those there are.
    """

    type_name: str = ""
    profile: str = ""
    reliability: str = ""
    durability: str = ""
    history: str = ""
    depth: int | None = None
    liveliness: str = ""
    liveliness_lease: float | None = None

    def __post_init__(self) -> None:
        if self.profile:
            _known("qos-profile", self.profile, QoSPresetProfiles.short_keys(), without=("unknown",))
        for option, kind in _POLICIES.items():
            if name := getattr(self, option):
                _known(f"qos-{option}", name, kind.short_keys(), without=("unknown",))
        if self.depth is not None and self.depth < 0:
            raise PiprosError(f"qos-depth {self.depth} is below 0")

    def qos(self, node: Node, topic: str, *, depth: int, warn: Callable[[str], None]) -> QoSProfile:
        """The profile to subscribe with.

        Args:
            node: that knows the topic's publishers.
            topic: full name.
            depth: where none is asked for.
            warn: told where publishers differ.
        """
        asked = {option: getattr(self, option) for option in _POLICIES}
        if self.profile and self.profile != _BEST:
            found = copy.copy(QoSPresetProfiles.get_from_short_key(self.profile))
        else:
            # A policy of its own leaves the others as the publishers have them.
            silent = (lambda text: None) if self.reliability and self.durability else warn
            found = request_for(node, topic, depth=depth, warn=silent)
        for option, name in asked.items():
            if name and name != _BEST:
                setattr(found, option, _POLICIES[option](_POLICIES[option].get_from_short_key(name)))
        if self.depth is not None:
            found.depth = self.depth
        elif found.durability == DurabilityPolicy.TRANSIENT_LOCAL and not found.depth:
            found.depth = 1
        if self.liveliness_lease is not None:
            found.liveliness_lease_duration = Duration(seconds=self.liveliness_lease)
        return found


# What is done where nothing is asked for; the rclpy of pipros has no such policy of its own.
_BEST = "best_available"
_POLICIES: dict[str, Any] = {
    "reliability": ReliabilityPolicy,
    "durability": DurabilityPolicy,
    "history": HistoryPolicy,
    "liveliness": LivelinessPolicy,
}


def _known(option: str, name: str, names: list[str], without: tuple[str, ...]) -> None:
    allowed = [*(each for each in names if each not in (*without, _BEST)), _BEST]
    if name.lower() not in allowed:
        raise PiprosError(f"{option} {name!r} is not one of {', '.join(allowed)}")
