"""Draws the two figures of architecture.md from the code: `python docs/figures.py [--check]`.

`layers.svg` shows who imports whom, read from the syntax trees of the package. `data_flow.svg` shows the
nodes with their topics, services and threads, as they say of themselves when they are started. With --check
nothing is written, and the exit code is 1 where a figure would change.
"""

from __future__ import annotations

import ast
import sys
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from textwrap import shorten, wrap
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "lss_bev_ros"
OUT = Path(__file__).resolve().parent / "figures"

# Files of one purpose that are no folder, by the box that stands for them.
TOGETHER = {
    "messages": "messages, topics",
    "topics": "messages, topics",
    "camera_info": "messages, topics",
    "camera_image": "messages, topics",
    "cli": "commands",
    "ament_prefix": "ros2",
    "ending": "ros2",
    "missing": "ros2",
}
PURPOSE = {
    "messages, topics": "numpy to ROS messages and back; what a keyframe becomes on topics",
    "ros2": "Which ROS 2 the package runs on, and what to install where an import fails",
}
UNDRAWN = {"errors", "__init__"}  # everybody imports these
ROS = {"rclpy", "tf2_ros", "launch", "launch_ros", "cv_bridge", "ament_index_python", "pipros"}

SANS = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
MONO = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"
INK, FAINT, LINE, PAPER = "#1f2933", "#5f6c7b", "#8a97a6", "#ffffff"
FREE, KNOWS = ("#e8f1fb", "#2f6db3"), ("#fdeedb", "#c46a12")  # fill and border: without ROS, with ROS
NODE_COLORS = {"replay": "#5b8c5a", "inference": "#c46a12", "evaluation": "#7a5ca8", "dashboard": "#2f6db3"}


# -- who imports whom -------------------------------------------------------------------------------


