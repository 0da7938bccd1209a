"""Cyclone DDS as rmw_cyclonedds uses it: a participant, its writers and readers of serialised samples.

Samples go in and come out as CDR bytes. There are no Python listeners: a thread that waits does so in
a `WaitSet`, outside the interpreter lock, and nothing that Cyclone's own threads do waits for Python.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from cyclonedds import core, domain, pub, sub, topic
from cyclonedds._clayer import ddspy_take
from cyclonedds.builtin import BuiltinDataReader
from cyclonedds.idl import IdlStruct
from cyclonedds.internal import DDS, dds_c_t
from cyclonedds.qos import Policy

from pipros.discovery import Discovery
from pipros.endpoint_qos import EndpointQos
from pipros.errors import PiprosError

_ANY = core.SampleState.Any | core.ViewState.Any | core.InstanceState.Any
_INFINITE = (1 << 63) - 1
_PATIENCE = 1.0  # seconds for readers that are behind when writers close
# The policies by which endpoints may not fit, with the names of rmw; by DDS' numbers (dds_qos_policy_id).
# The type counts as one where both ends describe theirs, which ROS 2's own nodes do not.
_POLICIES = {2: "DURABILITY", 4: "DEADLINE", 8: "LIVELINESS", 11: "RELIABILITY", 24: "TYPE"}
# Handles are unsigned; the binding gives some of them with a sign.
_HANDLES = (1 << 64) - 1
_ATTEMPTS = 100


@dataclass(frozen=True)
class Sample:
    """One received sample: its CDR bytes, when it was written (ns since the epoch) and by which writer."""

    data: bytes
    written: int
    writer: int


class _Bytes(ctypes.Structure):
    """What the DDS binding's types hand to `dds_write`: where the CDR is and how long."""

    _fields_ = [("data", ctypes.c_void_p), ("size", ctypes.c_size_t)]


# The binding's own write holds the interpreter lock while a slow reader blocks it; this one does not.
_dds_write = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int32, ctypes.c_void_p)(("dds_write", DDS._dll_handle))

_get_sertype = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int32, ctypes.POINTER(ctypes.c_void_p))(
    ("dds_get_entity_sertype", DDS._dll_handle)
)
# struct ddsi_sertype begins with a pointer to its operations, 14 functions, of which these describe the type:
# type_id, type_map, type_info (dds/ddsi/ddsi_sertype.h, as rmw_cyclonedds fills it in).
_SERTYPE_OPERATIONS = 14
_TYPE_OPERATIONS = (8, 9, 10)
_types_lock = threading.Lock()

conversions = threading.RLock()
"""Held while the binding makes a QoS of what Cyclone tells of an endpoint. It does that in memory that all
threads share (11.0.1): of two at a time, one gets what is the other's, or the process ends."""

# DDS has one configuration a domain and process, made by the first participant and kept until exit.
_domains: dict[int, _Domain] = {}
_domains_lock = threading.Lock()

# A line of Cyclone's log: seconds, domain, thread, text.
_LOG_LINE = re.compile(rb"^ *\d+\.\d{6} \[\d*\] .{10}: ?(.*)$")
_REMEDIES = (
    ("open configuration file", "correct or unset CYCLONEDDS_URI"),
    ("config: ", "correct CYCLONEDDS_URI"),
    ("watermark", "correct Internal/Watermarks in CYCLONEDDS_URI: WhcLow <= WhcHighInit <= WhcHigh"),
    ("socket receive buffer", "raise net.core.rmem_max (sysctl) or lower Internal/SocketReceiveBufferSize"),
    ("socket send buffer", "raise net.core.wmem_max (sysctl) or lower Internal/SocketSendBufferSize"),
    ("free participant index", "end other processes of this domain or set ROS_DOMAIN_ID to another number"),
    ("interface", "correct General/Interfaces in CYCLONEDDS_URI"),
    ("port number", "set ROS_DOMAIN_ID to another number or correct Discovery/Ports in CYCLONEDDS_URI"),
)
"""What to do about a reason that Cyclone gives, by words of it; the first that fits."""


class _Domain(domain.Domain):
    """A domain with its configuration; the binding's own takes ASCII alone."""

    def __init__(self, domain_id: int, configuration: str) -> None:
        self._id = domain_id
        number = dds_c_t.domainid(domain_id)
        core.Entity.__init__(self, self._create_domain(number, os.fsencode(configuration)))


