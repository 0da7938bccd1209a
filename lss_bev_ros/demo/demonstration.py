"""Runs the demonstration from an empty folder to a report, a picture and a bag."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.markup import escape

from pipros.launching import parse_arguments, parse_value

from ..dataset.contents import camera_names, count_keyframes
from ..errors import LssBevError, RosError
from ..evaluation import report_table
from ..parent import bound_to_this
from ..visualization.sheet import CAMERAS_ALONE
from .monitor import DemoMonitor
from .picture import answers_from_bag, picture_from_bag
from .scene import synthetic_scene
from .status import live_table

_FRAMES = 20
"""Keyframes to score at least; a shorter data set is played several times."""

_LISTENERS = 2
"""A topic's subscribers: the node that uses it and the recorder; the dashboard comes on top."""

_SETTLING = 0.5
"""Seconds for those who are known to each other to be connected."""

_PROMPTS = "['zebra crossing']"
"""What a network that understands words is asked to show."""

_SLOWLY = "0.25"
"""Playback of a multi-sense network on a processor."""

_START_TIMEOUT = 90.0
_STOP_TIMEOUT = 15.0


@dataclass(frozen=True)
class DemoFiles:
    """What the demonstration leaves behind, all in one folder."""

    folder: Path

    @property
    def report(self) -> Path:
        """The evaluation report."""
        return self.folder / "evaluation.json"

    @property
    def picture(self) -> Path:
        """Six cameras beside prediction, LiDAR and ground truth."""
        return self.folder / "frame.png"

    @property
    def answers(self) -> Path:
        """Every answer of a multi-sense network; not there without one."""
        return self.folder / "answers.png"

    @property
    def bag(self) -> Path:
        """The rosbag2 recording."""
        return self.folder / "bag"

    def log(self, name: str) -> Path:
        """Output of a process."""
        return self.folder / f"{name}.log"


def run_demo(arguments: Sequence[str], runs: Path = Path("runs"), console: Console | None = None) -> int:
    """Launch everything, watch it, and show what came of it.

    Args:
        arguments: `name:=value` arguments for demo.launch.py; without `dataroot` a synthetic scene is made
            once and kept, and without `weights` those of `demo_weights` are used.
        runs: where results go: `<runs>/demo`, the previous one moved to `<runs>/demo.previous`; with
            `namespace:=car1` `<runs>/demo-car1`, so that several run at once.
        console: where to print.

    Returns:
        0, also after Ctrl-C or SIGTERM; 1 where no frame was scored or a process failed.

    Raises:
        LssBevError: bad arguments or data set.
    """
    console = console or Console()
    given = parse_arguments(arguments)
    if "dataroot" not in given:
        given["dataroot"] = str(synthetic_scene(runs / "data", console))
    given.setdefault("repeat", str(_repeats(given)))
    if "weights" not in given:
        given["weights"] = demo_weights()
    given = answer_arguments(given["weights"], given) | given
    namespace = given.get("namespace", "").strip("/")
    files = DemoFiles(_fresh(runs / "-".join(["demo", *filter(None, namespace.split("/"))])))
    if namespace:
        given.setdefault("port", "0")  # 8080 may be another car's
    given["report"] = str(files.report)
    given["paused"] = "true"  # until everyone listens
    cameras = camera_names(given["dataroot"], given.get("version", ""))
    listeners = _LISTENERS + (given.get("dashboard", "true").lower() in ("true", "1"))
    # In the graph is not yet connected to: the replay counts those that its own publishers reach.
    given.setdefault("wait_for_subscribers", str(listeners))
    interrupted = False
    recording = ["bag", "record", *_recorded(given, cameras), "--output", str(files.bag)]
    with _terminable(), _process("bag", recording, files):
        launch = ["launch", "demo.launch.py", *(f"{name}:={value}" for name, value in given.items())]
        with _process("launch", launch, files) as nodes:
            try:
                monitor = DemoMonitor(namespace, cameras, given.get("image_transport", ""))
                seen = _watch(nodes, listeners, monitor, console)
            except KeyboardInterrupt:
                interrupted = True
                seen = {}
                console.print("interrupted: closing the bag and the report")
        failed = nodes.returncode != 0 and not interrupted
    if failed:
        console.print(
            f"[red]a node failed[/]: {escape(_last_error(files.log('launch')))} (see {files.log('launch')})"
        )
    status = _conclude(files, seen, _seen_by(given["weights"]), console)
    return 0 if interrupted else int(failed or status != 0)


def demo_weights() -> str:
    """The weights that ship and show the most here.

    Those of the multi-sense network, where this installation has them. Without, those that keep up with two
    frames a second: the pruned ones where there is no GPU.
    """
    from ..model.multi_sense_names import BUILTIN, SHIPPED
    from ..runtime.backends import REGISTRY  # loads PyTorch

    if SHIPPED.is_file():
        return BUILTIN
    return "builtin" if REGISTRY["cuda"].unusable() is None else "builtin-pruned"


