"""The two DDS topics of a service, as rmw_cyclonedds uses them.

A request and its reply begin with the client's id and the request's number, so every client hears all
replies and takes its own. User data names which reader and writer belong together.
"""

from __future__ import annotations

import secrets
import struct
import time
from dataclasses import dataclass

from lss_bev_ros.standalone import cdr, idl
from lss_bev_ros.standalone.endpoint_qos import EndpointQos
from lss_bev_ros.standalone.graph import REPLY, REQUEST, dds_topic_name
from lss_bev_ros.standalone.interfaces import type_hash
from lss_bev_ros.standalone.message import Message
from lss_bev_ros.standalone.service import Service
from lss_bev_ros.standalone.transport import Participant, Reader, Writer

_HEADER = struct.Struct("<Qq")
_MATCH_TIMEOUT = 0.1  # s, rmw_cyclonedds'


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
        self.received_class = service.Request if is_server else service.Response
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
        sample = self.reader.take()
        if sample is None:
            return None
        client, number = _HEADER.unpack_from(sample.data, len(cdr.HEADER))
        message, _ = cdr.deserialize_from(sample.data, self.received_class, _HEADER.size)
        return RequestId(client, number, sample.writer), message

    def send(self, client: int, number: int, message: Message) -> None:
        """Send a request or reply."""
        body = cdr.serialize(message)
        self.writer.write(cdr.HEADER + _HEADER.pack(client, number) + body[len(cdr.HEADER) :])

    def close(self) -> None:
        """Stop."""
        self.writer.close()
        self.reader.close()


class ServerChannel(Channel):
    """A server's side."""

    def __init__(self, participant: Participant, service: type[Service], name: str, qos: EndpointQos) -> None:
        super().__init__(participant, service, name, qos, is_server=True)

    def reply(self, request: RequestId, message: Message) -> None:
        """Answer a request, once the client's reader is matched; one that has gone gets nothing."""
        deadline = time.monotonic() + _MATCH_TIMEOUT
        client = self.reader.matched_user_data(request.writer).get("clientid")
        while client is not None and not self._hears(client) and time.monotonic() < deadline:
            time.sleep(0.01)
        self.send(request.client, request.number, message)

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
        readers = [self.writer.matched_user_data(each).get("serviceid") for each in self.writer.matched()]
        writers = [self.reader.matched_user_data(each).get("serviceid") for each in self.reader.matched()]
        named = {each for each in readers if each}
        return bool(named.intersection(writers)) if named else bool(readers and writers)
