"""What arrives between two middlewares under load, how late, and at what cost: pairs of processes.

    python pipros/test/matrix/load.py [--ros NAME=PYTHON ...] [--pairs A-B ...] [--loads NAME ...]

prints a row for each pair and load; docs/ros2.md has the table. Kinds are those of matrix.py, and "zenoh"
where --zenoh names a Python that imports eclipse-zenoh: Zenoh to Zenoh, since it speaks no DDS.
`load.py send` and `load.py receive` are the two ends, run by the stand-in's Python or by a real ROS 2's.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOADS = {
    "150 kB best effort": {"size": 150_000, "hertz": 30, "topics": 1, "reliable": False},
    "150 kB reliable": {"size": 150_000, "hertz": 30, "topics": 1, "reliable": True},
    "4 MB best effort": {"size": 4_000_000, "hertz": 30, "topics": 1, "reliable": False},
    "4 MB reliable": {"size": 4_000_000, "hertz": 30, "topics": 1, "reliable": True},
    "100 topics of 1 kB": {"size": 1_000, "hertz": 30, "topics": 100, "reliable": True},
    "latched, 20 of 100 kB": {"size": 100_000, "hertz": 0, "topics": 20, "reliable": True},
    "150 kB, a reader killed": {"size": 150_000, "hertz": 30, "topics": 1, "reliable": True},
}


class Dds:
    """An end on whatever rclpy is imported."""

    def __init__(self, load: dict, name: str) -> None:
        import rclpy
        from rclpy.executors import SingleThreadedExecutor
        from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
        from sensor_msgs.msg import Image

        rclpy.init(args=[])
        self.image, self.topics = Image, load["topics"]
        self.node = rclpy.create_node(name, start_parameter_services=False, enable_rosout=False)
        self.qos = QoSProfile(depth=10 if load["hertz"] else 1)
        if not load["reliable"]:
            self.qos.reliability = ReliabilityPolicy.BEST_EFFORT
        if not load["hertz"]:
            self.qos.durability = DurabilityPolicy.TRANSIENT_LOCAL
        executor = SingleThreadedExecutor()
        executor.add_node(self.node)
        self.executor = executor

    def publishers(self, size: int) -> None:
        self.message = self.image(encoding="mono8", height=1, width=size, step=size)
        self.message.data.frombytes(bytes(size))
        self.ends = [self.node.create_publisher(self.image, f"/t{i}", self.qos) for i in range(self.topics)]

    def publish(self) -> None:
        for end in self.ends:
            now = time.time_ns()
            self.message.header.stamp.sec, self.message.header.stamp.nanosec = divmod(now, 10**9)
            end.publish(self.message)

    def readers(self) -> int:
        return min(end.get_subscription_count() for end in self.ends)

    def subscribe(self, heard: object) -> None:
        def hear(message: object, index: int) -> None:
            heard(index, message.header.stamp.sec * 10**9 + message.header.stamp.nanosec)

        for i in range(self.topics):
            self.node.create_subscription(self.image, f"/t{i}", lambda m, i=i: hear(m, i), self.qos)

    def spin(self) -> None:
        self.executor.spin()


class Zenoh:
    """An end on eclipse-zenoh: peers that find each other, and messages whose first 8 bytes are the time."""

    def __init__(self, load: dict, name: str) -> None:
        import zenoh

        self.zenoh, self.topics, self.reliable = zenoh, load["topics"], load["reliable"]
        self.session = zenoh.open(zenoh.Config())

    def publishers(self, size: int) -> None:
        control = self.zenoh.CongestionControl
        how = control.BLOCK if self.reliable else control.DROP
        self.rest = bytes(size - 8)
        self.ends = [
            self.session.declare_publisher(f"t{i}", congestion_control=how) for i in range(self.topics)
        ]

    def publish(self) -> None:
        for end in self.ends:
            end.put(time.time_ns().to_bytes(8, "little") + self.rest)

    def readers(self) -> int:
        return int(all(end.matching_status.matching for end in self.ends))

    def subscribe(self, heard: object) -> None:
        def listener(index: int) -> object:
            return lambda sample: heard(index, int.from_bytes(bytes(sample.payload)[:8], "little"))

        self.ends = [self.session.declare_subscriber(f"t{i}", listener(i)) for i in range(self.topics)]

    def spin(self) -> None:
        threading.Event().wait()


def say(**what: object) -> None:
    print(json.dumps(what), flush=True)


def cost() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def send(load: dict, end: Dds | Zenoh) -> None:
    end.publishers(load["size"])
    if not load["hertz"]:
        end.publish()
    say(event="ready")
    for line in sys.stdin:
        wanted, seconds = json.loads(line)
        give_up = time.monotonic() + 15
        while load["hertz"] and end.readers() < wanted and time.monotonic() < give_up:
            time.sleep(0.02)
        time.sleep(0.5)
        before, begin, late, count = cost(), time.monotonic(), 0.0, 0
        while load["hertz"] and (at := begin + count / load["hertz"]) < begin + seconds:
            time.sleep(max(0.0, at - time.monotonic()))
            late = max(late, time.monotonic() - at)
            if time.monotonic() > begin + seconds + 2:
                break
            end.publish()
            count += 1
        say(
            event="sent",
            sent=count * load["topics"],
            late=late,
            seconds=time.monotonic() - begin,
            cost=cost() - before,
        )


def receive(load: dict, end: Dds | Zenoh) -> None:
    begin, ages, first = time.time(), [], {}

    def heard(index: int, sent: int) -> None:
        first.setdefault(index, time.time() - begin)
        ages.append((time.time_ns() - sent) / 1e6)

    end.subscribe(heard)
    before = cost()
    threading.Thread(target=end.spin, daemon=True).start()
    say(event="ready")
    for line in sys.stdin:
        if line.strip() == "begin":
            before = cost()
            ages.clear()
            continue
        kept = sorted(ages)
        ages.clear()
        at = [kept[int(len(kept) * share)] for share in (0.5, 0.99)] if kept else [None, None]
        last = max(first.values()) if len(first) == load["topics"] else None
        say(event="heard", heard=len(kept), p50=at[0], p99=at[1], last=last, cost=cost() - before)
    os._exit(0)


class End:
    """One end as a process."""

    def __init__(self, role: str, kind: object, load: str, domain_id: int) -> None:
        class_ = "zenoh" if kind.name == "zenoh" else "dds"
        self.process = subprocess.Popen(
            [*kind.command, str(HERE / "load.py"), role, class_, load],
            env=kind.environment("", domain_id),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def tell(self, line: str) -> None:
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self, timeout: float = 60.0) -> dict | None:
        """The next event; None after the timeout."""
        end = time.monotonic() + timeout
        while select.select([self.process.stdout], [], [], max(0.0, end - time.monotonic()))[0]:
            line = self.process.stdout.readline()
            if line.startswith('{"event"'):
                return json.loads(line)
            if not line:
                raise RuntimeError("an end ended")
        return None

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def measure(sender: object, receiver: object, name: str, seconds: float, domain_id: int) -> dict:
    """One load between two ends: what was sent, heard, its age, and seconds of processor a second."""
    ends = [End("send", sender, name, domain_id)]
    try:
        ends[0].hear()
        is_latched, is_killed = not LOADS[name]["hertz"], "killed" in name
        time.sleep(1.0)
        ends += [End("receive", receiver, name, domain_id) for _ in range(2 if is_killed else 1)]
        for each in ends[1:]:
            each.hear()
        if is_latched:
            time.sleep(6)
            ends[1].tell("report")
            return ends[1].hear() or {"event": "heard", "heard": None}
        for each in ends[1:]:
            each.tell("begin")
        ends[0].tell(json.dumps([2 if is_killed else 1, seconds]))
        if is_killed:
            time.sleep(4)
            ends[2].process.send_signal(signal.SIGKILL)
        # A reliable publisher may wait for a reader in the midst of a message, for as long as that takes.
        sent = ends[0].hear(seconds + 25)
        if sent is None:
            sent = {"event": "sent", "sent": None, "seconds": seconds + 25, "cost": 0.0}
        time.sleep(1.5)
        ends[1].tell("report")
        heard = ends[1].hear(20) or {"event": "heard", "heard": None, "cost": 0.0}  # it may stand, too
        sent["send_cost"], heard["receive_cost"] = (
            round(each.pop("cost") / sent["seconds"], 2) for each in (sent, heard)
        )
        return {**sent, **heard}
    finally:
        for each in ends:
            each.close()


def main() -> None:
    import runpy

    if len(sys.argv) > 3 and sys.argv[1] in ("send", "receive"):
        load = LOADS[sys.argv[3]]
        end = (Zenoh if sys.argv[2] == "zenoh" else Dds)(load, f"{sys.argv[1]}_{os.getpid()}")
        {"send": send, "receive": receive}[sys.argv[1]](load, end)
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ros", action="append", default=[], help="NAME=PYTHON of a real ROS 2")
    parser.add_argument("--zenoh", default="", help="a Python that imports eclipse-zenoh")
    parser.add_argument("--pairs", nargs="*", default=["standin-standin"])
    parser.add_argument("--loads", nargs="*", default=list(LOADS))
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--domain", type=int, default=int(os.environ.get("ROS_DOMAIN_ID", "42")))
    parser.add_argument("--variable", action="append", default=[], help="NAME=VALUE for the real ROS 2s")
    options = parser.parse_args()
    matrix = runpy.run_path(str(HERE / "matrix.py"))
    named = {
        f"PIPROS_{name.upper()}": path for name, _, path in (each.partition("=") for each in options.ros)
    }
    kinds = matrix["kinds"]({**os.environ, **named})
    if options.zenoh:
        kinds["zenoh"] = matrix["Kind"]("zenoh", (options.zenoh,), True)
    for each in kinds.values():
        if each.is_real:
            object.__setattr__(
                each, "variables", {**each.variables, **dict(v.split("=", 1) for v in options.variable)}
            )
    for pair in options.pairs:
        sender, receiver = (kinds[name] for name in pair.split("-"))
        for name in options.loads:
            row = measure(sender, receiver, name, options.seconds, options.domain)
            row.pop("event")
            kept = {k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()}
            print(json.dumps({"pair": pair, "load": name, **kept, "busy": os.getloadavg()[0]}), flush=True)


if __name__ == "__main__":
    main()
