"""The dashboard beside real nodes, driven in a real browser."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import re
import shutil
import socket
import subprocess
import time
import urllib.request

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import MapMetaData, OccupancyGrid
from nav_msgs.msg import Path as PathMessage
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, CompressedImage, PointCloud2
from std_srvs.srv import Trigger
from vision_msgs.msg import LabelInfo
from visualization_msgs.msg import Marker, MarkerArray

from lss_bev_ros import messages
from lss_bev_ros.answers.boxes import Detections
from lss_bev_ros.answers.lanes import TracedLine
from lss_bev_ros.answers.voxels import OccupiedVoxels
from lss_bev_ros.geometry import BevGrid
from lss_bev_ros.messages.objects import label_info, object_markers
from lss_bev_ros.messages.paths import lane_markers, path
from lss_bev_ros.messages.voxels import voxel_cloud

aiohttp = pytest.importorskip("aiohttp", reason="the dashboard needs aiohttp; pip install aiohttp")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--enable-unsafe-swiftshader",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
]


class Browser:
    """Chromium without a window, over the Chrome DevTools Protocol."""

    def __init__(self, folder):
        self.problems = []
        self._loop = asyncio.new_event_loop()
        self._process = subprocess.Popen(
            [CHROMIUM, *FLAGS, f"--user-data-dir={folder}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        file = folder / "DevToolsActivePort"
        deadline = time.monotonic() + 60
        while not (file.exists() and file.read_text().count("\n")):
            assert time.monotonic() < deadline, "the browser did not start"
            time.sleep(0.1)
        self._count = 0
        self._run(self._attach(file.read_text().split()[0]))
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    async def _attach(self, port):
        self._session = aiohttp.ClientSession()
        async with self._session.get(f"http://127.0.0.1:{port}/json") as answer:
            pages = [target for target in await answer.json() if target["type"] == "page"]
        self._socket = await self._session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0)

    def _run(self, coroutine):
        return self._loop.run_until_complete(coroutine)

    def call(self, method, **parameters):
        """Call a method of the protocol and return its result."""
        return self._run(self._call(method, parameters))

    async def _call(self, method, parameters):
        self._count += 1
        await self._socket.send_json({"id": self._count, "method": method, "params": parameters})
        while True:
            message = json.loads((await self._socket.receive(timeout=60)).data)
            if message.get("method") == "Runtime.exceptionThrown":
                self.problems.append(message["params"]["exceptionDetails"])
            if message.get("method") == "Log.entryAdded" and message["params"]["entry"]["level"] == "error":
                self.problems.append(message["params"]["entry"])
            if message.get("id") == self._count:
                assert "error" not in message, message
                return message["result"]

    def evaluate(self, expression):
        """The value of an expression in the page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait(self, expression, timeout=60.0):
        """Wait until an expression holds and return its value."""
        deadline = time.monotonic() + timeout
        while not (value := self.evaluate(expression)):
            assert time.monotonic() < deadline, f"{expression} did not come true; {self.problems}"
            time.sleep(0.05)
        return value

    def open(self, address, width=1440, height=900, dark=False):
        """Open a page in a window of this size."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=address)
        self.wait("document.readyState === 'complete' && location.protocol === 'http:'")

    def click(self, selector):
        """Click the middle of an element with the mouse."""
        place = f"document.querySelector({selector!r}).getBoundingClientRect()"
        left, top, width, height = (
            self.evaluate(f"{place}.{side}") for side in ("left", "top", "width", "height")
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call(
                "Input.dispatchMouseEvent",
                type=kind,
                x=left + width / 2,
                y=top + height / 2,
                button="left",
                clickCount=1,
            )

    def press(self, key, code):
        """Press and release a key."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=code)

    def screenshot(self, path):
        """Save what is seen as PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def close(self):
        self._run(self._session.close())
        self._process.terminate()
        self._process.wait(20)
        self._loop.close()


@pytest.fixture
def browser(tmp_path):
    if CHROMIUM is None:
        pytest.skip("no chromium on the path; install it to test the page (apt-get install chromium)")
    running = Browser(tmp_path)
    yield running
    running.close()


def address_of(processes, process, timeout=60.0):
    """Where a dashboard node says that it is."""
    deadline = time.monotonic() + timeout
    while not (found := re.search(r"open (http://\S+)", processes.output(process))):
        assert process.poll() is None, processes.output(process)
        assert time.monotonic() < deadline, processes.output(process)
        time.sleep(0.1)
    return found[1]


def get(address):
    with urllib.request.urlopen(address, timeout=10) as answer:
        return json.load(answer)


def page_status(received, level):
    """The dashboard's own status, once it has this level."""
    for array in received["/diagnostics"]:
        for status in array.status:
            if status.name == "dashboard: page" and status.level == level:
                return status
    return None