class Participant:
    """A process in a DDS domain; it owns all that it creates and closes it with itself."""

    def __init__(self, discovery: Discovery) -> None:
        self.domain_id = discovery.domain_id
        said: list[str] = []
        try:
            with _domains_lock, _cyclone_words(said):
                if self.domain_id not in _domains:
                    _domains[self.domain_id] = _Domain(self.domain_id, discovery.configuration(os.getpid()))
                self.entity = domain.DomainParticipant(self.domain_id)
        except core.DDSException as error:
            raise PiprosError(_no_domain(discovery, said, _reason(error))) from None
        self._topics: dict[tuple[str, type[IdlStruct]], topic.Topic] = {}
        self._writers: weakref.WeakSet[Writer] = weakref.WeakSet()
        self._waits_until = 0.0

    def _patience(self) -> int:
        """How long (ns) a closing writer may wait; those that close one after the other share a second."""
        now = time.monotonic()
        if now > self._waits_until + _PATIENCE:
            self._waits_until = now + _PATIENCE
        return max(0, round((self._waits_until - now) * 1e9))

    @property
    def guid(self) -> bytes:
        """The 16 bytes that name this participant in the graph."""
        return self.entity.guid.bytes

    def writer(self, name: str, kind: type[IdlStruct], qos: EndpointQos, user_data: str) -> Writer:
        """Write to the DDS topic `name`."""
        try:
            with _types_lock, _undescribed(self._topic(name, kind)) as dds_topic:
                entity = pub.DataWriter(self.entity, dds_topic, qos.to_dds(user_data))
                writer = Writer(entity, name, self._patience)
                self._writers.add(writer)
                return writer
        except core.DDSException as error:
            raise PiprosError(f"cannot write to DDS topic {name!r}: {_reason(error)}") from None

    def reader(
        self, name: str, kind: type[IdlStruct], qos: EndpointQos, user_data: str, ignore_own: bool = False
    ) -> Reader:
        """Read from the DDS topic `name`."""
        dds_qos = qos.to_dds(user_data, ignore_own)

        def make() -> sub.DataReader:
            try:
                with _types_lock, _undescribed(self._topic(name, kind)) as dds_topic:
                    return sub.DataReader(self.entity, dds_topic, dds_qos)
            except core.DDSException as error:
                raise PiprosError(f"cannot read from DDS topic {name!r}: {_reason(error)}") from None

        return Reader(make, name, qos)

    def _topic(self, name: str, kind: type[IdlStruct]) -> topic.Topic:
        if (name, kind) not in self._topics:
            self._topics[name, kind] = topic.Topic(self.entity, name, kind)
        return self._topics[name, kind]

    def close(self) -> None:
        """Leave the domain. Others see it at once."""
        for writer in list(self._writers):
            writer.wait_for_readers()
        self._topics.clear()
        delete(self.entity)


class Endpoint:
    """What readers and writers have in common."""

    def __init__(self, entity: core.Entity, topic_name: str) -> None:
        self.entity = entity
        self.topic_name = topic_name
        self.guid: bytes = entity.guid.bytes

    def close(self) -> None:
        """Stop; calls after this one fail."""
        delete(self.entity)


