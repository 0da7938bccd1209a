"""The ROS graph: which nodes there are and what each publishes, subscribes to and serves.

Stands in for rmw_dds_common's graph cache. Every participant tells its nodes and their endpoints on
`ros_discovery_info` (this is what `ros2 node list` reads); the endpoints themselves come from DDS
discovery. What was found is looked at when someone asks, not in a thread.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from cyclonedds import core
from cyclonedds.builtin import BuiltinDataReader, BuiltinTopicDcpsPublication, BuiltinTopicDcpsSubscription
from cyclonedds.qos import Policy

from pipros import cdr, idl
from pipros.endpoint_qos import EndpointQos
from pipros.errors import PiprosError
from pipros.interfaces import type_hash
from pipros.message import Message, message_class
from pipros.transport import (
    Participant,
    Reader,
    Writer,
    delete,
    found_endpoints,
    is_fast_dds,
    parse_user_data,
)

_INFO = "rmw_dds_common/msg/ParticipantEntitiesInfo"
_TOPIC = "ros_discovery_info"
_BATCH = 128

# DDS topic prefixes, and for a service's two topics their suffixes.
TOPIC, REQUEST, REPLY = "rt", "rq", "rr"
_SUFFIXES = {TOPIC: "", REQUEST: "Request", REPLY: "Reply"}


def dds_topic_name(prefix: str, name: str) -> str:
    """The DDS topic of a ROS topic (`TOPIC`) or of a service's requests or replies, by absolute name."""
    return f"{prefix}{name}{_SUFFIXES[prefix]}"


@dataclass(frozen=True)
class Endpoint:
    """A reader or writer that discovery found; `prefix` says what for, `node` is its node if known."""

    guid: bytes
    prefix: str
    name: str
    type_name: str
    qos: EndpointQos
    user_data: dict[str, str]
    node: tuple[str, str] | None = None


@dataclass
class LocalNode:
    """A node of this process: its name, its namespace and the guids of its endpoints."""

    name: str
    namespace: str
    readers: list[bytes] = field(default_factory=list)
    writers: list[bytes] = field(default_factory=list)


class Graph:
    """Tells others of this process' nodes and finds theirs."""

    def __init__(self, participant: Participant) -> None:
        self._participant = participant
        self._lock = threading.RLock()
        self._local: list[LocalNode] = []
        self._remote: dict[bytes, Any] = {}  # by participant, as is the handle of who told it:
        self._writer_of: dict[bytes, int] = {}
        kind, user_data = idl.message_type(_INFO), f"typehash={type_hash(_INFO)};"
        self._writer = participant.writer(_TOPIC, kind, EndpointQos(transient_local=True, depth=1), user_data)
        self._reader = participant.reader(
            _TOPIC, kind, EndpointQos(transient_local=True, depth=None), user_data, ignore_own=True
        )
        self._asked_again: set[int] = set()
        self._found: dict[str, _Found] = {}

    def add_node(self, name: str, namespace: str) -> LocalNode:
        """Announce a node."""
        node = LocalNode(name, namespace)
        with self._lock:
            self._local.append(node)
            self._announce()
        return node

    def remove_node(self, node: LocalNode) -> None:
        """Take a node's announcement back."""
        with self._lock:
            self._local.remove(node)
            self._announce()

    def add_endpoints(
        self, node: LocalNode, readers: Sequence[Reader] = (), writers: Sequence[Writer] = ()
    ) -> None:
        """Announce endpoints as a node's."""
        with self._lock:
            node.readers += [reader.guid for reader in readers]
            node.writers += [writer.guid for writer in writers]
            self._announce()

    def renew_endpoint(self, node: LocalNode, before: bytes, now: bytes) -> None:
        """Announce an endpoint under another guid."""
        with self._lock:
            node.readers = [now if guid == before else guid for guid in node.readers]
            self._announce()

    def remove_endpoints(self, node: LocalNode, guids: list[bytes]) -> None:
        """Take endpoints' announcement back."""
        with self._lock:
            node.readers = [guid for guid in node.readers if guid not in guids]
            node.writers = [guid for guid in node.writers if guid not in guids]
            self._announce()

    def nodes(self) -> list[tuple[str, str]]:
        """Name and namespace of every node known, this process' first."""
        with self._lock:
            self._update()
            found = [(node.name, node.namespace) for node in self._local]
            for info in self._remote.values():
                found += [(node.node_name, node.node_namespace) for node in info.node_entities_info_seq]
        return found

    def readers(self, prefix: str) -> Iterator[Endpoint]:
        """Readers known, for topics (`TOPIC`), or requests or replies of services."""
        return self._endpoints("readers", BuiltinTopicDcpsSubscription, prefix)

    def writers(self, prefix: str) -> Iterator[Endpoint]:
        """Writers known, for topics (`TOPIC`), or requests or replies of services."""
        return self._endpoints("writers", BuiltinTopicDcpsPublication, prefix)

    def close(self) -> None:
        """Say farewell: this process has no nodes any more."""
        with self._lock:
            self._local.clear()
            self._announce()
            self._writer.close()
            self._reader.close()
            self._found.clear()

    def _endpoints(self, key: str, topic: object, prefix: str) -> Iterator[Endpoint]:
        with self._lock:
            if key not in self._found:
                self._found[key] = _Found(self._participant, topic)
            self._update()
            owners = self._owners()
            endpoints = self._found[key].endpoints()
        for endpoint in endpoints:
            if endpoint.prefix == prefix:
                yield Endpoint(**{**vars(endpoint), "node": owners.get(endpoint.guid)})

    def _owners(self) -> dict[bytes, tuple[str, str]]:
        owners = {}
        for node in self._local:
            owners.update(dict.fromkeys(node.readers + node.writers, (node.name, node.namespace)))
        for info in self._remote.values():
            for node in info.node_entities_info_seq:
                for gid in (*node.reader_gid_seq, *node.writer_gid_seq):
                    owners[gid.data.tobytes()] = (node.node_name, node.node_namespace)
        return owners

    def _update(self) -> None:
        """Take in what others told since; participants that left are forgotten with their writer."""
        kind = message_class(_INFO)
        while (sample := self._reader.take()) is not None:
            try:
                info: Any = cdr.deserialize(sample.data, kind)
            except PiprosError:
                continue  # whoever wrote that is none of ROS 2's nodes
            gid = info.gid.data.tobytes()
            # A participant tells of itself alone, so that one that tells of many takes no more room.
            for other in [each for each, writer in self._writer_of.items() if writer == sample.writer]:
                del self._remote[other], self._writer_of[other]
            self._remote[gid], self._writer_of[gid] = info, sample.writer
        alive = set(self._reader.matched())
        self._ask_again(alive)
        for gid in [gid for gid, writer in self._writer_of.items() if writer not in alive]:
            del self._remote[gid], self._writer_of[gid]

    def _ask_again(self, writers: set[int]) -> None:
        """Ask those on Fast DDS once more who have told nothing yet."""
        self._asked_again &= writers
        for writer in writers - set(self._writer_of.values()) - self._asked_again:
            self._asked_again.add(writer)
            guid = self._reader.matched_guid(writer)
            if is_fast_dds(guid):
                self._reader.renew(guid)

    def _announce(self) -> None:
        """Publish this participant's nodes and their endpoints."""
        node_class = message_class("rmw_dds_common/msg/NodeEntitiesInfo")
        info = message_class(_INFO)(
            gid=_gid(self._participant.guid),
            node_entities_info_seq=[
                node_class(
                    node_namespace=node.namespace,
                    node_name=node.name,
                    reader_gid_seq=[_gid(guid) for guid in node.readers],
                    writer_gid_seq=[_gid(guid) for guid in node.writers],
                )
                for node in self._local
            ],
        )
        self._writer.write(cdr.serialize(info))