def imports(path: Path) -> Iterator[str]:
    """Absolute names of what a file of the package imports, wherever in it."""
    package = ("lss_bev_ros", *path.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            full = ".".join(part for part in (base, node.module) if part)
            yield from (f"{full}.{alias.name}" for alias in node.names)


def box_of(path: Path) -> str:
    """The box that a file of the package belongs to."""
    name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return TOGETHER.get(name, name)


def said(path: Path) -> str:
    """The first sentence of a file's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).partition(". ")[0].rstrip(".").replace("`", "")


@dataclass
class Layers:
    """Boxes, what they are for, which know ROS, and the imports that no other path implies."""

    purpose: dict[str, str] = field(default_factory=dict)
    know_ros: set[str] = field(default_factory=set)
    edges: set[tuple[str, str]] = field(default_factory=set)
    rank: dict[str, int] = field(default_factory=dict)


def read_layers() -> Layers:
    """Read the package's imports."""
    layers, below = Layers(), {}
    for path in sorted(PACKAGE.rglob("*.py")):
        box = box_of(path)
        if box in UNDRAWN or said(path).startswith("Deprecated"):
            continue
        known = below.setdefault(box, set())
        for name in imports(path):
            root, *rest = name.split(".")
            if root in ROS or root.endswith(("_msgs", "_srvs")):
                layers.know_ros.add(box)
            if root == "lss_bev_ros" and rest:
                other = TOGETHER.get(rest[0], rest[0])
                if other not in UNDRAWN | {box} and not other.startswith("__"):
                    known.add(other)
    for box, known in below.items():
        known &= below.keys()
        home = PACKAGE / box / "__init__.py"
        source = home if home.is_file() else PACKAGE / f"{box}.py"
        layers.purpose[box] = PURPOSE.get(box) or said(source)

    reach: dict[str, set[str]] = {}

    def reachable(box: str) -> set[str]:
        if box not in reach:
            reach[box] = set()
            for other in below[box]:
                reach[box] |= {other} | reachable(other)
        return reach[box]

    for box in below:
        for other in below[box]:
            if not any(other in reachable(between) for between in below[box] - {other}):
                layers.edges.add((box, other))

    def rank(box: str) -> int:
        return max((1 + rank(other) for other in below[box]), default=0)

    layers.rank = {box: rank(box) for box in below}
    return layers


# -- what the nodes say of themselves ---------------------------------------------------------------


@dataclass
class NodeFacts:
    """What one node publishes, subscribes to, serves and asks, and its threads besides the executor's."""

    publishes: dict[str, bool] = field(default_factory=dict)
    """Topic to whether late subscribers get its last message."""
    subscribes: set[str] = field(default_factory=set)
    serves: set[str] = field(default_factory=set)
    asks: set[str] = field(default_factory=set)
    threads: list[str] = field(default_factory=list)


def read_nodes() -> tuple[dict[str, NodeFacts], list[str]]:
    """Start the nodes, one after the other, and see what they have. Also the stages of the engine."""
    from lss_bev_ros import ros2

    ros2.prepare()
    import rclpy

    from lss_bev_ros.evaluation.frames import random_frames
    from lss_bev_ros.geometry import CAMERA_NAMES
    from lss_bev_ros.nodes import dashboard, evaluation, inference, replay
    from lss_bev_ros.topics import all_topics

    class NoData:
        """A data set without a scene, for a node that is not to play any."""

        scenes, cameras, notices = ("none",), CAMERA_NAMES, ()

        def __init__(self, *_: object) -> None: ...

        def count_keyframes(self, _: str) -> int:
            return 0

        def keyframes(self, _: str) -> tuple[()]:
            return ()

    replay.NuScenesReader = NoData
    rclpy.init()
    started = {
        "replay": lambda: replay.ReplayNode(dataroot="none", stamp="dataset", wait_for_publisher="none"),
        "inference": lambda: inference.InferenceNode(weights="seed:0", backend="torch", precision="fp32"),
        "evaluation": evaluation.EvaluationNode,
        "dashboard": lambda: dashboard.DashboardNode(port=0),
    }
    facts, stages = {}, []
    for name, start in started.items():
        before = set(threading.enumerate())
        node = start()
        made = [thread.name for thread in threading.enumerate() if thread not in before]
        # Those that rclpy starts for itself have names of its own.
        found = NodeFacts(
            threads=sorted(made_ for made_ in made if not made_.startswith(("Thread-", "rclpy")))
        )
        for publisher in node.publishers:
            latched = publisher.qos_profile.durability.name == "TRANSIENT_LOCAL"
            found.publishes[topic_of(publisher.topic_name)] = latched
        found.subscribes = {topic_of(subscription.topic_name) for subscription in node.subscriptions}
        # Every node of ROS 2 has services for its parameters.
        found.serves = {each.service_name for each in node.services if "parameter" not in each.service_name}
        found.asks = {client.service_name for client in node.clients}
        for every_nodes in ("parameter_events", "rosout"):
            found.publishes.pop(every_nodes, None)
            found.subscribes.discard(every_nodes)
        if name == "inference":
            found.subscribes.add(topic_of(node.config.lidar))  # now and then, see LidarWatch
            stages = list(node._engine.infer(random_frames(1).sets[0]).timings)
            stages.remove("total")
        node.close()
        node.destroy_node()
        facts[name] = found
    rclpy.shutdown()
    order = {topic_of(topic.name): place for place, topic in enumerate(all_topics(clock=True))}
    for found in facts.values():
        found.publishes = dict(
            sorted(found.publishes.items(), key=lambda item: (order.get(item[0], 99), item[0]))
        )
    return facts, stages


def topic_of(name: str) -> str:
    """A topic's name as the README writes it."""
    from lss_bev_ros.geometry import CAMERA_NAMES

    name = name.removeprefix("/")
    camera, _, rest = name.partition("/")
    if camera in CAMERA_NAMES:
        return f"<cam>/{rest}"
    if camera == "evaluation":
        return "evaluation/<metric>"
    return f"/{name}" if name in ("tf", "tf_static", "clock", "diagnostics") else name


# -- drawing ----------------------------------------------------------------------------------------


class Drawing:
    """SVG, element by element."""

    def __init__(self, width: float, height: float, title: str) -> None:
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'width="{width:.0f}" height="{height:.0f}" font-family="{escape(SANS)}">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{width:.0f}" height="{height:.0f}" rx="14" fill="{PAPER}"/>',
        ]

    def box(self, x, y, width, height, fill, stroke, radius=8.0, extra="") -> None:
        """A rectangle with round corners."""
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{radius:g}" '
            f'fill="{fill}" stroke="{stroke}" {extra}/>'
        )

    def text(self, x, y, text, size=13.0, color=INK, weight=400, anchor="start", mono=False) -> None:
        """One line of text, its baseline at y."""
        family = f' font-family="{escape(MONO)}"' if mono else ""
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{color}" font-weight="{weight}" '
            f'text-anchor="{anchor}"{family}>{escape(text)}</text>'
        )

    def path(self, d, color, width=1.4, extra="") -> None:
        """A line."""
        self.parts.append(f'<path d="{d}" fill="none" stroke="{color}" stroke-width="{width:g}" {extra}/>')

    def arrow(self, x, y, dx, dy, color, size=7.0) -> None:
        """A head whose tip is at (x, y), pointing along (dx, dy), a unit vector along an axis."""
        a = (x - dx * size - dy * size * 0.5, y - dy * size - dx * size * 0.5)
        b = (x - dx * size + dy * size * 0.5, y - dy * size + dx * size * 0.5)
        points = " ".join(f"{px:.1f},{py:.1f}" for px, py in ((x, y), a, b))
        self.parts.append(f'<polygon points="{points}" fill="{color}"/>')

    def done(self) -> str:
        """All of it."""
        return "\n".join([*self.parts, "</svg>", ""])