def test_the_page_in_a_browser(street, processes, browser, tmp_path):
    """Steps, resumes, pauses and switches the layers, by mouse and by keyboard."""
    node = processes.node("dashboard", port=0, reliability="reliable")
    processes.node("inference", reliability="reliable")
    processes.node("evaluation", reliability="reliable")
    processes.node("replay", dataroot=street, loop="true", paused="true", wait_for_publisher="bev/occupancy")
    address = address_of(processes, node)
    browser.open(address)
    stamp = "document.body.dataset.stamp"
    browser.wait("document.querySelector('#link.on') && !document.querySelector('#step').disabled", 120)
    assert browser.evaluate(f"{stamp} === undefined")

    browser.click("#step")
    first = browser.wait(stamp)
    browser.wait(f"document.querySelectorAll('.camera:not(.empty) canvas').length === 6 && {stamp}")
    browser.wait("!document.querySelector('label:has(#layer-prediction)').classList.contains('absent')")
    browser.press("ArrowRight", "ArrowRight")
    second = browser.wait(f"{stamp} !== {first!r} && {stamp}")
    browser.press(" ", "Space")
    browser.wait("document.querySelector('#pause').textContent === 'Pause'")
    browser.wait(f"{stamp} !== {second!r}")
    browser.click("#pause")
    browser.wait("document.querySelector('#pause').textContent === 'Resume'")
    browser.wait("document.querySelector('#scene').textContent.endsWith(', paused')")

    def shown():
        pictures = browser.evaluate(
            "[...document.querySelectorAll('canvas')].slice(0, 7).map(c => c.toDataURL())"
        )
        return [hashlib.sha1(picture.encode()).hexdigest() for picture in pictures]

    def rested():
        """What is shown once it stays: grids that were under way when the replay paused still come."""
        seen, deadline = None, time.monotonic() + 120
        while (now := (browser.evaluate(stamp), shown())) != seen:
            assert time.monotonic() < deadline, "the page does not rest while the replay is paused"
            seen = now
            time.sleep(1.5)
        return seen

    def switched(layer):
        """What is shown with a layer, without it and with it again, all of one frame."""
        absent = f"document.querySelector('label:has(#layer-{layer})').classList.contains('absent')"
        for _ in range(10):  # a network under load may be slower than what counts as rest
            before, everything = rested()
            if browser.evaluate(absent):
                browser.press("ArrowRight", "ArrowRight")
                with contextlib.suppress(AssertionError):
                    browser.wait(f"{stamp} !== {before!r}", 20.0)
                continue
            pictures = [everything]
            for _ in range(2):
                browser.click(f"#layer-{layer}")
                pictures.append(shown())
            if browser.evaluate(stamp) == before:
                return pictures
        pytest.fail(f"ten frames changed under way or had no {layer}")

    for layer, in_cameras in (("prediction", True), ("truth", True), ("lidar", False)):
        everything, without, again = switched(layer)
        assert without[6] != everything[6], f"{layer} is not a layer of the bird's-eye view"
        assert (without[:6] != everything[:6]) == in_cameras, layer
        assert again == everything, layer

    browser.wait("document.querySelectorAll('#eval-rows tr td.good, #eval-rows tr td.bad').length > 5")
    for name, width, height, dark in (
        ("light", 1440, 900, False),
        ("dark", 1440, 900, True),
        ("phone", 390, 844, False),
    ):
        browser.open(address, width, height, dark)
        browser.wait(f"{stamp} && document.querySelector('#eval-rows tr') !== null")
        assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is too wide"
        browser.screenshot(tmp_path / f"{name}.png")
    browser.open(f"{address}/eval")
    browser.wait("document.querySelector('#eval-rows [data-metric=iou]') !== null")
    assert browser.problems == []