class Arrivals:
    """Readers or writers of ROS topics as discovery finds them; wakes a `WaitSet`."""

    def __init__(self, participant: Participant, readers: bool) -> None:
        """Begin with those that are there already.

        Args:
            participant: who looks.
            readers: whether for readers; else for writers.
        """
        topic = BuiltinTopicDcpsSubscription if readers else BuiltinTopicDcpsPublication
        self._reader = BuiltinDataReader(participant.entity, topic)
        any_state = core.SampleState.Any | core.ViewState.Any | core.InstanceState.Any
        self.condition = core.ReadCondition(self._reader, any_state)

    def take(self) -> list[Endpoint]:
        """Those that came since the last call."""
        found = []
        while taken := found_endpoints(self._reader, _BATCH):
            for each in taken:
                if each.sample_info.valid_data:
                    found.append(_ros_endpoint(each.key.bytes, each))
        return [endpoint for endpoint in found if endpoint is not None and endpoint.prefix == TOPIC]

    def close(self) -> None:
        """Stop."""
        delete(self.condition)
        delete(self._reader)


class _Found:
    """Endpoints of one kind that DDS discovery found, brought up to date when asked for."""

    def __init__(self, participant: Participant, topic: Any) -> None:
        self._reader = BuiltinDataReader(participant.entity, topic)
        self._known: dict[bytes, Endpoint] = {}

    def endpoints(self) -> list[Endpoint]:
        """Those of ROS 2; other DDS endpoints are left out."""
        while taken := found_endpoints(self._reader, _BATCH):
            for each in taken:
                guid = each.key.bytes
                if each.sample_info.valid_data:
                    endpoint = _ros_endpoint(guid, each)
                    if endpoint is not None:
                        self._known[guid] = endpoint
                else:
                    self._known.pop(guid, None)
        return list(self._known.values())


def _ros_endpoint(guid: bytes, found: Any) -> Endpoint | None:
    prefix, _, rest = found.topic_name.partition("/")
    type_name = idl.ros_type_name(found.type_name)
    if prefix not in _SUFFIXES or type_name is None or not rest.endswith(_SUFFIXES[prefix]):
        return None
    policy = found.qos[Policy.Userdata]
    return Endpoint(
        guid,
        prefix,
        "/" + rest.removesuffix(_SUFFIXES[prefix]),
        type_name,
        EndpointQos.from_dds(found.qos),
        parse_user_data(policy.data if policy is not None else b""),
    )


def _gid(guid: bytes) -> Message:
    gid: Any = message_class("rmw_dds_common/msg/Gid")()
    gid.data[:] = memoryview(guid)
    return gid