BOX, ROW, GAP, MARGIN, LANE = (200.0, 74.0), 122.0, 26.0, 30.0, 14.0


def draw_layers(layers: Layers) -> str:
    """Rows by rank, the highest at the top; arrows point at what is imported."""
    top = max(layers.rank.values())
    rows: list[list[str]] = [[] for _ in range(top + 1)]
    for box in sorted(layers.rank):
        rows[layers.rank[box]].append(box)
    chains = []
    for source, target in sorted(layers.edges):  # an edge over several rows gets a lane in each
        chain = [source]
        for rank in range(layers.rank[source] - 1, layers.rank[target], -1):
            lane = f"{source}>{target}@{rank}"
            rows[rank].append(lane)
            chain.append(lane)
        chains.append([*chain, target])
    links = [pair for chain in chains for pair in pairwise(chain)]
    rows = ordered(rows, links)
    center = placed(rows, links)
    left = min(center[name] - wide(name) / 2 for row in rows for name in row)
    right = max(center[name] + wide(name) / 2 for row in rows for name in row)
    shift, width = MARGIN - left, right - left + 2 * MARGIN
    height = MARGIN + (top + 1) * ROW + 10
    y = {name: MARGIN + (top - rank) * ROW for rank, row in enumerate(rows) for name in row}
    x = {name: value + shift for name, value in center.items()}
    drawing = Drawing(width, height, "Who imports whom in lss_bev_ros")

    out_port, in_port = ports(chains, x)
    for chain in chains:
        source, target = chain[0], chain[-1]
        color = KNOWS[1] if source in layers.know_ros else FREE[1]
        points = [(out_port[source, target], y[source] + BOX[1])]
        for lane in chain[1:-1]:
            points += [(x[lane], y[lane]), (x[lane], y[lane] + BOX[1])]
        points.append((in_port[source, target], y[target]))
        d = f"M{points[0][0]:.1f},{points[0][1]:.1f}"
        for (x0, y0), (x1, y1) in pairwise(points):
            middle = (y0 + y1) / 2
            d += f" C{x0:.1f},{middle:.1f} {x1:.1f},{middle:.1f} {x1:.1f},{y1:.1f}"
        drawing.path(d, color, 1.5, 'stroke-opacity="0.55"')
        drawing.arrow(points[-1][0], points[-1][1], 0, 1, color)
    for box, purpose in layers.purpose.items():
        fill, stroke = KNOWS if box in layers.know_ros else FREE
        drawing.box(x[box] - BOX[0] / 2, y[box], *BOX, fill, stroke)
        drawing.text(x[box], y[box] + 20, box, 14.5, INK, 650, "middle")
        lines = wrap(purpose, 33)
        if len(lines) > 3:
            lines = [*lines[:2], shorten(" ".join(lines[2:]), 33, placeholder=" ...")]
        for place, line in enumerate(lines):
            drawing.text(x[box], y[box] + 37 + 14 * place, line, 10.5, FAINT, 400, "middle")
    for place, (colors, text) in enumerate(((KNOWS, "knows ROS 2"), (FREE, "knows nothing of ROS"))):
        drawing.box(MARGIN, MARGIN + 26 * place, 16, 16, *colors, radius=4)
        drawing.text(MARGIN + 24, MARGIN + 13 + 26 * place, text, 12.5)
    drawing.text(MARGIN, MARGIN + 65, "an arrow: imports; what follows", 11, FAINT)
    drawing.text(MARGIN, MARGIN + 80, "from other arrows is left out", 11, FAINT)
    return drawing.done()


