from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from nav_msgs.msg import OccupancyGrid
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from tf2_msgs.msg import TFMessage

from lss_bev_ros import messages
from lss_bev_ros.dataset import NuScenesReader
from lss_bev_ros.geometry import CAMERA_NAMES
from lss_bev_ros.model import ModelConfig
from lss_bev_ros.runtime import FrameSet, create_engine
from lss_bev_ros.runtime.field_of_view import visible_cells

STEP = 500_000_000
PATIENT = "10.0"
"""A deadline that a machine under load keeps, where every camera comes."""


class Car:
    """Publishes one keyframe's images again and again, with what a test breaks."""

    def __init__(self, node, keyframe):
        self.node = node
        self.keyframe = keyframe
        self.jpegs = {name: shot.jpeg() for name, shot in keyframe.cameras.items()}
        self.infos = {name: messages.camera_info(shot.camera, 0) for name, shot in keyframe.cameras.items()}
        self.late = ()  # cameras whose camera_info comes well after every image
        self.shift = {}  # camera name to nanoseconds by which its clock is ahead
        self.heard = False  # whether the node was awaited
        self.time = keyframe.stamp
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._static = node.create_publisher(TFMessage, "/tf_static", latched)
        self._images = {
            name: node.create_publisher(CompressedImage, f"{name}/image_raw/compressed", 10)
            for name in CAMERA_NAMES
        }
        self._infos = {
            name: node.create_publisher(CameraInfo, f"{name}/camera_info", 10) for name in CAMERA_NAMES
        }
        mounted = [
            messages.transform(shot.camera.pose, "base_link", name, 0)
            for name, shot in keyframe.cameras.items()
        ]
        self._static.publish(TFMessage(transforms=mounted))

    def await_node(self, timeout=120.0):
        """Wait until the node hears every topic, which discovery brings together one by one."""
        publishers = [self._static, *self._images.values(), *self._infos.values()]
        deadline = time.monotonic() + timeout
        while deaf := [each.topic_name for each in publishers if not each.get_subscription_count()]:
            assert time.monotonic() < deadline, f"nobody hears {deaf}"
            time.sleep(0.05)
        if not self.heard:
            time.sleep(1.0)  # the node's readers find these writers in their own time, and nobody can ask
        self.heard = True

    def drive(self):
        """One instant further."""
        self.time += STEP
        newest = 0
        for name, jpeg in self.jpegs.items():
            stamp = self.time + self.keyframe.cameras[name].stamp - self.keyframe.stamp
            stamp = max(stamp + self.shift.get(name, 0), 0)
            newest = max(newest, stamp)
            self.infos[name].header.stamp = messages.to_stamp(stamp)
            if name not in self.late:
                self._infos[name].publish(self.infos[name])
            self._images[name].publish(messages.compressed_image(jpeg, stamp, name))
        if self.late:
            time.sleep(0.5)
        for name in self.late:
            self._infos[name].publish(self.infos[name])
        return newest


@pytest.fixture
def car(street, listener):
    keyframe = next(iter(NuScenesReader(street, "").keyframes("scene-0001")))
    return Car(listener.node, keyframe)


@pytest.fixture
def grids(car, processes, listener):
    """Drives until a grid comes; `await_grid(condition)` drives until one fits."""
    listener.listen(OccupancyGrid, "bev/occupancy")
    listener.listen(DiagnosticArray, "/diagnostics")

    def await_grid(condition=lambda message: True, turns=120):
        car.await_node()
        read = len(listener.received["bev/occupancy"])
        for _ in range(turns):
            sent = car.drive()
            try:
                listener.wait_for(lambda got, n=read: len(got["bev/occupancy"]) > n, timeout=1.0)
            except pytest.fail.Exception:
                continue
            # Each one, also one that came while the car drove: it may be the only one ever.
            for message in listener.received["bev/occupancy"][read:]:
                read += 1
                if condition(message):
                    return message, sent
        pytest.fail("no grid that fits")

    return await_grid


def statuses(listener, name):
    return [
        status
        for array in listener.received["/diagnostics"]
        for status in array.status
        if status.name.endswith(name)
    ]


