"""The two DDS topics of a service, as rmw_cyclonedds uses them.

A request and its reply begin with the client's id and the request's number, so every client hears all
replies and takes its own. User data names which reader and writer belong together.

rmw_fastrtps does without that header: it ties a reply to its request by the number of the DDS sample, in a
parameter beside the data (related_sample_identity) that Cyclone DDS neither shows nor writes. So services
cannot cross between the two, as they cannot between real nodes on the two; here that is said instead of
waiting for an answer that never comes.
"""

from __future__ import annotations

import secrets
import struct
import time
from dataclasses import dataclass, replace

from pipros import cdr, idl
from pipros.endpoint_qos import EndpointQos
from pipros.errors import PiprosError
from pipros.graph import REPLY, REQUEST, dds_topic_name
from pipros.interfaces import type_hash
from pipros.message import Message
from pipros.service import Service
from pipros.transport import Participant, Reader, Writer, is_fast_dds

_HEADER = struct.Struct("<Qq")
_MATCH_TIMEOUT = 0.1  # s, rmw_cyclonedds'


# Matches nobody. See `ServerChannel`.
_NOWHERE = "pipros: not for Fast DDS"
_REMEDY = (
    "start both with one middleware, for example RMW_IMPLEMENTATION=rmw_cyclonedds_cpp on the ROS 2 side"
)


@dataclass(frozen=True)
class RequestId:
    """Which request of which client; `writer` is the client's writer as this process knows it."""

    client: int
    number: int
    writer: int


class Channel:
    """What servers and clients have in common: a writer and a reader that belong together."""

    def __init__(
        self, participant: Participant, service: type[Service], name: str, qos: EndpointQos, is_server: bool
    ) -> None:
        identity = f"{'serviceid' if is_server else 'clientid'}={secrets.token_hex(16)};"
        sides = {REQUEST: f"{service.name}_Request", REPLY: f"{service.name}_Response"}
        sent, received = (REPLY, REQUEST) if is_server else (REQUEST, REPLY)
        self.name = name
        self.received_class = service.Request if is_server else service.Response
        self._is_foreign: dict[int, bool] = {}
        self.writer: Writer = participant.writer(
            dds_topic_name(sent, name),
            idl.service_type(sides[sent]),
            qos,
            f"{identity}typehash={type_hash(sides[sent])};",
        )
        self.reader: Reader = participant.reader(
            dds_topic_name(received, name),
            idl.service_type(sides[received]),
            qos,
            f"{identity}typehash={type_hash(sides[received])};",
        )

    def take(self) -> tuple[RequestId, Message] | None:
        """The next request or reply, or None."""
        while (sample := self.reader.take()) is not None:
            if self._foreign(self.reader, sample.writer):
                self._on_foreign_sample()
                continue
            try:
                client, number = _HEADER.unpack_from(sample.data, len(cdr.HEADER))
                message, _ = cdr.deserialize_from(sample.data, self.received_class, _HEADER.size)
            except (struct.error, PiprosError) as error:
                self._on_malformed_sample(str(error))
                continue
            return RequestId(client, number, sample.writer), message
        return None

    def send(self, client: int, number: int, message: Message) -> None:
        """Send a request or reply."""
        body = cdr.serialize(message)
        self.writer.write(cdr.HEADER + _HEADER.pack(client, number) + body[len(cdr.HEADER) :])

    def close(self) -> None:
        """Stop."""
        self.writer.close()
        self.reader.close()

    def _on_foreign_sample(self) -> None:
        """Called for each request or reply that was dropped since it came from Fast DDS."""

    def _on_malformed_sample(self, problem: str) -> None:
        """Called for each request or reply that was dropped since it is none."""

    def _foreign(self, endpoint: Reader | Writer, handle: int) -> bool:
        """Whether a matched endpoint is Fast DDS'."""
        if handle not in self._is_foreign:
            guid = endpoint.matched_guid(handle)
            if not guid:
                return False
            self._is_foreign[handle] = is_fast_dds(guid)
        return self._is_foreign[handle]


class ServerChannel(Channel):
    """A server's side; `refused` says in a line why a request was dropped, each reason once.

    It has a second reader that nobody's requests reach. A client on Fast DDS counts the readers of requests
    and the writers of replies that it has heard of, and takes a service for available where they are as many
    (rmw_fastrtps, __rmw_service_server_is_available). So there `wait_for_service` stays False, which is true.
    A client on Cyclone DDS looks at those that it is matched with.
    """

    def __init__(self, participant: Participant, service: type[Service], name: str, qos: EndpointQos) -> None:
        super().__init__(participant, service, name, qos, is_server=True)
        self._uneven = participant.reader(
            dds_topic_name(REQUEST, name),
            idl.service_type(f"{service.name}_Request"),
            replace(qos, partition=_NOWHERE),
            "",
        )
        self.refused: list[str] = []
        self._has_refused = False
        self._has_malformed = False

    def reply(self, request: RequestId, message: Message) -> None:
        """Answer a request, once the client's reader is matched; one that has gone gets nothing."""
        deadline = time.monotonic() + _MATCH_TIMEOUT
        client = self.reader.matched_user_data(request.writer).get("clientid")
        while client is not None and not self._hears(client) and time.monotonic() < deadline:
            time.sleep(0.01)
        self.send(request.client, request.number, message)

    def close(self) -> None:
        """Stop."""
        self._uneven.close()
        super().close()

    def _on_foreign_sample(self) -> None:
        if not self._has_refused:
            self._has_refused = True
            self.refused.append(
                f"service {self.name}: a node on Fast DDS called it and will get no answer, since Fast DDS "
                f"tells otherwise than Cyclone DDS which answer is for which request: {_REMEDY}"
            )

    def _on_malformed_sample(self, problem: str) -> None:
        if not self._has_malformed:
            self._has_malformed = True
            self.refused.append(f"service {self.name}: a request of wrong form is dropped: {problem}")

    def _hears(self, client: str) -> bool:
        return any(
            self.writer.matched_user_data(each).get("clientid") == client for each in self.writer.matched()
        )


class ClientChannel(Channel):
    """A client's side; `identity` is the id in its requests."""

    def __init__(self, participant: Participant, service: type[Service], name: str, qos: EndpointQos) -> None:
        super().__init__(participant, service, name, qos, is_server=False)
        self.identity = self.writer.handle

    def is_ready(self) -> bool:
        """Whether a server is there whose reader and writer are both matched."""
        readers = self._server_ids(self.writer)
        writers = self._server_ids(self.reader)
        named = {each for each in readers if each}
        return bool(named.intersection(writers)) if named else bool(readers and writers)

    def refusal(self) -> str:
        """Why no server that is there can be called, in a line; empty where one can or where none is."""
        if self.is_ready() or not any(self._foreign(self.writer, each) for each in self.writer.matched()):
            return ""
        return (
            f"service {self.name} cannot be called: its server is on Fast DDS, which tells otherwise than "
            f"Cyclone DDS which answer is for which request: {_REMEDY}"
        )

    def _server_ids(self, endpoint: Reader | Writer) -> list[str | None]:
        """The ids of the matched servers' endpoints that understand our requests; None for one without."""
        return [
            endpoint.matched_user_data(each).get("serviceid")
            for each in endpoint.matched()
            if not self._foreign(endpoint, each)
        ]