def wide(name: str) -> float:
    """How wide a box, or a lane of an arrow, is."""
    return LANE if "@" in name else BOX[0]


def crossings(rows: list[list[str]], links: list[tuple[str, str]]) -> int:
    """How often arrows cross between neighbouring rows."""
    place = {name: index for row in rows for index, name in enumerate(row)}
    rank = {name: index for index, row in enumerate(rows) for name in row}
    count = 0
    for index in range(len(rows)):
        pairs = [(place[a], place[b]) for a, b in links if rank[a] == index]
        count += sum((a - c) * (b - d) < 0 for i, (a, b) in enumerate(pairs) for c, d in pairs[i + 1 :])
    return count


def ordered(rows: list[list[str]], links: list[tuple[str, str]]) -> list[list[str]]:
    """Each row in an order with few crossings (Sugiyama et al. 1981: barycentres, up and down)."""
    near: dict[str, tuple[list[str], list[str]]] = {name: ([], []) for row in rows for name in row}
    for above, under in links:
        near[above][0].append(under)
        near[under][1].append(above)
    best = rows = [list(row) for row in rows]
    for sweep in range(40):
        rows, side = [list(row) for row in rows], sweep % 2
        place = {name: (index + 0.5) / len(row) for row in rows for index, name in enumerate(row)}
        for row in rows if side == 0 else reversed(rows):
            middle = {}
            for name in row:
                others = near[name][side]
                middle[name] = sum(place[n] for n in others) / len(others) if others else place[name]
            row.sort(key=lambda name: (round(middle[name], 9), name))
            place.update({name: (index + 0.5) / len(row) for index, name in enumerate(row)})
        if crossings(rows, links) < crossings(best, links):
            best = rows
    return best


def placed(rows: list[list[str]], links: list[tuple[str, str]]) -> dict[str, float]:
    """Centres along x: near those of the neighbours, without overlap."""
    near: dict[str, list[str]] = {name: [] for row in rows for name in row}
    for above, under in links:
        near[above].append(under)
        near[under].append(above)
    center = {}
    for row in rows:
        total = sum(wide(name) + GAP for name in row)
        at = -total / 2
        for name in row:
            center[name] = at + (wide(name) + GAP) / 2
            at += wide(name) + GAP
    for turn in range(200):
        for row in rows if turn % 2 else reversed(rows):
            wish = [
                sum(center[n] for n in near[name]) / len(near[name]) if near[name] else 0.0 for name in row
            ]
            half = [(wide(a) + wide(b)) / 2 + GAP for a, b in pairwise(row)]
            right, left = list(wish), list(wish)
            for index in range(1, len(row)):
                right[index] = max(wish[index], right[index - 1] + half[index - 1])
            for index in range(len(row) - 2, -1, -1):
                left[index] = min(wish[index], left[index + 1] - half[index])
            for name, a, b in zip(row, right, left, strict=True):
                center[name] = (a + b) / 2
    return center


def ports(chains: list[list[str]], x: dict[str, float]) -> tuple[dict, dict]:
    """Where along its box an arrow begins and ends, so that neighbouring ones do not lie on each other."""
    begins, ends = {}, {}
    for port, own, beside in ((begins, 0, 1), (ends, -1, -2)):
        for box in sorted({chain[own] for chain in chains}):
            mine = sorted((c for c in chains if c[own] == box), key=lambda c: (x[c[beside]], c[0], c[-1]))
            step = min(24.0, (BOX[0] - 40) / max(1, len(mine) - 1))
            for index, chain in enumerate(mine):
                port[chain[0], chain[-1]] = x[box] + (index - (len(mine) - 1) / 2) * step
    return begins, ends


COLUMN, BETWEEN, HEAD, LINE_HEIGHT = 176.0, 232.0, 64.0, 34.0