class Writer(Endpoint):
    """Writes serialised samples."""

    entity: pub.DataWriter

    def __init__(self, entity: pub.DataWriter, topic_name: str, patience: Callable[[], int]) -> None:
        super().__init__(entity, topic_name)
        self._patience = patience

    def close(self) -> None:
        """Stop, once reliable readers have what was written or there is no more time for them."""
        self.wait_for_readers()
        super().close()

    def wait_for_readers(self) -> None:
        """Give reliable readers that are behind the time that is left for them; nothing once closed."""
        with contextlib.suppress(core.DDSException):
            self.wait_for_acknowledgements(self._patience())

    @property
    def handle(self) -> int:
        """The number by which Cyclone knows this writer, in this process and in others'."""
        return self.entity.get_instance_handle() & _HANDLES

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write one sample's CDR, header included. Blocks while reliable readers are far behind."""
        if not isinstance(data, (bytes, bytearray)):
            data = bytes(data)
        if len(data) % 4:
            data = bytes(data) + bytes(-len(data) % 4)
        if isinstance(data, bytes):
            holder: ctypes.c_char_p | ctypes.Array[ctypes.c_char] = ctypes.c_char_p(data)
            address = ctypes.cast(holder, ctypes.c_void_p).value
        else:
            holder = (ctypes.c_char * len(data)).from_buffer(data)
            address = ctypes.addressof(holder)
        sample = _Bytes(address, len(data))
        code = _dds_write(self.entity._ref, ctypes.addressof(sample))
        if code < 0:
            error = core.DDSException(code)
            raise PiprosError(f"cannot write to DDS topic {self.topic_name!r}: {_reason(error)}")

    def matched(self) -> list[int]:
        """Handles of the readers that hear this writer."""
        return _handles(self.entity.get_matched_subscriptions)

    def matched_user_data(self, handle: int) -> dict[str, str]:
        """User data (`key=value;...`) of a matched reader; empty where it has gone."""
        with conversions:
            return _user_data(self.entity.get_matched_subscription_data(handle))

    def matched_guid(self, handle: int) -> bytes:
        """The 16 bytes that name a matched reader; empty where it has gone."""
        with conversions:
            return _guid(self.entity.get_matched_subscription_data(handle))

    def wait_for_acknowledgements(self, timeout: int) -> bool:
        """Wait until all reliable readers have all samples; False after `timeout` ns."""
        # Not the entity's own method, which seeks the code of a timeout in Exception and fails (11.0.1).
        result = self.entity._wait_for_acks(self.entity._ref, timeout)
        if result not in (0, core.DDSException.DDS_RETCODE_TIMEOUT):
            raise core.DDSException(result, "while waiting for acknowledgements")
        return result == 0


class Reader(Endpoint):
    """Takes serialised samples in the order they came."""

    entity: sub.DataReader

    def __init__(self, make: Callable[[], sub.DataReader], topic_name: str, qos: EndpointQos) -> None:
        super().__init__(make(), topic_name)
        self.condition = core.ReadCondition(self.entity, _ANY)
        self._make = make
        self._is_latched = qos.transient_local
        self._is_reliable = qos.reliable
        self._second: sub.DataReader | None = None
        self._is_closed = False
        self._lock = threading.RLock()
        self._latest: dict[int, int] = {}  # by writer, what a latched reader took last, and
        self._taken: dict[int, int] = {}  # what it had taken when it was renewed: times in ns

    def take(self) -> Sample | None:
        """The next sample, or None where there is none (a writer's end counts as none)."""
        with self._lock:
            while True:
                taken = ddspy_take(self.entity._ref, _ANY, 1)
                if isinstance(taken, int):
                    error = core.DDSException(taken)
                    raise PiprosError(f"cannot read from DDS topic {self.topic_name!r}: {_reason(error)}")
                if not taken:
                    return None
                data, info = taken[0]
                if info.valid_data and self._is_new(info.publication_handle, info.source_timestamp):
                    return Sample(data, info.source_timestamp, info.publication_handle)

    def _is_new(self, writer: int, written: int) -> bool:
        if not self._is_latched:
            return True
        self._latest[writer] = written
        return written > self._taken.get(writer, -1)

    def renew(self, guid: bytes) -> bool:
        """Ask a writer for what it has kept once more, unless something came of it; says whether it did so.

        Fast DDS sends a reader what it has kept when it finds it, which may be before Cyclone has found the
        writer: then the data is lost, and only a heartbeat, every 3 s, makes Cyclone ask for it. So the
        reader is made anew, under another `guid`.
        """
        with self._lock:
            if self._is_closed or not self._is_latched:
                return False
            writers = {self.matched_guid(handle): handle for handle in self.matched()}
            if guid not in writers or writers[guid] in self._latest:
                return False
            entity, condition = self.entity, self.condition
            self.entity = self._make()
            self.entity.set_status_mask(entity.get_status_mask())
            self.condition = core.ReadCondition(self.entity, _ANY)
            self.guid = self.entity.guid.bytes
            self._taken = dict(self._latest)
            delete(condition)
            delete(entity)
            return True

    def introduce(self, guid: bytes) -> bool:
        """Have a second reader beside this one until `part`, for a writer's sake; says whether there is one.

        What Cyclone takes for the beginning of a reliable writer is its first heartbeat. The one with which
        Fast DDS greets a reader may come before Cyclone has found the writer; the next comes in the midst of
        a message, and a large one, in fragments, is then lost. So it is made to greet another reader.
        """
        with self._lock:
            wanted = not self._is_closed and self._is_reliable and not self._is_latched
            if wanted and self._second is None and guid in map(self.matched_guid, self.matched()):
                self._second = self._make()
            return self._second is not None

    def part(self) -> None:
        """Take the second reader back."""
        with self._lock:
            second, self._second = self._second, None
            if second is not None:
                delete(second)

    def matched(self) -> list[int]:
        """Handles of the writers that this reader hears."""
        with self._lock:
            return _handles(self.entity.get_matched_publications)

    def matched_user_data(self, handle: int) -> dict[str, str]:
        """User data (`key=value;...`) of a matched writer; empty where it has gone."""
        with self._lock, conversions:
            return _user_data(self.entity.get_matched_publication_data(handle))

    def matched_guid(self, handle: int) -> bytes:
        """The 16 bytes that name a matched writer; empty where it has gone."""
        with self._lock, conversions:
            return _guid(self.entity.get_matched_publication_data(handle))

    def close(self) -> None:
        """Stop; calls after this one fail."""
        with self._lock:
            self._is_closed = True
            self.part()
            delete(self.condition)
            super().close()