class Seer:
    """What an inference node with a multi-sense network publishes, of one moment, and its parameter."""

    STAMP = 5_000_000_000

    def __init__(self, node):
        self.node = node
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        node.declare_parameter("prompts", ["zebra crossing"])
        node.add_on_set_parameters_callback(self._on_parameters)
        self.refuse = ""
        grids = ["bev/occupancy", "bev/drivable", "bev/person", "bev/prompts/prompt_0"]
        kinds = dict.fromkeys(grids, OccupancyGrid)
        kinds |= {"bev/objects/markers": MarkerArray, "bev/lanes": MarkerArray}
        kinds |= {"bev/plan": PathMessage, "bev/voxels": PointCloud2, "bev/prompts/label_info": LabelInfo}
        self._publishers = {
            topic: node.create_publisher(kind, topic, latched if kind in (OccupancyGrid, LabelInfo) else 10)
            for topic, kind in kinds.items()
        }
        self._name(["zebra crossing"])
        timer_clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = node.create_timer(0.3, self._publish, clock=timer_clock)

    def listeners(self, topic):
        return self._publishers[topic].get_subscription_count()

    def _on_parameters(self, changed):
        if not self.refuse:
            self._name(changed[0].value)
        return SetParametersResult(successful=not self.refuse, reason=self.refuse)

    def _name(self, texts):
        self._publishers["bev/prompts/label_info"].publish(label_info(texts, self.STAMP, "base_link"))

    def _publish(self):
        grid, stamp = BevGrid(), self.STAMP
        drivable, crossing = np.zeros((2, 200, 200), np.int8)
        drivable[:, 90:110], crossing[120:130, 95:105] = 100, 100
        things = Detections(
            np.array([0, 8]),
            np.array([0.9, 0.6], np.float32),
            np.array([[20.0, -3, 0.8], [8, 6, 0.9]], np.float32),
            np.array([[4.0, 2, 1.6], [0.6, 0.6, 1.8]], np.float32),
            np.zeros(2, np.float32),
            np.array([[8.5, 0], [0, 0]], np.float32),
        )
        lane = TracedLine(np.array([[5.0, 1.5], [40.0, 1.5]]), 0.9)
        cells = np.argwhere(np.ones((40, 30, 1), bool)).astype(np.int16)
        centers = np.array([-10.0, -7.5, -1.0], np.float32) + (cells + 0.5) * np.array([0.5, 0.5, 0.4])
        voxels = OccupiedVoxels(cells, np.full(len(cells), 11, np.uint8), centers.astype(np.float32))
        plan = np.column_stack([np.arange(1, 7) * 4.0, np.zeros(6)])
        made = {
            "bev/occupancy": messages.occupancy_grid(np.zeros((200, 200), np.int8), grid, stamp),
            "bev/drivable": messages.occupancy_grid(drivable, grid, stamp),
            "bev/person": messages.occupancy_grid(np.zeros((200, 200), np.int8), grid, stamp),
            "bev/prompts/prompt_0": messages.occupancy_grid(crossing, grid, stamp),
            "bev/objects/markers": object_markers(things, stamp),
            "bev/lanes": lane_markers({"lane_boundary": [lane]}, stamp),
            "bev/plan": path(plan, stamp, step=0.5),
            "bev/voxels": voxel_cloud(voxels, stamp),
        }
        for topic, message in made.items():
            if self._publishers[topic].get_subscription_count():
                self._publishers[topic].publish(message)