def offline(keyframe, names):
    images = {name: keyframe.cameras[name].jpeg() for name in names}
    with create_engine(precision="fp32") as engine:
        return engine.infer(FrameSet(0, keyframe.rig, images)).occupancy


def seen_by(car, names=CAMERA_NAMES):
    """Whether a grid is of exactly these cameras: on a busy machine the first ones may lack others too."""
    seen = visible_cells(car.keyframe.rig.subset(names), ModelConfig())
    return lambda message: np.array_equal(messages.cells_from_grid(message)[0] >= 0, seen)


def test_the_grid_is_that_of_the_engine(car, grids, processes, listener):
    listener.listen(Image, "bev/image")
    processes.node("inference", precision="fp32", reliability="reliable", deadline=PATIENT)
    message, sent = grids(seen_by(car))
    cells, _ = messages.cells_from_grid(message)
    assert message.header.frame_id == "base_link"
    assert messages.from_stamp(message.header.stamp) <= sent
    expected = offline(car.keyframe, CAMERA_NAMES)
    assert (np.abs(cells.astype(int) - expected) <= 1).all()
    picture = listener.wait_for(lambda got: got["bev/image"])[0]
    assert picture.header.frame_id == "base_link"
    status = listener.wait_for(lambda _: statuses(listener, ": network"))[-1]
    values = messages.diagnostic_values(status)
    assert "builtin" in values["weights"]
    listener.wait_for(lambda _: "splat_ms" in messages.diagnostic_values(statuses(listener, ": network")[-1]))


def test_who_comes_late_gets_the_last_grid_if_it_asks_for_it(car, grids, processes, listener):
    """As nav2's static layer does; who does not ask hears the next one."""
    processes.node("inference", precision="fp32", reliability="reliable", deadline=PATIENT)
    grids(seen_by(car))
    before = len(listener.received["bev/occupancy"])
    late = {latched: [] for latched in (True, False)}
    for latched, heard in late.items():
        durability = DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
        qos = QoSProfile(depth=1, durability=durability)
        listener.node.create_subscription(OccupancyGrid, "bev/occupancy", heard.append, qos)
    heard = listener.wait_until(lambda: list(late[True]), "heard what was last")
    # More than that one only if it came since, to all.
    listener.wait_until(
        lambda: len(heard) <= 1 + len(listener.received["bev/occupancy"]) - before, "heard the last one only"
    )
    assert heard[0].header.stamp in [grid.header.stamp for grid in listener.received["bev/occupancy"]]
    late[False].clear()
    grids(lambda message: bool(late[False]))


def test_the_first_set_waits_for_a_late_camera_info(car, grids, processes):
    car.late = ("cam_back_right",)
    processes.node("inference", precision="fp32", reliability="reliable", deadline=PATIENT)
    message, _ = grids()
    assert seen_by(car)(message)


def test_a_lost_camera_leaves_its_sector_unknown(car, grids, processes, listener):
    del car.jpegs["cam_back"]
    processes.node("inference", precision="fp32", reliability="reliable", deadline="0.5")
    message, _ = grids(seen_by(car, [name for name in CAMERA_NAMES if name != "cam_back"]))
    assert messages.cells_from_grid(message)[0][40, 100] == -1  # 30 m behind
    grids()
    listener.wait_for(
        lambda _: any("cam_back" in status.message for status in statuses(listener, ": cameras"))
    )


def test_a_camera_of_another_clock_is_named_and_costs_its_sector_only(car, grids, processes, listener):
    car.shift = {"cam_back": -37_000_000_000}
    processes.node("inference", precision="fp32", reliability="reliable", deadline="0.5")
    others = seen_by(car, [name for name in CAMERA_NAMES if name != "cam_back"])
    with_wrong_clock, _ = grids(others)
    grids()
    named = listener.wait_for(
        lambda _: [s for s in statuses(listener, ": cameras") if "cam_back: stamps are" in s.message],
    )[-1]
    assert "behind the other cameras'" in named.message
    assert named.level == DiagnosticStatus.WARN
    assert "synchronise its clock" in named.message
    jpeg = car.jpegs.pop("cam_back")
    time.sleep(2.0)
    without, _ = grids(others)
    assert (
        messages.cells_from_grid(with_wrong_clock)[0].tobytes()
        == messages.cells_from_grid(without)[0].tobytes()
    )
    car.jpegs["cam_back"], car.shift = jpeg, {}
    grids(lambda message: messages.cells_from_grid(message)[0][40, 100] >= 0)