class Incompatibility:
    """Wakes a `WaitSet` when an endpoint's QoS does not fit another's, so that DDS never connects them."""

    def __init__(self, endpoint: Reader | Writer) -> None:
        self._endpoint = endpoint
        is_reader = isinstance(endpoint, Reader)
        self._call = f"get_{'requested' if is_reader else 'offered'}_incompatible_qos_status"
        status = (
            core.DDSStatus.RequestedIncompatibleQos if is_reader else core.DDSStatus.OfferedIncompatibleQos
        )
        endpoint.entity.set_status_mask(status)

    @property
    def condition(self) -> core.Entity:
        """The endpoint, which is another one once renewed."""
        return self._endpoint.entity

    def take(self) -> tuple[int, int, str] | None:
        """How many did not fit so far, how many since the last call, the last one's policy; None for 0."""
        status = getattr(self._endpoint.entity, self._call)()
        if not status.total_count_change:
            return None
        return status.total_count, status.total_count_change, _POLICIES.get(status.last_policy_id, "INVALID")


class Guard:
    """A condition that Python code sets to wake a `WaitSet`."""

    def __init__(self, participant: Participant) -> None:
        self.condition = core.GuardCondition(participant.entity)

    def trigger(self) -> None:
        """Wake who waits, now or at the next wait. Does nothing once closed."""
        self.condition._set_guardcondition(self.condition._ref, True)

    def clear(self) -> None:
        """Stop waking."""
        self.condition._set_guardcondition(self.condition._ref, False)

    def close(self) -> None:
        """Free it."""
        delete(self.condition)


class Waited(Protocol):
    """What a `WaitSet` waits for: a reader, a guard, or anything else with a DDS condition."""

    @property
    def condition(self) -> core.Entity:
        """What Cyclone waits for."""
        ...


class WaitSet:
    """Waits for any of a changing set of readers, guards and events."""

    def __init__(self, participant: Participant) -> None:
        self._entity = core.WaitSet(participant.entity)
        self._attached: dict[int, Waited] = {}

    def set_conditions(self, waited: Iterable[Waited]) -> None:
        """Wait for these from now on."""
        wanted = {source.condition._ref: source for source in waited}
        for reference in self._attached.keys() - wanted.keys():
            self._entity._waitset_detach(self._entity._ref, reference)  # fails where it was closed: fine
        for reference in wanted.keys() - self._attached.keys():
            self._entity._waitset_attach(self._entity._ref, reference, reference)
        self._attached = wanted

    def wait(self, timeout: int | None) -> list[Waited]:
        """Wait at most `timeout` ns (None: for ever) and return what is ready, perhaps nothing."""
        ready = (dds_c_t.attach * len(self._attached))()
        most = _INFINITE if timeout is None else max(0, timeout)
        count = self._entity._waitset_wait(self._entity._ref, ready, len(ready), most)
        found = (ready[i] for i in range(min(count, len(ready))))
        return [self._attached[each] for each in found if each is not None and each in self._attached]

    def close(self) -> None:
        """Free it; what it waited for stays."""
        for reference in self._attached:
            self._entity._waitset_detach(self._entity._ref, reference)
        self._attached.clear()
        delete(self._entity)