def answer_arguments(weights: str, given: Collection[str] = ()) -> dict[str, str]:
    """Arguments of the launch for a multi-sense network where the user says nothing; none for others.

    A prompt that needs no text encoder. Without a GPU slower playback: all answers take a processor
    more than half a second, and what was seen more than two seconds ago is not remembered. Stamps stay those
    of the recording, so that the slower playback changes no speed.

    Args:
        weights: of the network.
        given: names of the user's arguments; who says how fast or with which stamps chooses both.
    """
    from ..model.multi_sense_names import is_multi_sense
    from ..runtime.backends import REGISTRY  # loads PyTorch

    if not is_multi_sense(weights):
        return {}
    found = {"prompts": _PROMPTS}
    if REGISTRY["cuda"].unusable() is not None and not {"rate", "stamp"} & set(given):
        found |= {"rate": _SLOWLY, "stamp": "dataset"}
    return found


def _recorded(given: dict[str, str], cameras: Sequence[str]) -> list[str]:
    """Options of `bag record` for all topics but those of other cars in the same domain."""
    shared = ["diagnostics", "rosout"]
    if given.get("namespaced_tf", "true").lower() not in ("true", "1"):
        shared += ["tf", "tf_static"]
    namespace = given.get("namespace", "").strip("/")
    if namespace:
        return ["--regex", f"^/{re.escape(namespace)}/|^/({'|'.join(shared)})$"]
    own = "|".join(map(re.escape, (*cameras, "lidar_top", "ground_truth", "bev", "evaluation")))
    return ["--all", "--exclude-regex", f"^/.+/({own})/|^/.+/(tf|tf_static|clock)$"]


def _repeats(given: dict[str, str]) -> int:
    scenes = parse_value(given.get("scenes", "[]"), "scenes")
    names = [str(name) for name in (scenes if isinstance(scenes, list) else [scenes]) if name]
    keyframes = count_keyframes(given["dataroot"], given.get("version", ""), names)
    return -(-_FRAMES // max(1, keyframes))


def _fresh(folder: Path) -> Path:
    """An empty folder; what it held before is kept beside it."""
    previous = folder.with_name(f"{folder.name}.previous")
    if folder.exists():
        shutil.rmtree(previous, ignore_errors=True)
        folder.rename(previous)
    folder.mkdir(parents=True)
    return folder


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM counts as Ctrl-C, so that the processes that were started end too."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _process(name: str, command: list[str], files: DemoFiles) -> Iterator[subprocess.Popen]:
    """Run an `lss-bev` command in the background; at the end interrupt it and wait for it to finish."""
    with files.log(name).open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "lss_bev_ros.cli", *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is passed on here, in order
            preexec_fn=bound_to_this(),
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        try:
            yield process
        finally:
            for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
                if process.poll() is None:
                    process.send_signal(ending)
                    with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
                        process.wait(_STOP_TIMEOUT)


def _watch(nodes: subprocess.Popen, listeners: int, monitor: DemoMonitor, console: Console) -> dict[str, str]:
    """Show the live status until the nodes end; return what the network said of itself last."""
    started = time.monotonic()
    phase, shown, page = "starting", 0.0, ""
    try:
        with Live(console=console, refresh_per_second=4, transient=not console.is_terminal) as live:
            while nodes.poll() is None:
                if phase == "starting" and monitor.ready(listeners):
                    time.sleep(_SETTLING)
                    phase = "playing" if monitor.resume() else phase
                elif phase == "starting" and time.monotonic() - started > _START_TIMEOUT:
                    raise RosError(f"the nodes did not start within {_START_TIMEOUT:.0f} s; see launch.log")
                if page != (page := monitor.state("page")[1]):
                    console.print(f"dashboard   {escape(page)}")
                if console.is_terminal:
                    live.update(live_table(monitor, phase, started))
                elif time.monotonic() - shown > 5.0:
                    console.print(live_table(monitor, phase, started))
                    shown = time.monotonic()
                time.sleep(0.25)
        return dict(monitor.values("network"))
    finally:
        monitor.close()


def _seen_by(weights: str) -> str:
    """What the network looks at; empty where it may be more than cameras."""
    from ..model.multi_sense_names import is_multi_sense

    return "" if is_multi_sense(weights) else CAMERAS_ALONE


def _conclude(files: DemoFiles, network: dict[str, str], seen_by: str, console: Console) -> int:
    """Print the table and write the picture; 0 where frames were scored."""
    try:
        report = json.loads(files.report.read_text())
    except (OSError, ValueError):
        console.print(f"[red]no report was written[/]; see {files.log('launch')}")
        return 1
    if not report["frames"]["evaluated"]:
        console.print(f"[red]no frame was scored[/]; see {files.log('launch')}")
        return 1
    report["engine"] = {**report.get("engine", {}), **network}
    weights = report["engine"].get("weights", "unknown")
    console.print(report_table(report))
    if "untrained" in weights:
        console.print(
            "[yellow]The network is untrained[/]: it runs on a seed initialisation, so the scores above are "
            "those of noise. Give weights:=CHECKPOINT for a trained one."
        )
    try:
        picture_from_bag(files.bag, report, files.picture, weights, seen_by)
        console.print(f"picture     {files.picture}")
        if answers_from_bag(files.bag, report, files.answers, weights):
            console.print(f"answers     {files.answers}")
    except (LssBevError, OSError) as error:
        console.print(f"[red]no picture[/]: {escape(str(error))}")
    console.print(f"report      {files.report}\nbag         {files.bag}")
    return 0


def _last_error(log: Path) -> str:
    """The last line of a log that tells of an error."""
    lines = log.read_text(errors="replace").splitlines()
    for mark in ("error: ", "[ERROR]"):  # what a node says of itself before what launch says of the node
        for line in reversed(lines):
            if mark in line:
                return line
    return lines[-1] if lines else ""