@pytest.fixture
def seer(listener):
    node = rclpy.create_node("inference")
    listener._executor.add_node(node)
    yield Seer(node)
    listener._executor.remove_node(node)
    node.destroy_node()


def test_the_answers_of_a_multi_sense_network_in_a_browser(seer, processes, browser, tmp_path):
    """Each layer is shown and switched off, prompts are set, and nobody is bothered for what is not seen."""
    address = address_of(processes, processes.node("dashboard", port=0))
    browser.open(address)
    browser.wait("document.body.dataset.stamp && !document.querySelector('#answers').hidden")
    browser.wait("document.querySelectorAll('#object-rows tr').length === 2")
    browser.wait("document.querySelector('#space-tag').textContent === '1200 voxels'")
    faces = 40 * 30 + 2 * 40 + 2 * 30
    assert browser.evaluate("document.querySelector('#space canvas').dataset.faces") == str(faces)
    rows = browser.evaluate("document.querySelector('#object-rows').innerText")
    assert [row.split() for row in rows.splitlines()] == [
        ["car", "0.90", "20", "8.5"],
        ["pedestrian", "0.60", "10", "0.0"],
    ]
    names = ["drivable", "person", "objects", "lanes", "plan", "voxels", "prompt_0"]
    assert browser.evaluate("[...document.querySelectorAll('#layer-list input')].map(i => i.id)") == [
        f"answer-{name}" for name in names
    ]
    shown = "document.querySelector('#bev > canvas').toDataURL()"
    browser.wait("document.querySelector('#space canvas').toDataURL().length > 5000")
    for name in ("drivable", "objects", "lanes", "plan", "prompt_0"):
        before = browser.evaluate(shown)
        for _ in range(2):
            browser.evaluate(f"document.querySelector('#answer-{name}').click()")
            browser.wait(f"{shown} !== {before!r}")
            before = browser.evaluate(shown)
    for name, topic in (("voxels", "bev/voxels"), ("person", "bev/person")):
        assert seer.listeners(topic) == 1
        browser.evaluate(f"document.querySelector('#answer-{name}').click()")
        wait_until(lambda topic=topic: seer.listeners(topic) == 0)
    assert browser.evaluate("document.querySelector('#space').hidden")

    def show(texts):
        browser.evaluate(
            f"document.querySelector('#prompt-text').value = {texts!r}, "
            "document.querySelector('#prompts button').click()"
        )

    show("someone on foot")
    browser.wait("document.querySelector('#layer-list').innerText.includes('someone on foot')")
    seer.refuse = "prompts: 'x' is too long"
    show("x")
    browser.wait("document.querySelector('#prompt-message').textContent === \"prompts: 'x' is too long\"")
    assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
    browser.screenshot(tmp_path / "answers.png")
    # The browser's own line about the refusal is no fault of the page.
    assert [problem for problem in browser.problems if "409" not in str(problem)] == []

    browser.call("Page.navigate", url="about:blank")
    wait_until(lambda: seer.listeners("bev/drivable") == 0)


def wait_until(condition, timeout=60.0):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def test_a_topic_that_never_comes_is_named(processes):
    node = processes.node("dashboard", port=0)
    address = address_of(processes, node)
    waiting = get(f"{address}/healthz")["waiting"]
    assert {"bev/occupancy", "lidar_top/points", "cam_front/image_raw/compressed"} <= set(waiting)


def refusals(received, start):
    """What the dashboard says that it does not take, of one topic."""
    statuses = (status for array in received["/diagnostics"] for status in array.status)
    return [s.message for s in statuses if s.name == "dashboard: messages" and start in s.message]