@contextlib.contextmanager
def _undescribed(dds_topic: topic.Topic) -> Iterator[topic.Topic]:
    """A topic for endpoints that announce their type by name alone, as those of rmw_cyclonedds do.

    Where both ends describe their types, Cyclone compares the descriptions and no longer the names: types
    of other names match, and those of Kilted's Fast DDS do not match at all (its flags of sequences' elements
    are ones that Cyclone refuses). The binding describes every type, so its functions for that are hidden
    while an endpoint is made.
    """
    sertype = ctypes.c_void_p()
    if _get_sertype(dds_topic._ref, ctypes.byref(sertype)) < 0:
        yield dds_topic
        return
    assert sertype.value is not None, "Cyclone gave one"
    address = ctypes.c_void_p.from_address(sertype.value)
    described = address.value
    assert described is not None, "it has operations"
    operations = (ctypes.c_void_p * _SERTYPE_OPERATIONS).from_address(described)
    silent = (ctypes.c_void_p * _SERTYPE_OPERATIONS)(*operations)
    for index in _TYPE_OPERATIONS:
        silent[index] = None
    address.value = ctypes.addressof(silent)
    try:
        yield dds_topic
    finally:
        address.value = described


@contextlib.contextmanager
def _cyclone_words(said: list[str]) -> Iterator[None]:
    """Note what Cyclone writes to the error output meanwhile; where nothing fails, it is written after all.

    Its library exports no call for that, so the process' error output goes to a file for this moment.
    """
    with contextlib.ExitStack() as stack:
        try:
            kept = os.dup(2)
            stack.callback(os.close, kept)
            file = stack.enter_context(tempfile.TemporaryFile())
        except OSError:  # no error output, or no room for a file
            yield
            return
        if sys.stderr is not None:
            sys.stderr.flush()
        os.dup2(file.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            os.dup2(kept, 2)
            file.seek(0)
            for line in file.read().splitlines(keepends=True):
                match = _LOG_LINE.match(line.rstrip())
                if match and failed:
                    said.append(match[1].decode(errors="replace").strip())
                else:
                    os.write(2, line)


def _no_domain(discovery: Discovery, said: list[str], reason: str) -> str:
    """One line on a domain that cannot be opened: what Cyclone said of it and what to do."""
    words = re.sub(r"CYCLONEDDS_URI\+\d+", "CYCLONEDDS_URI", "; ".join(dict.fromkeys(said))) or reason
    fits = (remedy for part, remedy in _REMEDIES if part in words.lower())
    unknown = "correct CYCLONEDDS_URI" if discovery.extra else "set ROS_DOMAIN_ID to another number"
    remedy = next(fits, unknown)
    return f"ROS domain {discovery.domain_id} cannot be opened: {words}; {remedy}"


def _handles(matched: Callable[[], list[int]]) -> list[int]:
    """Handles of endpoints, asked for anew where one came between the binding's two calls (11.0.1)."""
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(IndexError):
            return [handle & _HANDLES for handle in matched()]
    return []


def _guid(endpoint: Any) -> bytes:
    return endpoint.key.bytes if endpoint is not None else b""


def is_fast_dds(guid: bytes) -> bool:
    """Whether an endpoint is Fast DDS', whose guids begin with the vendor's number (DDSI-RTPS 9.3.1.5)."""
    return guid.startswith(b"\x01\x0f")


def _user_data(endpoint: Any) -> dict[str, str]:
    policy = endpoint.qos[Policy.Userdata] if endpoint is not None else None
    return parse_user_data(policy.data if policy is not None else b"")


def found_endpoints(reader: BuiltinDataReader, most: int) -> list[Any]:
    """What discovery has told of endpoints since the last call, up to so many."""
    with conversions:
        found: list[Any] = reader.take(most)
        return found


def parse_user_data(data: bytes) -> dict[str, str]:
    """`key=value;...` as ROS 2 middlewares put it into USER_DATA."""
    pairs = (pair.partition("=") for pair in data.decode("ascii", "replace").split(";"))
    return {key: value for key, separator, value in pairs if separator}


def delete(entity: core.Entity) -> None:
    """Delete a DDS entity now; the binding has no call for it but its destructor, which may run twice."""
    entity.__del__()


def _reason(error: core.DDSException) -> str:
    return core.DDSException.error_message_mapping.get(error.code, ("", f"DDS error {error.code}"))[1]
