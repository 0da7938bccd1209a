"""What is done to the running nodes, one by one, and how soon all of them serve again."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from ..geometry import CAMERA_NAMES
from .asking import ask
from .car import Car, Fault
from .payloads import HostileTalker, write_raw
from .processes import NODES, Nodes

_PATIENCE = 60.0
"""Seconds that nodes may take to serve again; longer is never."""

_STOPPED = 3.0
_SPOILT = 4.0
"""Seconds that a node stands still, and that cameras are spoilt."""

_A_TURN = 500
"""Messages between two looks."""


@dataclass(frozen=True)
class Trial:
    """One thing that was done.

    Attributes:
        kind: of what was done: kill, stop, cameras, ...
        target: to what.
        recovery: seconds until every node had served again; None where they did not.
        others: whether the nodes that nothing was done to went on; None where that was not looked at.
        grids: that were served meanwhile.
        work: seconds of a processor that the node that came back has used until then; NaN for no such.
        load: processes that wanted to run, on the average of a minute, others' too.
    """

    kind: str
    target: str
    recovery: float | None
    others: bool | None = None
    grids: int = 0
    work: float = float("nan")
    load: float = field(default_factory=lambda: os.getloadavg()[0])


class Scene:
    """The nodes, the car before them, and who looks after the page."""

    def __init__(self, nodes: Nodes, car: Car, ask_page: Callable[[], bool], chance: random.Random) -> None:
        self.nodes, self.car, self.ask_page, self.chance = nodes, car, ask_page, chance

    def recovery(self, since: float, names: tuple[str, ...] = NODES) -> float | None:
        """Seconds from a moment until these nodes have served after it; None where they do not in time."""
        while time.monotonic() - since < _PATIENCE:
            if "dashboard" in names and self.car.seen("dashboard") <= since and self.ask_page():
                self.car.note("dashboard")
            if all(self.car.seen(name) > since for name in names):
                return max(self.car.seen(name) for name in names) - since
            time.sleep(0.05)
        return None

    def settle(self) -> float | None:
        """Wait until all serve, from now on."""
        return self.recovery(time.monotonic())


def kills(scene: Scene, each: int) -> Iterator[Trial]:
    """SIGKILL to every node by turns."""
    for _ in range(each):
        for name in NODES:
            scene.settle()
            others = {other: scene.nodes.pid(other) for other in NODES if other != name}
            before = len(scene.car.grids)
            began = time.monotonic()
            scene.nodes.signal(name, signal.SIGKILL)
            recovery = scene.recovery(began)
            same = all(scene.nodes.pid(other) == pid for other, pid in others.items())
            grids = len(scene.car.grids) - before
            yield Trial("kill", name, recovery, same, grids, scene.nodes.processor(name))
            time.sleep(scene.chance.uniform(0.0, 1.0))


def stops(scene: Scene, each: int) -> Iterator[Trial]:
    """Every node by turns stands still for some seconds, and goes on."""
    for _ in range(each):
        for name in NODES:
            scene.settle()
            pids = {other: scene.nodes.pid(other) for other in NODES}
            before = len(scene.car.grids)
            scene.nodes.signal(name, signal.SIGSTOP)
            time.sleep(_STOPPED)
            began = time.monotonic()
            scene.nodes.signal(name, signal.SIGCONT)
            recovery = scene.recovery(began)
            same = all(scene.nodes.pid(other) == pid for other, pid in pids.items())
            yield Trial("stop", name, recovery, same, len(scene.car.grids) - before)


def cameras(scene: Scene, each: int) -> Iterator[Trial]:
    """Some cameras are silent, late, exchanged or damaged for some seconds."""
    faults: dict[str, Callable[[list[str], random.Random], Fault]] = {
        "silent": _silent,
        "late": _late,
        "exchanged": _exchanged,
        "damaged": _damaged,
    }
    for _ in range(each):
        for kind, make in faults.items():
            scene.settle()
            names = scene.chance.sample(CAMERA_NAMES, scene.chance.choice((2, 3, 5)))
            pids = {other: scene.nodes.pid(other) for other in NODES}
            before = len(scene.car.grids)
            scene.car.fault = make(names, scene.chance)
            time.sleep(_SPOILT)
            scene.car.fault = None
            grids = len(scene.car.grids) - before
            recovery = scene.settle()
            same = all(scene.nodes.pid(other) == pid for other, pid in pids.items())
            yield Trial("cameras", f"{len(names)} {kind}", recovery, same, grids)


def hostile(scene: Scene, count: int) -> Iterator[Trial]:
    """Messages that mean harm on every topic, a turn after the other; between them all is to serve."""
    if not count:
        return
    talker = HostileTalker(scene.car.node, scene.chance.randrange(2**32))
    try:
        for begin in range(0, count, _A_TURN):
            turn = min(_A_TURN, count - begin)

            def talk(turn: int = turn) -> None:
                talker.say(turn)

            yield _meanwhile(scene, "messages", f"{turn} messages", talk)
    finally:
        talker.close()


def raw(scene: Scene, count: int) -> Iterator[Trial]:
    """Raw DDS samples on every topic."""
    if not count:
        return

    def write() -> None:
        for _ in write_raw(count, scene.chance.randrange(2**32)):
            pass

    yield _meanwhile(scene, "payloads", f"{count} raw samples", write)


def requests(scene: Scene, port: int, count: int) -> Iterator[Trial]:
    """Requests that mean harm to the page."""
    answers: dict[str, int] = {}

    def send() -> None:
        for _, found in ask(port, count, scene.chance.randrange(2**32)):
            answers.update(found)

    if count:
        trial = _meanwhile(scene, "requests", f"{count} requests", send)
        told = ", ".join(f"{name}: {number}" for name, number in sorted(answers.items()))
        yield replace(trial, target=f"{trial.target} ({told})")


def _meanwhile(scene: Scene, kind: str, target: str, work: Callable[[], None]) -> Trial:
    """Do something that no node may end of, and wait for all to serve after it."""
    pids = {name: scene.nodes.pid(name) for name in NODES}
    before = len(scene.car.grids)
    work()
    grids = len(scene.car.grids) - before
    recovery = scene.settle()
    same = all(scene.nodes.pid(name) == pid for name, pid in pids.items())
    return Trial(kind, target, recovery, same, grids)


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