def absurd_messages():
    """Topic, and a message that no driver should send."""
    stamp = messages.header(1_000_000_000, "base_link")

    def grid(width, height, resolution):
        info = MapMetaData(resolution=resolution, width=width, height=height)
        return OccupancyGrid(header=stamp, info=info, data=[0] * min(width * height, 40_000))

    return [
        ("bev/occupancy", grid(200, 200, 1e6)),
        ("bev/occupancy", grid(200, 200, 1e-30)),
        ("bev/occupancy", grid(200, 200, float("nan"))),
        ("bev/occupancy", grid(2**31, 2**31, 0.5)),
        ("ground_truth/occupancy", grid(40_000, 1, 0.5)),
        ("ground_truth/boxes", MarkerArray(markers=[Marker(type=Marker.CUBE)])),
        ("lidar_top/points", PointCloud2(header=stamp, width=2**31, height=2**31, point_step=0)),
        ("cam_front/image_raw/compressed", CompressedImage(header=stamp, data=b"\xff\xd8\xff")),
        ("cam_front/camera_info", CameraInfo(header=stamp, k=[float("nan")] * 9)),
    ]


def test_no_message_ends_the_node_or_its_page(processes, listener):
    listener.listen(DiagnosticArray, "/diagnostics")
    node = processes.node("dashboard", port=0, reliability="reliable")
    address = address_of(processes, node)
    latched = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    sent = [
        (listener.node.create_publisher(type(message), topic, latched), message)
        for topic, message in absurd_messages()
    ]
    for publisher, message in sent:
        deadline = time.monotonic() + 60
        while not publisher.get_subscription_count():
            assert time.monotonic() < deadline, f"nobody hears {publisher.topic_name}"
            time.sleep(0.05)
        publisher.publish(message)
    publisher, message = sent[0]
    deadline = time.monotonic() + 60
    refusal = "bev/occupancy: info.resolution of 1e+06 m is no side of a cell"
    while not refusals(listener.received, refusal):
        assert time.monotonic() < deadline, "the grid that is not drawn is not named"
        publisher.publish(message)
        time.sleep(0.3)
    listener.wait_for(lambda got: page_status(got, b"\x00"))
    assert get(f"{address}/healthz")["status"] == "ok"
    assert node.poll() is None


def test_a_taken_port_is_reported_and_the_node_goes_on(processes, listener):
    listener.listen(DiagnosticArray, "/diagnostics")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        node = processes.node("dashboard", port=port)
        status = listener.wait_for(lambda got: page_status(got, b"\x01"))
        assert f"cannot listen on 127.0.0.1:{port}" in status.message
    listener.wait_for(lambda got: page_status(got, b"\x00"))
    assert address_of(processes, node) == f"http://127.0.0.1:{port}"


def test_without_aiohttp_the_node_goes_on(processes, listener, tmp_path, monkeypatch):
    (tmp_path / "aiohttp.py").write_text("raise ModuleNotFoundError('no aiohttp', name='aiohttp')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    listener.listen(DiagnosticArray, "/diagnostics")
    node = processes.node("dashboard", port=0)
    status = listener.wait_for(lambda got: page_status(got, b"\x01"))
    assert "pip install aiohttp" in status.message
    assert node.poll() is None


def test_control_reaches_the_replay(street, processes, listener):
    node = processes.node("dashboard", port=0)
    processes.node("replay", dataroot=street, loop="true")
    address = address_of(processes, node)
    deadline = time.monotonic() + 60
    while not get(f"{address}/state.json")["replay"]["available"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    request = urllib.request.Request(f"{address}/replay/pause", method="POST", headers={"Origin": address})
    assert get(request)["message"] == "paused"
    step = listener.node.create_client(Trigger, "replay/step")
    assert listener.call(step, Trigger.Request()).success  # which only a paused replay grants


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"port": "http"}, "parameter port: 'http' is not a whole number"),
        ({"port": "70000"}, "parameter port: 70000 is not between 0 and 65535"),
        ({"image_transport": "theora"}, "parameter image_transport: 'theora' is not one of compressed, raw"),
    ],
)
def test_a_wrong_start_is_one_line(parameters, told, processes):
    process = processes.node("dashboard", **parameters)
    assert process.wait(30) == 1
    (line,) = processes.output(process).strip().splitlines()
    assert line.startswith(f"error: {told}")
