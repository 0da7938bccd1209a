"""A dashboard with nodes made up, served on a free port."""

from __future__ import annotations

import socket
import time
from concurrent.futures import Future

import cv2
import numpy as np
import pytest

pytest.importorskip("aiohttp", reason="the dashboard needs aiohttp; pip install aiohttp")

from lss_bev_ros.dashboard.answers import AnswersControl
from lss_bev_ros.dashboard.pictures import Pictures
from lss_bev_ros.dashboard.replay_control import Answer, ReplayControl
from lss_bev_ros.dashboard.scene import Scene
from lss_bev_ros.dashboard.server import DashboardServer
from lss_bev_ros.dashboard.serving import Serving
from lss_bev_ros.dashboard.vitals import Vitals
from lss_bev_ros.geometry import BevGrid, Box, Camera, Pose, Rig

CAMERAS = ("cam_left", "cam_front", "cam_right")
TOPICS = ("cam_front/image_raw/compressed", "bev/occupancy", "/diagnostics")
AHEAD = Pose(np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]), np.array([1.5, 0.0, 1.6]))


def jpeg(shade=128, size=(320, 180)):
    return cv2.imencode(".jpg", np.full((size[1], size[0], 3), shade, np.uint8))[1].tobytes()


class Replay(ReplayControl):
    """Notes what it is asked."""

    def __init__(self):
        self.asked = []
        self.there = True
        self.paused = False

    def available(self):
        return self.there

    def request(self, command):
        self.asked.append(command)
        future = Future()
        good = command != "step" or self.paused
        self.paused = command == "pause" or (self.paused and command != "resume")
        future.set_result(Answer(good, "done" if good else "not paused: call pause first"))
        return future


class Answers(AnswersControl):
    """Notes what is looked at and which prompts it is given."""

    def __init__(self):
        self.there = ()
        self.texts = ["zebra crossing"]
        self.watched = []
        self.can_set = True

    def layers(self):
        return self.there

    def prompts(self):
        return self.texts

    def settable(self):
        return self.can_set

    def set_prompts(self, texts):
        future = Future()
        good = all(texts)
        self.texts = list(texts) if good else self.texts
        future.set_result(Answer(good, "done" if good else "a prompt is empty"))
        return future

    def watch(self, layers):
        self.watched.append(sorted(layers))


class CountingPictures(Pictures):
    """Counts what it draws."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.drawn = []

    def page(self, frame):
        self.drawn.append("page")
        return super().page(frame)

    def cam(self, frame):
        self.drawn.append("cam")
        return super().cam(frame)

    def bev(self, frame):
        self.drawn.append("bev")
        return super().bev(frame)


class Dashboard:
    """Everything of a dashboard but the nodes."""

    def __init__(self, **options):
        self.patience = options.pop("patience", 10.0)
        context = options.pop("context", None)
        self.scene = Scene(CAMERAS)
        self.vitals = Vitals(TOPICS)
        self.replay = Replay()
        self.answers = Answers()
        self.pictures = CountingPictures(CAMERAS)
        self.camera = Camera(
            "cam_front", np.array([[200.0, 0, 160], [0, 200.0, 90], [0, 0, 1]]), 320, 180, AHEAD
        )
        self.scene.rig = lambda: Rig((self.camera,))
        self.lines = []
        self.serving = Serving(
            lambda: DashboardServer(
                self.scene,
                self.vitals,
                self.replay,
                self.pictures,
                **{"max_rate": 30.0, "patience": self.patience, "answers": self.answers, **options},
            ),
            "127.0.0.1",
            options.get("port", 0),
            lambda line, good: self.lines.append((line, good)),
            patience=self.patience,
            context=context,
        )
        self.wait(lambda: self.serving.address)

    @property
    def address(self):
        return self.serving.address

    @property
    def port(self):
        return int(self.address.rpartition(":")[2])

    def wait(self, condition, timeout=60.0):
        deadline = time.monotonic() + timeout
        while not (value := condition()):
            assert time.monotonic() < deadline, "it did not happen"
            time.sleep(0.01)
        return value

    def publish(self, stamp, shade=128, occupancy=None):
        """One instant: three images, boxes, a scan and a grid."""
        for name in CAMERAS:
            self.scene.add_image(name, stamp, jpeg(shade))
        box = Box(Pose.from_yaw(0.0, (12.0, 0.0, 0.8)), np.array([4.0, 2.0, 1.6]), "vehicle.car")
        self.scene.add_boxes(stamp, [box])
        self.scene.add_points(stamp, np.array([[12.0, 1.0, 0.5], [900.0, 0.0, 0.0]], np.float32))
        if occupancy is None:
            occupancy = np.zeros((200, 200), np.int8)
            occupancy[120:128, 98:102] = 90
        self.scene.add_prediction(stamp, occupancy, BevGrid(), 120.0)

    def in_loop(self, function, *args):
        """Call something on the server's event loop."""
        self.serving.server._loop.call_soon_threadsafe(function, *args)

    def raw(self, data, timeout=5.0):
        """What comes back for these bytes until the server closes the connection or falls silent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as connection:
            connection.sendall(data)
            answer = b""
            try:
                while chunk := connection.recv(65536):
                    answer += chunk
            except (TimeoutError, ConnectionError):
                pass
            return answer

    def close(self):
        self.serving.close()


@pytest.fixture
def dashboard():
    running = Dashboard()
    yield running
    running.close()


@pytest.fixture
def make_dashboard():
    """Make one with options of the server."""
    made = []

    def make(**options):
        made.append(Dashboard(**options))
        return made[-1]

    yield make
    for each in made:
        each.close()