def draw_data_flow(facts: dict[str, NodeFacts], stages: list[str]) -> str:
    """Nodes as columns, topics as lines from who publishes to all who subscribe."""
    names = list(facts)
    left = {name: MARGIN + index * (COLUMN + BETWEEN) for index, name in enumerate(names)}
    # Outputs of a node whose listeners are not drawn stop after its column.
    width = MARGIN + len(names) * COLUMN + (len(names) - 1) * BETWEEN + MARGIN
    lines = [(name, topic, latched) for name in names for topic, latched in facts[name].publishes.items()]
    shared = [line for line in lines if line[1] == "/diagnostics"]
    lines = [line for line in lines if line[1] != "/diagnostics"]
    services = sorted({service for found in facts.values() for service in found.serves})
    first = MARGIN + HEAD + 26
    bottom = first + (len(lines) + len(services) + 1) * LINE_HEIGHT + 12
    drawing = Drawing(
        width, bottom + MARGIN + 58, "From camera images to the published grid: nodes and topics"
    )

    y = first
    marks: list[tuple[float, float, int, str]] = []
    for name, topic, latched in lines:
        hearers = [other for other in names if other != name and topic in facts[other].subscribes]
        draw_line(drawing, y, left, name, hearers, topic, NODE_COLORS[name], marks, latched)
        y += LINE_HEIGHT
    for service in services:
        (server,) = (name for name in names if service in facts[name].serves)
        asking = [name for name in names if service in facts[name].asks]
        draw_service(drawing, y, left, server, asking, service, marks)
        y += LINE_HEIGHT
    hearers = [name for name in names if "/diagnostics" in facts[name].subscribes]
    drawing.path(f"M{left[names[0]] + COLUMN:.1f},{y:.1f} H{left[names[-1]]:.1f}", FAINT, 1.6)
    drawing.text(left[names[0]] + COLUMN + 12, y - 6, "/diagnostics", 12, FAINT, 600, mono=True)
    drawing.text(left[names[0]] + COLUMN + 12, y + 14, f"from {len(shared)} nodes", 10.5, FAINT)
    marks += [(left[name] - 1, y, 1, FAINT) for name in hearers]

    for name in names:
        color = NODE_COLORS[name]
        drawing.box(left[name], MARGIN, COLUMN, bottom - MARGIN, "#fbfcfd", color, 10, 'stroke-width="1.6"')
        title = "replay, or the car" if name == "replay" else name
        drawing.parts.append(
            f'<path d="M{left[name]:.1f},{MARGIN + HEAD:.1f} v{10 - HEAD:.1f} q0,-10 10,-10 '
            f'h{COLUMN - 20:.1f} q10,0 10,10 v{HEAD - 10:.1f} z" fill="{color}"/>'
        )
        drawing.text(left[name] + COLUMN / 2, MARGIN + 25, title, 15, PAPER, 650, "middle")
        drawing.text(
            left[name] + COLUMN / 2, MARGIN + 42, "a process; threads: executor", 10.5, PAPER, 400, "middle"
        )
        also = ", ".join(facts[name].threads)
        drawing.text(left[name] + COLUMN / 2, MARGIN + 56, f"and {also}", 10.5, PAPER, 400, "middle")
    for x, at, direction, color in marks:
        drawing.arrow(x, at, direction, 0, color, 8.0)
    draw_inside(drawing, left["inference"], first - 12, bottom - 10, stages)
    draw_legend(drawing, MARGIN, bottom + 24)
    return drawing.done()


def draw_line(drawing, y, left, name, hearers, topic, color, marks, latched) -> None:
    """One topic. It passes behind the columns of those who do not subscribe."""
    names = list(left)
    begin = left[name] + COLUMN
    end = left[hearers[-1]] if hearers else begin + BETWEEN - 66
    dash = "" if hearers else 'stroke-dasharray="2 4"'
    if not hearers and name == names[-1]:
        return
    drawing.path(f"M{begin:.1f},{y:.1f} H{end:.1f}", color, 1.6, dash)
    drawing.text(begin + 12, y - 6, f"{topic} ◆" if latched else topic, 12, color, 600, mono=True)
    marks += [(left[hearer] - 1, y, 1, color) for hearer in hearers]
    if not hearers:
        drawing.text(begin + BETWEEN - 58, y + 4, "for others", 10.5, FAINT)


