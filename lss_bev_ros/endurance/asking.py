"""Requests to the dashboard that mean harm or nothing."""

from __future__ import annotations

import contextlib
import random
import socket
from collections import Counter
from collections.abc import Iterator

_PATHS = (
    b"/",
    b"/healthz",
    b"/metrics",
    b"/state",
    b"/ws",
    b"/stream/cam_front",
    b"/camera/cam_front.jpg",
    b"/../../etc/passwd",
    b"/%2e%2e/%2e%2e/etc/passwd",
    b"/\x00",
    b"/" + b"a" * 9000,
    b"/?" + b"q=1&" * 500,
    b"*",
    b"http://other.host/",
)
_METHODS = (b"GET", b"GET", b"GET", b"POST", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"TRACE", b"G\x00T", b"")
_HEADERS = (
    b"",
    b"Content-Length: -1\r\n",
    b"Content-Length: 99999999999\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Range: bytes=0-,1-,2-\r\n",
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n",
    b"Cookie: " + b"c" * 7000 + b"\r\n",
    b"X-" + b"y" * 200 + b": z\r\n",
    b"Origin: http://evil.example\r\n",
    b"Host: evil.example\r\n",
    b"no header at all\r\n",
)
_PATIENCE = 2.0
_TOGETHER = 20
"""Requests of one connection, at most."""


def ask(port: int, count: int, seed: int) -> Iterator[tuple[int, Counter[str]]]:
    """Send so many requests; yields now and then how many there were, and what was answered.

    What is answered is the status, `closed` or `silent`.
    """
    chance, answers, sent = random.Random(seed), Counter[str](), 0
    while sent < count:
        together = min(chance.randint(1, _TOGETHER), count - sent)
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), _PATIENCE) as link:
            for _ in range(together):
                sent += 1
                answer = _one(link, chance)
                answers[answer] += 1
                if answer == "closed" or chance.random() < 0.05:
                    break
        yield sent, answers


def _one(link: socket.socket, chance: random.Random) -> str:
    method, path, header = chance.choice(_METHODS), chance.choice(_PATHS), chance.choice(_HEADERS)
    request = b"%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n" % (method, path, header)
    if chance.random() < 0.1:
        request = chance.randbytes(chance.randint(1, 300))
    if chance.random() < 0.1:
        request = request[: chance.randrange(len(request))]
    try:
        link.sendall(request)
        link.settimeout(0.02 if chance.random() < 0.9 else 0.3)
        answer = link.recv(65_536)
    except TimeoutError:
        return "silent"
    except OSError:
        return "closed"
    if not answer:
        return "closed"
    words = answer[:20].split(b" ")
    return words[1].decode() if len(words) > 1 and words[1].isdigit() else "other"