def test_without_clock_and_camera_the_deadline_passes_and_no_latency_is_told(car, grids, processes, listener):
    del car.jpegs["cam_back"]
    processes.node("inference", precision="fp32", reliability="reliable", deadline="0.5", use_sim_time="true")
    grids()
    grids()
    clock = listener.wait_for(lambda _: [s for s in statuses(listener, ": clock") if s.level != b"\0"])[-1]
    assert "no /clock has arrived" in clock.message
    values = listener.wait_for(
        lambda _: [
            found
            for status in statuses(listener, ": network")
            if (found := messages.diagnostic_values(status))["served"] != "0"
        ]
    )[-1]
    assert "latency_ms" not in values
    assert "total_ms" in values


def test_stamps_that_are_all_zero_are_the_reason_that_no_grid_comes(car, grids, processes, listener):
    car.shift = dict.fromkeys(CAMERA_NAMES, -(10**19))
    processes.node("inference", precision="fp32", reliability="reliable", deadline="0.5", stale_after="1.0")
    grids()
    for _ in range(6):
        car.drive()
        time.sleep(0.5)
    for name in (": network", ": cameras"):
        listener.wait_for(
            lambda _, name=name: any(
                s.level == DiagnosticStatus.ERROR and "all 6 cameras: stamps are 0" in s.message
                for s in statuses(listener, name)
            )
        )


def test_a_camera_without_focal_length_is_named_and_left_out(car, grids, processes, listener):
    good = car.infos["cam_front"]
    bad = dataclasses.replace(car.keyframe.cameras["cam_front"].camera)
    broken = messages.camera_info(bad, 0)
    broken.k = np.zeros(9)
    car.infos["cam_front"] = broken
    processes.node("inference", precision="fp32", reliability="reliable")
    message, _ = grids()
    assert messages.cells_from_grid(message)[0][160, 100] == -1  # 30 m ahead
    grids()
    errors = listener.wait_for(
        lambda _: [s for s in statuses(listener, ": cameras") if s.level == DiagnosticStatus.ERROR]
    )
    assert "cam_front: focal length" in errors[-1].message
    car.infos["cam_front"] = good
    grids(lambda message: messages.cells_from_grid(message)[0][160, 100] >= 0)


def test_truncated_images_cost_their_cameras_only_and_each_is_named(car, grids, processes, listener):
    broken = ("cam_front", "cam_back")
    whole = {name: car.jpegs[name] for name in broken}
    car.jpegs |= {name: jpeg[: len(jpeg) // 2] for name, jpeg in whole.items()}
    processes.node("inference", precision="fp32", reliability="reliable")
    message, _ = grids()
    assert messages.cells_from_grid(message)[0][160, 100] == -1
    assert messages.cells_from_grid(message)[0][40, 100] == -1
    grids()
    listener.wait_for(
        lambda _: any(
            s.level == DiagnosticStatus.ERROR
            and all(f"{name}: JPEG is truncated" in s.message for name in broken)
            for s in statuses(listener, ": network")
        )
    )
    car.jpegs |= whole
    grids(lambda message: messages.cells_from_grid(message)[0][160, 100] >= 0)


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"weights": "/nowhere.pt"}, "/nowhere.pt"),
        ({"backend": "abacus"}, "backend 'abacus'"),
        ({"slop": "0"}, "parameter slop: 0 is not a number with a decimal point"),
        ({"min_cameras": "9"}, "min_cameras: 9 is not between 1 and 6 cameras"),
    ],
)
def test_a_wrong_start_is_one_line(parameters, told, processes):
    code, output = processes.end(processes.node("inference", **parameters))
    assert code == 1
    (line,) = output.strip().splitlines()
    assert line.startswith("error: ")
    assert told in line
