"""What is done to the running nodes, one by one, and how soon all of them serve again."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace

from ..errors import RosError
from ..geometry import CAMERA_NAMES
from .asking import ask
from .payloads import HostileTalker, write_raw
from .processes import NODES, Nodes
from .relay import Fault, Relay

_PATIENCE = 60.0
"""Seconds that nodes may take to serve again; longer is never."""

_STOPPED = 3.0
_SPOILT = 4.0
"""Seconds that a node stands still, and that cameras are spoilt."""

_LOOK = 0.05
"""Seconds between two looks whether all serve."""

_A_TURN = 500
"""Messages between two looks."""


@dataclass(frozen=True)
class Ordeal:
    """One thing that was done.

    Attributes:
        kind: of what was done: kill, stop, cameras, ...
        target: to what.
        recovery: seconds until every node had served again; None where they did not.
        others: whether the nodes that nothing was done to went on; None where that was not looked at.
        grids: that were served meanwhile.
        silent: nodes that did not serve again.
        work: seconds of a processor that the node that came back has used until then; None for no such.
        load: processes that wanted to run, on the average of a minute, others' too.
    """

    kind: str
    target: str
    recovery: float | None
    others: bool | None = None
    grids: int = 0
    silent: tuple[str, ...] = ()
    work: float | None = None
    load: float = field(default_factory=lambda: os.getloadavg()[0])


class Arena:
    """The nodes, the relay before them, and who looks after the page."""

    def __init__(
        self, nodes: Nodes, relay: Relay, ask_page: Callable[[], bool], chance: random.Random
    ) -> None:
        self.nodes, self.relay, self.ask_page, self.chance = nodes, relay, ask_page, chance

    def recovery(self, since: float, patience: float = _PATIENCE) -> float | None:
        """Seconds from a moment until every node has served after it; None where they do not in time.

        Raises:
            RosError: the relay has failed, so that nobody could serve.
        """
        while time.monotonic() - since < patience:
            if self.relay.failure:
                raise RosError(f"the campaign itself failed: {self.relay.failure}")
            if self.relay.seen("dashboard") <= since and self.ask_page():
                self.relay.note("dashboard")
            if min(map(self.relay.seen, NODES)) > since:
                return time.monotonic() - since
            time.sleep(_LOOK)
        return None

    def settle(self, patience: float = _PATIENCE) -> float | None:
        """Wait until all serve, from now on."""
        return self.recovery(time.monotonic(), patience)

    def return_of(self, name: str, former: Collection[int]) -> float | None:
        """The moment at which a node runs in another process than these; None where it does not in time."""
        since = time.monotonic()
        while time.monotonic() - since < _PATIENCE:
            if self.nodes.pid(name) not in (None, *former):
                return time.monotonic()
            time.sleep(_LOOK)
        return None

    def silent(self, since: float) -> tuple[str, ...]:
        """Nodes that have not served after a moment."""
        return tuple(name for name in NODES if self.relay.seen(name) <= since)

    def pids(self, but: str = "") -> dict[str, int | None]:
        """In which processes the nodes run, all or all but one."""
        return {name: self.nodes.pid(name) for name in NODES if name != but}


def kills(arena: Arena, names: Iterable[str]) -> Iterator[Ordeal]:
    """SIGKILL to one node after the other."""
    for name in names:
        arena.settle()
        others, before = arena.pids(but=name), len(arena.relay.grids)
        began, former = time.monotonic(), arena.nodes.pids(name)
        arena.nodes.signal(name, signal.SIGKILL)
        # What the killed process had sent may come yet.
        back = arena.return_of(name, former)
        recovery = None if back is None else arena.recovery(back)
        yield Ordeal(
            "kill",
            name,
            None if back is None or recovery is None else back - began + recovery,
            arena.pids(but=name) == others,
            len(arena.relay.grids) - before,
            arena.silent(back or began),
            arena.nodes.processor(name),
        )
        time.sleep(arena.chance.uniform(0.0, 1.0))


def stops(arena: Arena, names: Iterable[str]) -> Iterator[Ordeal]:
    """One node after the other stands still for some seconds, and goes on."""
    for name in names:

        def stop(name: str = name) -> None:
            arena.nodes.signal(name, signal.SIGSTOP)
            time.sleep(_STOPPED)
            arena.nodes.signal(name, signal.SIGCONT)

        arena.settle()
        yield _meanwhile(arena, "stop", name, stop)


def cameras(arena: Arena, each: int) -> Iterator[Ordeal]:
    """Some cameras are silent, late, exchanged or damaged for some seconds."""
    faults: dict[str, Callable[[list[str], random.Random], Fault]] = {
        "silent": _silent,
        "late": _late,
        "exchanged": _exchanged,
        "damaged": _damaged,
    }
    for kind in [*faults] * each:
        names = arena.chance.sample(CAMERA_NAMES, arena.chance.choice((2, 3, 5)))

        def spoil(fault: Fault = faults[kind](names, arena.chance)) -> None:
            arena.relay.fault = fault
            time.sleep(_SPOILT)
            arena.relay.fault = None

        arena.settle()
        yield _meanwhile(arena, "cameras", kind, spoil)


def hostile(arena: Arena, count: int) -> Iterator[Ordeal]:
    """Messages that mean harm on every topic, a turn after the other; between them all is to serve."""
    if not count:
        return
    talker = HostileTalker(arena.relay.node, arena.chance.randrange(2**32))
    try:
        for begin in range(0, count, _A_TURN):
            turn = min(_A_TURN, count - begin)

            def talk(turn: int = turn) -> None:
                talker.say(turn)

            yield _meanwhile(arena, "messages", f"{turn} messages", talk)
    finally:
        talker.close()


def raw(arena: Arena, count: int) -> Iterator[Ordeal]:
    """Raw DDS samples on every topic."""
    if not count:
        return

    def write() -> None:
        for _ in write_raw(count, arena.chance.randrange(2**32)):
            pass

    yield _meanwhile(arena, "payloads", f"{count} raw samples", write)


def requests(arena: Arena, port: int, count: int) -> Iterator[Ordeal]:
    """Requests that mean harm to the page."""
    answers: dict[str, int] = {}

    def send() -> None:
        for _, found in ask(port, count, arena.chance.randrange(2**32)):
            answers.update(found)

    if count:
        done = _meanwhile(arena, "requests", f"{count} requests", send)
        told = ", ".join(f"{name}: {number}" for name, number in sorted(answers.items()))
        yield replace(done, target=f"{done.target} ({told})")


def _meanwhile(arena: Arena, kind: str, target: str, work: Callable[[], None]) -> Ordeal:
    """Do something that no node may end of, and wait for all to serve after it."""
    pids, before = arena.pids(), len(arena.relay.grids)
    work()
    grids = len(arena.relay.grids) - before
    after = time.monotonic()
    recovery = arena.recovery(after)
    return Ordeal(kind, target, recovery, arena.pids() == pids, grids, arena.silent(after))


def _silent(names: list[str], _: random.Random) -> Fault:
    return lambda name, data: [] if name in names else [(0.0, name, data)]


def _late(names: list[str], chance: random.Random) -> Fault:
    def fault(name: str, data: bytes) -> list[tuple[float, str, bytes]]:
        return [(chance.uniform(0.1, 2.0) if name in names else 0.0, name, data)]

    return fault


def _exchanged(names: list[str], _: random.Random) -> Fault:
    others = dict(zip(names, [*names[1:], names[0]], strict=True))
    return lambda name, data: [(0.0, others.get(name, name), data)]


def _damaged(names: list[str], chance: random.Random) -> Fault:
    def fault(name: str, data: bytes) -> list[tuple[float, str, bytes]]:
        if name not in names:
            return [(0.0, name, data)]
        changed = bytearray(data)
        for _ in range(20):
            changed[chance.randrange(100, len(changed))] ^= 1 << chance.randrange(8)
        return [(0.0, name, bytes(changed))]

    return fault
