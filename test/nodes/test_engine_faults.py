"""The inference node with an engine that fails, and one that hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.executors import SingleThreadedExecutor

from lss_bev_ros.geometry import BevGrid, Camera, Pose, Rig
from lss_bev_ros.nodes.calibration import RigReading
from lss_bev_ros.nodes.inference import InferenceNode
from lss_bev_ros.runtime import FrameSet, Prediction
from lss_bev_ros.runtime.synchronizer import CameraSet

GRID = BevGrid()
RIG = Rig((Camera("cam_front", np.diag([300.0, 300.0, 1.0]), 64, 48, Pose.identity()),))


class FakeEngine:
    """Sees nothing, at once, unless told otherwise."""

    grid, weights, reason, answers_moments = GRID, "none", "a test", False

    def __init__(self, name: str, work: Callable[[], object] = lambda: None) -> None:
        self.name, self.work = name, work

    def infer_usable(self, frame_set: FrameSet) -> tuple[Prediction, dict[str, str]]:
        self.work()
        cells = np.zeros(GRID.shape, np.float32)
        return Prediction(frame_set.stamp, GRID, cells, np.ones(GRID.shape, bool), {}), {}

    def close(self) -> None:
        pass


class Running:
    """An inference node whose executor runs, with engines by backend."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **engines: list[FakeEngine]) -> None:
        def create(backend: str, *_: object, **__: object) -> FakeEngine:
            return engines[backend].pop(0)

        monkeypatch.setattr("lss_bev_ros.runtime.create_engine", create)
        self.node = InferenceNode(
            backend="cuda", weights="seed:0", lidar="", engine_timeout=0.5, cameras=["cam_front"]
        )
        monkeypatch.setattr(self.node._calibration, "rig", lambda _stamps: RigReading(RIG))
        monkeypatch.setattr("lss_bev_ros.messages.picture", lambda message: b"")
        monkeypatch.setattr("lss_bev_ros.messages.image_note", lambda message: "")
        monkeypatch.setattr("lss_bev_ros.messages.from_stamp", lambda stamp: 0)
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.thread = threading.Thread(target=self.executor.spin, daemon=True)
        self.thread.start()

    def send(self) -> None:
        from sensor_msgs.msg import CompressedImage

        self.node._slot.put(CameraSet({"cam_front": CompressedImage()}, 0, True))

    def serve(self, frames: int) -> None:
        """Send one frame after the other until so many were served."""
        wanted = self.node._served + frames
        deadline = time.monotonic() + 60.0
        while self.node._served < wanted:
            assert time.monotonic() < deadline, "no frame was served"
            self.send()
            time.sleep(0.02)

    def status(self) -> tuple[bytes, str, str]:
        status = next(each for each in self.node._statuses() if each.name == "network")
        return status.level, status.message, str(status.values["backend"])

    def close(self) -> None:
        self.executor.shutdown()
        self.thread.join(10.0)
        self.node.close()
        self.node.destroy_node()


@pytest.fixture
def run(ros, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def start(**engines: list[FakeEngine]) -> Running:
        started.append(Running(monkeypatch, **engines))
        return started[-1]

    yield start
    for each in started:
        each.close()


def fails() -> None:
    raise RuntimeError("CUDA error: device-side assert triggered")


def test_frames_go_on_with_another_engine_and_the_diagnostics_say_which(run):
    running = run(
        cuda=[FakeEngine("cuda", fails), FakeEngine("cuda", fails)], torch=[FakeEngine("torch-cpu")]
    )
    running.serve(2)
    level, line, backend = running.status()
    assert backend == "torch-cpu"
    assert level == DiagnosticStatus.ERROR, "it has only just happened"
    assert "cuda failed (CUDA error: device-side assert triggered)" in line
    assert "torch-cpu runs in its place" in line
    running.node._problem, running.node._last_set = ("", -100.0), time.monotonic()
    assert running.status()[0] == DiagnosticStatus.WARN, "and it stays so"


def test_a_frame_that_never_comes_out_of_the_engine_holds_up_no_other(run):
    stuck = threading.Event()
    running = run(cuda=[FakeEngine("cuda", stuck.wait)], torch=[FakeEngine("torch-cpu")])
    running.send()
    running.serve(2)
    assert running.status()[2] == "torch-cpu"
    assert "it was stuck" in running.node._keeper.note
    assert running.node.is_alive()
    served = running.node._served
    stuck.set()  # what comes out at last comes too late
    time.sleep(0.1)
    assert running.node._served == served


def test_a_stuck_engine_is_no_sign_of_life(run):
    stuck = threading.Event()
    running = run(cuda=[FakeEngine("cuda", stuck.wait)], torch=[])
    assert running.node.is_alive()
    running.node._gave_up = None  # nobody comes to its help
    running.node._watch_timer.cancel()
    running.send()
    deadline = time.monotonic() + 30.0
    while running.node.is_alive():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    stuck.set()


def test_cameras_that_have_all_died_are_an_error(run):
    running = run(cuda=[FakeEngine("cuda")])
    node = running.node
    node._synchronizer.add("cam_front", 0, None, time.monotonic_ns() - 30_000_000_000)
    status = next(each for each in node._statuses() if each.name == "cameras")
    assert status.level == DiagnosticStatus.ERROR
    assert "none of 1 cameras has sent an image for 30." in status.message