def draw_service(drawing, y, left, server, asking, service, marks) -> None:
    """One service: from who asks to who serves."""
    begin = left[server] + COLUMN
    end = left[asking[-1]] if asking else begin + BETWEEN - 40
    drawing.path(f"M{begin:.1f},{y:.1f} H{end:.1f}", FAINT, 1.3, 'stroke-dasharray="6 3"')
    drawing.text(begin + 12, y - 6, service.removeprefix("/"), 12, FAINT, 600, mono=True)
    marks.append((begin + 1, y, -1, FAINT))


def draw_inside(drawing, left, top, bottom, stages) -> None:
    """What happens within the inference node, from images to the grid."""
    from lss_bev_ros.nodes.calibration import LiveCalibration
    from lss_bev_ros.nodes.latest import LatestSlot
    from lss_bev_ros.runtime.synchronizer import CameraSynchronizer

    stored = [LiveCalibration.__name__, CameraSynchronizer.__name__]
    computed = [*(stage.replace("_", " ") for stage in stages), "publish"]
    x, wide_, tall, pitch = left + 14, COLUMN - 28, 24.0, 37.0
    y = top + 4

    def frame(label: str, count: int) -> None:
        drawing.box(
            left + 7, y - 18, COLUMN - 14, count * pitch + 12, "#f3f5f8", LINE, 7, 'stroke-dasharray="3 3"'
        )
        drawing.text(left + 14, y - 5, label, 10.5, FAINT)

    def step(text: str, fill: str, last: bool = False) -> None:
        nonlocal y
        drawing.box(x, y, wide_, tall, fill, NODE_COLORS["inference"], 6)
        drawing.text(x + wide_ / 2, y + tall / 2 + 4, text, 11.5, INK, 500, "middle")
        if not last:
            drawing.path(f"M{x + wide_ / 2:.1f},{y + tall:.1f} V{y + pitch - 5:.1f}", LINE, 1.2)
            drawing.arrow(x + wide_ / 2, y + pitch, 0, 1, LINE, 5.5)
        y += pitch

    y += 10
    frame("thread: executor", len(stored))
    for text in stored:
        step(text, "#fdeedb")
    y += 4
    step(f"{LatestSlot.__name__}: newest set", PAPER)
    y += 14
    frame("thread: inference", len(computed))
    for text in computed:
        step(text, "#fdeedb", text == computed[-1])


def draw_legend(drawing, x, y) -> None:
    """What lines and marks mean."""
    drawing.path(f"M{x:.1f},{y:.1f} h34", INK, 1.6)
    drawing.arrow(x + 36, y, 1, 0, INK, 8.0)
    drawing.text(x + 46, y + 4, "topic, to who subscribes", 11.5, FAINT)
    drawing.path(f"M{x + 216:.1f},{y:.1f} h34", FAINT, 1.3, 'stroke-dasharray="6 3"')
    drawing.arrow(x + 214, y, -1, 0, FAINT, 8.0)
    drawing.text(x + 260, y + 4, "service", 11.5, FAINT)
    drawing.text(x + 330, y + 4, "◆  latched: who comes late gets the last message", 11.5, FAINT)
    note = (
        "Inside inference, callbacks only store; the network runs on a thread of its own, on the newest set. "
        "Lines pass behind nodes that do not subscribe."
    )
    drawing.text(x, y + 26, note, 11.5, FAINT)


def figures(names: Iterable[str] = ("layers", "data_flow")) -> dict[str, str]:
    """The figures as SVG by name."""
    make = {"layers": lambda: draw_layers(read_layers()), "data_flow": lambda: draw_data_flow(*read_nodes())}
    return {name: make[name]() for name in names}


def main() -> int:
    """Write or check the figures."""
    stale = []
    for name, svg in figures().items():
        path = OUT / f"{name}.svg"
        if path.is_file() and path.read_text(encoding="utf-8") == svg:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            OUT.mkdir(exist_ok=True)
            path.write_text(svg, encoding="utf-8")
            print(f"drawn       {path}")
    if stale and "--check" in sys.argv:
        print(f"not as the code is: {', '.join(stale)}; run `python docs/figures.py` and look at them")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
